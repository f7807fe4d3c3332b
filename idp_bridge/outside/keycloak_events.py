"""Read what happened in realm `parents` from Keycloak's event lists; never says what a link does."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import jwt
from keycloak import KeycloakAdmin

from idp_bridge.domain.people import ParentId
from idp_bridge.services.ports import AccountChange, AccountEvent, AccountEventKind, Author

PAGE = 500
"""Keycloak's own default is 100; it honours this."""
OWN = {
    "UPDATE_EMAIL": AccountEventKind.EMAIL_CHANGED,
    "UPDATE_PROFILE": AccountEventKind.PROFILE_CHANGED,
    "DELETE_ACCOUNT": AccountEventKind.DELETED,
}
"""Types of user events that are asked for; one Keycloak does not know would be answered by 500."""
EDITS = ("UPDATE_EMAIL", "UPDATE_PROFILE")
BEFORE, AFTER = "previous_", "updated_"
"""How the details of an edit name a field's two values."""
USER = re.compile("users/([0-9a-f-]{36})(/.*)?")
HARMLESS = frozenset({"logout", "execute-actions-email", "send-verify-email"})
REALM_PARTS = frozenset(
    {"GROUP", "PROTOCOL_MAPPER", "CLIENT", "CLIENT_SCOPE", "COMPONENT", "USER_PROFILE",
     "AUTHORIZATION_POLICY", "AUTHORIZATION_RESOURCE_SERVER", "CLIENT_ROLE_MAPPING", "REALM_ROLE_MAPPING",
     "REALM"}
)  # fmt: skip


def events_since(admin: KeycloakAdmin, since: datetime) -> tuple[AccountEvent, ...]:
    """Return the events from `since` on, oldest first; of the bridge's own writes only the newest."""
    from_ms = int(since.timestamp() * 1000)
    found = [*_people(admin, from_ms), *_administrators(admin, from_ms)]
    return tuple(sorted(found, key=lambda event: event.at))


def changes_of(
    admin: KeycloakAdmin, parents: Collection[ParentId], since: datetime
) -> dict[ParentId, tuple[AccountChange, ...]]:
    """Return the changes from `since` on of those accounts that were edited by their parent, oldest first.

    Administrators are looked for only then: most accounts are changed by nobody but us.
    """
    from_ms = int(since.timestamp() * 1000)
    found: dict[ParentId, list[AccountChange]] = defaultdict(list)
    for event in _edits(admin, parents, from_ms):
        if event["type"] in EDITS and event.get("userId") in parents:
            found[ParentId(event["userId"])].append(_edit(event))
    for parent, changes in found.items():
        changes.extend(_written(admin, parent, from_ms))
    return {parent: tuple(sorted(changes, key=lambda one: one.at)) for parent, changes in found.items()}


def _edits(admin: KeycloakAdmin, parents: Collection[ParentId], from_ms: int) -> Iterable[dict[str, Any]]:
    """Return edits, at least all of `parents`: everybody's, for one request each was a fifth of a projection.

    Where everybody's fill a page there may be any number of them, and each of `parents` is asked for.
    """
    query = {"type": list(EDITS), "dateFrom": from_ms, "direction": "asc"}
    if len(parents) > 1:
        page: list[dict[str, Any]] = admin.get_events({**query, "max": PAGE})
        if len(page) < PAGE:
            return page
    return chain.from_iterable(_all(admin.get_events, {**query, "user": parent}) for parent in parents)


def _edit(event: dict[str, Any]) -> AccountChange:
    details = event.get("details", {})
    before, after = (
        {name.removeprefix(when): value for name, value in details.items() if name.startswith(when)}
        for when in (BEFORE, AFTER)
    )
    return AccountChange(event["id"], _moment(event), Author.PARENT, before, after)


def _written(admin: KeycloakAdmin, parent: ParentId, from_ms: int) -> Iterator[AccountChange]:
    ours = _own_id(admin)
    query = {"resourcePath": f"users/{parent}", "dateFrom": from_ms, "direction": "asc"}
    for event in _all(admin.get_admin_events, query):
        if event.get("operationType") == "UPDATE":
            by_us = event.get("authDetails", {}).get("userId") == ours
            yield AccountChange(event["id"], _moment(event), Author.BRIDGE if by_us else Author.SOMEBODY)


def _people(admin: KeycloakAdmin, from_ms: int) -> Iterator[AccountEvent]:
    for event in _all(admin.get_events, {"type": sorted(OWN), "dateFrom": from_ms, "direction": "asc"}):
        if event["type"] in OWN and event.get("userId"):
            yield AccountEvent(event["id"], _moment(event), OWN[event["type"]], ParentId(event["userId"]))


def _administrators(admin: KeycloakAdmin, from_ms: int) -> Iterator[AccountEvent]:
    ours, newest = _own_id(admin), None
    for event in _all(admin.get_admin_events, {"dateFrom": from_ms, "direction": "asc"}):
        by_us = event.get("authDetails", {}).get("userId") == ours
        kind, parent = _read(event, by_us)
        if kind:
            yield AccountEvent(
                event["id"], _moment(event), kind, parent, str(event.get("resourceType", "")).lower()
            )
        elif by_us:
            newest = event
    if newest:
        yield AccountEvent(newest["id"], _moment(newest), AccountEventKind.OURS, None)


def _read(event: dict[str, Any], by_us: bool) -> tuple[AccountEventKind | None, ParentId | None]:
    """Return what an administrator's event means, and about whom; an event of a realm has no path."""
    named = USER.fullmatch(event.get("resourcePath", ""))
    if named is None or event.get("resourceType") in REALM_PARTS:
        part = event.get("resourceType") in REALM_PARTS and not by_us
        return (AccountEventKind.REALM_CHANGED if part else None), None
    parent, action = ParentId(named[1]), (named[2] or "").strip("/")
    if by_us:
        return (AccountEventKind.PASSWORD_SET_BY_US if action == "reset-password" else None), parent
    return (None if action in HARMLESS else AccountEventKind.CHANGED_BY_SOMEBODY), parent


def _all(ask: Any, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    first = 0
    while page := ask({**query, "first": first, "max": PAGE}):
        yield from page
        first += len(page)
        if len(page) < PAGE:
            return


def _own_id(admin: KeycloakAdmin) -> str:
    """Return the service account's own user id, from the token Keycloak just gave us."""
    token = (admin.connection.token or {})["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})  # ours, straight from the server
    return str(claims["sub"])


def _moment(event: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(event["time"] / 1000, UTC)
