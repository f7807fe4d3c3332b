"""Read in which apps a parent was seen, from what Keycloak remembers; never changes anything there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from keycloak import KeycloakAdmin

from idp_bridge.domain.people import ParentId
from idp_bridge.services.ports import AppUse

MOST_SIGN_INS = 200
"""Sign-ins to look at, the latest first; the realm forgets them after `eventsExpiration` anyway."""


def seen(admin: KeycloakAdmin, parent: ParentId) -> Iterator[AppUse]:
    """Yield when which app was seen; an app comes as often as it was.

    The user is read first: a list of sign-ins is empty for somebody who is gone, and says no more.
    """
    admin.get_user(parent)
    for session in admin.get_sessions(parent):
        yield from _session(session)
    for client in _offline(admin.user_consents(parent)):
        answer = admin.connection.raw_get(
            f"admin/realms/{admin.connection.realm_name}/users/{parent}/offline-sessions/{client}"
        )
        for session in answer.json() if answer.status_code == 200 else ():
            yield from _session(session)
    for event in admin.get_events({"type": "LOGIN", "user": parent, "max": MOST_SIGN_INS}):
        if event.get("clientId"):
            yield AppUse(event["clientId"], _moment(event["time"]))


def last_uses(found: Iterable[AppUse]) -> tuple[AppUse, ...]:
    """Return the last use of each app, the latest first."""
    last: dict[str, datetime] = {}
    for use in found:
        last[use.client] = max(use.last_at, last.get(use.client, use.last_at))
    newest = sorted(last.items(), key=lambda one: one[1], reverse=True)
    return tuple(AppUse(client, at) for client, at in newest)


def _session(session: dict[str, Any]) -> Iterator[AppUse]:
    for client in session.get("clients", {}).values():
        yield AppUse(client, _moment(session["lastAccess"]))


def _offline(consents: list[dict[str, Any]]) -> Iterator[str]:
    """Yield Keycloak's own ids of the clients that hold an offline token."""
    for consent in consents:
        for grant in consent.get("additionalGrants", ()):
            if grant["key"] == "Offline Token":
                yield grant["client"]


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
