"""Read and write accounts of realm `parents` through the Admin API; never decides what a value should be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from queue import Empty, LifoQueue
from typing import Any, TypeVar

from keycloak import KeycloakAdmin
from keycloak.exceptions import (
    KeycloakAuthenticationError,
    KeycloakConnectionError,
    KeycloakError,
)
from requests import RequestException

from idp_bridge.domain.claims import ATTRIBUTE
from idp_bridge.domain.people import ParentId
from idp_bridge.outside.errors import Gone, OutsideFailure, Refused, Unreachable
from idp_bridge.outside.keycloak_connection import SYSTEM, TOKEN_SHARE, Connection, Renewer
from idp_bridge.outside.keycloak_events import changes_of, events_since
from idp_bridge.outside.keycloak_uses import last_uses, seen
from idp_bridge.services.ports import Account, AccountChange, AccountEvent, AppUse
from idp_bridge.settings import Keycloak

Answer = TypeVar("Answer")
GROUP = "parents"
"""Path of the group every parent is a member of (`realm-config/parents.json`)."""
USER_ID = re.compile("[A-Za-z0-9:_-]{1,255}")
"""Ids go into the path of a request as they are."""
LATER = (408, 429)
NOT_KEYCLOAK = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
SURPRISES = (KeycloakError, RequestException, *NOT_KEYCLOAK)
"""What python-keycloak raises: its own, and whatever it hits in an answer that is not Keycloak's."""


class KeycloakAccounts:
    """The service account `idp-bridge`, confined to group `/parents`.

    As many calls run at once as there are `connections`, with one token for all; there is one writer per
    parent anyway. `max_retries=0`: a timed-out PUT sent twice is what leaves two values in one attribute.
    """

    def __init__(self, settings: Keycloak, connections: int = 1) -> None:
        self._settings = settings
        self._free = LifoQueue[Connection]()
        """Last used first: what is idle stays idle, and its socket is not asked whether it still lives."""
        renewer = Renewer(settings)
        for _ in range(connections):
            self._free.put(Connection(settings, renewer))

    def get(self, parent: ParentId) -> Account:
        """Return the account, read now. Raises Gone, Refused and Unreachable."""
        return self._call(parent, lambda admin: _account(admin.get_user(parent), parent))

    def get_all(self, parents: Collection[ParentId]) -> Mapping[ParentId, Account]:
        """Return those of these accounts that are there, in one request. Raises Refused, Unreachable.

        Eight of them cost Keycloak 1.7 ms each, asked for one by one 6.5 (26.7.4).
        """
        return self._ask(lambda admin: _named(admin, [one for one in parents if USER_ID.fullmatch(one)]))

    def members(self, first: int, size: int) -> tuple[Account, ...]:
        """Return up to `size` accounts from place `first` on, in one order. Raises Refused, Unreachable."""
        query = {"first": first, "max": size, "briefRepresentation": False}
        return self._ask(lambda admin: _members(admin, query))

    def events(self, since: datetime) -> tuple[AccountEvent, ...]:
        """Return what happened since then, of our own writes the newest. Raises Refused, Unreachable."""
        return self._ask(lambda admin: events_since(admin, since))

    def changes(
        self, parents: Collection[ParentId], since: datetime
    ) -> Mapping[ParentId, tuple[AccountChange, ...]]:
        """Return what changed in accounts whose parent changed anything. Raises Refused, Unreachable."""
        return self._ask(lambda admin: changes_of(admin, parents, since))

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
        self._call(account.id, lambda admin: admin.update_user(account.id, body))

    def end_sessions(self, parent: ParentId) -> None:
        """End all online sessions and refuse older refresh tokens. Raises Gone, Refused and Unreachable."""
        self._call(parent, lambda admin: admin.user_logout(parent))

    def drop_offline_tokens(self, parent: ParentId) -> None:
        """Refuse offline tokens of all clients: one issued in the second of the logout survives that."""
        self._call(parent, lambda admin: _drop(admin, parent))

    def uses(self, parent: ParentId) -> tuple[AppUse, ...]:
        """Return each app the parent used, the latest first: from live and offline sessions and sign-ins.

        Raises Gone, Refused and Unreachable.
        """
        return self._call(parent, lambda admin: last_uses(seen(admin, parent)))

    def _call(self, parent: ParentId, do: Callable[[KeycloakAdmin], Answer]) -> Answer:
        if not USER_ID.fullmatch(parent):
            raise Gone(SYSTEM, "no such user")
        return self._do(do)

    def _ask(self, do: Callable[[KeycloakAdmin], Answer]) -> Answer:
        """Ask what is about no single account: a 404 is a lost realm or group and no parent who is gone."""
        try:
            return self._do(do)
        except Gone as fault:
            raise Refused(SYSTEM, f"404: no such realm, or no group {GROUP}") from fault

    def _do(self, do: Callable[[KeycloakAdmin], Answer]) -> Answer:
        try:
            connection = self._free.get(timeout=self._settings.timeout_s * TOKEN_SHARE)
        except Empty:
            raise Unreachable(SYSTEM, "busy") from None
        try:
            return do(connection.begin())
        except SURPRISES as fault:
            failure = _failure(fault)
            if not isinstance(failure, Gone):
                connection.spoil()
            raise failure from fault
        except OutsideFailure:
            connection.spoil()
            raise
        finally:
            self._free.put(connection)


