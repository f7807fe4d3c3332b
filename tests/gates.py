"""Open the bridge's gates on the running stack, directly or through a proxy; never starts a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from idp_bridge.settings import Directory, Keycloak
from tools.stack.stack import Stack


def port_of(url: str) -> int:
    """Return the port in `url`."""
    port = urlsplit(url).port
    assert port is not None
    return port


def keycloak_settings(stack: Stack, port: int | None = None, **more: Any) -> Keycloak:
    """Return section `Keycloak` for the stack, or for a proxy on `port`."""
    url = f"http://localhost:{port}" if port else stack.keycloak.url
    return Keycloak.model_validate({"url": url, "client_secret": stack.secrets["bridge"], **more})


def directory_settings(stack: Stack, *ports: int, **more: Any) -> Directory:
    """Return section `Directory` for the stack, or for proxies on `ports`."""
    return Directory.model_validate(
        {
            "urls": tuple(f"ldaps://localhost:{port}" for port in ports) or (stack.ldap.url,),
            "base_dn": stack.ldap.base_dn,
            "bind_dn": stack.ldap.bind_dn,
            "bind_password": stack.secrets["ldap_bridge"],
            "ca_file": str(stack.ldap.ca_file),
            **more,
        }
    )
