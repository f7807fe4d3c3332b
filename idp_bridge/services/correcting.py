"""Correct a claim with the parent at the counter and match it again; never changes what was typed.

The clerk learns nothing of students elsewhere: a claim that names one then only goes to its school.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from idp_bridge.domain.access import Action, StaffMember, may, require
from idp_bridge.domain.errors import AlreadyAsked, BadInput, MoveRefused, NotThere
from idp_bridge.domain.events import Event
from idp_bridge.domain.link import LIVE, WAITING, Link, LinkId, asked_for
from idp_bridge.domain.matching import fits
from idp_bridge.domain.people import Student, StudentNumber
from idp_bridge.services.counter import (
    actor,
    decision,
    parent_of,
    place_of,
    refuse_lapsed,
    refuse_own,
    seen_by,
    staff_member,
)
from idp_bridge.services.house import House
from idp_bridge.services.linking import check_birth_date
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows


@again_if_undone
def correct_claim(house: House, uid: str, link_id: LinkId, number: StudentNumber, birth_date: date) -> Link:
    """Note what the parent meant and match the request again; return it as it then waits.

    Raises BadInput (an impossible birth date, or nothing that differs), NotThere, NoDuty, MoveRefused,
    CodeLapsed, DistrictAddress, AlreadyAsked (the parent has a live link to a student of this school) and
    ConflictOfInterest; the last is audited though nothing changes.
    """
    staff = staff_member(house, uid)
    check_birth_date(house, birth_date)
    now = house.clock.now()
    with decision(house, staff, link_id, now) as rows:
        return _correct(house, rows, staff, link_id, number, birth_date, now)


def _correct(
    house: House,
    rows: Rows,
    staff: StaffMember,
    link_id: LinkId,
    number: StudentNumber,
    birth_date: date,
    now: datetime,
) -> Link:
    link = _open_to(house, rows, staff, link_id, now)
    meant = _with(link, number, birth_date)
    student = _matched(rows, staff, meant)
    parent = parent_of(house, rows, link.parent)
    refuse_own(rows, staff, parent, {one for one in (link.student, student and student.id) if one})
    done = replace(meant, student=student.id if student else None, changed_at=now, version=link.version + 1)
    if replace(done, changed_at=link.changed_at, version=link.version) == link:
        raise BadInput({"number": "unchanged"})
    rows.links.save(done)
    rows.audit.append(_event(staff, link, done, rows))
    return done


def _open_to(house: House, rows: Rows, staff: StaffMember, link_id: LinkId, now: datetime) -> Link:
    """Return the waiting link, if `staff` may correct it where it is decided now."""
    link = seen_by(rows, staff, link_id)
    require(staff, Action.CORRECT, place_of(rows, link))
    if link.state not in WAITING:
        raise MoveRefused(f"correct in {link.state}")
    visit = rows.visits.get(link.visit)
    if visit is None:
        raise NotThere
    refuse_lapsed(house, visit, now)
    return link


def _with(link: Link, number: StudentNumber, birth_date: date) -> Link:
    """Return `link` with the correction; what was typed needs none."""
    typed = link.claimed
    return replace(
        link,
        corrected_number=None if number == typed.student_number else number,
        corrected_birth_date=None if birth_date == typed.birth_date else birth_date,
    )


def _matched(rows: Rows, staff: StaffMember, link: Link) -> Student | None:
    """Return the student the request means now, unless the parent has another live link to them.

    That is said of students of one's own schools only; elsewhere the request stays unmatched, as the
    parent's own request would.
    """
    asked = asked_for(link)
    student = rows.students.by_number(asked.student_number)
    if student is None or not fits(asked, student):
        return None
    others = (one for one in rows.links.of_student(student.id) if one.parent == link.parent)
    if all(one.id == link.id or one.state not in LIVE for one in others):
        return student
    if may(staff, Action.CORRECT, student.school):
        raise AlreadyAsked
    return None


def _event(staff: StaffMember, before: Link, after: Link, rows: Rows) -> Event:
    old, new = asked_for(before), asked_for(after)
    differs = {
        "number": old.student_number != new.student_number,
        "birth_date": old.birth_date != new.birth_date,
    }
    return Event(
        "link:corrected",
        after.changed_at,
        actor(staff),
        parent=after.parent,
        student=after.student,
        link=after.id,
        school=place_of(rows, before),
        fields={"what": [what for what, so in differs.items() if so]},
    )
