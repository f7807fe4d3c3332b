"""Let principals place restrictions and two persons lift them; never tells anybody else that one exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from idp_bridge.domain.access import Action, StaffMember, require
from idp_bridge.domain.errors import BadInput, NotThere
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import Link, LinkState, Move, moved
from idp_bridge.domain.people import Parent, ParentId, Student, StudentNumber
from idp_bridge.domain.restriction import (
    Restriction,
    RestrictionId,
    against,
    check,
    lift_asked,
    lifted,
)
from idp_bridge.services.counter import staff_member
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.rows import Rows


@dataclass(frozen=True, slots=True)
class Order:
    """What a principal enters: who may not, which student, what, and on what basis."""

    student_number: StudentNumber
    given_name: str
    family_name: str
    access: bool
    messages: bool
    basis: str
    review_on: date
    note: str = ""
    parent: ParentId | None = None
    birth_date: date | None = None


def place(house: House, uid: str, order: Order) -> Restriction:
    """Place a restriction; a verified link under it is suspended and leaves the token at once.

    Raises NoDuty, NotThere (no such student), BadInput.
    """
    staff = staff_member(house, uid)
    basis = check(order.access, order.messages, order.basis, order.family_name, order.note)
    now = house.clock.now()
    if order.review_on <= now.astimezone(house.rules.zone).date():
        raise BadInput({"review_on": "in-past"})
    with house.store.transaction() as rows:
        student = rows.students.by_number(order.student_number)
        if student is None:
            raise NotThere
        require(staff, Action.RESTRICT, student.school)
        restriction = Restriction(
            id=RestrictionId(house.new_id()),
            student=student.id,
            given_name=order.given_name.strip(),
            family_name=order.family_name.strip(),
            birth_date=order.birth_date,
            parent=order.parent,
            access=order.access,
            messages=order.messages,
            basis=basis,
            note=order.note,
            review_on=order.review_on,
            placed_by=staff.directory_id,
            placed_at=now,
        )
        rows.restrictions.add(restriction)
        rows.audit.append(
            _event(
                "restriction:placed", now, staff, student, restriction,
                access=order.access, messages=order.messages, basis=basis,
            )
        )  # fmt: skip
        touched = _apply(rows, staff, student, restriction, now)
    return _wake(house, touched, restriction)


def ask_lift(house: House, uid: str, restriction_id: RestrictionId) -> Restriction:
    """Ask, as the first of two persons, to lift a restriction. Raises NoDuty, NotThere, MoveRefused."""
    return _change(house, uid, restriction_id, "restriction:lift-asked", _ask)


def confirm_lift(house: House, uid: str, restriction_id: RestrictionId) -> Restriction:
    """Lift a restriction as the second person; suspended links come back unless another one stands.

    Raises NoDuty, NotThere, MoveRefused, and SamePerson for the person who asked.
    """
    return _change(house, uid, restriction_id, "restriction:lifted", _confirm)


def standing_against(rows: Rows, student: Student, parent: Parent) -> tuple[Restriction, ...]:
    """Return the restrictions in force for this person and student, inside the caller's transaction."""
    standing = rows.restrictions.standing_for(student.id)
    return tuple(restriction for restriction in standing if against(restriction, parent))


Step = Callable[[Restriction, StaffMember, datetime], Restriction]


def _ask(restriction: Restriction, staff: StaffMember, _at: datetime) -> Restriction:
    return lift_asked(restriction, staff.directory_id)


def _confirm(restriction: Restriction, staff: StaffMember, at: datetime) -> Restriction:
    return lifted(restriction, staff.directory_id, at)


def _change(house: House, uid: str, restriction_id: RestrictionId, name: str, step: Step) -> Restriction:
    staff = staff_member(house, uid)
    now = house.clock.now()
    with house.store.transaction() as rows:
        restriction = rows.restrictions.get(restriction_id)
        student = rows.students.get(restriction.student) if restriction else None
        if restriction is None or student is None:
            raise NotThere
        require(staff, Action.RESTRICT, student.school)
        done = step(restriction, staff, now)
        rows.restrictions.save(done)
        rows.audit.append(_event(name, now, staff, student, done))
        touched = () if done.stands else _apply(rows, staff, student, done, now)
    return _wake(house, touched, done)


def _apply(
    rows: Rows, staff: StaffMember, student: Student, restriction: Restriction, now: datetime
) -> tuple[ParentId, ...]:
    """Bring the links of the named person to what the restrictions for them say now."""
    touched = []
    for link in rows.links.of_student(student.id):
        parent = rows.parents.get(link.parent)
        if parent is None or link.state not in (LinkState.VERIFIED, LinkState.SUSPENDED):
            continue
        if against(restriction, parent) or not restriction.stands:
            touched += _settled(rows, staff, student, link, parent, restriction, now)
    return tuple(touched)


def _settled(
    rows: Rows,
    staff: StaffMember,
    student: Student,
    link: Link,
    parent: Parent,
    restriction: Restriction,
    now: datetime,
) -> list[ParentId]:
    stopped = any(one.access for one in standing_against(rows, student, parent))
    move = {
        (True, LinkState.VERIFIED): (Move.SUSPEND, "link:suspended"),
        (False, LinkState.SUSPENDED): (Move.RESUME, "link:resumed"),
    }.get((stopped, link.state))
    if move:
        done, who = moved(link, move[0], now), Actor(ActorKind.STAFF, staff.directory_id)
        record(rows, link, done, move[1], who, school=student.school, restriction=restriction.id)
    elif restriction.messages:  # the state stays, and yet the token says something else
        rows.parents.raise_revision(parent.id, now)
        rows.projections.mark_due(parent.id, now, loss=restriction.stands)
    return [parent.id]


def _event(
    name: str,
    now: datetime,
    staff: StaffMember,
    student: Student,
    restriction: Restriction,
    **fields: object,
) -> Event:
    return Event(
        name,
        now,
        Actor(ActorKind.STAFF, staff.directory_id),
        parent=restriction.parent,
        student=student.id,
        school=student.school,
        fields={"restriction": restriction.id, **fields},
    )


def _wake(house: House, touched: tuple[ParentId, ...], restriction: Restriction) -> Restriction:
    for parent in dict.fromkeys(touched):
        house.wakeup.projection_due(parent)
    return restriction
