"""Check what every decision at the counter needs: the duty, the person, the last day; never decides one.

A token is never trusted for a duty: LDAP is asked afresh, before the transaction opens, each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from idp_bridge.domain.access import (
    Action,
    StaffMember,
    refuse_own_case,
    refuse_own_guardian,
    require_somewhere,
)
from idp_bridge.domain.errors import (
    CodeLapsed,
    ConflictOfInterest,
    DistrictAddress,
    NoDuty,
    NotThere,
    Refusal,
    Restricted,
)
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import (
    LIVE,
    UNDECIDED,
    Link,
    LinkId,
    Visit,
    VisitId,
)
from idp_bridge.domain.paper import PaperSeen
from idp_bridge.domain.people import (
    Parent,
    ParentId,
    SchoolCode,
    StudentId,
    in_district_domain,
)
from idp_bridge.services.account_checking import check_account
from idp_bridge.services.house import House
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import standing_against

AUDITED: dict[type[Refusal], str] = {
    ConflictOfInterest: "conflict-of-interest",
    Restricted: "restriction",
}
"""Refusals that are written down though nothing changed -> the reason in the audit."""


@contextmanager
def decision(
    house: House, staff: StaffMember, link_id: LinkId | None, now: datetime, visit_id: VisitId | None = None
) -> Iterator[Rows]:
    """Open the transaction of one decision; a refusal that must be audited is, after the rollback."""
    try:
        with house.store.transaction() as rows:
            yield rows
    except tuple(AUDITED) as refusal:
        audit_refusal(house, staff, visit_id, link_id, AUDITED[type(refusal)], now)
        raise


def staff_member(house: House, uid: str) -> StaffMember:
    """Return what LDAP says of `uid` now; raise NoDuty if it knows no such employee, Unreachable if down."""
    staff = house.directory.staff(uid)
    if staff is None:
        raise NoDuty("not in the directory")
    return staff


def check_accounts(house: House, staff: StaffMember, links: Iterable[LinkId]) -> None:
    """Look at the parents' accounts before the transaction opens. Raises as `seen_by` and `check_account`."""
    with house.store.reading() as rows:
        parents = {seen_by(rows, staff, link).parent for link in links}
    for parent in sorted(parents):
        check_account(house, parent)


def check_account_of(house: House, visit_id: VisitId) -> None:
    """Look at the account of a visit's parent before the transaction opens. Raises as `check_account`."""
    with house.store.reading() as rows:
        visit = rows.visits.get(visit_id)
    if visit:
        check_account(house, visit.parent)


def refuse_own(rows: Rows, staff: StaffMember, parent: Parent, students: Iterable[StudentId]) -> None:
    """Raise ConflictOfInterest for the staff member's own account, or a child of theirs: by the roster's
    guardians, and by the accounts linked already (the roster may know a parent by another name)."""
    refuse_own_case(staff, parent, ())
    for student in students:
        refuse_own_child(rows, staff, student)


def refuse_own_child(rows: Rows, staff: StaffMember, student: StudentId) -> None:
    """Raise ConflictOfInterest where the student is the staff member's own child."""
    refuse_own_guardian(staff, rows.students.hints(student))
    for link in rows.links.of_student(student):
        other = rows.parents.get(link.parent) if link.state in LIVE - UNDECIDED else None
        if other:
            refuse_own_case(staff, other, ())


def refuse_lapsed(house: House, visit: Visit | None, now: datetime) -> None:
    """Raise CodeLapsed once the last day is over, also before the timer has closed the visit."""
    if visit and visit.visit_by < now.astimezone(house.rules.zone).date():
        raise CodeLapsed


def seen_by(rows: Rows, staff: StaffMember, link_id: LinkId) -> Link:
    """Return the link. Raises NotThere, and NoDuty for staff who may see no visit, there or not."""
    require_somewhere(staff, Action.FIND_VISIT)  # first: who may see no visit learns of no link either
    link = rows.links.get(link_id)
    if link is None:
        raise NotThere
    return link


def place_of(rows: Rows, link: Link) -> SchoolCode:
    """Return the school that settles this link: the student's, or the claimed one while nobody matches."""
    student = rows.students.get(link.student) if link.student else None
    return student.school if student else link.claimed.school


def refuse_restricted(house: House, rows: Rows, parent: Parent, student: StudentId) -> None:
    """Raise Restricted where a restriction of access stands for this person and student."""
    if any(one.access for one in standing_against(rows, house.rules.code_key, parent, student)):
        raise Restricted


def parent_of(house: House, rows: Rows, parent_id: ParentId) -> Parent:
    """Return the parent; raise NotThere, or DistrictAddress for an address parents may not use."""
    parent = rows.parents.get(parent_id)
    if parent is None:
        raise NotThere
    if in_district_domain(parent.email, house.rules.email_domains):
        raise DistrictAddress
    return parent


def actor(staff: StaffMember) -> Actor:
    """Return `staff` as the audit names them: by LDAP entryUUID."""
    return Actor(ActorKind.STAFF, staff.directory_id)


def decided(link: Link, staff: StaffMember) -> Link:
    """Return `link` with who of the staff decided it."""
    return replace(link, decided_by=staff.directory_id)


def on_paper(link: Link, seen: PaperSeen | None) -> tuple[Link, dict[str, Any]]:
    """Return `link` marked for ever as entered from paper, and what the audit says of that; if it was."""
    if seen is None:
        return link, {}
    return replace(link, paper_seen_at=seen.at, paper_seen_by=seen.by.directory_id), seen.fields


def audit_refusal(
    house: House,
    staff: StaffMember,
    visit_id: VisitId | None,
    link_id: LinkId | None,
    reason: str,
    now: datetime,
) -> None:
    """Write down that staff were turned away, at a link or at the person (a visit's identity)."""
    with house.store.transaction() as rows:
        link = rows.links.get(link_id) if link_id else None
        visit = rows.visits.get(link.visit if link else visit_id or VisitId(""))
        if visit is None:
            return
        rows.audit.append(
            Event(
                "verification:refused",
                now,
                actor(staff),
                parent=visit.parent,
                student=link.student if link else None,
                link=link.id if link else None,
                fields={"reason": reason},
            )
        )
