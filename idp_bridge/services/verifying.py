"""Let school staff settle a visit: identity, each relationship, refusal, revocation; never trusts a token
for a duty: LDAP is asked afresh, before the transaction opens, each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from idp_bridge.domain.access import (
    Action,
    StaffMember,
    refuse_own_case,
    require,
    require_somewhere,
)
from idp_bridge.domain.errors import (
    CodeLapsed,
    CodeUnknown,
    CodeUsed,
    ConflictOfInterest,
    DistrictAddress,
    IdentityMissing,
    MoveRefused,
    NoDuty,
    NotInRoster,
    NotThere,
    Restricted,
)
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.evidence import (
    DENIAL_REASONS,
    REVOCATION_REASONS,
    check_evidence,
    check_identity,
    check_reason,
)
from idp_bridge.domain.link import (
    LIVE,
    WAITING,
    IdentityProof,
    Link,
    LinkId,
    LinkState,
    Move,
    Visit,
    VisitId,
    moved,
    verified,
)
from idp_bridge.domain.matching import fits
from idp_bridge.domain.people import (
    Parent,
    ParentId,
    SchoolCode,
    Student,
    StudentId,
    in_district_domain,
)
from idp_bridge.domain.restriction import against
from idp_bridge.domain.visit_code import fingerprint, read
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.house import House
from idp_bridge.services.notifying import tell
from idp_bridge.services.rows import Rows


def staff_member(house: House, uid: str) -> StaffMember:
    """Return what LDAP says of `uid` now; raise NoDuty if it knows no such employee, Unreachable if down."""
    staff = house.directory.staff(uid)
    if staff is None:
        raise NoDuty("not in the directory")
    return staff


def find_visit(house: House, uid: str, typed: str) -> VisitId:
    """Return the visit whose code was typed or scanned.

    Raises NoDuty, CodeUnknown, CodeUsed (all decided) and CodeLapsed (last day over).
    """
    staff = staff_member(house, uid)
    require_somewhere(staff, Action.FIND_VISIT)
    code = read(typed)
    with house.store.reading() as rows:
        visit = rows.visits.by_fingerprint(fingerprint(house.rules.code_key, code))
        links = rows.links.of_visit(visit.id) if visit else ()
    if visit is None:
        raise CodeUnknown
    if visit.closed_at is None:
        _refuse_lapsed(house, visit, house.clock.now())
        return visit.id
    raise CodeLapsed if any(link.state is LinkState.LAPSED for link in links) else CodeUsed


def record_identity(
    house: House, uid: str, visit_id: VisitId, school: SchoolCode, kind: str
) -> IdentityProof:
    """Record that staff at `school` saw the person's identification; once per parent.

    Raises NoDuty, NotThere, BadInput, MoveRefused (the visit is finished), CodeLapsed, DistrictAddress and
    ConflictOfInterest; the last is audited though nothing changes.
    """
    staff = staff_member(house, uid)
    require(staff, Action.RECORD_IDENTITY, school)
    seen = check_identity(kind)
    now = house.clock.now()
    try:
        with house.store.transaction() as rows:
            return _prove(house, rows, staff, visit_id, school, seen, now)
    except ConflictOfInterest:
        _audit_refusal(house, staff, visit_id, None, "conflict-of-interest", now)
        raise


def verify_link(house: House, uid: str, link_id: LinkId, evidence: str) -> Link:
    """Verify one link on this evidence; the parent's token follows by the worker.

    Raises NotThere, NoDuty, IdentityMissing, NotInRoster, EvidenceRefused, ConflictOfInterest, CodeLapsed,
    DistrictAddress, MoveRefused, BadInput and Restricted. A conflict of interest and a restriction are
    audited though nothing changes.
    """
    staff = staff_member(house, uid)
    now = house.clock.now()
    try:
        with house.store.transaction() as rows:
            done = _verify(house, rows, staff, link_id, evidence, now)
    except ConflictOfInterest:
        _audit_refusal(house, staff, None, link_id, "conflict-of-interest", now)
        raise
    except Restricted:
        _audit_refusal(house, staff, None, link_id, "restriction", now)
        raise
    house.wakeup.projection_due(done.parent)
    return done


def refuse_link(house: House, uid: str, link_id: LinkId, reason: str) -> Link:
    """Refuse one link for a reason of the list.

    Raises NotThere, NoDuty, MoveRefused, BadInput and ConflictOfInterest: who is a child's parent may not
    turn the other parent away either. The last is audited though nothing changes.
    """
    staff = staff_member(house, uid)
    now = house.clock.now()
    try:
        with house.store.transaction() as rows:
            return _refuse(rows, staff, link_id, reason, now)
    except ConflictOfInterest:
        _audit_refusal(house, staff, None, link_id, "conflict-of-interest", now)
        raise


def revoke_link(house: House, actor: Actor, link_id: LinkId, reason: str) -> Link:
    """End a verified or suspended link; the worker takes it out of the token and ends the sessions.

    Raises NotThere, MoveRefused and BadInput. Who may call is the caller's business (an operator at the
    command line, or staff whose duty was checked).
    """
    check_reason(reason, REVOCATION_REASONS)
    now = house.clock.now()
    with house.store.transaction() as rows:
        link = rows.links.get(link_id)
        if link is None:
            raise NotThere
        done = moved(link, Move.REVOKE, now)
        rows.links.save(done)
        rows.audit.append(
            Event(
                "link:revoked",
                now,
                actor,
                parent=link.parent,
                student=link.student,
                link=link.id,
                fields={"reason": reason, "before": link.state, "after": done.state},
            )
        )
        tell(rows, done, now)
        rows.parents.raise_revision(link.parent, now)
        rows.projections.mark_due(link.parent, now, loss=True)
    house.wakeup.projection_due(done.parent)
    return done


def _prove(
    house: House,
    rows: Rows,
    staff: StaffMember,
    visit_id: VisitId,
    school: SchoolCode,
    kind: str,
    now: datetime,
) -> IdentityProof:
    visit = rows.visits.get(visit_id)
    if visit is None:
        raise NotThere
    if visit.closed_at is not None:
        raise MoveRefused("the visit is finished")
    _refuse_lapsed(house, visit, now)
    parent = _parent(house, rows, visit.parent)
    known = rows.proofs.get(parent.id)
    if known is not None:
        return known
    waiting = (link for link in rows.links.of_visit(visit_id) if link.state in WAITING)
    _refuse_own(rows, staff, parent, (link.student for link in waiting if link.student))
    proof = IdentityProof(parent.id, kind, school, staff.directory_id, now)
    rows.proofs.add(proof)
    rows.audit.append(
        Event("identity:proven", now, _actor(staff), parent=parent.id, school=school, fields={"kind": kind})
    )
    return proof


def _verify(
    house: House, rows: Rows, staff: StaffMember, link_id: LinkId, evidence: str, now: datetime
) -> Link:
    link = _seen_by(rows, staff, link_id)
    parent = _parent(house, rows, link.parent)
    student = _student(rows, staff, link, now)
    _refuse_own(rows, staff, parent, (student.id,))
    if any(one.access and against(one, parent) for one in rows.restrictions.standing_for(student.id)):
        raise Restricted
    if rows.proofs.get(parent.id) is None:
        raise IdentityMissing
    kind = check_evidence(house.rules.evidence, link.claimed.relationship, evidence)
    done = verified(link, student, kind, student.school, now, house.rules.zone)
    _refuse_lapsed(house, rows.visits.get(link.visit), now)
    rows.links.save(done)
    _audit_decision(rows, "link:verified", staff, link, done, student.school, evidence=kind)
    tell(rows, done, now)
    rows.parents.raise_revision(parent.id, now)
    rows.projections.mark_due(parent.id, now, loss=False)
    close_visit(rows, link.visit, now)
    return done


def _refuse(rows: Rows, staff: StaffMember, link_id: LinkId, reason: str, now: datetime) -> Link:
    link = _seen_by(rows, staff, link_id)
    place = _place(rows, link)
    require(staff, Action.REFUSE, place)
    parent = rows.parents.get(link.parent)
    if parent:
        _refuse_own(rows, staff, parent, (link.student,) if link.student else ())
    done = moved(link, Move.DENY, now, check_reason(reason, DENIAL_REASONS))
    rows.links.save(done)
    _audit_decision(rows, "link:denied", staff, link, done, place, reason=reason)
    tell(rows, done, now)
    close_visit(rows, link.visit, now)
    return done


def _refuse_own(rows: Rows, staff: StaffMember, parent: Parent, students: Iterable[StudentId]) -> None:
    """Raise ConflictOfInterest for the staff member's own account, or a child of theirs: by the roster's
    guardians, and by the accounts linked already (the roster may know a parent by another name)."""
    refuse_own_case(staff, parent, ())
    for student in students:
        refuse_own_case(staff, parent, rows.students.hints(student))
        for link in rows.links.of_student(student):
            other = rows.parents.get(link.parent) if link.state in LIVE - WAITING else None
            if other:
                refuse_own_case(staff, other, ())


def _refuse_lapsed(house: House, visit: Visit | None, now: datetime) -> None:
    """Raise CodeLapsed once the last day is over, also before the timer has closed the visit."""
    if visit and visit.visit_by < now.astimezone(house.rules.zone).date():
        raise CodeLapsed


def _seen_by(rows: Rows, staff: StaffMember, link_id: LinkId) -> Link:
    """Return the link, or raise NotThere where staff could not even see the visit."""
    link = rows.links.get(link_id)
    if link is None:
        raise NotThere
    require_somewhere(staff, Action.FIND_VISIT)
    return link


def _student(rows: Rows, staff: StaffMember, link: Link, now: datetime) -> Student:
    """Return the student to link, if staff may verify at that student's school.

    The roster may have changed since the parent asked: what no longer fits, or left, is not linked.
    """
    student = rows.students.get(link.student) if link.student else None
    require(staff, Action.VERIFY, student.school if student else link.claimed.school)
    moved(link, Move.VERIFY, now)  # what is decided already is said before anything else
    if student is None or not student.enrolled or not fits(link.claimed, student):
        raise NotInRoster
    return student


def _place(rows: Rows, link: Link) -> SchoolCode:
    """Return the school that settles this link: the student's, or the claimed one while nobody matches."""
    student = rows.students.get(link.student) if link.student else None
    return student.school if student else link.claimed.school


def _parent(house: House, rows: Rows, parent_id: ParentId) -> Parent:
    parent = rows.parents.get(parent_id)
    if parent is None:
        raise NotThere
    if in_district_domain(parent.email, house.rules.email_domains):
        raise DistrictAddress
    return parent


def _actor(staff: StaffMember) -> Actor:
    return Actor(ActorKind.STAFF, staff.directory_id)


def _audit_decision(
    rows: Rows,
    name: str,
    staff: StaffMember,
    link: Link,
    done: Link,
    school: SchoolCode,
    **fields: object,
) -> None:
    rows.audit.append(
        Event(
            name,
            done.changed_at,
            _actor(staff),
            parent=link.parent,
            student=done.student,
            link=link.id,
            school=school,
            fields={**fields, "before": link.state, "after": done.state},
        )
    )


def _audit_refusal(
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
                _actor(staff),
                parent=visit.parent,
                student=link.student if link else None,
                link=link.id if link else None,
                fields={"reason": reason},
            )
        )
