"""Gather what a page shows; never changes anything and never formats a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from idp_bridge.domain.access import Action, StaffMember, may, require_somewhere, schools_for
from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.events import Event
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
    opens_apps,
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
from idp_bridge.services.house import House
from idp_bridge.services.rows import QueueRow, Rows


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a link, for the parent's timeline: never who of the staff."""

    event: str
    at: datetime
    school: School | None


@dataclass(frozen=True, slots=True)
class Child:
    """One of the parent's links. `student` is None before verification: no name before proof."""

    link: Link
    student: Student | None
    school: School
    """The student's school once verified, the claimed one before."""
    visit_by: date | None
    in_apps: bool
    """True once the parent's token has been brought to say it; None-like False before."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Slip:
    """The confirmation a parent brings to school: code, last day, and each waiting request."""

    visit: Visit
    code: str
    links: tuple[Link, ...]
    schools: tuple[School, ...]
    """The schools to visit, in the order of the requests."""


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


@dataclass(frozen=True, slots=True)
class Queue:
    """One page of the desk's queue."""

    rows: tuple[QueueRow, ...]
    total: int
    first: int
    size: int
    schools: tuple[School, ...]
    today: date


def schools(house: House) -> tuple[School, ...]:
    """Return every school a parent can name."""
    with house.store.reading() as rows:
        return rows.schools.all()


def children_of(house: House, parent_id: ParentId) -> tuple[Child, ...]:
    """Return the parent's links, newest first; a cancelled one is no longer shown."""
    with house.store.reading() as rows:
        known = {school.code: school for school in rows.schools.all()}
        row = rows.projections.get(parent_id)
        settled = row is None or row.due_since is None
        links = [link for link in rows.links.of_parent(parent_id) if link.state is not LinkState.CANCELLED]
        return tuple(_child(house, rows, link, known, settled) for link in links)


def slip_of(house: House, parent_id: ParentId) -> Slip:
    """Return the parent's open visit with its code; raise NotThere if none is open."""
    with house.store.reading() as rows:
        visit = rows.visits.open_of(parent_id)
        if visit is None:
            raise NotThere
        links = tuple(link for link in rows.links.of_visit(visit.id) if link.state in WAITING)
        codes = dict.fromkeys(link.claimed.school for link in links)
        places = tuple(school for code in codes if (school := rows.schools.get(code)))
    return Slip(visit, make(house.rules.code_key, visit.id, visit.code_turn), links, places)


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


def _child(house: House, rows: Rows, link: Link, known: dict[SchoolCode, School], settled: bool) -> Child:
    proven = link.verified_at is not None and link.student is not None
    student = rows.students.get(link.student) if proven and link.student else None
    visit = rows.visits.get(link.visit)
    return Child(
        link=link,
        student=student,
        school=known[student.school if student else link.claimed.school],
        visit_by=visit.visit_by if visit else None,
        in_apps=settled and opens_apps(link, house.clock.now()),
        steps=tuple(_step(event, known) for event in rows.audit.of_link(link.id)),
    )


def _step(event: Event, known: dict[SchoolCode, School]) -> Step:
    return Step(event.name, event.at, known.get(SchoolCode(event.school)) if event.school else None)


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
    place = _place(rows, link)
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


def _place(rows: Rows, link: Link) -> SchoolCode:
    """Return the school that decides: a student matched elsewhere is decided there."""
    student = rows.students.get(link.student) if link.student else None
    return student.school if student else link.claimed.school


def _others(rows: Rows, student: Student | None, parent: ParentId) -> int:
    if student is None:
        return 0
    return sum(
        1
        for link in rows.links.of_student(student.id)
        if link.parent != parent and link.state in LIVE - WAITING
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
