"""Let school staff settle a visit: identity, each relationship, refusal, revocation; never trusts a token
for a duty: LDAP is asked afresh, before the transaction opens, each time.
"""

from __future__ import annotations

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
from idp_bridge.domain.link import IdentityProof, Link, LinkId, Move, VisitId, moved, verified
from idp_bridge.domain.people import Parent, ParentId, SchoolCode, Student, in_district_domain
from idp_bridge.domain.restriction import against
from idp_bridge.domain.visit_code import fingerprint, read
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.house import House
from idp_bridge.services.ports import Rows


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
    if visit is None:
        raise CodeUnknown
    today = house.clock.now().astimezone(house.rules.zone).date()
    if visit.visit_by < today:
        raise CodeLapsed
    if visit.closed_at is not None:
        raise CodeUsed
    return visit.id


def record_identity(
    house: House, uid: str, visit_id: VisitId, school: SchoolCode, kind: str
) -> IdentityProof:
    """Record that staff at `school` saw the person's identification; once per parent.

    Raises NoDuty, NotThere, BadInput, DistrictAddress and ConflictOfInterest.
    """
    staff = staff_member(house, uid)
    require(staff, Action.RECORD_IDENTITY, school)
    seen = check_identity(kind)
    now = house.clock.now()
    with house.store.transaction() as rows:
        visit = rows.visits.get(visit_id)
        if visit is None or visit.closed_at is not None:
            raise NotThere
        parent = _parent(house, rows, visit.parent)
        known = rows.proofs.get(parent.id)
        if known is not None:
            return known
        refuse_own_case(staff, parent, ())
        proof = IdentityProof(parent.id, seen, school, staff.directory_id, now)
        rows.proofs.add(proof)
        rows.audit.append(
            Event(
                "identity:proven", now, _actor(staff), parent=parent.id, school=school, fields={"kind": seen}
            )
        )
    return proof


def verify_link(house: House, uid: str, link_id: LinkId, evidence: str) -> Link:
    """Verify one link on this evidence; the parent's token follows by the worker.

    Raises NotThere, NoDuty, IdentityMissing, NotInRoster, EvidenceRefused, ConflictOfInterest,
    DistrictAddress, MoveRefused, BadInput and Restricted. A conflict of interest and a restriction are
    audited though nothing changes.
    """
    staff = staff_member(house, uid)
    now = house.clock.now()
    try:
        with house.store.transaction() as rows:
            done = _verify(house, rows, staff, link_id, evidence, now)
    except ConflictOfInterest:
        _audit_refusal(house, staff, link_id, "conflict-of-interest", now)
        raise
    except Restricted:
        _audit_refusal(house, staff, link_id, "restriction", now)
        raise
    house.wakeup.projection_due(done.parent)
    return done


def refuse_link(house: House, uid: str, link_id: LinkId, reason: str) -> Link:
    """Refuse one link for a reason of the list. Raises NotThere, NoDuty, MoveRefused and BadInput."""
    staff = staff_member(house, uid)
    now = house.clock.now()
    with house.store.transaction() as rows:
        link = _seen_by(rows, staff, link_id)
        require(staff, Action.REFUSE, _place(rows, link))
        done = moved(link, Move.DENY, now, check_reason(reason, DENIAL_REASONS))
        rows.links.save(done)
        rows.audit.append(
            Event(
                "link:denied",
                now,
                _actor(staff),
                parent=link.parent,
                student=link.student,
                link=link.id,
                school=_place(rows, link),
                fields={"reason": reason, "before": link.state, "after": done.state},
            )
        )
        close_visit(rows, link.visit, now)
    return done


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
        rows.parents.raise_revision(link.parent, now)
        rows.projections.mark_due(link.parent, now, loss=True)
    house.wakeup.projection_due(done.parent)
    return done


def _verify(
    house: House, rows: Rows, staff: StaffMember, link_id: LinkId, evidence: str, now: datetime
) -> Link:
    link = _seen_by(rows, staff, link_id)
    parent = _parent(house, rows, link.parent)
    student = _student(rows, staff, link)
    refuse_own_case(staff, parent, rows.students.hints(student.id))
    if any(one.access and against(one, parent) for one in rows.restrictions.standing_for(student.id)):
        raise Restricted
    if rows.proofs.get(parent.id) is None:
        raise IdentityMissing
    kind = check_evidence(house.rules.evidence, link.claimed.relationship, evidence)
    done = verified(link, student, kind, student.school, now, house.rules.zone)
    rows.links.save(done)
    rows.audit.append(
        Event(
            "link:verified",
            now,
            _actor(staff),
            parent=parent.id,
            student=student.id,
            link=link.id,
            school=student.school,
            fields={"evidence": kind, "before": link.state, "after": done.state},
        )
    )
    rows.parents.raise_revision(parent.id, now)
    rows.projections.mark_due(parent.id, now, loss=False)
    close_visit(rows, link.visit, now)
    return done


def _seen_by(rows: Rows, staff: StaffMember, link_id: LinkId) -> Link:
    """Return the link, or raise NotThere where staff could not even see the visit."""
    link = rows.links.get(link_id)
    if link is None:
        raise NotThere
    require_somewhere(staff, Action.FIND_VISIT)
    return link


def _student(rows: Rows, staff: StaffMember, link: Link) -> Student:
    """Return the student to link, if staff may verify at that student's school."""
    student = rows.students.get(link.student) if link.student else None
    if student is None:
        require(staff, Action.VERIFY, link.claimed.school)
        raise NotInRoster
    require(staff, Action.VERIFY, student.school)
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


def _audit_refusal(house: House, staff: StaffMember, link_id: LinkId, reason: str, now: datetime) -> None:
    with house.store.transaction() as rows:
        link = rows.links.get(link_id)
        if link:
            rows.audit.append(
                Event(
                    "verification:refused",
                    now,
                    _actor(staff),
                    parent=link.parent,
                    student=link.student,
                    link=link.id,
                    fields={"reason": reason},
                )
            )
