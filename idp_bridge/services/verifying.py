"""Let school staff settle a visit: find it, record the identity, verify each relationship; never refuses one.

No token is trusted for a duty: LDAP is asked afresh, before the transaction opens, each time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
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
    MoveRefused,
    NotThere,
    OneRefused,
    Refusal,
)
from idp_bridge.domain.events import Event
from idp_bridge.domain.evidence import (
    check_evidence,
    check_identity,
    check_until,
)
from idp_bridge.domain.link import (
    UNDECIDED,
    WAITING,
    IdentityProof,
    Link,
    LinkId,
    LinkState,
    VisitId,
    end_of_day,
)
from idp_bridge.domain.paper import PaperSeen
from idp_bridge.domain.people import (
    SchoolCode,
)
from idp_bridge.domain.visit_code import fingerprint, read
from idp_bridge.services.counter import (
    AUDITED,
    actor,
    audit_refusal,
    check_accounts,
    decision,
    parent_of,
    refuse_lapsed,
    refuse_own,
    seen_by,
    staff_member,
)
from idp_bridge.services.deciding import Papers, ask_second, refuse_these_two, student_of, write_verified
from idp_bridge.services.earlier import overruled
from idp_bridge.services.guessing import count_code
from idp_bridge.services.house import House
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import follow_proof


@dataclass(frozen=True, slots=True)
class Choice:
    """What staff saw for one link, and until when it holds."""

    link: LinkId
    evidence: str
    until: date | None = None
    overrule: bool = False
    """True where staff mean to link the two though they were refused or revoked before."""


@again_if_undone
def find_visit(house: House, uid: str, typed: str) -> VisitId:
    """Return the visit whose code was typed or scanned; a closed one too while it is not decided.

    Raises NoDuty, CodeUnknown, CodeUsed (all decided), CodeLapsed (last day over) and TooManyGuesses.
    """
    staff = staff_member(house, uid)
    require_somewhere(staff, Action.FIND_VISIT)
    code, now = read(typed), house.clock.now()
    with house.store.transaction() as rows:
        visit = rows.visits.by_fingerprint(fingerprint(house.rules.code_key, code))
        links = rows.links.of_visit(visit.id) if visit else ()
        refusal = count_code(house, rows, staff, now, right=visit is not None)
    if refusal is not None:
        raise refusal
    if visit is None:
        raise CodeUnknown
    if any(link.state in UNDECIDED - WAITING for link in links):
        return visit.id
    if visit.closed_at is None:
        refuse_lapsed(house, visit, now)
        return visit.id
    raise CodeLapsed if any(link.state is LinkState.LAPSED for link in links) else CodeUsed


@again_if_undone
def record_identity(
    house: House,
    uid: str,
    visit_id: VisitId,
    school: SchoolCode,
    kind: str,
    born: date | None = None,
    *,
    again: bool = False,
) -> IdentityProof:
    """Record that staff at `school` saw the person's identification; once per parent, unless seen `again`.

    Of `born`, the birth date on the document, only a keyed hash is kept: it tells a namesake from a person
    under a restriction, and setting one free so is an alarm. Seen again without it, the known hash stays.

    Raises NoDuty, NotThere, BadInput, MoveRefused (the visit is finished), CodeLapsed, DistrictAddress and
    ConflictOfInterest; the last is audited though nothing changes.
    """
    staff = staff_member(house, uid)
    require(staff, Action.RECORD_IDENTITY, school)
    seen = check_identity(kind)
    now = house.clock.now()
    check_born(born, now.astimezone(house.rules.zone).date())
    with decision(house, staff, None, now, visit_id) as rows:
        proof = prove_within(house, rows, staff, visit_id, school, seen, now, born=born, again=again)
        changed = follow_proof(
            rows, house.rules.code_key, parent_of(house, rows, proof.parent), actor(staff), now
        )
    if changed:
        house.wakeup.projection_due(proof.parent)
    return proof


@again_if_undone
def verify_link(
    house: House,
    uid: str,
    link_id: LinkId,
    evidence: str,
    until: date | None = None,
    *,
    overrule: bool = False,
) -> Link:
    """Verify one link on this evidence, or ask for a second person where the evidence needs one.

    The parent's token follows by the worker. Raises NotThere, NoDuty, IdentityMissing, NotInRoster, OfAge,
    EvidenceRefused, EndedBefore, ConflictOfInterest, CodeLapsed, DistrictAddress, SignInAgain, MoveRefused,
    BadInput and Restricted. A conflict of interest and a restriction are audited though nothing changes.
    """
    staff = staff_member(house, uid)
    check_accounts(house, staff, [link_id])
    now = house.clock.now()
    with decision(house, staff, link_id, now) as rows:
        done = verify_within(house, rows, staff, Choice(link_id, evidence, until, overrule), now)
    _wake(house, [done])
    return done


@again_if_undone
def verify_links(house: House, uid: str, choices: Collection[Choice]) -> tuple[Link, ...]:
    """Verify several links in one transaction: all of them, or none.

    Raises OneRefused, which names the link and why, audited as in `verify_link`; before it looks at one
    link NoDuty, NotThere, SignInAgain and DistrictAddress.
    """
    picked = tuple(choices)
    staff = staff_member(house, uid)
    check_accounts(house, staff, (choice.link for choice in picked))
    now = house.clock.now()
    try:
        with house.store.transaction() as rows:
            done = [_one_of_several(house, rows, staff, choice, now) for choice in picked]
    except OneRefused as stop:
        if type(stop.why) in AUDITED:
            audit_refusal(house, staff, None, LinkId(stop.link), AUDITED[type(stop.why)], now)
        raise
    _wake(house, done)
    return tuple(done)


def _one_of_several(house: House, rows: Rows, staff: StaffMember, choice: Choice, now: datetime) -> Link:
    try:
        return verify_within(house, rows, staff, choice, now)
    except Refusal as why:
        raise OneRefused(choice.link, why) from why


def _wake(house: House, links: Iterable[Link]) -> None:
    for parent in {link.parent for link in links if link.state is LinkState.VERIFIED}:
        house.wakeup.projection_due(parent)


def prove_within(
    house: House,
    rows: Rows,
    staff: StaffMember,
    visit_id: VisitId,
    school: SchoolCode,
    kind: str,
    now: datetime,
    seen: PaperSeen | None = None,
    born: date | None = None,
    *,
    again: bool = False,
) -> IdentityProof:
    """Record an identity inside the caller's transaction; `seen` where it is entered later from paper.

    A known proof is returned as it is, unless the identification was seen `again`.
    """
    visit = rows.visits.get(visit_id)
    if visit is None:
        raise NotThere
    if seen is None:
        if visit.closed_at is not None:
            raise MoveRefused("the visit is finished")
        refuse_lapsed(house, visit, now)
    parent = parent_of(house, rows, visit.parent)
    known = rows.proofs.get(parent.id)
    if known is not None and not again:
        return known
    waiting = (link for link in rows.links.of_visit(visit_id) if link.state in WAITING)
    refuse_own(rows, staff, parent, (link.student for link in waiting if link.student))
    before = known.birth_date_hash if known else None
    hashed = birth_date_hash(house.rules.code_key, born) if born else before
    proof = IdentityProof(parent.id, kind, school, staff.directory_id, now, hashed)
    if seen:
        proof = replace(proof, staff=seen.by.directory_id, at=seen.at, entered_by=staff.directory_id)
    fields = {"kind": kind, **(seen.fields if seen else {})}
    rows.proofs.add(proof)
    rows.audit.append(
        Event("identity:proven", now, actor(staff), parent=parent.id, school=school, fields=fields)
    )
    return proof


def verify_within(
    house: House,
    rows: Rows,
    staff: StaffMember,
    choice: Choice,
    now: datetime,
    seen: PaperSeen | None = None,
) -> Link:
    """Verify inside the caller's transaction; `seen` where it is entered later from paper, in time then."""
    link = seen_by(rows, staff, choice.link)
    parent = parent_of(house, rows, link.parent)
    student = student_of(house, rows, staff, link, now)
    if link.state is LinkState.AWAITING_SECOND:
        raise MoveRefused("the papers were seen; what is missing is the second person")
    refuse_these_two(house, rows, staff, parent, student)
    papers = replace(_papers(house, link, choice, now), seen=seen)
    if link.state in WAITING and seen is None:
        refuse_lapsed(house, rows.visits.get(link.visit), now)
    earlier = overruled(rows, staff, parent.id, student, overrule=choice.overrule)
    if papers.evidence in house.rules.evidence[link.claimed.relationship].second_person:
        return ask_second(house, rows, staff, link, papers, now)
    return write_verified(house, rows, staff, link, student, replace(papers, overrules=earlier), now)


def _papers(house: House, link: Link, choice: Choice, now: datetime) -> Papers:
    relationship, zone = link.claimed.relationship, house.rules.zone
    kind = check_evidence(house.rules.evidence, relationship, choice.evidence)
    until = check_until(house.rules.evidence[relationship], choice.until, now.astimezone(zone).date())
    return Papers(kind, end_of_day(until, zone) if until else None)
