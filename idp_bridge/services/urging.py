"""Let the identity admin have the worker look again and resolve who was stopped; never writes itself."""

from __future__ import annotations

from idp_bridge.domain.access import Action, StaffMember, require_somewhere
from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.people import ParentId
from idp_bridge.services.counter import actor, staff_member
from idp_bridge.services.failures import OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.resolving import Sides, both_sides, keep_ours


@again_if_undone
def project_now(house: House, uid: str, parent: ParentId) -> None:
    """Have the worker look at one parent now, however long the wait after a failure was.

    Queued, for Keycloak may take longer than a page may. Raises NoDuty and NotThere.
    """
    _admin(house, uid)
    with house.store.transaction() as rows:
        if rows.parents.get(parent) is None:
            raise NotThere
        rows.projections.mark_due(parent, house.clock.now(), loss=False)
    house.wakeup.projection_due(parent)


def compare_all(house: House, uid: str) -> None:
    """Have the worker compare every parent now. Raises NoDuty."""
    _admin(house, uid)
    house.wakeup.comparison_due()


def sides_of(house: House, staff: StaffMember, parent: ParentId) -> Sides | None:
    """Return both sides of a parent who was stopped, or None while Keycloak does not say. Raises NoDuty."""
    require_somewhere(staff, Action.SEE_PROJECTION)
    try:
        return both_sides(house, parent)
    except OutsideFailure:
        return None


def go_on_with_ours(house: House, uid: str, parent: ParentId) -> int:
    """Have our side of a stopped parent written, and say at which revision.

    Raises NoDuty, NotThere, MoveRefused (not stopped any more) and OutsideFailure.
    """
    return keep_ours(house, actor(_admin(house, uid)), parent)


def _admin(house: House, uid: str) -> StaffMember:
    staff = staff_member(house, uid)
    require_somewhere(staff, Action.SEE_PROJECTION)
    return staff
