"""Let staff refuse a request or end a link, for a reason of the list; never without one."""

from __future__ import annotations

from datetime import datetime

from idp_bridge.domain.access import Action, StaffMember, require
from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.events import Actor
from idp_bridge.domain.link import (
    Link,
    LinkId,
    LinkState,
    Move,
    moved,
)
from idp_bridge.domain.paper import PaperSeen
from idp_bridge.domain.reasons import DENIAL_REASONS, REVOCATION_REASONS, check_reason
from idp_bridge.services.agreeing import refuse_first
from idp_bridge.services.counter import (
    actor,
    decided,
    decision,
    on_paper,
    place_of,
    refuse_own,
    seen_by,
    staff_member,
)
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows


@again_if_undone
def refuse_link(house: House, uid: str, link_id: LinkId, reason: str) -> Link:
    """Refuse one link for a reason of the list.

    Raises NotThere, NoDuty, MoveRefused, BadInput and ConflictOfInterest: who is a child's parent may not
    turn the other parent away either. The last is audited though nothing changes. What waits for a second
    person is refused by one (SamePerson for the first), what was referred by the district office.
    """
    staff = staff_member(house, uid)
    now = house.clock.now()
    with decision(house, staff, link_id, now) as rows:
        return refuse_within(rows, staff, link_id, reason, now)


@again_if_undone
def revoke_link(house: House, who: Actor, link_id: LinkId, reason: str) -> Link:
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
        record(rows, link, done, "link:revoked", who, reason=reason)
    house.wakeup.projection_due(done.parent)
    return done


def refuse_within(
    rows: Rows,
    staff: StaffMember,
    link_id: LinkId,
    reason: str,
    now: datetime,
    seen: PaperSeen | None = None,
) -> Link:
    """Refuse inside the caller's transaction; `seen` where it is entered later from paper."""
    link = seen_by(rows, staff, link_id)
    place = place_of(rows, link)
    require(staff, Action.SETTLE_REFERRED if link.state is LinkState.REFERRED else Action.REFUSE, place)
    parent = rows.parents.get(link.parent)
    if parent:
        refuse_own(rows, staff, parent, (link.student,) if link.student else ())
    done = decided(moved(link, Move.DENY, now, check_reason(reason, DENIAL_REASONS)), staff)
    refuse_first(staff, link)
    done, paper = on_paper(done, seen)
    record(rows, link, done, "link:denied", actor(staff), school=place, reason=reason, **paper)
    close_visit(rows, link.visit, now)
    return done
