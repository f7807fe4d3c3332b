"""Gather what pages about restrictions and students show to the duties that may; never changes anything.

To staff whose own child it is, nothing is there: they read what the school knows as every parent does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from idp_bridge.domain.access import Action, StaffMember, may, require_somewhere, schools_for
from idp_bridge.domain.errors import ConflictOfInterest, NotThere
from idp_bridge.domain.events import Event
from idp_bridge.domain.link import Link, LinkId, disputed
from idp_bridge.domain.people import Parent, ParentId, School, Student, StudentNumber
from idp_bridge.domain.restriction import Restriction, RestrictionId
from idp_bridge.services.counter import place_of, refuse_own_child
from idp_bridge.services.house import House
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import look_alikes


@dataclass(frozen=True, slots=True)
class Listed:
    """One restriction as the list shows it."""

    restriction: Restriction
    student: Student
    overdue: bool


@dataclass(frozen=True, slots=True)
class RestrictionList:
    """The restrictions in force at my schools, nearest review first."""

    rows: tuple[Listed, ...]
    overdue: int
    schools: tuple[School, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """An account a restriction stands against, or one of the same name; its link to the student, if any."""

    parent: Parent
    link: Link | None
    disputed: bool
    named: bool
    """True where the restriction names this very account, so that it is nobody's namesake."""
    cleared: bool = False
    """True where somebody found it to be another person's; otherwise the birth date on the ID says so."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a restriction; `mine` where the reader did it."""

    event: str
    at: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class RestrictionShown:
    """One restriction with everything but its note."""

    restriction: Restriction
    student: Student
    school: School | None
    overdue: bool
    against: tuple[Account, ...]
    look_alikes: tuple[Account, ...]
    history: tuple[Step, ...]
    asked_by_me: bool
    schools: tuple[School, ...]


@dataclass(frozen=True, slots=True)
class Guardian:
    """One link to the student, and whose it is."""

    link: Link
    parent: Parent
    disputed: bool


@dataclass(frozen=True, slots=True)
class StudentShown:
    """A student with every link and restriction, for the duties that may hold, end and restrict."""

    student: Student
    school: School | None
    guardians: tuple[Guardian, ...]
    restrictions: tuple[Restriction, ...]
    today: date
    schools: tuple[School, ...]


def restrictions_at(house: House, staff: StaffMember) -> RestrictionList:
    """Return the restrictions in force at the schools of `staff`. Raises NoDuty."""
    require_somewhere(staff, Action.RESTRICT)
    today = _today(house)
    with house.store.reading() as rows:
        schools = _schools(rows, staff)
        found = rows.restrictions.at(frozenset(school.code for school in schools))
        students = rows.students.some({one.student for one in found})
        own = {one.id for one in students.values() if _own_child(rows, staff, one)}
    listed = tuple(
        Listed(one, students[one.student], one.overdue(today)) for one in found if one.student not in own
    )
    return RestrictionList(listed, sum(one.overdue for one in listed), schools)


def restriction_shown(house: House, staff: StaffMember, restriction_id: RestrictionId) -> RestrictionShown:
    """Return one restriction, but for its note. Raises NoDuty, and NotThere elsewhere."""
    require_somewhere(staff, Action.RESTRICT)
    with house.store.reading() as rows:
        restriction = rows.restrictions.get(restriction_id)
        student = rows.students.get(restriction.student) if restriction else None
        if restriction is None or student is None or not may(staff, Action.RESTRICT, student.school):
            raise NotThere
        if _own_child(rows, staff, student):
            raise NotThere
        return _shown(house, rows, staff, restriction, student)


def student_shown(house: House, staff: StaffMember, number: StudentNumber) -> StudentShown:
    """Return a student of my schools with every link.

    Raises NoDuty, and NotThere alike where there is none or not at a school of mine.
    """
    require_somewhere(staff, Action.RESTRICT)
    with house.store.reading() as rows:
        student = rows.students.by_number(number)
        if student is None or not may(staff, Action.RESTRICT, student.school):
            raise NotThere
        if _own_child(rows, staff, student):
            raise NotThere
        links = ((link, rows.parents.get(link.parent)) for link in rows.links.of_student(student.id))
        return StudentShown(
            student=student,
            school=rows.schools.get(student.school),
            guardians=tuple(
                Guardian(link, parent, disputed(link)) for link, parent in reversed(tuple(links)) if parent
            ),
            restrictions=rows.restrictions.of_student(student.id),
            today=_today(house),
            schools=_schools(rows, staff),
        )


def guardian_shown(house: House, staff: StaffMember, link_id: LinkId) -> tuple[Student, Guardian]:
    """Return one link of a student of my schools. Raises NoDuty and NotThere."""
    require_somewhere(staff, Action.RESTRICT)
    with house.store.reading() as rows:
        link = rows.links.get(link_id)
        parent = rows.parents.get(link.parent) if link else None
        student = rows.students.get(link.student) if link and link.student else None
        if link is None or parent is None or student is None:
            raise NotThere
        if not may(staff, Action.RESTRICT, place_of(rows, link)):
            raise NotThere
        if _own_child(rows, staff, student):
            raise NotThere
        return student, Guardian(link, parent, disputed(link))


def my_schools(house: House, staff: StaffMember) -> tuple[School, ...]:
    """Return the schools where `staff` may place restrictions, by name. Raises NoDuty."""
    require_somewhere(staff, Action.RESTRICT)
    with house.store.reading() as rows:
        return _schools(rows, staff)


def _shown(
    house: House, rows: Rows, staff: StaffMember, restriction: Restriction, student: Student
) -> RestrictionShown:
    cleared = {one.parent for one in rows.restrictions.namesakes(restriction.id)}
    parents = (rows.parents.get(parent) for parent in rows.restrictions.accounts(restriction.id))
    others = look_alikes(rows, restriction) if restriction.stands else ()
    events = rows.audit.of_student(student.id)
    return RestrictionShown(
        restriction=restriction,
        student=student,
        school=rows.schools.get(student.school),
        overdue=restriction.overdue(_today(house)),
        against=tuple(_account(rows, restriction, parent, cleared) for parent in parents if parent),
        look_alikes=tuple(_account(rows, restriction, parent, cleared) for parent in others),
        history=tuple(_step(event, staff) for event in events if _about(event, restriction)),
        asked_by_me=restriction.lift_asked_by == staff.directory_id,
        schools=_schools(rows, staff),
    )


def _account(rows: Rows, restriction: Restriction, parent: Parent, cleared: set[ParentId]) -> Account:
    links = [one for one in rows.links.of_parent(parent.id) if one.student == restriction.student]
    link = links[0] if links else None
    return Account(
        parent=parent,
        link=link,
        disputed=link is not None and disputed(link),
        named=restriction.parent == parent.id,
        cleared=parent.id in cleared,
    )


def _about(event: Event, restriction: Restriction) -> bool:
    return (event.fields or {}).get("restriction") == restriction.id


def _step(event: Event, staff: StaffMember) -> Step:
    return Step(event.name, event.at, event.actor.id == staff.directory_id)


def _own_child(rows: Rows, staff: StaffMember, student: Student) -> bool:
    try:
        refuse_own_child(rows, staff, student.id)
    except ConflictOfInterest:
        return True
    return False


def _schools(rows: Rows, staff: StaffMember) -> tuple[School, ...]:
    every = rows.schools.all()
    mine = schools_for(staff, Action.RESTRICT, (school.code for school in every))
    return tuple(school for school in every if school.code in mine)


def _today(house: House) -> date:
    return house.clock.now().astimezone(house.rules.zone).date()
