"""Move the links of an earlier account to a new one of the same person; never searches among all parents.

A parent who lost the old mailbox made a new account, asked for a link and came to the school. An earlier
account is found only by a child both accounts name, at a school where this person of the staff may move
links, and by the same name. The papers are not asked for again: the identity is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from idp_bridge.domain.access import Action, StaffMember, may, require_somewhere
from idp_bridge.domain.errors import (
    EndedBefore,
    IdentityMissing,
    MoveRefused,
    NotThere,
    Restricted,
)
from idp_bridge.domain.events import Event
from idp_bridge.domain.link import (
    UNDECIDED,
    WAITING,
    IdentityProof,
    Link,
    LinkId,
    LinkState,
    Move,
    Visit,
    VisitId,
    moved,
)
from idp_bridge.domain.matching import same_name
from idp_bridge.domain.notice import NoticeKind, about
from idp_bridge.domain.people import Parent, ParentId, SchoolCode, Student
from idp_bridge.services.counter import (
    actor,
    check_account_of,
    decision,
    parent_of,
    refuse_lapsed,
    refuse_own,
    staff_member,
)
from idp_bridge.services.earlier import earlier_ends
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import standing_against

MOVABLE = frozenset({LinkState.VERIFIED, LinkState.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier account of the person at the counter, as far as staff may know it."""

    parent: Parent
    students: tuple[Student, ...]
    """Linked students of the schools where this person of the staff may move links."""
    elsewhere: int
    """Links to students of other schools; they move too."""


def earlier_accounts(house: House, staff: StaffMember, visit_id: VisitId) -> tuple[Earlier, ...]:
    """Return earlier accounts of the person of this visit, oldest first. Raises NoDuty and NotThere."""
    require_somewhere(staff, Action.MOVE_LINKS)
    with house.store.reading() as rows:
        visit = rows.visits.get(visit_id)
        parent = rows.parents.get(visit.parent) if visit else None
        if visit is None or parent is None:
            raise NotThere
        found = _candidates(rows, staff, visit, parent)
        return tuple(_earlier(rows, staff, one) for one in found)


def identified(visit: Visit, proof: IdentityProof | None) -> bool:
    """Tell whether the identity was seen in this visit: an older proof does not show who stands there now."""
    return proof is not None and proof.at >= visit.opened_at


@again_if_undone
def move_links(house: House, uid: str, visit_id: VisitId, old_id: ParentId) -> tuple[Link, ...]:
    """Move every verified and suspended link of the earlier account; return them as they are now.

    Raises NoDuty, NotThere (also for an account that is no earlier one of this person), MoveRefused,
    CodeLapsed, DistrictAddress, SignInAgain, IdentityMissing, EndedBefore, ConflictOfInterest and
    Restricted; the last two are audited though nothing changes.
    """
    staff = staff_member(house, uid)
    require_somewhere(staff, Action.MOVE_LINKS)
    check_account_of(house, visit_id)
    now = house.clock.now()
    with decision(house, staff, None, now, visit_id) as rows:
        done = _move(house, rows, staff, visit_id, old_id, now)
    for parent in (old_id, done[0].parent):
        house.wakeup.projection_due(parent)
    return done


def _move(
    house: House, rows: Rows, staff: StaffMember, visit_id: VisitId, old_id: ParentId, now: datetime
) -> tuple[Link, ...]:
    visit = _open(house, rows, visit_id, now)
    parent = parent_of(house, rows, visit.parent)
    old = next((one for one in _candidates(rows, staff, visit, parent) if one.id == old_id), None)
    if old is None:
        raise NotThere
    links = _movable(rows, old.id)
    _refuse_own(rows, staff, parent, old, links)
    if not identified(visit, rows.proofs.get(parent.id)):
        raise IdentityMissing
    for link in links:
        _refuse_restricted(house, rows, link, (old, parent))
        _refuse_ended(rows, link, parent)
    _cancel_requests(rows, staff, parent, links, now)
    done = tuple(_over(house, rows, staff, link, visit, now) for link in links)
    close_visit(rows, visit.id, now)
    return done


def _open(house: House, rows: Rows, visit_id: VisitId, now: datetime) -> Visit:
    visit = rows.visits.get(visit_id)
    if visit is None:
        raise NotThere
    if visit.closed_at is not None:
        raise MoveRefused("the visit is finished")
    refuse_lapsed(house, visit, now)
    return visit


def _candidates(rows: Rows, staff: StaffMember, visit: Visit, parent: Parent) -> list[Parent]:
    """Return accounts of the same name that are linked to a child this visit waits for."""
    found = {
        link.parent
        for student in _asked(rows, staff, visit)
        for link in rows.links.of_student(student.id)
        if link.state in MOVABLE and link.parent != parent.id
    }
    known = [one for each in sorted(found) if (one := rows.parents.get(each))]
    same = (one for one in known if same_name(one.name, parent.name) and _same_birth(rows, one, parent))
    return sorted(same, key=lambda one: one.first_seen_at)


