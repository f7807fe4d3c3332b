"""Check and write what verifying needs, at whichever stage staff do it; never opens a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from idp_bridge.domain.access import Action, StaffMember, may, require
from idp_bridge.domain.errors import IdentityMissing, NotInRoster, OfAge
from idp_bridge.domain.events import Event
from idp_bridge.domain.evidence import EvidencePolicy
from idp_bridge.domain.link import (
    Link,
    LinkId,
    LinkState,
    Move,
    asked_for,
    awaiting_second,
    end_of_childhood,
    moved,
    verified,
)
from idp_bridge.domain.matching import fits
from idp_bridge.domain.paper import PaperSeen
from idp_bridge.domain.people import Parent, SchoolCode, Student
from idp_bridge.services.counter import actor, decided, on_paper, place_of, refuse_own, refuse_restricted
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.guessing import count_verification
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.rows import Rows


@dataclass(frozen=True, slots=True)
class Papers:
    """What showed the relationship, until when it holds, and what is overruled or agreed with by it."""

    evidence: str
    ends: datetime | None
    overrules: LinkId | None = None
    first: str | None = None
    """Who saw the papers, where a second person agrees."""
    seen: PaperSeen | None = None
    """When and by whom, where it is entered later from a log sheet."""


def duty_for(policy: EvidencePolicy, link: Link) -> Action:
    """Return the action that settles `link` as it stands: the district's once referred."""
    if link.state is LinkState.REFERRED or policy[link.claimed.relationship].referral:
        return Action.SETTLE_REFERRED
    return Action.VERIFY


def may_settle(policy: EvidencePolicy, staff: StaffMember, link: Link, place: SchoolCode) -> bool:
    """Tell whether `staff` may verify `link` at `place`; never the one who saw the papers first."""
    if link.state is LinkState.AWAITING_SECOND and link.first_staff == staff.directory_id:
        return False
    return may(staff, duty_for(policy, link), place)


def student_of(
    house: House, rows: Rows, staff: StaffMember, link: Link, now: datetime, duty: Action | None = None
) -> Student:
    """Return the student to link, if staff have the duty (or `duty`) at that student's school.

    The roster may have changed since the parent asked: what no longer fits, or left, is not linked. Raises
    NoDuty, MoveRefused, NotInRoster and OfAge.
    """
    student = rows.students.get(link.student) if link.student else None
    place = student.school if student else link.claimed.school
    require(staff, duty or duty_for(house.rules.evidence, link), place)
    moved(link, Move.VERIFY, now)  # what is decided already is said before anything else
    if student is None or not student.enrolled or not fits(asked_for(link), student):
        raise NotInRoster
    if end_of_childhood(student.birth_date, house.rules.zone) <= now:
        raise OfAge
    return student


def refuse_these_two(house: House, rows: Rows, staff: StaffMember, parent: Parent, student: Student) -> None:
    """Raise what stands between these people: ConflictOfInterest, Restricted or IdentityMissing."""
    refuse_own(rows, staff, parent, (student.id,))
    refuse_restricted(house, rows, parent, student.id)
    if rows.proofs.get(parent.id) is None:
        raise IdentityMissing


def ask_second(
    house: House, rows: Rows, staff: StaffMember, link: Link, papers: Papers, now: datetime
) -> Link:
    """Keep what the first person saw; the visit is over, the decision is not."""
    first = (papers.seen.by if papers.seen else staff).directory_id
    asked = awaiting_second(link, papers.evidence, first, now, papers.ends)
    return _written(house, rows, staff, link, asked, "link:second-person-asked", papers)


def write_verified(
    house: House,
    rows: Rows,
    staff: StaffMember,
    link: Link,
    student: Student,
    papers: Papers,
    now: datetime,
) -> Link:
    """Verify `link` for `student`, and raise the alarm where an earlier refusal is overruled."""
    done = verified(link, student, papers.evidence, student.school, now, house.rules.zone, papers.ends)
    if papers.overrules:
        rows.audit.append(
            Event(
                "alarm:refusal-overruled",
                now,
                actor(staff),
                parent=link.parent,
                student=student.id,
                link=link.id,
                school=student.school,
                fields={"earlier": papers.overrules},
            )
        )
    written = _written(house, rows, staff, link, done, "link:verified", papers)
    count_verification(house, rows, staff, now)
    return written


def _written(
    house: House, rows: Rows, staff: StaffMember, before: Link, after: Link, event: str, papers: Papers
) -> Link:
    school = place_of(rows, before)
    until = (papers.ends.astimezone(house.rules.zone) - timedelta(days=1)).date() if papers.ends else None
    fields = {
        "evidence": papers.evidence,
        "until": until.isoformat() if until else None,
        "overrules": papers.overrules,
        "first": papers.first,
    }
    done, paper = on_paper(decided(after, staff), papers.seen)
    said = {name: value for name, value in fields.items() if value} | paper
    record(rows, before, done, event, actor(staff), school=school, **said)
    close_visit(rows, before.visit, done.changed_at)
    return done
