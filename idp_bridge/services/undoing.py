"""Let who decided a link at the desk take it back within a short time; never decides it anew.

What counts is the audit: the last change of the link must be that decision, by this person, not long ago.
So a link that was suspended, ended or decided by somebody else meanwhile stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from idp_bridge.domain.access import Action, StaffMember, require
from idp_bridge.domain.errors import MoveRefused, NotThere, TooLate
from idp_bridge.domain.events import Event
from idp_bridge.domain.link import LIVE, WAITING, Link, LinkId, Move, Visit, asked_for, moved
from idp_bridge.domain.people import StudentNumber
from idp_bridge.services.counter import actor, place_of, seen_by, staff_member
from idp_bridge.services.house import House
from idp_bridge.services.notifying import untell
from idp_bridge.services.recording import record
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows

DECISIONS = frozenset({"link:verified", "link:denied", "link:second-person-asked", "link:referred"})
"""What can be taken back."""


@again_if_undone
def undo_decision(house: House, uid: str, link_id: LinkId) -> Link:
    """Take one's own decision back: the link waits for the visit again, which is open again.

    Raises NotThere, NoDuty, TooLate (the time is over, or the last word was somebody else's) and MoveRefused
    (nothing decided, or the parent has asked anew or deleted the account meanwhile).
    """
    staff = staff_member(house, uid)
    now = house.clock.now()
    with house.store.transaction() as rows:
        done = _undo(house, rows, staff, link_id, now)
    house.wakeup.projection_due(done.parent)
    return done


def _undo(house: House, rows: Rows, staff: StaffMember, link_id: LinkId, now: datetime) -> Link:
    link = seen_by(rows, staff, link_id)
    place = place_of(rows, link)
    require(staff, Action.VERIFY, place)
    undone = moved(link, Move.UNDO, now)
    _refuse_late(house, rows, staff, link, now)
    _refuse_deleted(rows, link)
    _refuse_second_request(rows, link)
    visit = _reopened(house, rows, link, now)
    done = _undecided(replace(undone, visit=visit.id))
    record(rows, link, done, "link:undone", actor(staff), school=place)
    untell(rows, link, now)
    rows.visits.save(visit)
    return done


def undo_window(house: House) -> timedelta:
    """Return how long a decision can be taken back."""
    return timedelta(minutes=house.rules.undo_minutes)


def own_decision(rows: Rows, staff: StaffMember, link: Link) -> datetime | None:
    """Return when `staff` decided the link, if nothing became of it since; None if something did.

    The row does not tell: a dispute that was settled and a restriction that was lifted change it, and leave
    in it who decided before.
    """
    last = _last_change(rows, link)
    return last.at if last and last.name in DECISIONS and last.actor == actor(staff) else None


def _refuse_late(house: House, rows: Rows, staff: StaffMember, link: Link, now: datetime) -> None:
    """Raise TooLate unless the link's last change is a decision of this person within the window."""
    at = own_decision(rows, staff, link)
    if at is None or at < now - undo_window(house):
        raise TooLate


def _last_change(rows: Rows, link: Link) -> Event | None:
    changes = [event for event in rows.audit.of_link(link.id) if "after" in (event.fields or {})]
    return changes[-1] if changes else None


def _refuse_deleted(rows: Rows, link: Link) -> None:
    """Raise MoveRefused where the parent has deleted the account: nobody would come to the visit."""
    parent = rows.parents.get(link.parent)
    if parent is None or parent.deleted_at is not None:
        raise MoveRefused("the account was deleted")


def _refuse_second_request(rows: Rows, link: Link) -> None:
    """Raise MoveRefused where the parent asked for the same child again meanwhile: that request stands."""
    for other in rows.links.of_parent(link.parent):
        if other.id == link.id or other.state not in LIVE:
            continue
        same_student = link.student is not None and other.student == link.student
        same_number = _meant(other) == _meant(link) or _typed(other) == _typed(link)
        if same_student or (same_number and other.state in WAITING):
            raise MoveRefused("asked for again")


def _typed(link: Link) -> StudentNumber:
    """Return the number of which the parent may have one waiting request."""
    return link.claimed.student_number


def _meant(link: Link) -> StudentNumber:
    return asked_for(link).student_number


def _reopened(house: House, rows: Rows, link: Link, now: datetime) -> Visit:
    """Return the visit the link waits in from now on: the parent's open one, or its own, open again.

    A parent has one open visit and one code; where the last day passed meanwhile, today is the last day.
    """
    today = now.astimezone(house.rules.zone).date()
    visit = rows.visits.open_of(link.parent) or rows.visits.get(link.visit)
    if visit is None:
        raise NotThere
    return replace(visit, closed_at=None, visit_by=max(visit.visit_by, today))


def _undecided(link: Link) -> Link:
    """Return `link` without anything the decision wrote; what was claimed and corrected stays."""
    return replace(
        link,
        purposes=frozenset(),
        evidence=None,
        verified_at=None,
        verified_school=None,
        expires_at=None,
        first_staff=None,
        decided_by=None,
        reason=None,
        paper_seen_at=None,
        paper_seen_by=None,
    )