def _asked(rows: Rows, staff: StaffMember, visit: Visit) -> Iterator[Student]:
    """Yield the students this visit waits for, of the schools where `staff` may move links."""
    for link in rows.links.of_visit(visit.id):
        student = rows.students.get(link.student) if link.student and link.state in WAITING else None
        if student and may(staff, Action.MOVE_LINKS, student.school):
            yield student


def _same_birth(rows: Rows, one: Parent, other: Parent) -> bool:
    """Tell whether the dates of birth on both identifications agree, as far as both are known."""
    hashes = {proof.birth_date_hash for each in (one, other) if (proof := rows.proofs.get(each.id))}
    return len(hashes - {None}) < 2


def _movable(rows: Rows, old: ParentId) -> tuple[Link, ...]:
    return tuple(link for link in rows.links.of_parent(old) if link.state in MOVABLE and link.student)


def _earlier(rows: Rows, staff: StaffMember, old: Parent) -> Earlier:
    links = _movable(rows, old.id)
    students = rows.students.some(link.student for link in links if link.student)
    mine = [one for one in students.values() if may(staff, Action.MOVE_LINKS, one.school)]
    return Earlier(old, tuple(sorted(mine, key=lambda one: one.name)), len(links) - len(mine))


def _refuse_own(rows: Rows, staff: StaffMember, parent: Parent, old: Parent, links: tuple[Link, ...]) -> None:
    """Raise ConflictOfInterest for the staff member's own account, old or new, or a child of theirs."""
    students = [link.student for link in links if link.student]
    refuse_own(rows, staff, parent, students)
    refuse_own(rows, staff, old, ())


def _refuse_restricted(house: House, rows: Rows, link: Link, accounts: tuple[Parent, Parent]) -> None:
    """Raise Restricted where a restriction stands against either account: it must not stay behind."""
    for account in accounts if link.student else ():
        if link.student and standing_against(rows, house.rules.code_key, account, link.student):
            raise Restricted


def _refuse_ended(rows: Rows, link: Link, parent: Parent) -> None:
    """Raise EndedBefore where the new account was turned away on the merits: that is not moved around."""
    if link.student and any(one.final for one in earlier_ends(rows, parent.id, link.student)):
        raise EndedBefore


def _cancel_requests(
    rows: Rows, staff: StaffMember, parent: Parent, links: tuple[Link, ...], now: datetime
) -> None:
    """Take back what the new account asked for and now gets: one live link per parent and student."""
    coming = {link.student for link in links}
    for asked in rows.links.of_parent(parent.id):
        if asked.state in UNDECIDED and asked.student in coming:
            done = moved(asked, Move.CANCEL, now)
            record(rows, asked, done, "link:cancelled", actor(staff), reason="moved")


def _over(house: House, rows: Rows, staff: StaffMember, old: Link, visit: Visit, now: datetime) -> Link:
    """End `old` and give the parent of `visit` the same link; return that one."""
    student = rows.students.get(old.student) if old.student else None
    school = student.school if student else None
    there = next((one for one in _movable(rows, visit.parent) if one.student == old.student), None)
    if there and there.state is not old.state:
        raise MoveRefused("on hold for one of the two accounts")
    fresh = there or replace(
        old,
        id=LinkId(house.new_id()),
        parent=visit.parent,
        visit=visit.id,
        requested_at=now,
        changed_at=now,
        decided_by=None,
        version=0,
    )
    ended = replace(moved(old, Move.MERGE, now), decided_by=staff.directory_id)
    record(
        rows, old, ended, "link:merged", actor(staff), school=school, notice=NoticeKind.MOVED, into=fresh.id
    )
    if there is None:
        _add(rows, staff, old, fresh, school)
    return fresh


def _add(rows: Rows, staff: StaffMember, old: Link, fresh: Link, school: SchoolCode | None) -> None:
    now = fresh.changed_at
    rows.links.add(fresh)
    rows.audit.append(
        Event(
            "link:moved",
            now,
            actor(staff),
            parent=fresh.parent,
            student=fresh.student,
            link=fresh.id,
            school=school,
            fields={"from_link": old.id, "after": fresh.state},
        )
    )
    rows.notices.add(about(NoticeKind.MOVED, fresh, now))
    if fresh.state is LinkState.VERIFIED:
        rows.parents.raise_revision(fresh.parent, now)
        rows.projections.mark_due(fresh.parent, now, loss=False)