def _members(admin: KeycloakAdmin, query: dict[str, Any]) -> tuple[Account, ...]:
    """Read members by their group: a list of users weighs our permission for each, four times the work."""
    found = admin.get_group_members(admin.get_group_by_path(GROUP)["id"], query)
    return tuple(_account(one, one["id"]) for one in found)


def _named(admin: KeycloakAdmin, parents: list[ParentId]) -> dict[ParentId, Account]:
    """Read accounts by a list of ids; python-keycloak pages without a `max`, Keycloak heeds none here."""
    query = {"search": f"id:{' '.join(parents)}", "briefRepresentation": False, "max": len(parents)}
    found = admin.get_users(query) if parents else []
    return {one["id"]: _account(one, one["id"]) for one in found if one["id"] in parents}


def _drop(admin: KeycloakAdmin, parent: ParentId) -> None:
    for client_id in _holders(admin.user_consents(parent)):
        try:
            admin.revoke_consent(parent, client_id)
        except KeycloakError as fault:
            if not isinstance(_failure(fault), Gone):
                raise
            # somebody else dropped it between the list and this call


def _holders(consents: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the clients that hold an offline token."""
    for consent in consents:
        if any(grant["key"] == "Offline Token" for grant in consent.get("additionalGrants", ())):
            yield consent["clientId"]


def _account(found: dict[str, Any], asked: ParentId) -> Account:
    """Return the account. Raises ValueError for another user's, or what a PUT could not give back."""
    attributes = found.get("attributes", {})
    if found["id"] != asked or not all(isinstance(values, list) for values in attributes.values()):
        raise ValueError("not the user that was asked for")
    return Account(
        id=asked,
        username=found["username"],
        email=found.get("email") or "",
        first_name=found.get("firstName") or "",
        last_name=found.get("lastName") or "",
        enabled=bool(found.get("enabled")),
        email_verified=bool(found.get("emailVerified")),
        attributes={name: tuple(values) for name, values in attributes.items()},
        created_at=_moment(found.get("createdTimestamp")),
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def _failure(fault: Exception) -> OutsideFailure:
    """Return our failure for theirs. Only the status and the names of faulty fields are told: no values."""
    status = getattr(fault, "response_code", None)
    if isinstance(fault, KeycloakConnectionError) or not status:
        return Unreachable(SYSTEM, type(fault).__name__)
    body = getattr(fault, "response_body", b"")
    if status == 404:  # Keycloak says it in JSON; a page is a proxy's, which knows of no user
        return Gone(SYSTEM, "no such user") if _object(body) else Unreachable(SYSTEM, "404")
    if isinstance(fault, KeycloakAuthenticationError) or (400 <= status < 500 and status not in LATER):
        return Refused(SYSTEM, f"{status} {_fields(body)}".strip())
    return Unreachable(SYSTEM, str(status))


def _object(body: bytes | str | None) -> dict[str, Any]:
    try:
        answer = json.loads(body or b"")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _fields(body: bytes | str | None) -> str:
    answer = _object(body)
    errors = answer.get("errors")
    several = errors if isinstance(errors, list) else [answer]
    named = [one for one in several if isinstance(one, dict) and "field" in one]
    return ", ".join(f"{one['field']}: {one.get('errorMessage', '')}" for one in named)
