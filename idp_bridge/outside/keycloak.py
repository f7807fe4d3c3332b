"""Read and write accounts of realm `parents` through the Admin API; never decides what a value should be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from keycloak import KeycloakAdmin, KeycloakOpenID, KeycloakOpenIDConnection
from keycloak.exceptions import (
    KeycloakAuthenticationError,
    KeycloakConnectionError,
    KeycloakError,
)
from requests import RequestException

from idp_bridge.domain.claims import ATTRIBUTE
from idp_bridge.domain.people import ParentId
from idp_bridge.outside.errors import Gone, OutsideFailure, Refused, Unreachable
from idp_bridge.services.ports import Account
from idp_bridge.settings import Keycloak

SYSTEM = "keycloak"
Answer = TypeVar("Answer")
TOKEN_SHARE = 0.5
"""Part of the time-out the token request may take: with the call itself it must stay under 5 s."""


class _Once(KeycloakOpenIDConnection):
    """Asks for a token once: python-keycloak's own default repeats it, and a hang lasts twice as long."""

    def __init__(self, settings: Keycloak) -> None:
        wait: Any = settings.timeout_s  # declared as whole seconds; requests takes fractions
        common: dict[str, Any] = {
            "server_url": settings.url,
            "realm_name": settings.realm,
            "client_id": settings.client_id,
            "client_secret_key": settings.client_secret.get_secret_value(),
            "max_retries": 0,
        }
        super().__init__(**common, grant_type="client_credentials", timeout=wait)
        self._token_endpoint = KeycloakOpenID(**common, timeout=wait * TOKEN_SHARE)

    @property
    def keycloak_openid(self) -> KeycloakOpenID:
        """Return the token endpoint."""
        return self._token_endpoint


class KeycloakAccounts:
    """The service account `idp-bridge`, confined to group `/parents`.

    One connection behind one lock: eight threads sharing an object without a token made eight token
    requests, and there is one writer per parent anyway. `max_retries=0`: a timed-out PUT sent twice is what
    leaves two values in one attribute.
    """

    def __init__(self, settings: Keycloak) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._admin: KeycloakAdmin | None = None

    def get(self, parent: ParentId) -> Account:
        """Return the account, read now. Raises Gone, Refused and Unreachable."""
        found = self._call(lambda admin: admin.get_user(parent))
        return _account(found)

    def write_links(self, account: Account, value: str) -> None:
        """PUT `account` as it was read with the one `value`. Raises Gone, Refused and Unreachable.

        Never `enabled` (it would clear a brute-force lockout), `requiredActions`, `emailVerified` or
        `credentials`; `attributes` replaces all, so all of them are sent back.
        """
        attributes = {name: list(values) for name, values in account.attributes.items()}
        body = {
            "username": account.username,
            "email": account.email,
            "firstName": account.first_name,
            "lastName": account.last_name,
            "attributes": {**attributes, ATTRIBUTE: [value]},
        }
        self._call(lambda admin: admin.update_user(account.id, body))

    def end_sessions(self, parent: ParentId) -> None:
        """End all online sessions and refuse older refresh tokens. Raises Gone, Refused and Unreachable."""
        self._call(lambda admin: admin.user_logout(parent))

    def drop_offline_tokens(self, parent: ParentId) -> None:
        """Refuse offline tokens of all clients: one issued in the second of the logout survives that."""
        for consent in self._call(lambda admin: admin.user_consents(parent)):
            if any(grant.get("key") == "Offline Token" for grant in consent.get("additionalGrants", ())):
                self._drop(parent, consent["clientId"])

    def _drop(self, parent: ParentId, client_id: str) -> None:
        try:
            self._call(lambda admin: admin.revoke_consent(parent, client_id))
        except Gone:
            return  # somebody else dropped it between the list and this call

    def _call(self, do: Callable[[KeycloakAdmin], Answer]) -> Answer:
        with self._lock:
            try:
                return do(self._connected())
            except (KeycloakError, RequestException, LookupError, TypeError, ValueError) as fault:
                failure = _failure(fault)
                if not isinstance(failure, Gone):
                    self._admin = None  # a fresh token next time: the old one may be what was refused
                raise failure from fault

    def _connected(self) -> KeycloakAdmin:
        if self._admin is None:
            self._admin = KeycloakAdmin(connection=_Once(self._settings))
        return self._admin


def _account(found: dict[str, Any]) -> Account:
    try:
        return Account(
            id=ParentId(found["id"]),
            username=found["username"],
            email=found.get("email", ""),
            first_name=found.get("firstName", ""),
            last_name=found.get("lastName", ""),
            enabled=bool(found.get("enabled")),
            email_verified=bool(found.get("emailVerified")),
            attributes={name: tuple(values) for name, values in found.get("attributes", {}).items()},
        )
    except (KeyError, TypeError, AttributeError) as fault:
        raise Unreachable(SYSTEM, "an answer that is no user") from fault


def _failure(fault: Exception) -> OutsideFailure:
    """Return our failure for theirs. Only the status and the names of faulty fields are told: no values."""
    status = getattr(fault, "response_code", None)
    if isinstance(fault, KeycloakConnectionError) or not status:
        return Unreachable(SYSTEM, type(fault).__name__)
    if status == 404:
        return Gone(SYSTEM, "no such user")
    if isinstance(fault, KeycloakAuthenticationError) or 400 <= status < 500:
        return Refused(SYSTEM, f"{status} {_fields(getattr(fault, 'response_body', b''))}".strip())
    return Unreachable(SYSTEM, str(status))


def _fields(body: bytes | str | None) -> str:
    try:
        answer = json.loads(body or b"")
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    errors = answer.get("errors", [answer])
    return ", ".join(f"{one['field']}: {one.get('errorMessage', '')}" for one in errors if "field" in one)
