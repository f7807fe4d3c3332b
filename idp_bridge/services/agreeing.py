"""Let a second person agree with what a first one saw, or hand a request to the district; never alone.

Both persons' duties, their own cases and restrictions are checked at the time of each.
"""

from __future__ import annotations

from datetime import datetime

from idp_bridge.domain.access import Action, StaffMember
from idp_bridge.domain.errors import BadInput, MoveRefused, SamePerson
from idp_bridge.domain.link import WAITING, Link, LinkId, LinkState, Move, moved
from idp_bridge.services.counter import (
    actor,
    check_accounts,
    decided,
    decision,
    parent_of,
    refuse_lapsed,
    seen_by,
    staff_member,
)
from idp_bridge.services.deciding import Papers, refuse_these_two, student_of, write_verified
from idp_bridge.services.earlier import overruled
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows


@again_if_undone
def agree_link(house: House, uid: str, link_id: LinkId, *, overrule: bool = False) -> Link:
    """Verify a link whose papers a first person saw; the parent's token follows by the worker.

    Raises NotThere, NoDuty, MoveRefused, SamePerson, NotInRoster, OfAge, EndedBefore, ConflictOfInterest,
    Restricted, IdentityMissing, DistrictAddress, SignInAgain, and BadInput where the last day is over.
    """
    staff = staff_member(house, uid)
    check_accounts(house, staff, [link_id])
    now = house.clock.now()
    with decision(house, staff, link_id, now) as rows:
        done = _agree(house, rows, staff, link_id, now, overrule=overrule)
    house.wakeup.projection_due(done.parent)
    return done


@again_if_undone
def refer_link(house: House, uid: str, link_id: LinkId) -> Link:
    """Hand a request to the district office, which alone decides from now on.

    Raises NotThere, NoDuty, MoveRefused, SamePerson, NotInRoster, OfAge, ConflictOfInterest, Restricted,
    IdentityMissing (the person is at the counter now and not at the district office later), CodeLapsed and
    DistrictAddress.
    """
    staff = staff_member(house, uid)
    now = house.clock.now()
    with decision(house, staff, link_id, now) as rows:
        return _refer(house, rows, staff, link_id, now)


def _agree(
    house: House, rows: Rows, staff: StaffMember, link_id: LinkId, now: datetime, *, overrule: bool
) -> Link:
    link = seen_by(rows, staff, link_id)
    parent = parent_of(house, rows, link.parent)
    student = student_of(house, rows, staff, link, now)
    if link.state is not LinkState.AWAITING_SECOND or link.evidence is None:
        raise MoveRefused("nobody asked for a second person")
    refuse_first(staff, link)
    refuse_these_two(house, rows, staff, parent, student)
    if link.expires_at and link.expires_at <= now:
        raise BadInput({"until": "in-past"})
    earlier = overruled(rows, staff, parent.id, student, overrule=overrule)
    papers = Papers(link.evidence, link.expires_at, earlier, link.first_staff)
    return write_verified(house, rows, staff, link, student, papers, now)


def _refer(house: House, rows: Rows, staff: StaffMember, link_id: LinkId, now: datetime) -> Link:
    link = seen_by(rows, staff, link_id)
    student = student_of(house, rows, staff, link, now, Action.VERIFY)
    done = decided(moved(link, Move.REFER, now), staff)
    refuse_first(staff, link)
    parent = parent_of(house, rows, link.parent)
    refuse_these_two(house, rows, staff, parent, student)
    if link.state in WAITING:
        refuse_lapsed(house, rows.visits.get(link.visit), now)
    record(rows, link, done, "link:referred", actor(staff), school=student.school)
    close_visit(rows, link.visit, now)
    return done


def refuse_first(staff: StaffMember, link: Link) -> None:
    """Raise SamePerson for who saw the papers, where a second person must decide now."""
    if link.state is LinkState.AWAITING_SECOND and link.first_staff == staff.directory_id:
        raise SamePerson
