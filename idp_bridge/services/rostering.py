"""Take a roster into the bridge in one transaction; never ends or makes a link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.roster import Roster, RosterChanges, changes
from idp_bridge.services.house import House


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
    now = house.clock.now()
    with house.store.transaction() as rows:
        stored = rows.roster
        today = now.astimezone(house.rules.zone).date()
        wanted = changes(stored.schools(), stored.students(), stored.hints(), roster, today)
        if wanted and not dry_run:
            stored.write(wanted)
            rows.audit.append(_event(wanted, source_digest, now))
    return RosterCounts(len(wanted.schools), len(wanted.students), len(wanted.withdrawn), len(wanted.hints))


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
