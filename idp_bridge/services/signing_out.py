"""Say what has to end before an old token opens nothing any more; never decides whose sessions end."""

from __future__ import annotations

from collections.abc import Callable

from idp_bridge.domain.people import ParentId
from idp_bridge.services.house import House


def endings(house: House) -> tuple[tuple[str, Callable[[ParentId], object]], ...]:
    """Return the steps in the order that works, each with its name; each may be done again.

    First the online sessions, and with them whatever asked Keycloak for back-channel logout. Then offline
    tokens: one issued in the same clock second survives the first step (seen on Keycloak 26.7.4). Then the
    rows of the bridge's own pages: their sessions may have begun at Keycloak too long ago to be told.
    Each step raises OutsideFailure kinds.
    """
    return (
        ("sessions", house.accounts.end_sessions),
        ("offline", house.accounts.drop_offline_tokens),
        ("own-sessions", house.sessions.end_of),
    )
