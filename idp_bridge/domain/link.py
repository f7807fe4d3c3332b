"""Own the life of a link: its states and every allowed move; never stores it or tells anybody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NewType
from zoneinfo import ZoneInfo

from idp_bridge.domain.errors import MoveRefused
from idp_bridge.domain.people import (
    ParentId,
    Purpose,
    Relationship,
    SchoolCode,
    Student,
    StudentId,
    StudentNumber,
    eighteenth_birthday,
)

LinkId = NewType("LinkId", str)
VisitId = NewType("VisitId", str)


class LinkState(StrEnum):
    """Where a link stands (design 4)."""

    REQUESTED = "requested"
    AWAITING_VISIT = "awaiting_visit"
    AWAITING_SECOND = "awaiting_second"
    """One person saw the papers and a second one must agree; the visit itself is over."""
    REFERRED = "referred"
    """The school handed it to the district office; the visit itself is over."""
    VERIFIED = "verified"
    SUSPENDED = "suspended"
    DENIED = "denied"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    ENDED = "ended"


class Move(StrEnum):
    """What can happen to a link."""

    AWAIT_VISIT = "await_visit"
    ASK_SECOND = "ask_second"
    REFER = "refer"
    VERIFY = "verify"
    DENY = "deny"
    CANCEL = "cancel"
    LAPSE = "lapse"
    SUSPEND = "suspend"
    RESUME = "resume"
    REVOKE = "revoke"
    LEAVE = "leave"
    EXPIRE = "expire"
    COME_OF_AGE = "come_of_age"
    WITHDRAW = "withdraw"
    WITHDRAW_CONSENT = "withdraw_consent"
    MERGE = "merge"
    UNDO = "undo"
    REOPEN = "reopen"


_ENDS = (
    Move.REVOKE,
    Move.LEAVE,
    Move.EXPIRE,
    Move.COME_OF_AGE,
    Move.WITHDRAW,
    Move.WITHDRAW_CONSENT,
    Move.MERGE,
)

MOVES: dict[tuple[LinkState, Move], LinkState] = {
    (LinkState.REQUESTED, Move.AWAIT_VISIT): LinkState.AWAITING_VISIT,
    (LinkState.AWAITING_VISIT, Move.LAPSE): LinkState.LAPSED,
    (LinkState.REQUESTED, Move.LAPSE): LinkState.LAPSED,
    (LinkState.LAPSED, Move.REOPEN): LinkState.AWAITING_VISIT,
    (LinkState.AWAITING_VISIT, Move.ASK_SECOND): LinkState.AWAITING_SECOND,
    (LinkState.REFERRED, Move.ASK_SECOND): LinkState.AWAITING_SECOND,
    (LinkState.AWAITING_VISIT, Move.REFER): LinkState.REFERRED,
    (LinkState.AWAITING_SECOND, Move.REFER): LinkState.REFERRED,
    (LinkState.AWAITING_VISIT, Move.VERIFY): LinkState.VERIFIED,
    (LinkState.AWAITING_SECOND, Move.VERIFY): LinkState.VERIFIED,
    (LinkState.REFERRED, Move.VERIFY): LinkState.VERIFIED,
    **{
        (state, move): result
        for state in (
            LinkState.REQUESTED,
            LinkState.AWAITING_VISIT,
            LinkState.AWAITING_SECOND,
            LinkState.REFERRED,
        )
        for move, result in ((Move.DENY, LinkState.DENIED), (Move.CANCEL, LinkState.CANCELLED))
    },
    **{
        (state, Move.UNDO): LinkState.AWAITING_VISIT
        for state in (LinkState.VERIFIED, LinkState.DENIED, LinkState.AWAITING_SECOND, LinkState.REFERRED)
    },
    (LinkState.VERIFIED, Move.SUSPEND): LinkState.SUSPENDED,
    (LinkState.SUSPENDED, Move.RESUME): LinkState.VERIFIED,
    **{
        (state, move): LinkState.ENDED
        for state in (LinkState.VERIFIED, LinkState.SUSPENDED)
        for move in _ENDS
    },
}
"""Every allowed move. Anything that is not a key is refused."""

END_REASON: dict[Move, str] = {
    Move.REVOKE: "revoked",
    Move.LEAVE: "left",
    Move.EXPIRE: "expired",
    Move.COME_OF_AGE: "student_is_18",
    Move.WITHDRAW: "withdrew",
    Move.WITHDRAW_CONSENT: "consent_withdrawn",
    Move.MERGE: "merged",
}

WAITING = frozenset({LinkState.REQUESTED, LinkState.AWAITING_VISIT})
"""The parent has still to come; a visit stays open while one of its links is here."""

UNDECIDED = WAITING | {LinkState.AWAITING_SECOND, LinkState.REFERRED}
"""The school or the district has still to decide."""

LIVE = UNDECIDED | {LinkState.VERIFIED, LinkState.SUSPENDED}
"""States of which a parent and student may have one link only; the database enforces it."""

CONSENT = "student-consent"
"""Evidence of a link that a student of 18 or more allowed; it has no end of its own (34 CFR 99.5, 99.30)."""

DISPUTE = "dispute"
"""Reason of a link on hold while guardianship is argued about; without it the hold is a restriction's."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the parent typed; kept beside the roster's truth, never corrected silently."""

    student_number: StudentNumber
    birth_date: date
    school: SchoolCode
    relationship: Relationship


@dataclass(frozen=True, slots=True)
class Link:
    """One parent and one student. `student` is None while the claim matches nobody in the roster."""

    id: LinkId
    parent: ParentId
    visit: VisitId
    claimed: Claimed
    student: StudentId | None
    state: LinkState
    requested_at: datetime
    changed_at: datetime
    reason: str | None = None
    """Why it was denied or ended: a code from a fixed list, never free text."""
    purposes: frozenset[Purpose] = frozenset()
    evidence: str | None = None
    verified_at: datetime | None = None
    verified_school: SchoolCode | None = None
    expires_at: datetime | None = None
    corrected_number: StudentNumber | None = None
    corrected_birth_date: date | None = None
    """What the parent meant, as found out at the counter; the claim itself stays as it was typed."""
    first_staff: str | None = None
    """Who saw the papers where a second person must agree; never the second."""
    decided_by: str | None = None
    """Who of the staff decided last (LDAP entryUUID); None where the clock or the parent did."""
    paper_seen_at: datetime | None = None
    paper_seen_by: str | None = None
    """When and by whom the papers were seen where it was entered later from a log sheet; kept for ever."""
    version: int = 0
    """Raised at each write; a write that names an older version is refused."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A parent's appointment with proof: one code for all of the parent's open links."""

    id: VisitId
    parent: ParentId
    code_fingerprint: str
    code_turn: int
    """How often the derived code collided with another visit's before it was free; nearly always 0."""
    opened_at: datetime
    visit_by: date
    """Last day, in the district's time zone."""
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IdentityProof:
    """That staff saw the person's identification: kinds only, never a number or a copy. Once per parent."""

    parent: ParentId
    kind: str
    school: SchoolCode
    staff: str
    at: datetime
    birth_date_hash: str | None = None
    """Keyed hash of the date of birth on the document; the date itself is not kept."""
    entered_by: str | None = None
    """Who entered it later from a paper log sheet; None where it was recorded when it was seen."""


