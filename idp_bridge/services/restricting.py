"""Let principals place, review and lift restrictions; never tells anybody else that one exists.

A student or restriction of a school where the staff member has no duty is not there for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from idp_bridge.domain.access import Action, StaffMember, may, refuse_own_case, require_somewhere
from idp_bridge.domain.birth_date import check_born
from idp_bridge.domain.errors import BadInput, ConflictOfInterest, MoveRefused, NotThere
from idp_bridge.domain.events import Event
from idp_bridge.domain.people import Parent, ParentId, Student, StudentNumber
from idp_bridge.domain.restriction import (
    Namesake,
    Restriction,
    RestrictionId,
    check,
    check_review,
    lift_asked,
    lifted,
    reviewed,
)
from idp_bridge.services.counter import actor, refuse_own_child, staff_member
from idp_bridge.services.house import House
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import stand_against_all, stand_no_more


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


@again_if_undone
def place(house: House, uid: str, order: Order) -> Restriction:
    """Place a restriction; a verified link under it is suspended and leaves the token at once.

    Raises NoDuty, NotThere (no such student at a school of theirs), BadInput, and ConflictOfInterest for
    staff who are the restricted person or whose child it is; the last is audited though nothing changes.
    """
    staff = staff_member(house, uid)
    require_somewhere(staff, Action.RESTRICT)
    now = house.clock.now()
    _check(house, order, now)
    try:
        with house.store.transaction() as rows:
            done = _place(house, rows, staff, order, now)
            concerned = rows.restrictions.accounts(done.id)
    except ConflictOfInterest:
        with house.store.transaction() as rows:
            _audit_refusal(rows, staff, rows.students.by_number(order.student_number), now)
        raise
    _wake(house, concerned)
    return done


@again_if_undone
def review(house: House, uid: str, restriction_id: RestrictionId, review_on: date) -> Restriction:
    """Set the next review, as somebody who looked at the paper. Raises what `ask_lift` does, and BadInput."""
    today = _today(house, house.clock.now())

    def step(restriction: Restriction, _staff: StaffMember, _at: datetime) -> Restriction:
        return reviewed(restriction, review_on, today)

    return _change(house, uid, restriction_id, "restriction:reviewed", step, review_on=review_on.isoformat())


@again_if_undone
def ask_lift(house: House, uid: str, restriction_id: RestrictionId) -> Restriction:
    """Ask, as the first of two persons, to lift a restriction.

    Raises NoDuty, NotThere, MoveRefused and ConflictOfInterest; the last is audited.
    """
    return _change(house, uid, restriction_id, "restriction:lift-asked", _ask)


@again_if_undone
def confirm_lift(house: House, uid: str, restriction_id: RestrictionId) -> Restriction:
    """Lift a restriction as the second person; suspended links work again unless they are held otherwise.

    Raises what `ask_lift` does, and SamePerson for the person who asked.
    """
    return _change(house, uid, restriction_id, "restriction:lifted", _confirm)


def read_note(house: House, uid: str, restriction_id: RestrictionId) -> str:
    """Open the sealed note; that it was read is written down. Raises NoDuty, NotThere, ConflictOfInterest."""
    return _change(house, uid, restriction_id, "restriction:note-read", None).note


@again_if_undone
def clear_namesake(house: House, uid: str, restriction_id: RestrictionId, parent_id: ParentId) -> Restriction:
    """Find an account of the same name to be another person's: it stands against that account no more.

    Raises what `ask_lift` does; MoveRefused also for the account the restriction names itself.
    """
    staff = staff_member(house, uid)
    now = house.clock.now()
    try:
        with house.store.transaction() as rows:
            restriction, student = _found(rows, staff, restriction_id)
            _clear(rows, staff, restriction, student, parent_id, now)
    except ConflictOfInterest:
        _audit_own(house, staff, restriction_id, now)
        raise
    _wake(house, (parent_id,))
    return restriction


Step = Callable[[Restriction, StaffMember, datetime], Restriction]


def _ask(restriction: Restriction, staff: StaffMember, _at: datetime) -> Restriction:
    return lift_asked(restriction, staff.directory_id)


def _confirm(restriction: Restriction, staff: StaffMember, at: datetime) -> Restriction:
    return lifted(restriction, staff.directory_id, at)


def _check(house: House, order: Order, now: datetime) -> None:
    """Raise BadInput with every fault of the order at once."""
    today = _today(house, now)
    names = (order.given_name, order.family_name)
    looks: tuple[Callable[[], object], ...] = (
        lambda: check(order.access, order.messages, order.basis, *names, order.note),
        lambda: check_review(order.review_on, today),
        lambda: check_born(order.birth_date, today),
    )
    faults: dict[str, str] = {}
    for look in looks:
        try:
            look()
        except BadInput as fault:
            faults |= fault.fields
    if faults:
        raise BadInput(faults)


def _place(house: House, rows: Rows, staff: StaffMember, order: Order, now: datetime) -> Restriction:
    student = rows.students.by_number(order.student_number)
    if student is None or not may(staff, Action.RESTRICT, student.school):
        raise NotThere
    if order.parent and rows.parents.get(order.parent) is None:
        raise NotThere
    refuse_own_child(rows, staff, student.id)
    restriction = _restriction(house, order, student, staff, now)
    refuse_own_case(staff, _as_account(restriction, now), ())
    rows.restrictions.add(restriction)
    rows.audit.append(
        _event(
            "restriction:placed", now, staff, student, restriction,
            access=order.access, messages=order.messages, basis=restriction.basis,
        )
    )  # fmt: skip
    stand_against_all(rows, house.rules.code_key, restriction, now, actor(staff))
    return restriction


def _restriction(
    house: House, order: Order, student: Student, staff: StaffMember, now: datetime
) -> Restriction:
    names = (order.given_name, order.family_name)
    return Restriction(
        id=RestrictionId(house.new_id()),
        student=student.id,
        given_name=order.given_name.strip(),
        family_name=order.family_name.strip(),
        birth_date=order.birth_date,
        parent=order.parent,
        access=order.access,
        messages=order.messages,
        basis=check(order.access, order.messages, order.basis, *names, order.note),
        note=order.note.strip(),
        review_on=order.review_on,
        placed_by=staff.directory_id,
        placed_at=now,
    )


def _change(
    house: House, uid: str, restriction_id: RestrictionId, name: str, step: Step | None, **fields: str
) -> Restriction:
    """Take one step with a restriction, or only write down that it was looked into."""
    staff = staff_member(house, uid)
    now = house.clock.now()
    try:
        with house.store.transaction() as rows:
            restriction, student = _found(rows, staff, restriction_id)
            done = step(restriction, staff, now) if step else restriction
            if step:
                rows.restrictions.save(done)
            rows.audit.append(_event(name, now, staff, student, done, None, **fields))
            concerned = () if done.stands else _let_go(rows, staff, done, now)
    except ConflictOfInterest:
        _audit_own(house, staff, restriction_id, now)
        raise
    _wake(house, concerned)
    return done


def _found(rows: Rows, staff: StaffMember, restriction_id: RestrictionId) -> tuple[Restriction, Student]:
    require_somewhere(staff, Action.RESTRICT)
    restriction = rows.restrictions.get(restriction_id)
    student = rows.students.get(restriction.student) if restriction else None
    if restriction is None or student is None or not may(staff, Action.RESTRICT, student.school):
        raise NotThere
    refuse_own_child(rows, staff, student.id)
    refuse_own_case(staff, _as_account(restriction, restriction.placed_at), ())
    return restriction, student


def _let_go(rows: Rows, staff: StaffMember, restriction: Restriction, now: datetime) -> tuple[ParentId, ...]:
    concerned = rows.restrictions.accounts(restriction.id)
    for parent in concerned:
        stand_no_more(rows, restriction, parent, now, actor(staff))
    return concerned


def _clear(
    rows: Rows,
    staff: StaffMember,
    restriction: Restriction,
    student: Student,
    parent_id: ParentId,
    now: datetime,
) -> None:
    if parent_id not in rows.restrictions.accounts(restriction.id):
        raise NotThere
    if restriction.parent == parent_id or not restriction.stands:
        raise MoveRefused("the account is named, or the restriction lifted")
    rows.restrictions.clear(Namesake(restriction.id, parent_id, staff.directory_id, now))
    event = _event("restriction:namesake-cleared", now, staff, student, restriction, parent_id)
    rows.audit.append(event)
    stand_no_more(rows, restriction, parent_id, now, actor(staff))


def _as_account(restriction: Restriction, at: datetime) -> Parent:
    """Return the named person as if they had an account: staff must not decide about themselves."""
    who = restriction.parent or ParentId("")
    return Parent(who, "", restriction.given_name, restriction.family_name, "", at)


def _event(
    name: str,
    now: datetime,
    staff: StaffMember,
    student: Student,
    restriction: Restriction,
    concerned: ParentId | None = None,
    **fields: object,
) -> Event:
    return Event(
        name,
        now,
        actor(staff),
        parent=concerned or restriction.parent,
        student=student.id,
        school=student.school,
        fields={"restriction": restriction.id, **fields},
    )


def _audit_own(house: House, staff: StaffMember, restriction_id: RestrictionId, now: datetime) -> None:
    with house.store.transaction() as rows:
        restriction = rows.restrictions.get(restriction_id)
        _audit_refusal(rows, staff, rows.students.get(restriction.student) if restriction else None, now)


def _audit_refusal(rows: Rows, staff: StaffMember, student: Student | None, now: datetime) -> None:
    rows.audit.append(
        Event(
            "verification:refused",
            now,
            actor(staff),
            student=student.id if student else None,
            school=student.school if student else None,
            fields={"reason": "conflict-of-interest"},
        )
    )


def _today(house: House, now: datetime) -> date:
    return now.astimezone(house.rules.zone).date()


def _wake(house: House, concerned: tuple[ParentId, ...]) -> None:
    for parent in concerned:
        house.wakeup.projection_due(parent)
