"""What staff take back: their own decision, within minutes, while nothing came of it; nothing else."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import MoveRefused, NoDuty, TooLate
from idp_bridge.domain.evidence import EvidenceKind
from idp_bridge.domain.link import LIVE, WAITING, LinkState
from idp_bridge.services.undoing import undo_decision
from tests.life.acting import Kinds
from tests.life.at_school import RECORD
from tests.life.by_two import ByTwo
from tests.life.going import Going
from tests.life.model import UNDO, Known
from tests.life.world import CLERKS, DISTRICT, PRINCIPAL

DECIDED = (LinkState.VERIFIED, LinkState.DENIED, LinkState.AWAITING_SECOND, LinkState.REFERRED)
decisions = st.sampled_from(("verify", "verify", "second person", "refuse", "refer"))
minutes = st.sampled_from((0, 0, 14, 16, 600))


class TakingBack(ByTwo, Going):
    """Rules of undoing."""

    @rule(data=st.data(), who=st.integers(0, 3), later=minutes)
    def undo(self, data: st.DataObject, who: int, later: int) -> None:
        """Somebody tries to take back what was decided at some time."""
        id = self.pick(data, *DECIDED) or self.one_linked(data)
        if id:
            self.world.clock.advance(minutes=later)
            place = self.place(id)
            self.undo_this(id, (*CLERKS[place], PRINCIPAL[place], DISTRICT[0])[who])

    @rule(
        data=st.data(),
        decision=decisions,
        since=st.sampled_from(("", "", "asked again", "disputed", "restricted", "deleted")),
        later=minutes,
        other_first=st.booleans(),
    )
    def decide_and_undo(
        self,
        data: st.DataObject,
        decision: str,
        since: str,
        later: int,
        other_first: bool,
    ) -> None:
        """Whoever decided a moment ago can take it back, if nothing came of it; somebody else cannot."""
        for id in self.a_family_asks(data):
            one, other = CLERKS[self.place(id)]
            if not self._decide(data, id, one, decision):
                return
            self.world.clock.advance(minutes=later)
            self._happens(id, since)
            if other_first:
                self.undo_this(id, other)
            self.undo_this(id, one)

    def _decide(self, data: st.DataObject, id: str, who: str, decision: str) -> bool:
        """Take one decision; tell whether it was done."""
        if decision == "refuse":
            return self.refuse_this(id, who, "relationship-not-shown")
        if decision == "refer":
            return self.refer_this(id, who)
        paper = EvidenceKind.COURT_ORDER if decision == "second person" else RECORD
        return self.verify_this(data, id, who, paper)

    def _happens(self, id: str, since: str) -> None:
        """Let something come of a decision: it is the last word no more, or nothing is left to go back to."""
        known = self.model.links[id]
        if since == "asked again":
            self.ask_for(known.parent, [known.typed])
        if since == "disputed" and known.state is LinkState.VERIFIED:
            self.hold_this(id)
            self.settle_this(id)
        if since == "restricted":
            self.lift_this(self.restrict_this(known.parent, known.student))
        if since == "deleted":
            self.delete_this(known.parent)

    def undo_this(self, id: str, who: str) -> None:
        """Try to take one decision back; the model says whether this person may, now."""
        done = self.do(lambda: undo_decision(self.world.house, who, id))
        if self.came(done, self._against_undoing(id, who)):
            known = self.becomes(id, LinkState.AWAITING_VISIT)
            known.ends, known.first, known.verified_at = None, None, None
            known.purposes = frozenset()

    def _against_undoing(self, id: str, who: str) -> Kinds:
        known, found = self.model.links[id], set()
        by, at = known.decided or (None, None)
        if not self.duty(who, self.place(id)):
            found |= {NoDuty}
        if by != who or self.world.clock.now() - at > UNDO:
            found |= {TooLate}
        decided = known.state in DECIDED
        left = self.model.deleted | self.model.gone
        if not decided or known.parent in left or self._asked_again(id):
            found |= {MoveRefused}
        return found

    def _asked_again(self, id: str) -> bool:
        """Tell whether another request or link of the parent is about the same child, or the same number."""
        known = self.model.links[id]
        others = self.model.of_parent(known.parent, *LIVE)
        return any(
            (other.student == known.student and known.student is not None)
            or (other.state in WAITING and self._same_number(other, known))
            for one, other in others.items()
            if one != id
        )

    def _same_number(self, one: Known, other: Known) -> bool:
        """Tell whether two requests are about one number, as it was typed or as it was meant."""
        return one.typed.student_number == other.typed.student_number or one.meant[0] == other.meant[0]
