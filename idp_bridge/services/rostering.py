"""Take a roster into the bridge in one transaction; never ends or makes a link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.people import ParentId, StudentId
from idp_bridge.domain.roster import Roster, RosterChanges, changes, shown_otherwise
from idp_bridge.services.house import House
from idp_bridge.services.rows import Rows


@dataclass(frozen=True, slots=True)
class RosterCounts:
    """How much an import changed; all zero when nothing did."""

    schools: int
    students: int
    withdrawn: int
    guardians: int
    """Students whose guardian hints changed."""


def import_roster(house: House, roster: Roster, source_digest: str, *, dry_run: bool = False) -> RosterCounts:
    """Bring the stored roster to `roster` and return what changed; a second run changes nothing.

    `source_digest` is the SHA-256 of the bundle, so that the audit can name it without its content.
    """
    now, behind = house.clock.now(), tuple[ParentId, ...]()
    with house.store.transaction() as rows:
        stored = rows.roster
        today = now.astimezone(house.rules.zone).date()
        students = stored.students()
        wanted = changes(stored.schools(), students, stored.hints(), roster, today)
        if wanted and not dry_run:
            stored.write(wanted)
            rows.audit.append(_event(wanted, source_digest, now))
            behind = _mark(rows, shown_otherwise(students, wanted.students), now)
    if behind:
        house.wakeup.projection_due(behind[0])
    return RosterCounts(len(wanted.schools), len(wanted.students), len(wanted.withdrawn), len(wanted.hints))


def _mark(
    rows: Rows, named_otherwise: tuple[frozenset[StudentId], frozenset[StudentId]], now: datetime
) -> tuple[ParentId, ...]:
    """Have tokens that name these students written again, in sets; return whose."""
    numbers, schools = named_otherwise
    losing = rows.links.holders_of(numbers)
    others = tuple(set(rows.links.holders_of(schools)) - set(losing))
    rows.parents.raise_revisions((*losing, *others), now)
    rows.projections.mark_all_due(losing, now, loss=True)
    rows.projections.mark_all_due(others, now, loss=False)
    return (*losing, *others)


def _event(wanted: RosterChanges, source_digest: str, now: datetime) -> Event:
    return Event(
        "roster:imported",
        now,
        Actor(ActorKind.OPERATOR, "cli"),
        fields={
            "schools": len(wanted.schools),
            "students": len(wanted.students),
            "withdrawn": len(wanted.withdrawn),
            "source_digest": source_digest,
        },
    )
