"""Let visits lapse and links expire by the clock; never runs by itself: the worker or an operator calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import WAITING, Link, Move, Visit, VisitId, end_of_childhood, moved
from idp_bridge.domain.people import latest_birth_date_of_age
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.rows import Rows

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
            record(rows, link, done, "link:lapsed", CLOCK)
    rows.visits.save(replace(visit, closed_at=now))


def end_links(house: House, now: datetime, limit: int = 500, *, dry_run: bool = False) -> int:
    """End up to `limit` links whose end date or the student's 18th birthday is reached; return how many.

    At 18 the rights over the records pass to the student (34 CFR 99.5), whatever the parent's link says.
    """
    with house.store.transaction() as rows:
        links = _ending(house, rows, now, limit)
        if not dry_run:
            for link in links:
                _end(house, rows, link, now)
    if not dry_run:
        for parent in {link.parent for link in links}:
            house.wakeup.projection_due(parent)
    return len(links)


def _ending(house: House, rows: Rows, now: datetime, limit: int) -> tuple[Link, ...]:
    """Return what is to end: the roster may have learned an earlier birth date since a link was verified.

    What a student of age allows has no end, and is left alone.
    """
    links = rows.links.expired(now, limit)
    born_by = latest_birth_date_of_age(now.astimezone(house.rules.zone).date())
    return links + rows.due.of_age(born_by, now, limit - len(links))


def _end(house: House, rows: Rows, link: Link, now: datetime) -> None:
    student = rows.students.get(link.student) if link.student else None
    of_age = student is not None and end_of_childhood(student.birth_date, house.rules.zone) <= now
    move, name = (Move.COME_OF_AGE, "link:came-of-age") if of_age else (Move.EXPIRE, "link:expired")
    done = moved(link, move, now)
    record(rows, link, done, name, CLOCK)


def end_withdrawn(house: House, now: datetime, limit: int = 500, *, dry_run: bool = False) -> int:
    """End up to `limit` links to students who left the district longer ago than the grace; return how many.

    A transfer keeps the link: the student stays in the roster. Who comes back within the grace keeps it too.
    """
    today = now.astimezone(house.rules.zone).date()
    left_by = today - timedelta(days=house.rules.withdrawal_grace_days)
    with house.store.transaction() as rows:
        links = rows.due.of_gone(left_by, limit)
        if not dry_run:
            for link in links:
                record(rows, link, moved(link, Move.WITHDRAW, now), "link:withdrawn", CLOCK)
    if not dry_run:
        for parent in {link.parent for link in links}:
            house.wakeup.projection_due(parent)
    return len(links)


def close_visit(rows: Rows, visit_id: VisitId, now: datetime) -> None:
    """Close a visit none of whose links waits any more, inside the caller's transaction."""
    visit = rows.visits.get(visit_id)
    waits = any(link.state in WAITING for link in rows.links.of_visit(visit_id))
    if visit and visit.closed_at is None and not waits:
        rows.visits.save(replace(visit, closed_at=now))
