"""Let a principal put a link on hold in a dispute, settle it, or end a link; never without the duty.

Who the staff member is, is checked as at the counter: never the own account, never the own child. A link of a
school where they have no duty is not there for them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from idp_bridge.domain.access import Action, StaffMember, may, require_somewhere
from idp_bridge.domain.errors import ConflictOfInterest, NotThere
from idp_bridge.domain.link import Link, LinkId, Move, dispute_settled, held_for_dispute, moved
from idp_bridge.domain.reasons import REVOCATION_REASONS, check_reason
from idp_bridge.services.counter import actor, audit_refusal, decided, place_of, refuse_own, staff_member
from idp_bridge.services.house import House
from idp_bridge.services.recording import record
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import access_restricted

Step = Callable[[Rows, Link, datetime], Link]


@again_if_undone
def hold_link(house: House, uid: str, link_id: LinkId) -> Link:
    """Put a link on hold while guardianship is argued about; it leaves the token at once.

    A link that a restriction holds already stays on hold when that is lifted. Raises NoDuty, NotThere,
    MoveRefused and ConflictOfInterest; the last is audited though nothing changes.
    """
    return _change(house, uid, link_id, Action.HOLD, "link:disputed", _hold)


@again_if_undone
def settle_dispute(house: House, uid: str, link_id: LinkId) -> Link:
    """Let a disputed link work again, unless a restriction holds it too. Raises what `hold_link` does."""
    return _change(house, uid, link_id, Action.HOLD, "link:dispute-settled", _settle)


@again_if_undone
def end_link(house: House, uid: str, link_id: LinkId, reason: str) -> Link:
    """End a link for a reason of the list. Raises what `hold_link` does, and BadInput."""
    check_reason(reason, REVOCATION_REASONS)

    def revoke(_rows: Rows, link: Link, now: datetime) -> Link:
        return moved(link, Move.REVOKE, now)

    return _change(house, uid, link_id, Action.REVOKE, "link:revoked", revoke, reason=reason)


def _hold(_rows: Rows, link: Link, now: datetime) -> Link:
    return held_for_dispute(link, now)


def _settle(rows: Rows, link: Link, now: datetime) -> Link:
    return dispute_settled(link, now, restricted=access_restricted(rows, link))


def _change(
    house: House, uid: str, link_id: LinkId, action: Action, name: str, step: Step, **fields: Any
) -> Link:
    staff = staff_member(house, uid)
    now = house.clock.now()
    try:
        with house.store.transaction() as rows:
            link = _found(rows, staff, link_id, action)
            done = decided(step(rows, link, now), staff)
            record(rows, link, done, name, actor(staff), school=place_of(rows, link), **fields)
    except ConflictOfInterest:
        audit_refusal(house, staff, None, link_id, "conflict-of-interest", now)
        raise
    house.wakeup.projection_due(done.parent)
    return done


def _found(rows: Rows, staff: StaffMember, link_id: LinkId, action: Action) -> Link:
    require_somewhere(staff, action)
    link = rows.links.get(link_id)
    parent = rows.parents.get(link.parent) if link else None
    if link is None or parent is None or not may(staff, action, place_of(rows, link)):
        raise NotThere
    refuse_own(rows, staff, parent, (link.student,) if link.student else ())
    return link
