"""Find the visit or the child a page at the counter is about, for whom LDAP lets in; never changes one."""

from __future__ import annotations

from typing import Any

from flask import current_app, request

from idp_bridge.domain.access import Action, require_somewhere
from idp_bridge.domain.errors import MoveRefused, NotThere, Refusal
from idp_bridge.domain.link import WAITING, LinkId, VisitId
from idp_bridge.services.desk import DeskVisit, desk_visit, find_link
from idp_bridge.services.desk_child import DeskChild
from idp_bridge.web import errors
from idp_bridge.web.desk_person import house, place_name, staff
from idp_bridge.web.guards import signed_in


def visit(visit_id: str) -> DeskVisit:
    """Return a visit as the clerk sees it. Raises NoDuty and NotThere."""
    return desk_visit(house(), staff(), VisitId(visit_id))


def child(link_id: str) -> tuple[DeskVisit, DeskChild]:
    """Return a request with its visit; LDAP is asked first, so that a stranger learns nothing.

    Raises NoDuty, NotThere, and MoveRefused where the parent took the request back.
    """
    require_somewhere(staff(), Action.FIND_VISIT)
    shown = visit(find_link(house(), LinkId(link_id)).visit)
    for one in shown.children:
        if one.link.id == link_id:
            return shown, one
    raise MoveRefused("the parent took it back")


def mine(one: DeskChild) -> DeskChild:
    """Return a child this clerk may decide now; raise NotThere elsewhere, MoveRefused if it is decided."""
    if one.mine:
        return one
    raise NotThere if one.link.state in WAITING else MoveRefused


def words_of(refusal: Refusal) -> errors.Words:
    """Return what the page says on top of a refusal; the log says only its kind."""
    current_app.logger.info("refused %s: %s", request.endpoint, type(refusal).__name__)
    return errors.TABLE[type(refusal)]


def head(shown: DeskVisit) -> dict[str, Any]:
    """Return what the skeleton of a page about `shown` needs."""
    return {
        "shown": shown,
        "school_name": place_name(shown.clerk_schools),
        "person_name": signed_in().name,
    }
