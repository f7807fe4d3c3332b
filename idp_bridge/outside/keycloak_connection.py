"""Connect to Keycloak's Admin API as the service account: one renewer of its token, time-outs; never asks."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from keycloak import KeycloakAdmin, KeycloakOpenID, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError
from requests.utils import get_environ_proxies

from idp_bridge.outside.errors import Refused, Unreachable
from idp_bridge.settings import Keycloak

SYSTEM = "keycloak"
LONGEST_S = 4.5
"""One call with everything python-keycloak does for it: a token, the request, and after a 401 both again."""
TOKEN_SHARE = 0.5
"""Part of the time-out the token request may take: a hang there leaves time for a word to the caller."""
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where requests looks for a district's own authority, the first that is set."""
LIFE = 0.9
"""Part of a token's life after which a new one is asked for, as python-keycloak has it."""


class Renewer:
    """Asks for the service account's token, once for all connections of this process.

    Eight threads that each looked after their own made eight token requests.
    """

    def __init__(self, settings: Keycloak) -> None:
        self._endpoint = _TokenEndpoint(**_common(settings))
        self._turn = threading.Lock()
        self._token: dict[str, Any] | None = None
        self._until = 0.0

    def token(self, refused: str | None, wait_s: float) -> dict[str, Any]:
        """Return a token other than `refused`, with what is left of its life. Raises what Keycloak raises."""
        if not self._turn.acquire(timeout=wait_s):
            raise Unreachable(SYSTEM, "busy")
        try:
            known = self._token
            if known is None or known["access_token"] == refused or self._left() <= 0:
                self._token = None
                wait: Any = wait_s  # declared as whole seconds, requests takes fractions
                self._endpoint.connection.timeout = wait
                known = self._kept(self._endpoint.token(grant_type="client_credentials"))
            return {**known, "expires_in": int(self._left() / LIFE)}
        finally:
            self._turn.release()

    def _kept(self, made: dict[str, Any]) -> dict[str, Any]:
        """Keep a token once all that is read of it is there: one without would stand for ever."""
        self._until = time.monotonic() + LIFE * made["expires_in"]
        self._token = made if made["access_token"] else None
        return made

    def _left(self) -> float:
        return self._until - time.monotonic()


class Connection:
    """One connection; its calls come one after the other, each until a deadline."""

    def __init__(self, settings: Keycloak, renewer: Renewer) -> None:
        self._settings = settings
        self._renewer = renewer
        self._deadline = _Deadline()
        self._admin: KeycloakAdmin | None = None
        self._refused: str | None = None

    def begin(self) -> KeycloakAdmin:
        """Start a call: return what speaks to Keycloak until the deadline that begins now."""
        self._deadline.start()
        if self._admin is None:
            once = _Once(self._settings, self._renewer, self._deadline, self._refused)
            self._admin = KeycloakAdmin(connection=once)
        return self._admin

    def spoil(self) -> None:
        """Open anew at the next call, and with another token: the old one may be what was refused."""
        if self._admin is not None:
            self._refused = (self._admin.connection.token or {}).get("access_token", self._refused)
            self._admin = None


class _Deadline:
    """Until when the call that runs now may wait."""

    def __init__(self) -> None:
        self._until = 0.0

    def start(self) -> None:
        self._until = time.monotonic() + LONGEST_S

    def at_most(self, seconds: float) -> float:
        """Return `seconds` or what is left of the call; raise Unreachable where nothing is left."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise Unreachable(SYSTEM, "too slow")
        return min(seconds, left)


class _TokenEndpoint(KeycloakOpenID):
    """Knows that a 404 here is a wrong realm or address, and no parent who is gone."""

    def token(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        """Return a token. Raises Refused where there is no such realm."""
        try:
            return dict(super().token(*arguments, **named))
        except KeycloakError as fault:
            if fault.response_code == 404:
                raise Refused(SYSTEM, "no such realm") from fault
            raise


class _Once(KeycloakOpenIDConnection):
    """Asks once: python-keycloak's own default repeats a request, and a hang lasts twice as long."""

    def __init__(
        self, settings: Keycloak, renewer: Renewer, deadline: _Deadline, refused: str | None
    ) -> None:
        self._renewer = renewer
        self._deadline = deadline
        self._refused = refused
        self._wait_s = settings.timeout_s
        super().__init__(**_common(settings), grant_type="client_credentials")
        self._read_environment(settings.url)

    def _read_environment(self, url: str) -> None:
        """Read proxy and CA bundle once: left to requests, it is twice a request, a sixth of its work."""
        self._s.trust_env = False
        self._s.proxies = get_environ_proxies(url)
        self.verify = next(filter(None, map(os.environ.get, CA_BUNDLES)), True)

    @property
    def timeout(self) -> Any:
        """Return seconds for the next request; declared as whole ones, requests takes fractions."""
        return self._deadline.at_most(self._wait_s)

    @timeout.setter
    def timeout(self, value: Any) -> None:
        """Ignore what the library sets: the deadline says."""

    def get_token(self) -> None:
        """Take what the renewer has; the library asks where a token is over or was refused."""
        mine = (self.token or {}).get("access_token", self._refused)
        self.token = self._renewer.token(mine, self._deadline.at_most(self._wait_s * TOKEN_SHARE))


def _common(settings: Keycloak) -> dict[str, Any]:
    return {
        "server_url": settings.url,
        "realm_name": settings.realm,
        "client_id": settings.client_id,
        "client_secret_key": settings.client_secret.get_secret_value(),
        "max_retries": 0,
    }
