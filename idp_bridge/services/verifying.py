"""Let school staff settle a visit: find it, record the identity, verify each relationship; never refuses one.

No token is trusted for a duty: LDAP is asked afresh, before the transaction opens, each time.
"""

from __future__ import annotations

from datetime import date, datetime

from idp_bridge.domain.access import (
    Action,
    StaffMember,
    require,
    require_somewhere,
)
from idp_bridge.domain.birth_date import birth_date_hash, check_born
from idp_bridge.domain.errors import (
    CodeLapsed,
    CodeUnknown,
    CodeUsed,
    ConflictOfInterest,
    IdentityMissing,
    MoveRefused,
    NotInRoster,
    NotThere,
    Restricted,
)
from idp_bridge.domain.events import Event
from idp_bridge.domain.evidence import (
    check_evidence,
    check_identity,
)
from idp_bridge.domain.link import (
    WAITING,
    IdentityProof,
    Link,
    LinkId,
    LinkState,
    Move,
    VisitId,
    moved,
    verified,
)
from idp_bridge.domain.matching import fits
from idp_bridge.domain.people import (
    SchoolCode,
    Student,
)
from idp_bridge.domain.visit_code import fingerprint, read
from idp_bridge.services.counter import (
    actor,
    audit_refusal,
    decided,
    parent_of,
    refuse_lapsed,
    refuse_own,
    seen_by,
    staff_member,
)
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import follow_proof, standing_against


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
        refuse_lapsed(house, visit, house.clock.now())
        return visit.id
    raise CodeLapsed if any(link.state is LinkState.LAPSED for link in links) else CodeUsed


def record_identity(
    house: House, uid: str, visit_id: VisitId, school: SchoolCode, kind: str, born: date | None = None
) -> IdentityProof:
    """Record that staff at `school` saw the person's identification; once per parent.

    Of `born`, the birth date on the document, a keyed hash is kept: it tells a namesake from a restricted person.

    Raises NoDuty, NotThere, BadInput, MoveRefused (the visit is finished), CodeLapsed, DistrictAddress and
    ConflictOfInterest; the last is audited though nothing changes.
    """
    staff = staff_member(house, uid)
    require(staff, Action.RECORD_IDENTITY, school)
    seen = check_identity(kind)
    now = house.clock.now()
    check_born(born, now.astimezone(house.rules.zone).date())
    try:
        with house.store.transaction() as rows:
            proof = _prove(house, rows, staff, visit_id, school, seen, now, born)
            freed = follow_proof(rows, house.rules.code_key, parent_of(house, rows, proof.parent), now)
    except ConflictOfInterest:
        audit_refusal(house, staff, visit_id, None, "conflict-of-interest", now)
        raise
    if freed:
        house.wakeup.projection_due(proof.parent)
    return proof


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
        audit_refusal(house, staff, None, link_id, "conflict-of-interest", now)
        raise
    except Restricted:
        audit_refusal(house, staff, None, link_id, "restriction", now)
        raise
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
    born: date | None,
) -> IdentityProof:
    visit = rows.visits.get(visit_id)
    if visit is None:
        raise NotThere
    if visit.closed_at is not None:
        raise MoveRefused("the visit is finished")
    refuse_lapsed(house, visit, now)
    parent = parent_of(house, rows, visit.parent)
    known = rows.proofs.get(parent.id)
    if known is not None:
        return known
    waiting = (link for link in rows.links.of_visit(visit_id) if link.state in WAITING)
    refuse_own(rows, staff, parent, (link.student for link in waiting if link.student))
    hashed = birth_date_hash(house.rules.code_key, born) if born else None
    proof = IdentityProof(parent.id, kind, school, staff.directory_id, now, hashed)
    rows.proofs.add(proof)
    rows.audit.append(
        Event("identity:proven", now, actor(staff), parent=parent.id, school=school, fields={"kind": kind})
    )
    return proof


def _verify(
    house: House, rows: Rows, staff: StaffMember, link_id: LinkId, evidence: str, now: datetime
) -> Link:
    link = seen_by(rows, staff, link_id)
    parent = parent_of(house, rows, link.parent)
    student = _student(rows, staff, link, now)
    refuse_own(rows, staff, parent, (student.id,))
    if any(one.access for one in standing_against(rows, house.rules.code_key, parent, student.id)):
        raise Restricted
    if rows.proofs.get(parent.id) is None:
        raise IdentityMissing
    kind = check_evidence(house.rules.evidence, link.claimed.relationship, evidence)
    done = decided(verified(link, student, kind, student.school, now, house.rules.zone), staff)
    refuse_lapsed(house, rows.visits.get(link.visit), now)
    record(rows, link, done, "link:verified", actor(staff), school=student.school, evidence=kind)
    close_visit(rows, link.visit, now)
    return done


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
