"""What one person cannot do alone: agree, refer, hold and settle."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import BadInput, EndedBefore, MoveRefused, NoDuty, SamePerson
from idp_bridge.domain.evidence import EvidenceKind
from idp_bridge.domain.link import WAITING, LinkState
from idp_bridge.services.agreeing import agree_link, refer_link
from idp_bridge.services.disputing import hold_link, settle_dispute
from idp_bridge.services.verifying import verify_link
from tests.life.acting import Kinds
from tests.life.at_law import AtLaw
from tests.life.at_school import turns
from tests.life.model import WORKS
from tests.life.world import CLERKS, DISTRICT, PRINCIPAL


class ByTwo(AtLaw):
    """Rules of the second person, the district office and the principal."""

    @rule(data=st.data(), overrule=st.booleans())
    def agree(self, data: st.DataObject, overrule: bool) -> None:
        """The first person cannot agree with themselves; a colleague can, or there is a reason."""
        id = self.pick(data, LinkState.AWAITING_SECOND) or self.one_half_agreed(data)
        if id:
            known, principal = self.model.links[id], PRINCIPAL[self.place(id)]
            self.agree_to(id, known.first, overrule=overrule)
            colleague = next(uid for uid in CLERKS[self.place(id)] if uid != known.first)
            self.agree_to(id, principal if overrule else colleague, overrule=overrule)

    def one_half_agreed(self, data: st.DataObject) -> str | None:
        """Return a link that waits for a second person: a clerk has seen the papers."""
        id = self.one_waiting(data)
        if id:
            self.verify_this(data, id, CLERKS[self.place(id)][0], EvidenceKind.COURT_ORDER)
        return self.pick(data, LinkState.AWAITING_SECOND)

    def agree_to(self, id: str, who: str, *, overrule: bool) -> None:
        """Agree with what the first person saw, if nothing stands against it."""
        known = self.model.links[id]
        faults = self.against(id, who, overrule=overrule)
        if who == known.first:
            faults |= {SamePerson}
        if known.ends and known.ends <= self.world.clock.now():
            faults |= {BadInput}
        done = self.do(lambda: agree_link(self.world.house, who, id, overrule=overrule))
        if self.came(done, faults):
            self.is_verified(id, who, known.ends)

    @rule(data=st.data(), turn=turns)
    def refer(self, data: st.DataObject, turn: int) -> None:
        """Hand a request to the district office; the school decides it no more."""
        id = self.pick(data, LinkState.AWAITING_SECOND) or self.one_waiting(data)
        if id:
            self.refer_this(id, CLERKS[self.place(id)][turn])

    def refer_this(self, id: str, who: str) -> bool:
        """Refer one request; tell whether it was done."""
        house, known = self.world.house, self.model.links[id]
        if known.state in WAITING:
            self.show_identification(id, who)
        faults: Kinds = self.against(id, who) - {EndedBefore, NoDuty}
        if who == known.first and known.state is LinkState.AWAITING_SECOND:
            faults |= {SamePerson}
        if not self.came(self.do(lambda: refer_link(house, who, id)), faults):
            return False
        self.becomes(id, LinkState.REFERRED, by=who)
        self.refused(lambda: verify_link(house, who, id, "court-order"), NoDuty)
        return True

    @rule(data=st.data(), overrule=st.booleans())
    def the_district_decides(self, data: st.DataObject, overrule: bool) -> None:
        """The district office verifies what was referred, or asks for its own second person."""
        if not self.model.of(LinkState.REFERRED):
            self.refer(data, 0)
        id = self.pick(data, LinkState.REFERRED)
        if id:
            self.verify_this(data, id, DISTRICT[0], overrule=overrule)

    @rule(data=st.data(), limited=st.booleans(), settled=st.booleans())
    def dispute(self, data: st.DataObject, limited: bool, settled: bool) -> None:
        """Guardianship is argued about, perhaps under a restriction, too: each alone holds the link."""
        id = self.one_linked(data)
        if id is None:
            return
        known = self.model.links[id]
        self.hold_this(id)
        order = self.restrict_this(known.parent, known.student) if limited else None
        if settled:
            self.settle_this(id)
        if order:
            self.lift_this(order)

    def hold_this(self, id: str) -> None:
        """Put one link on hold, unless it is disputed already."""
        known, who = self.model.links[id], PRINCIPAL[self.place(id)]
        done = self.do(lambda: hold_link(self.world.house, who, id))
        if self.came(done, {MoveRefused} if known.disputed else set()):
            known.disputed, known.decided = True, None
            self.model.follow_restrictions()

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """Settle a dispute; what was never disputed has none to settle."""
        id = self.pick(data, *WORKS)
        if id:
            self.settle_this(id)

    def settle_this(self, id: str) -> None:
        """Settle one dispute; what a restriction holds stays on hold."""
        known, who = self.model.links[id], PRINCIPAL[self.place(id)]
        done = self.do(lambda: settle_dispute(self.world.house, who, id))
        if self.came(done, set() if known.disputed else {MoveRefused}):
            known.disputed, known.decided = False, None
            self.model.follow_restrictions()
