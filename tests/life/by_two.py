"""What one person cannot do alone or must be able to take back: agree, refer, undo, dispute."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import (
    BadInput,
    EndedBefore,
    MoveRefused,
    NoDuty,
    OfAge,
    Refusal,
    Restricted,
    SamePerson,
)
from idp_bridge.domain.link import LinkState
from idp_bridge.services.agreeing import agree_link, refer_link
from idp_bridge.services.disputing import hold_link, settle_dispute
from idp_bridge.services.undoing import undo_decision
from idp_bridge.services.verifying import verify_link
from tests.life.at_law import AtLaw
from tests.life.world import CLERKS, DISTRICT, PRINCIPAL


class ByTwo(AtLaw):
    """Rules of the second person, the district office and the principal."""

    @rule(data=st.data())
    def agree(self, data: st.DataObject) -> None:
        """The first person cannot agree with themselves; a colleague can, or there is a reason."""
        id = self.pick(data, LinkState.AWAITING_SECOND)
        if id is None:
            return
        known, house = self.model.links[id], self.world.house
        first = self.do(lambda: agree_link(house, known.first, id))
        assert isinstance(first, (SamePerson, OfAge, NoDuty)), repr(first)
        second = next(uid for uid in CLERKS[self.place(id)] if uid != known.first)
        done = self.do(lambda: agree_link(house, second, id))
        if isinstance(done, Refusal):
            self.agreeing_was_refused(id, done)
            return
        assert not self.model.restricted(known.parent, known.student)
        assert not self.ended_before(id)
        self.becomes(id, LinkState.VERIFIED).ends = done.expires_at

    def agreeing_was_refused(self, id: str, refusal: Refusal) -> None:
        """Check that there was a reason."""
        known = self.model.links[id]
        reasons = {
            Restricted: self.model.restricted(known.parent, known.student),
            OfAge: self.of_age(id),
            EndedBefore: self.ended_before(id),
            NoDuty: self.policy(id).referral,
            BadInput: self.policy(id).end_date,
        }
        assert reasons.get(type(refusal), False), repr(refusal)

    @rule(data=st.data())
    def refer(self, data: st.DataObject) -> None:
        """Hand a request to the district office; the school decides it no more."""
        id = self.pick(data, LinkState.AWAITING_VISIT, LinkState.AWAITING_SECOND)
        if id is None:
            return
        house, clerk = self.world.house, CLERKS[self.place(id)][1]
        done = self.do(lambda: refer_link(house, clerk, id))
        if isinstance(done, Refusal):
            return  # what else there is to say, `verify` says
        assert not self.model.restricted(self.model.links[id].parent, self.model.links[id].student)
        self.becomes(id, LinkState.REFERRED)
        self.refused(lambda: verify_link(house, clerk, id, "court-order"), NoDuty)

    @rule(data=st.data())
    def the_district_decides(self, data: st.DataObject) -> None:
        """The district office verifies what was referred, or asks for its own second person."""
        id = self.pick(data, LinkState.REFERRED)
        if id is None:
            return
        policy = self.policy(id)
        kind = data.draw(st.sampled_from(sorted(policy.kinds)))
        until = self.world.clock.now().date() + timedelta(days=90) if policy.end_date else None
        done = self.do(lambda: verify_link(self.world.house, DISTRICT[0], id, kind, until))
        if isinstance(done, Refusal):
            known = self.model.links[id]
            reasons = {
                Restricted: self.model.restricted(known.parent, known.student),
                OfAge: self.of_age(id),
                EndedBefore: self.ended_before(id),
            }
            assert reasons.get(type(done), False), repr(done)
            return
        self.verifying_did(id, kind, done, DISTRICT[0])

    @rule(data=st.data(), turn=st.integers(0, 1), minutes=st.sampled_from((0, 2, 600)))
    def undo(self, data: st.DataObject, turn: int, minutes: int) -> None:
        """Take a decision back: only who decided, only for minutes."""
        id = self.pick(data, LinkState.VERIFIED, LinkState.DENIED, LinkState.AWAITING_SECOND)
        if id is None:
            return
        self.world.clock.advance(minutes=minutes)
        clerk, before = CLERKS[self.place(id)][turn], self.link(id)
        decided_at = before.changed_at
        done = self.do(lambda: undo_decision(self.world.house, clerk, id))
        if isinstance(done, Refusal):
            return
        assert before.decided_by == f"entry-{clerk}"
        assert self.world.clock.now() - decided_at < timedelta(hours=1)
        known = self.becomes(id, LinkState.AWAITING_VISIT)
        known.ends, known.first = None, None

    @rule(data=st.data())
    def verify_and_undo(self, data: st.DataObject) -> None:
        """Whoever verified a moment ago can take it back; somebody else cannot."""
        before = set(self.model.of(LinkState.VERIFIED))
        self.verify(data, 0)
        verified = [id for id in self.model.of(LinkState.VERIFIED) if id not in before]
        if verified:
            id, house, both = verified[0], self.world.house, CLERKS[self.place(verified[0])]
            self.refused(lambda: undo_decision(house, both[1], id))
            done = self.do(lambda: undo_decision(house, both[0], id))
            assert not isinstance(done, Refusal), repr(done)
            self.becomes(id, LinkState.AWAITING_VISIT).ends = None

    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        """Put a link on hold in a dispute; a restriction that is lifted does not let it go."""
        id = self.pick(data, LinkState.VERIFIED, LinkState.SUSPENDED)
        if id:
            who = PRINCIPAL[self.place(id)]
            done = self.do(lambda: hold_link(self.world.house, who, id))
            if self.model.links[id].disputed:
                assert isinstance(done, MoveRefused)
                return
            assert not isinstance(done, Refusal), repr(done)
            known = self.model.links[id]
            known.disputed = True
            self.model.follow_restrictions()
            self.restrict(known.parent, known.student, by_district=False)
            self.lift_this(list(self.model.restrictions)[-1])

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """Settle a dispute; what a restriction holds stays on hold."""
        disputed = [id for id in self.model.of(LinkState.SUSPENDED) if self.model.links[id].disputed]
        if disputed:
            id = data.draw(st.sampled_from(disputed))
            who = PRINCIPAL[self.place(id)]
            done = self.do(lambda: settle_dispute(self.world.house, who, id))
            assert not isinstance(done, Refusal), repr(done)
            self.model.links[id].disputed = False
            self.model.follow_restrictions()
