"""End the links of an account that Keycloak no longer has; never on the first word of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import UNDECIDED, LinkState, Move, moved
from idp_bridge.domain.people import ParentId
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.recording import record
from idp_bridge.services.rows import Rows

TRIES = 3
"""Answers of 404 in a row (2, 4 and 8 s apart) before it is believed."""
MOST_AN_HOUR = 20
"""More accounts than this do not vanish in an hour by themselves: a realm was lost or the wrong one is asked,
and a person must look before anybody's link ends."""
HOUR = timedelta(hours=1)
WORKER = Actor(ActorKind.SYSTEM, "worker")
ENDS = {LinkState.VERIFIED: Move.LEAVE, LinkState.SUSPENDED: Move.LEAVE}


def vanished(rows: Rows, parent: ParentId, now: datetime) -> bool:
    """End every live link of an account that is gone, in the caller's transaction; False if too many are."""
    if rows.audit.count("parent:gone", now - HOUR) >= MOST_AN_HOUR:
        if not rows.audit.count("alarm:accounts-gone", now - HOUR):
            rows.audit.append(Event("alarm:accounts-gone", now, WORKER, fields={"count": MOST_AN_HOUR}))
        return False
    rows.audit.append(Event("parent:gone", now, WORKER, parent=parent))
    if known := rows.parents.get(parent):
        rows.parents.save(replace(known, deleted_at=now))
    for link in rows.links.of_parent(parent):
        if link.state in UNDECIDED:
            record(rows, link, moved(link, Move.CANCEL, now), "link:cancelled", WORKER, reason="account-gone")
            close_visit(rows, link.visit, now)
        elif link.state in ENDS:
            done = moved(link, ENDS[link.state], now)
            record(rows, link, done, "link:left", WORKER, reason="account-gone")
    return True