def asked_for(link: Link) -> Claimed:
    """Return the claim as it is meant: what was typed, with what was corrected at the counter."""
    return replace(
        link.claimed,
        student_number=link.corrected_number or link.claimed.student_number,
        birth_date=link.corrected_birth_date or link.claimed.birth_date,
    )


def moved(link: Link, move: Move, at: datetime, reason: str | None = None) -> Link:
    """Return `link` after `move` at `at`; raise MoveRefused where the table does not allow it."""
    state = MOVES.get((link.state, move))
    if state is None:
        raise MoveRefused(f"{move} from {link.state}")
    return replace(
        link,
        state=state,
        changed_at=at,
        reason=END_REASON.get(move, reason),
        version=link.version + 1,
    )


def verified(
    link: Link,
    student: Student,
    evidence: str,
    school: SchoolCode,
    at: datetime,
    zone: ZoneInfo,
    until: datetime | None = None,
) -> Link:
    """Return `link` verified for `student`: all purposes, until `until` or the 18th birthday begins."""
    done = moved(link, Move.VERIFY, at)
    of_age = end_of_childhood(student.birth_date, zone)
    return replace(
        done,
        student=student.id,
        evidence=evidence,
        purposes=frozenset(Purpose),
        verified_at=at,
        verified_school=school,
        expires_at=min(until, of_age) if until else of_age,
    )


def awaiting_second(
    link: Link, evidence: str, first_staff: str, at: datetime, until: datetime | None = None
) -> Link:
    """Return `link` after one person saw the papers; what they saw is kept for the second one."""
    done = moved(link, Move.ASK_SECOND, at)
    return replace(done, evidence=evidence, first_staff=first_staff, expires_at=until)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant after `day` in the district's `zone`, as UTC."""
    return datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)


def granted(before: Link, id: LinkId, purposes: frozenset[Purpose], school: SchoolCode, at: datetime) -> Link:
    """Return a new link of the same two, which the student of 18 or more allows for `purposes`.

    Nobody has to come to school again: `before` was verified there, and the rights are the student's own now.
    """
    return Link(
        id=id,
        parent=before.parent,
        visit=before.visit,
        claimed=before.claimed,
        student=before.student,
        state=LinkState.VERIFIED,
        requested_at=at,
        changed_at=at,
        purposes=purposes,
        evidence=CONSENT,
        verified_at=at,
        verified_school=school,
    )


def end_of_childhood(birth_date: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of the 18th birthday in the district's `zone`, as UTC."""
    return datetime.combine(eighteenth_birthday(birth_date), time.min, zone).astimezone(UTC)


def opens_apps(link: Link, now: datetime) -> bool:
    """Tell whether `link` may appear in a token at `now`: verified, for somebody, not expired."""
    return (
        link.state is LinkState.VERIFIED
        and link.student is not None
        and (link.expires_at is None or link.expires_at > now)
    )


def disputed(link: Link) -> bool:
    """Tell whether the link is on hold because guardianship is argued about."""
    return link.state is LinkState.SUSPENDED and link.reason == DISPUTE


def held_for_dispute(link: Link, at: datetime) -> Link:
    """Return `link` on hold for a dispute, also where a restriction holds it already; raise MoveRefused."""
    if link.state is LinkState.VERIFIED:
        return moved(link, Move.SUSPEND, at, DISPUTE)
    if link.state is not LinkState.SUSPENDED or disputed(link):
        raise MoveRefused(f"hold from {link.state}")
    return replace(link, changed_at=at, reason=DISPUTE, version=link.version + 1)


def dispute_settled(link: Link, at: datetime, *, restricted: bool) -> Link:
    """Return `link` working again, or still on hold where a restriction stands; raise MoveRefused."""
    if not disputed(link):
        raise MoveRefused("no dispute")
    if restricted:
        return replace(link, changed_at=at, reason=None, version=link.version + 1)
    return moved(link, Move.RESUME, at)
