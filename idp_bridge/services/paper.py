"""Enter later what a paper log sheet says of a visit during an outage; never loosens a rule for it.

All that is entered of one visit is one transaction. Who saw the papers and who enters them are both checked:
duty, own child. What comes of it is marked for ever with the time and the person of the sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from idp_bridge.domain.access import Action, StaffMember, may, require, require_somewhere
from idp_bridge.domain.birth_date import check_born
from idp_bridge.domain.errors import (
    AlreadyAsked,
    BadInput,
    MoveRefused,
    NotThere,
    OneRefused,
    Refusal,
)
from idp_bridge.domain.evidence import check_identity
from idp_bridge.domain.link import LIVE, WAITING, Link, LinkId, LinkState, Move, Visit, VisitId, moved
from idp_bridge.domain.paper import PaperSeen, check_time
from idp_bridge.domain.people import Parent, ParentId, SchoolCode
from idp_bridge.services.counter import (
    AUDITED,
    actor,
    audit_refusal,
    check_account_of,
    decision,
    parent_of,
    place_of,
    refuse_own,
    staff_member,
)
from idp_bridge.services.desk import DeskVisit
from idp_bridge.services.desk_child import DeskChild
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.refusing import refuse_within
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import follow_proof
from idp_bridge.services.verifying import Choice, prove_within, verify_within

NO_DUTY = {"seen_by": "no-duty"}
ENTERABLE = WAITING | {LinkState.LAPSED}


@dataclass(frozen=True, slots=True)
class Log:
    """What a sheet says of one visit. `seen_at` is the district's wall clock, without a zone."""

    seen_at: datetime
    seen_by: str
    """`uid` of the person who saw the papers."""
    school: SchoolCode
    identity: str | None = None
    born: date | None = None
    """Birth date on the identification, where the sheet has it; only a keyed hash of it is kept."""
    verified: Mapping[LinkId, str] = field(default_factory=dict)
    """Link -> kind of evidence."""
    until: Mapping[LinkId, date] = field(default_factory=dict)
    """Link -> last day of the relationship, where the paper names one."""
    refused: Mapping[LinkId, str] = field(default_factory=dict)
    """Link -> reason of the list."""

    @property
    def links(self) -> tuple[LinkId, ...]:
        """Return the requests the sheet says something of."""
        return (*self.verified, *self.refused)


def enterable(shown: DeskVisit) -> tuple[DeskChild, ...]:
    """Return the requests of a visit that this clerk may enter from a sheet."""
    mine = {school.code for school in shown.clerk_schools}
    return tuple(
        one
        for one in shown.children
        if one.link.state in ENTERABLE and one.place is not None and one.place.code in mine
    )


@again_if_undone
def enter_log(house: House, uid: str, visit_id: VisitId, log: Log) -> None:
    """Enter what the sheet says of one visit, all of it or nothing.

    Raises BadInput (time, person, nothing to enter), NoDuty, NotThere, MoveRefused, DistrictAddress,
    SignInAgain, AlreadyAsked, ConflictOfInterest, and OneRefused, which names the link that verifying or
    refusing stopped at and why. A conflict of interest of either person and a restriction are audited.
    """
    staff = staff_member(house, uid)
    require_somewhere(staff, Action.FIND_VISIT)
    saw = house.directory.staff(log.seen_by)
    if saw is None:
        raise BadInput(NO_DUTY)
    if log.verified:
        check_account_of(house, visit_id)
    now = house.clock.now()
    check_born(log.born, now.astimezone(house.rules.zone).date())
    seen = PaperSeen(log.seen_at.replace(tzinfo=house.rules.zone).astimezone(UTC), saw)
    try:
        with decision(house, staff, None, now, visit_id) as rows:
            parent = _enter(house, rows, staff, visit_id, log, seen, now)
    except OneRefused as stop:
        if type(stop.why) in AUDITED:
            audit_refusal(house, staff, None, LinkId(stop.link), AUDITED[type(stop.why)], now)
        raise
    if log.verified or log.born:
        house.wakeup.projection_due(parent)


