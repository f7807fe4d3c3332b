"""Show the district its alarms, and identity admins the audit and the projection; never a name or an e-mail.

Pages ask LDAP for the duty themselves and hand in what it said; `see` decides something and asks again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from idp_bridge.domain.access import Action, StaffMember, require_somewhere
from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.events import Event
from idp_bridge.domain.people import ParentId, StudentId, StudentNumber, read_student_number
from idp_bridge.services.auditing import disclosures
from idp_bridge.services.counter import actor, staff_member
from idp_bridge.services.house import House
from idp_bridge.services.journals import Alarm, AuditQuery, AuditRow, ProjectionCounts, ProjectionRow
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows

CHAIN_PIECE = 20_000
"""Rows of the chain that one page checks: about a second."""
MOST_BEHIND = 50


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """One page of alarms, and the numbers of the students they are about."""

    alarms: tuple[Alarm, ...]
    numbers: dict[StudentId, StudentNumber]
    unseen: int
    older: int | None
    """The number to go on from, None on the last page."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the audit."""

    rows: tuple[AuditRow, ...]
    older: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """What an identity admin looks for, as typed. `student` is a student number or a `sourcedId`."""

    link: str = ""
    parent: str = ""
    student: str = ""
    staff: str = ""
    event: str = ""
    since: date | None = None
    until: date | None = None
    """The last day that counts."""


@dataclass(frozen=True, slots=True)
class ChainPiece:
    """What checking rows `first` to `last` of `length` found."""

    first: int
    last: int
    length: int
    bad: int | None


@dataclass(frozen=True, slots=True)
class Projection:
    """How far Keycloak is behind, and where one parent stands."""

    counts: ProjectionCounts
    behind: tuple[ProjectionRow, ...]
    """Stopped ones first, then losses, waiting longest first."""
    now: datetime
    one: ProjectionRow | None
    rev: int | None
    """The revision the asked parent's token should say; None where nobody was asked for."""


def alarms(house: House, staff: StaffMember, *, seen: bool, before: int | None, size: int) -> AlarmPage:
    """Return alarms nobody has dealt with, or those somebody has, newest first. Raises NoDuty."""
    require_somewhere(staff, Action.SEE_ALARMS)
    with house.store.reading() as rows:
        found = rows.alarms.listed(seen=seen, before=before, limit=size + 1)
        shown = found[:size]
        return AlarmPage(
            alarms=shown,
            numbers=_numbers(rows, (alarm.event for alarm in shown)),
            unseen=rows.alarms.unseen(),
            older=shown[-1].number if len(found) > size else None,
        )


@again_if_undone
def see(house: House, uid: str, number: int) -> None:
    """Record that somebody has dealt with an alarm; again changes nothing. Raises NoDuty and NotThere."""
    staff = staff_member(house, uid)
    require_somewhere(staff, Action.SEE_ALARMS)
    now = house.clock.now()
    with house.store.transaction() as rows:
        alarm = rows.alarms.get(number)
        if alarm is None:
            raise NotThere
        if alarm.seen_at is None:
            rows.alarms.see(number, staff.directory_id, now)
            rows.audit.append(Event("alarm:seen", now, actor(staff), fields={"number": number}))


def search_audit(
    house: House, staff: StaffMember, wanted: Search, before: int | None, size: int
) -> AuditPage:
    """Return what fits `wanted` before row `before`, newest first. Raises NoDuty."""
    require_somewhere(staff, Action.READ_AUDIT)
    with house.store.reading() as rows:
        query = replace(_query(house, rows, wanted), before=before)
        found = rows.audit.search(query, size + 1)
    shown = found[:size]
    return AuditPage(shown, shown[-1].number if len(found) > size else None)


def check_chain(house: House, staff: StaffMember, first: int, size: int = CHAIN_PIECE) -> ChainPiece:
    """Check up to `size` rows of the chain from row `first` on. Raises NoDuty."""
    require_somewhere(staff, Action.READ_AUDIT)
    with house.store.reading() as rows:
        length = rows.audit.length()
        bad = rows.audit.first_bad(first, size)
    return ChainPiece(first, min(first + size - 1, length), length, bad)


def disclosures_for(house: House, staff: StaffMember, number: str) -> tuple[Event, ...]:
    """Return the record of disclosures of one student (34 CFR 99.32). Raises NoDuty and NotThere."""
    require_somewhere(staff, Action.READ_AUDIT)
    return disclosures(house, number)


def projection(house: House, staff: StaffMember, parent: str) -> Projection:
    """Return how far Keycloak is behind, and where `parent` stands if one is named. Raises NoDuty."""
    require_somewhere(staff, Action.SEE_PROJECTION)
    asked = ParentId(parent)
    with house.store.reading() as rows:
        known = rows.parents.get(asked) if parent else None
        return Projection(
            counts=rows.projections.counts(),
            behind=rows.projections.behind(MOST_BEHIND),
            now=house.clock.now(),
            one=rows.projections.get(asked) if parent else None,
            rev=known.rev if known else None,
        )


def _numbers(rows: Rows, events: Iterable[Event]) -> dict[StudentId, StudentNumber]:
    ids = {StudentId(event.student) for event in events if event.student}
    return {id: student.number for id, student in rows.students.some(ids).items()}


def _query(house: House, rows: Rows, wanted: Search) -> AuditQuery:
    zone = house.rules.zone
    return AuditQuery(
        link=wanted.link or None,
        parent=wanted.parent or None,
        student=_student(rows, wanted.student) if wanted.student else None,
        actor=wanted.staff or None,
        name=wanted.event or None,
        since=_midnight(wanted.since, zone) if wanted.since else None,
        until=_midnight(wanted.until + timedelta(days=1), zone) if wanted.until else None,
    )


def _student(rows: Rows, typed: str) -> str:
    """Return the id of the student with this number; a student who left is found by the id itself."""
    number = read_student_number(typed)
    student = rows.students.by_number(number) if number else None
    return student.id if student else typed


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
