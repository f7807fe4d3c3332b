"""Choose the ports of the stack: fixed for the demo, any free ones for tests; never opens one for long."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, fields

PREFIX = "IDP_BRIDGE_DEMO_"
FREE_FROM, FREE_TO = 20000, 32000
"""Below the range from which the kernel takes ports for outgoing connections: none is lost in between."""


class PortTaken(Exception):
    """Somebody else listens where we want to."""


@dataclass(frozen=True)
class Ports:
    """Where each server listens, on loopback."""

    keycloak: int = 8180
    keycloak_management: int = 9180
    ldap: int = 3890
    ldaps: int = 6360
    smtp: int = 2525
    mail: int = 8125
    bridge: int = 8100
    oneview: int = 8110
    focus: int = 8120
    mobile: int = 8130

    @classmethod
    def from_environment(cls) -> Ports:
        """Return the demo's ports; `IDP_BRIDGE_DEMO_<NAME>_PORT` changes one."""
        chosen = {}
        for field in fields(cls):
            text = os.environ.get(variable(field.name), "")
            if text:
                if not text.isdigit() or not 0 < int(text) < 65536:
                    raise PortTaken(f"{variable(field.name)}={text} is no port")
                chosen[field.name] = int(text)
        return cls(**chosen)

    @classmethod
    def free(cls) -> Ports:
        """Return ports that are free at this moment, for tests beside a running demo."""
        chosen: list[int] = []
        while len(chosen) < len(fields(cls)):
            port = FREE_FROM + secrets.randbelow(FREE_TO - FREE_FROM)
            if port not in chosen and bindable(port):
                chosen.append(port)
        return cls(*chosen)

    def check(self) -> None:
        """Raise PortTaken with every port somebody listens on, before anything is started."""
        taken = [
            f"port {getattr(self, field.name)} is in use, {field.name} wants it: set {variable(field.name)}"
            for field in fields(self)
            if answers(getattr(self, field.name))
        ]
        if taken:
            raise PortTaken("\n".join(taken))


def variable(name: str) -> str:
    """Return the variable that changes the port called `name`."""
    return f"{PREFIX}{name.upper()}_PORT"


def answers(port: int) -> bool:
    """Tell whether somebody listens on loopback `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def bindable(port: int) -> bool:
    """Tell whether we could listen on loopback `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
