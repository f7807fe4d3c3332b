"""Speak to Keycloak's Admin API, with a time limit on every call; never decides what to say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keycloak import KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakConnectionError, KeycloakError

from idp_bridge.outside.errors import Gone, Refused, Unreachable

SYSTEM = "keycloak"
TIMEOUT_S = 5
CREATION_TIMEOUT_S = 30
"""A new realm makes its keys and its built-in clients in one request."""


class AdminServer:
    """One Keycloak server, signed in as an administrator of its `master` realm."""

    def __init__(
        self, url: str, user: str, password: str, *, ca_file: str | None = None, timeout_s: int = TIMEOUT_S
    ) -> None:
        """Open nothing yet: the first call signs in. `ca_file` replaces the system's certificates."""
        self.url = url.rstrip("/")
        self._connection = KeycloakOpenIDConnection(
            server_url=f"{self.url}/",
            username=user,
            password=password,
            realm_name="master",
            user_realm_name="master",
            client_id="admin-cli",
            verify=ca_file or True,
            timeout=timeout_s,
            max_retries=0,
        )
        # Without it workflows come as YAML.
        self._connection.add_param_headers("Accept", "application/json")

    def get(self, path: str, **params: str) -> Any:
        """Return the JSON under `admin/realms/<path>`. Raises Gone, Refused, Unreachable."""
        return self._call("get", path, params=params)

    def find(self, path: str, **params: str) -> Any | None:
        """Return the JSON, or None where there is nothing (404)."""
        try:
            return self.get(path, **params)
        except Gone:
            return None

    def post(self, path: str, body: object) -> str:
        """Create something; return the id the server gave it, or an empty text."""
        return str(self._call("post", path, body) or "")

    def put(self, path: str, body: object | None = None) -> None:
        """Replace or add something."""
        self._call("put", path, body)

    def delete(self, path: str, body: object | None = None) -> None:
        """Take something away."""
        self._call("delete", path, body)

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Allow the time a new realm takes."""
        usual, self._connection.timeout = self._connection.timeout, CREATION_TIMEOUT_S
        try:
            yield
        finally:
            self._connection.timeout = usual

    def _call(self, method: str, path: str, body: object | None = None, params: Any = None) -> Any:
        sent = {} if method == "get" else {"data": None if body is None else json.dumps(body)}
        try:
            response = getattr(self._connection, f"raw_{method}")(
                f"admin/realms/{path}", **sent, **(params or {})
            )
        except KeycloakConnectionError as error:
            raise Unreachable(
                SYSTEM, f"{self.url} does not answer ({type(error.__cause__).__name__})"
            ) from error
        except KeycloakError as error:
            raise self._not_signed_in(error) from error
        if response.status_code >= 400:
            raise _failure(f"{method.upper()} {path}", response.status_code, response.text)
        return response.json() if method == "get" else response.headers.get("Location", "").rsplit("/", 1)[-1]

    def _not_signed_in(self, error: KeycloakError) -> Exception:
        status = error.response_code or 0
        if status in (400, 401, 403):
            return Refused(SYSTEM, f"{self.url} does not accept this administrator")
        if status == 404:
            return Refused(SYSTEM, f"{self.url} is not a Keycloak: it has no realm master")
        return _failure(f"signing in at {self.url}", status, str(error))


class Realm:
    """One realm on a server, and the list of what was changed in it; made anew for each run."""

    def __init__(self, server: AdminServer, name: str) -> None:
        self.server = server
        self.name = name
        self.changes: list[str] = []
        self._client_ids: dict[str, str] | None = None

    def get(self, path: str = "", **params: str) -> Any:
        """Return the JSON under the realm."""
        return self.server.get(self._path(path), **params)

    def find(self, path: str = "", **params: str) -> Any | None:
        """Return the JSON under the realm, or None."""
        return self.server.find(self._path(path), **params)

    def post(self, path: str, body: object, change: str) -> str:
        """Create something under the realm and note the change; return its id."""
        made = self.server.post(self._path(path), body)
        if path == "clients":
            self._client_ids = None
        self.changes.append(change)
        return made

    def put(self, path: str, body: object | None, change: str) -> None:
        """Replace something under the realm and note the change."""
        self.server.put(self._path(path), body)
        self.changes.append(change)

    def delete(self, path: str, change: str, body: object | None = None) -> None:
        """Delete something under the realm and note the change."""
        self.server.delete(self._path(path), body)
        self.changes.append(change)

    def client_ids(self) -> dict[str, str]:
        """Return the server's own id of each client, by `clientId`."""
        if self._client_ids is None:
            self._client_ids = {client["clientId"]: client["id"] for client in self.get("clients")}
        return self._client_ids

    def _path(self, path: str) -> str:
        return f"{self.name}/{path}" if path else self.name


def _failure(doing: str, status: int, text: str) -> Exception:
    said = f"{doing}: {status} {text.strip()[:300]}"
    if status == 404:
        return Gone(SYSTEM, said)
    return Unreachable(SYSTEM, said) if status in (0, 502, 503, 504) else Refused(SYSTEM, said)
