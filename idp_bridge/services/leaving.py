"""Let a parent go: from a child that is not theirs, or altogether; never asks whether they are sure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import UNDECIDED, Link, LinkId, LinkState
from idp_bridge.domain.people import ParentId
from idp_bridge.services.expiring import close_visit
from idp_bridge.services.house import House
from idp_bridge.services.linking import known, leave, own_link, take_back
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows

NOT_MY_CHILD = "not-my-child"
LEAVABLE = (LinkState.VERIFIED, LinkState.SUSPENDED)


@again_if_undone
def report_wrong_child(house: House, parent_id: ParentId, link_id: LinkId) -> None:
    """End a link, or take a request back, because the student is not the parent's child.

    A link the school had confirmed raises an alarm: somebody verified the wrong one. A request raises none,
    and looks the same whether it names a student or not. Raises NotThere and MoveRefused.
    """
    now = house.clock.now()
    with house.store.transaction() as rows:
        link = own_link(rows, parent_id, link_id)
        if link.state in LEAVABLE:
            leave(rows, link, now, reason=NOT_MY_CHILD)
            rows.audit.append(_event("alarm:wrong-child", parent_id, now, link))
        else:
            take_back(rows, link, now, reason=NOT_MY_CHILD)
            close_visit(rows, link.visit, now)
    house.wakeup.projection_due(parent_id)


@again_if_undone
def delete_account(house: House, parent_id: ParentId) -> None:
    """End everything of a parent here: links, requests, snapshot, identity proof, mails not yet sent.

    The row stays without name and e-mail, and the audit by id. Keycloak deletes the user itself, when the
    parent confirms there; who turns back is filled in again at the next sign-in. Raises NotThere.
    """
    now = house.clock.now()
    with house.store.transaction() as rows:
        parent = known(rows, parent_id)
        for link in rows.links.of_parent(parent_id):
            _part(rows, link, now)
        rows.parents.save(replace(parent, email="", given_name="", family_name="", deleted_at=now))
        rows.proofs.remove(parent_id)
        rows.notices.drop_unsent(parent_id)
        rows.projections.mark_due(parent_id, now, loss=True)
        rows.audit.append(_event("parent:deleted", parent_id, now))
    house.wakeup.projection_due(parent_id)


def _part(rows: Rows, link: Link, now: datetime) -> None:
    if link.state in LEAVABLE:
        leave(rows, link, now)
    elif link.state in UNDECIDED:
        take_back(rows, link, now)
        close_visit(rows, link.visit, now)


def _event(name: str, parent: ParentId, now: datetime, link: Link | None = None) -> Event:
    return Event(
        name,
        now,
        Actor(ActorKind.PARENT, parent),
        parent=parent,
        student=link.student if link else None,
        link=link.id if link else None,
    )
