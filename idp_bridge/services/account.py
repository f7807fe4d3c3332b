"""Show and close what hangs on a parent's account: apps in use, sessions; never touches a link."""

from __future__ import annotations

from contextlib import suppress

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.people import ParentId
from idp_bridge.services.failures import Gone, OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.ports import AppUse
from idp_bridge.services.signing_out import endings


def apps_in_use(house: House, parent_id: ParentId) -> tuple[AppUse, ...] | None:
    """Return where the account was used, the latest first; None while Keycloak cannot be asked."""
    try:
        return house.accounts.uses(parent_id)
    except OutsideFailure:
        return None


def sign_out_everywhere(house: House, parent_id: ParentId) -> None:
    """End the parent's sessions and offline tokens at Keycloak and their sessions here; write that down.

    Nothing tries again by itself: whoever asked is told. Raises Unreachable and Refused; what ended until
    then stays ended, and asking again ends the rest.
    """
    for _step, end in endings(house):
        with suppress(Gone):  # who has no account any more has no session there either
            end(parent_id)
    with house.store.transaction() as rows:
        rows.audit.append(
            Event(
                "parent:signed-out-everywhere",
                house.clock.now(),
                Actor(ActorKind.PARENT, parent_id),
                parent=parent_id,
            )
        )