def _enter(
    house: House, rows: Rows, staff: StaffMember, visit_id: VisitId, log: Log, seen: PaperSeen, now: datetime
) -> ParentId:
    visit = _enterable(house, rows, visit_id, seen, now)
    links = _named(rows, visit, log)
    _check_duties(rows, links, log, (staff, seen.by))
    parent = parent_of(house, rows, visit.parent)
    refuse_own(rows, seen.by, parent, ())
    for link in links:
        _refuse_own_child(rows, parent, link, (staff, seen.by))
        if link.state is LinkState.LAPSED:
            _reopen(rows, staff, link, now)
    if log.identity:
        kind = check_identity(log.identity)
        prove_within(house, rows, staff, visit_id, log.school, kind, now, seen, log.born)
        follow_proof(rows, house.rules.code_key, parent, actor(staff), now)
    for verified, evidence in log.verified.items():
        with _one(verified):
            verify_within(house, rows, staff, Choice(verified, evidence, log.until.get(verified)), now, seen)
    for refused, reason in log.refused.items():
        with _one(refused):
            refuse_within(rows, staff, refused, reason, now, seen)
    return parent.id


def _enterable(house: House, rows: Rows, visit_id: VisitId, seen: PaperSeen, now: datetime) -> Visit:
    """Return the visit if it is open or has lapsed, and the papers can have been seen at that time."""
    visit = rows.visits.get(visit_id)
    if visit is None:
        raise NotThere
    if not any(link.state in ENTERABLE for link in rows.links.of_visit(visit_id)):
        raise MoveRefused("the visit is finished")
    check_time(seen.at, visit, now, house.rules.zone)
    return visit


def _named(rows: Rows, visit: Visit, log: Log) -> list[Link]:
    """Return the links the sheet says something of; each must be one of this visit, and once."""
    known = {link.id: link for link in rows.links.of_visit(visit.id)}
    if not log.links and not log.identity:
        raise BadInput({"links": "choose"})
    if set(log.links) - set(known) or set(log.verified) & set(log.refused):
        raise NotThere
    named = [known[link] for link in log.links]
    if any(link.state not in ENTERABLE for link in named):
        raise MoveRefused("decided already")
    return named


def _check_duties(rows: Rows, links: list[Link], log: Log, both: tuple[StaffMember, StaffMember]) -> None:
    """Raise NoDuty for who enters, BadInput for who saw the papers, without the duty at one of the places."""
    enters, saw = both
    wanted = [
        (Action.REFUSE if link.id in log.refused else Action.VERIFY, place_of(rows, link)) for link in links
    ]
    if log.identity:
        wanted.append((Action.RECORD_IDENTITY, log.school))
    for action, place in wanted:
        require(enters, action, place)
        if not may(saw, action, place):
            raise BadInput(NO_DUTY)


def _refuse_own_child(rows: Rows, parent: Parent, link: Link, both: tuple[StaffMember, StaffMember]) -> None:
    with _one(link.id):
        for person in both:
            refuse_own(rows, person, parent, (link.student,) if link.student else ())


def _reopen(rows: Rows, staff: StaffMember, link: Link, now: datetime) -> None:
    """Open a lapsed request again; a newer one that still waits in its place gives way to it."""
    for other in rows.links.of_parent(link.parent):
        if not _in_place_of(link, other):
            continue
        if other.state not in WAITING:
            raise AlreadyAsked
        record(rows, other, moved(other, Move.CANCEL, now), "link:cancelled", actor(staff), reason="paper")
        close_visit(rows, other.visit, now)
    record(rows, link, moved(link, Move.REOPEN, now), "link:reopened", actor(staff))


def _in_place_of(link: Link, other: Link) -> bool:
    """Tell whether `other` keeps `link` from waiting: of two with one child, or one typed number, one may."""
    same_child = link.student is not None and other.student == link.student
    same_number = other.claimed.student_number == link.claimed.student_number
    return (same_child and other.state in LIVE) or (same_number and other.state in WAITING)


@contextmanager
def _one(link: LinkId) -> Iterator[None]:
    """Let a refusal name the link it came at."""
    try:
        yield
    except Refusal as why:
        raise OneRefused(link, why) from why
