"""Gather what the desk shows; never changes anything and never formats a word."""

from __future__ import annotations

from dataclasses import dataclass

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
from idp_bridge.domain.restriction import against
from idp_bridge.domain.visit_code import make
from idp_bridge.services.counter import place_of
from idp_bridge.services.house import House
from idp_bridge.services.rows import Rows


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
        held=_held(rows, parent, student),
    )


def _ready(link: Link, student: Student | None) -> bool:
    return (
        student is not None
        and student.enrolled
        and link.student == student.id
        and fits(link.claimed, student)
    )


def _held(rows: Rows, parent: Parent, student: Student | None) -> bool:
    if student is None:
        return False
    return any(one.access and against(one, parent) for one in rows.restrictions.standing_for(student.id))


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
