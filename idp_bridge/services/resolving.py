"""Show an operator both sides of a stopped parent, and go on from ours; never picks a side by itself."""

from __future__ import annotations

from dataclasses import dataclass

from idp_bridge.domain.claims import ATTRIBUTE, stored_revision
from idp_bridge.domain.errors import MoveRefused, NotThere
from idp_bridge.domain.events import Actor, Event
from idp_bridge.domain.people import ParentId
from idp_bridge.services.house import House
from idp_bridge.services.journals import ProjectionRow
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.wanting import Wanted, wanted_for


@dataclass(frozen=True, slots=True)
class Sides:
    """What the database wants, what Keycloak holds, and where the projection stands."""

    ours: Wanted
    theirs: tuple[str, ...]
    row: ProjectionRow


def both_sides(house: House, parent: ParentId) -> Sides:
    """Return both sides of one parent. Raises NotThere and OutsideFailure."""
    with house.store.reading() as rows:
        row = rows.projections.get(parent)
        if row is None:
            raise NotThere
        ours = wanted_for(rows, parent, house.clock.now())
    return Sides(ours, house.accounts.get(parent).attributes.get(ATTRIBUTE, ()), row)


@again_if_undone
def keep_ours(house: House, who: Actor, parent: ParentId) -> int:
    """Raise our revision above Keycloak's and have our side written; return the new revision.

    Keycloak's side cannot be kept: links that only it knows of have no record of who verified them. Sessions
    end, since a token may have said more. Raises NotThere, MoveRefused (not stopped) and OutsideFailure.
    """
    sides = both_sides(house, parent)
    if sides.row.stopped_at is None:
        raise MoveRefused("not stopped")
    now, theirs = house.clock.now(), stored_revision(sides.theirs)
    with house.store.transaction() as rows:
        rev = rows.parents.raise_revision(parent, now, above=theirs)
        fields = {"kept": "ours", "ours": sides.ours.rev, "theirs": theirs}
        rows.audit.append(Event("projection:resolved", now, who, parent=parent, fields=fields))
        rows.projections.resume(parent)
        rows.projections.mark_due(parent, now, loss=True)
    house.wakeup.projection_due(parent)
    return rev


def stopped(house: House, limit: int = 1000) -> tuple[ProjectionRow, ...]:
    """Return the parents that were stopped."""
    with house.store.reading() as rows:
        return tuple(row for row in rows.projections.behind(limit) if row.stopped_at)
