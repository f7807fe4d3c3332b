"""Gather what the desk shows of one child of a visit; never changes anything and never formats a word."""

from __future__ import annotations

from dataclasses import dataclass

from idp_bridge.domain.access import Action, StaffMember, may
from idp_bridge.domain.evidence import FOR_A_TIME, Accepted, EvidenceKind
from idp_bridge.domain.link import (
    LIVE,
    UNDECIDED,
    Link,
    LinkState,
    asked_for,
    end_of_childhood,
)
from idp_bridge.domain.matching import Comparison, compare, fits
from idp_bridge.domain.people import GuardianHint, Parent, ParentId, School, SchoolCode, Student
from idp_bridge.domain.restriction import Restriction, RestrictionId
from idp_bridge.services.counter import place_of
from idp_bridge.services.deciding import may_settle
from idp_bridge.services.earlier import Earlier, Twin, earlier_ends, twins
from idp_bridge.services.guessing import many_requests
from idp_bridge.services.house import House
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import standing_against


@dataclass(frozen=True, slots=True)
class DeskChild:
    """One request as the clerk sees it. `student`, `hints`, `rows` only where the clerk has a duty."""

    link: Link
    claimed_school: School | None
    place: School | None
    """Where it is decided: the student's school, or the claimed one while nobody matches."""
    student: Student | None
    rows: tuple[Comparison, ...]
    policy: Accepted
    accepted: tuple[EvidenceKind, ...]
    asks_until: bool
    """True where staff are asked for the day the relationship ends."""
    other_guardians: int
    mine: bool
    """True when this clerk may refuse it; otherwise `place` says who can decide."""
    settles: bool
    """True when this clerk may also verify it: no referral, and not the first of two persons."""
    refers: bool
    """True when this clerk may hand it to the district office."""
    first: bool
    """True when this clerk saw the papers and waits for the second person."""
    ready: bool
    """True when the claim names the student exactly, so that it can be verified."""
    of_age: bool
    held: bool
    """True when a restriction stands for this person and student: the principal decides what to say."""
    restrictions: tuple[RestrictionId, ...]
    """Which ones, only for staff who may read them."""
    earlier: tuple[Earlier, ...]
    overrules: bool
    """True when this clerk may verify what was refused or revoked before."""
    twins: tuple[Twin, ...]
    """Other accounts that seem to be the same person's."""
    crowded: bool
    """True when unusually many requests, or accounts, named this number of late."""

    @property
    def ended_before(self) -> bool:
        """Tell whether something was decided on the merits that only a duty of its own can overrule."""
        return any(one.final for one in self.earlier)

    @property
    def above_me(self) -> bool:
        """Tell whether somebody else must decide: a restriction, or an end that this clerk cannot overrule.

        Whoever asks which of the two learns from the first that there is one: the page says the same of both.
        """
        return self.held or (self.ended_before and not self.overrules)


def desk_child(
    house: House,
    rows: Rows,
    staff: StaffMember,
    parent: Parent,
    link: Link,
    known: dict[SchoolCode, School],
) -> DeskChild:
    """Return what `staff` may see of one request."""
    student = _visible_student(rows, staff, link)
    hints: tuple[GuardianHint, ...] = rows.students.hints(student.id) if student else ()
    place = place_of(rows, link)
    policy = house.rules.evidence[link.claimed.relationship]
    undecided = link.state in UNDECIDED
    restrictions = standing_against(rows, house.rules.code_key, parent, student.id) if student else ()
    first = link.state is LinkState.AWAITING_SECOND and link.first_staff == staff.directory_id
    return DeskChild(
        link=link,
        claimed_school=known.get(link.claimed.school),
        place=known.get(place),
        student=student,
        rows=compare(link.claimed, parent, student, hints, asked_for(link)) if student else (),
        policy=policy,
        accepted=tuple(kind for kind in EvidenceKind if kind in policy.kinds),
        asks_until=policy.end_date or link.claimed.relationship in FOR_A_TIME,
        other_guardians=_others(rows, student, parent.id),
        mine=undecided and not first and may(staff, _refusing(link), place),
        settles=undecided and may_settle(house.rules.evidence, staff, link, place),
        refers=_refers(staff, link, place) and not first,
        first=first,
        ready=_ready(link, student),
        of_age=_of_age(house, student),
        held=any(one.access for one in restrictions),
        restrictions=_readable(staff, student, restrictions),
        earlier=earlier_ends(rows, parent.id, student.id, link.id) if student else (),
        overrules=student is not None and may(staff, Action.OVERRULE, student.school),
        twins=twins(rows, parent, student.id) if student else (),
        crowded=many_requests(house, rows, link.claimed.student_number, house.clock.now()),
    )


def _refers(staff: StaffMember, link: Link, place: SchoolCode) -> bool:
    """Tell whether there is a district office above `staff` to hand it to, and it was not handed over yet."""
    here = link.state in UNDECIDED and link.state is not LinkState.REFERRED
    return here and may(staff, Action.VERIFY, place) and not may(staff, Action.SETTLE_REFERRED, place)


def _refusing(link: Link) -> Action:
    return Action.SETTLE_REFERRED if link.state is LinkState.REFERRED else Action.REFUSE


def _ready(link: Link, student: Student | None) -> bool:
    return (
        student is not None
        and student.enrolled
        and link.student == student.id
        and fits(asked_for(link), student)
    )


def _of_age(house: House, student: Student | None) -> bool:
    if student is None:
        return False
    return end_of_childhood(student.birth_date, house.rules.zone) <= house.clock.now()


def _readable(
    staff: StaffMember, student: Student | None, restrictions: tuple[Restriction, ...]
) -> tuple[RestrictionId, ...]:
    if student is None or not may(staff, Action.RESTRICT, student.school):
        return ()
    return tuple(one.id for one in restrictions)


def _visible_student(rows: Rows, staff: StaffMember, link: Link) -> Student | None:
    """Return the student this claim is about, only to staff with a duty at that student's school."""
    student = (
        rows.students.get(link.student)
        if link.student
        else rows.students.by_number(asked_for(link).student_number)
    )
    return student if student and may(staff, Action.VERIFY, student.school) else None


def _others(rows: Rows, student: Student | None, parent: ParentId) -> int:
    if student is None:
        return 0
    return sum(
        1
        for link in rows.links.of_student(student.id)
        if link.parent != parent and link.state in LIVE - UNDECIDED
    )
