"""Gather what the desk shows; never changes anything and never formats a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from idp_bridge.domain.access import Action, StaffMember, may, require_somewhere, schools_for
from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.evidence import EvidenceKind
from idp_bridge.domain.link import (
    LIVE,
    WAITING,
    IdentityProof,
    Link,
    LinkId,
    LinkState,
    Visit,
    VisitId,
)
from idp_bridge.domain.matching import Comparison, compare, fits
from idp_bridge.domain.people import (
    GuardianHint,
    Parent,
    ParentId,
    School,
    SchoolCode,
    Student,
)
from idp_bridge.domain.restriction import Restriction, RestrictionId
from idp_bridge.domain.visit_code import make
from idp_bridge.services.counter import place_of
from idp_bridge.services.house import House
from idp_bridge.services.rows import QueueRow, Rows
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
    accepted: tuple[EvidenceKind, ...]
    other_guardians: int
    mine: bool
    """True when this clerk may decide it; otherwise `place` says who can."""
    ready: bool
    """True when the claim names the student exactly, so that it can be verified."""
    held: bool
    """True when a restriction stands for this person and student: the principal decides what to say."""
    restrictions: tuple[RestrictionId, ...]
    """Which ones, only for staff who may read them."""


@dataclass(frozen=True, slots=True)
class DeskVisit:
    """A visit as the clerk sees it."""

    visit: Visit
    code: str
    parent: Parent
    proof: IdentityProof | None
    proof_school: School | None
    children: tuple[DeskChild, ...]
    clerk_schools: tuple[School, ...]
    """Where this clerk may record an identity proof."""
    lapsed: bool
    """True when the last day is over, whether or not the timer has closed the visit."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One page of the desk's queue."""

    rows: tuple[QueueRow, ...]
    total: int
    first: int
    size: int
    schools: tuple[School, ...]
    today: date


def queue(house: House, staff: StaffMember, first: int, size: int) -> Queue:
    """Return the visits waiting at the schools of `staff`, nearest last day first. Raises NoDuty."""
    require_somewhere(staff, Action.FIND_VISIT)
    today = house.clock.now().astimezone(house.rules.zone).date()
    with house.store.reading() as rows:
        every = rows.schools.all()
        codes = schools_for(staff, Action.VERIFY, (school.code for school in every))
        return Queue(
            rows=rows.visits.queue(codes, first, size),
            total=rows.visits.queue_length(codes),
            first=first,
            size=size,
            schools=tuple(school for school in every if school.code in codes),
            today=today,
        )


def desk_visit(house: House, staff: StaffMember, visit_id: VisitId) -> DeskVisit:
    """Return one visit for the desk. Raises NoDuty and NotThere."""
    require_somewhere(staff, Action.FIND_VISIT)
    with house.store.reading() as rows:
        visit = rows.visits.get(visit_id)
        parent = rows.parents.get(visit.parent) if visit else None
        if visit is None or parent is None:
            raise NotThere
        every = {school.code: school for school in rows.schools.all()}
        proof = rows.proofs.get(parent.id)
        mine = schools_for(staff, Action.RECORD_IDENTITY, every)
        return DeskVisit(
            visit=visit,
            code=make(house.rules.code_key, visit.id, visit.code_turn),
            parent=parent,
            proof=proof,
            proof_school=every.get(proof.school) if proof else None,
            children=tuple(
                _desk_child(house, rows, staff, parent, link, every)
                for link in rows.links.of_visit(visit.id)
                if link.state is not LinkState.CANCELLED
            ),
            clerk_schools=tuple(school for school in every.values() if school.code in mine),
            lapsed=visit.visit_by < house.clock.now().astimezone(house.rules.zone).date(),
        )


def is_open(house: House, visit_id: VisitId) -> bool:
    """Tell whether something of a visit waits to be decided."""
    with house.store.reading() as rows:
        visit = rows.visits.get(visit_id)
    return visit is not None and visit.closed_at is None


def find_link(house: House, link_id: LinkId) -> Link:
    """Return one link for an operator; raise NotThere."""
    with house.store.reading() as rows:
        link = rows.links.get(link_id)
    if link is None:
        raise NotThere
    return link


def _desk_child(
    house: House,
    rows: Rows,
    staff: StaffMember,
    parent: Parent,
    link: Link,
    known: dict[SchoolCode, School],
) -> DeskChild:
    student = _visible_student(rows, staff, link)
    hints: tuple[GuardianHint, ...] = rows.students.hints(student.id) if student else ()
    place = place_of(rows, link)
    accepted = house.rules.evidence[link.claimed.relationship].kinds
    restrictions = standing_against(rows, house.rules.code_key, parent, student.id) if student else ()
    return DeskChild(
        link=link,
        claimed_school=known.get(link.claimed.school),
        place=known.get(place),
        student=student,
        rows=compare(link.claimed, parent, student, hints) if student else (),
        accepted=tuple(kind for kind in EvidenceKind if kind in accepted),
        other_guardians=_others(rows, student, parent.id),
        mine=may(staff, Action.VERIFY, place) and link.state in WAITING,
        ready=_ready(link, student),
        held=any(one.access for one in restrictions),
        restrictions=_readable(staff, student, restrictions),
    )


def _ready(link: Link, student: Student | None) -> bool:
    return (
        student is not None
        and student.enrolled
        and link.student == student.id
        and fits(link.claimed, student)
    )


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
        else rows.students.by_number(link.claimed.student_number)
    )
    return student if student and may(staff, Action.VERIFY, student.school) else None


def _others(rows: Rows, student: Student | None, parent: ParentId) -> int:
    if student is None:
        return 0
    return sum(
        1
        for link in rows.links.of_student(student.id)
        if link.parent != parent and link.state in LIVE - WAITING
    )
