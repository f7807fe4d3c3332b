"""Let visits lapse and links expire by the clock; never runs by itself: the worker or an operator calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import WAITING, Move, Visit, VisitId, moved
from idp_bridge.services.house import House
from idp_bridge.services.ports import Rows

CLOCK = Actor(ActorKind.SYSTEM, "clock")


def lapse_visits(house: House, now: datetime, limit: int = 500, *, dry_run: bool = False) -> int:
    """Lapse up to `limit` visits whose last day is over; return how many there were."""
    today = now.astimezone(house.rules.zone).date()
    with house.store.transaction() as rows:
        visits = rows.visits.overdue(today, limit)
        if not dry_run:
            for visit in visits:
                lapse(rows, visit, now)
    return len(visits)


def lapse(rows: Rows, visit: Visit, now: datetime) -> None:
    """Lapse the waiting links of `visit` and close it, inside the caller's transaction."""
    for link in rows.links.of_visit(visit.id):
        if link.state in WAITING:
            done = moved(link, Move.LAPSE, now)
            rows.links.save(done)
            rows.audit.append(
                Event(
                    "link:lapsed",
                    now,
                    CLOCK,
                    parent=link.parent,
                    student=link.student,
                    link=link.id,
                    fields={"before": link.state, "after": done.state},
                )
            )
    rows.visits.save(replace(visit, closed_at=now))


def close_visit(rows: Rows, visit_id: VisitId, now: datetime) -> None:
    """Close a visit none of whose links waits any more, inside the caller's transaction."""
    visit = rows.visits.get(visit_id)
    waits = any(link.state in WAITING for link in rows.links.of_visit(visit_id))
    if visit and visit.closed_at is None and not waits:
        rows.visits.save(replace(visit, closed_at=now))
