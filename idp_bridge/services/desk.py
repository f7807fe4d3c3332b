"""Gather what the desk shows; never changes anything and never formats a word."""

from __future__ import annotations

from dataclasses import dataclass

from idp_bridge.domain.access import Action, StaffMember, require_somewhere, schools_for
from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.link import (
    UNDECIDED,
    IdentityProof,
    Link,
    LinkId,
    LinkState,
    Visit,
    VisitId,
)
from idp_bridge.domain.people import Parent, School
from idp_bridge.domain.visit_code import make
from idp_bridge.services.desk_child import DeskChild, desk_child
from idp_bridge.services.house import House


@dataclass(frozen=True, slots=True)
class DeskVisit:
    """A visit as the clerk sees it."""

    visit: Visit
    code: str
    parent: Parent
    proof: IdentityProof | None
    proof_school: School | None
    children: tuple[DeskChild, ...]
    clerk_schools: tuple[School, ...]
    """Where this clerk may record an identity proof."""
    lapsed: bool
    """True when the last day is over, whether or not the timer has closed the visit."""

    @property
    def undecided(self) -> bool:
        """Tell whether a decision is missing, though the visit itself may be over."""
        return any(child.link.state in UNDECIDED for child in self.children)


def desk_visit(house: House, staff: StaffMember, visit_id: VisitId) -> DeskVisit:
    """Return one visit for the desk. Raises NoDuty and NotThere."""
    require_somewhere(staff, Action.FIND_VISIT)
    with house.store.reading() as rows:
        visit = rows.visits.get(visit_id)
        parent = rows.parents.get(visit.parent) if visit else None
        if visit is None or parent is None:
            raise NotThere
        every = {school.code: school for school in rows.schools.all()}
        proof = rows.proofs.get(parent.id)
        mine = schools_for(staff, Action.RECORD_IDENTITY, every)
        return DeskVisit(
            visit=visit,
            code=make(house.rules.code_key, visit.id, visit.code_turn),
            parent=parent,
            proof=proof,
            proof_school=every.get(proof.school) if proof else None,
            children=tuple(
                desk_child(house, rows, staff, parent, link, every)
                for link in rows.links.of_visit(visit.id)
                if link.state is not LinkState.CANCELLED
            ),
            clerk_schools=tuple(school for school in every.values() if school.code in mine),
            lapsed=visit.visit_by < house.clock.now().astimezone(house.rules.zone).date(),
        )


def is_open(house: House, visit_id: VisitId) -> bool:
    """Tell whether something of a visit waits to be decided."""
    with house.store.reading() as rows:
        visit = rows.visits.get(visit_id)
    return visit is not None and visit.closed_at is None


def find_link(house: House, link_id: LinkId) -> Link:
    """Return one link for an operator; raise NotThere."""
    with house.store.reading() as rows:
        link = rows.links.get(link_id)
    if link is None:
        raise NotThere
    return link
