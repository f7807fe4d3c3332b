"""Check what every decision at the counter needs: the duty, the person, the last day; never decides one.

A token is never trusted for a duty: LDAP is asked afresh, before the transaction opens, each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from idp_bridge.domain.access import (
    Action,
    StaffMember,
    refuse_own_case,
    refuse_own_guardian,
    require_somewhere,
)
from idp_bridge.domain.errors import (
    CodeLapsed,
    DistrictAddress,
    NoDuty,
    NotThere,
)
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import (
    LIVE,
    WAITING,
    Link,
    LinkId,
    Visit,
    VisitId,
)
from idp_bridge.domain.people import (
    Parent,
    ParentId,
    SchoolCode,
    StudentId,
    in_district_domain,
)
from idp_bridge.services.house import House
from idp_bridge.services.rows import Rows


def staff_member(house: House, uid: str) -> StaffMember:
    """Return what LDAP says of `uid` now; raise NoDuty if it knows no such employee, Unreachable if down."""
    staff = house.directory.staff(uid)
    if staff is None:
        raise NoDuty("not in the directory")
    return staff


def refuse_own(rows: Rows, staff: StaffMember, parent: Parent, students: Iterable[StudentId]) -> None:
    """Raise ConflictOfInterest for the staff member's own account, or a child of theirs: by the roster's
    guardians, and by the accounts linked already (the roster may know a parent by another name)."""
    refuse_own_case(staff, parent, ())
    for student in students:
        refuse_own_case(staff, parent, rows.students.hints(student))
        refuse_own_child(rows, staff, student)


def refuse_own_child(rows: Rows, staff: StaffMember, student: StudentId) -> None:
    """Raise ConflictOfInterest where the student is the staff member's own child."""
    refuse_own_guardian(staff, rows.students.hints(student))
    for link in rows.links.of_student(student):
        other = rows.parents.get(link.parent) if link.state in LIVE - WAITING else None
        if other:
            refuse_own_case(staff, other, ())


def refuse_lapsed(house: House, visit: Visit | None, now: datetime) -> None:
    """Raise CodeLapsed once the last day is over, also before the timer has closed the visit."""
    if visit and visit.visit_by < now.astimezone(house.rules.zone).date():
        raise CodeLapsed


def seen_by(rows: Rows, staff: StaffMember, link_id: LinkId) -> Link:
    """Return the link, or raise NotThere where staff could not even see the visit."""
    link = rows.links.get(link_id)
    if link is None:
        raise NotThere
    require_somewhere(staff, Action.FIND_VISIT)
    return link


def place_of(rows: Rows, link: Link) -> SchoolCode:
    """Return the school that settles this link: the student's, or the claimed one while nobody matches."""
    student = rows.students.get(link.student) if link.student else None
    return student.school if student else link.claimed.school


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
