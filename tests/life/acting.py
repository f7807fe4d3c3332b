"""Let people act on the world and hold the model against it after each act."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from idp_bridge.domain.errors import Refusal
from idp_bridge.domain.link import Link, LinkState
from tests.life.model import Known, Model
from tests.life.replaying import Replay
from tests.life.world import NAMES, STUDENTS, Died, World

Done = TypeVar("Done")
parents = st.sampled_from(sorted(NAMES))
students = st.sampled_from(list(STUDENTS.values()))


class Acting(RuleBasedStateMachine):
    """The world, the model, and what must always hold. Rules are in the files beside this one."""

    filled: Path

    @initialize()
    def begin(self) -> None:
        """Fill a database of the run's own."""
        self.world = World(self.filled)
        self.model = Model()
        self.replay = Replay(self.world)
        self.dies_after: int | None = None

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "world"):
            assert self.world.first_bad() is None  # the chain of the whole life is whole (I4)
            self.world.close()

    @rule(statements=st.integers(0, 25))
    def the_power_will_go(self, statements: int) -> None:
        """Let the next act be cut off after some statements; whoever acted then does it again."""
        self.dies_after = statements

    # --- for the rules ---------------------------------------------------------------------------

    def do(self, act: Callable[[], Done], *, whole: bool = True) -> Done | Refusal:
        """Let somebody act; return what came of it, or why not.

        What is refused changes nothing, and what was cut off is as if it never began (I1); `whole=False` is
        for timers, which may have done a part.
        """
        before = self.world.everything()
        statements, self.dies_after = self.dies_after, None
        try:
            done = self._once(act, before, statements)
        except Died:
            assert not whole or self.world.everything() == before, "half of it is left"
            done = self._once(act, self.world.everything(), None)
        return done

    def _once(
        self, act: Callable[[], Done], before: dict[str, Any], statements: int | None
    ) -> Done | Refusal:
        refusal = None
        self.world.dies_after(statements)
        try:
            done = act()
        except Refusal as refused:
            refusal = refused
        finally:
            self.world.dies_after(None)
        if refusal is None:
            return done
        after = self.world.everything()
        changed = {name: rows for name, rows in after.items() if rows != before[name]}
        assert not changed, f"{refusal!r} changed {changed}"
        return refusal

    def refused(self, act: Callable[[], Any], *reasons: type[Refusal]) -> None:
        """Let somebody try what is not theirs to do."""
        done = self.do(act)
        assert isinstance(done, reasons or Refusal), f"{done} was not refused"

    def becomes(self, id: str, state: LinkState) -> Known:
        """Note in the model what an act has done to one link."""
        self.model.links[id].state = state
        return self.model.links[id]

    def pick(self, data: st.DataObject, *states: LinkState) -> str | None:
        """Return one of the links in `states`, or None."""
        found = self.model.of(*states)
        return data.draw(st.sampled_from(found)) if found else None

    def link(self, id: str) -> Link:
        """Return a link as it is stored."""
        return self.world.links()[id]

    def place(self, id: str) -> str:
        """Return the school that decides: the student's, or the claimed one."""
        student = self.model.links[id].student
        return student.school if student else self.link(id).claimed.school

    # --- what must always hold -------------------------------------------------------------------

    @invariant()
    def no_acknowledged_change_is_lost(self) -> None:
        """I1, and that nothing happened which nobody did."""
        if hasattr(self, "world"):
            stored = {id: state for id, (state, _) in self.world.states().items()}
            assert stored == {id: known.state for id, known in self.model.links.items()}

    @invariant()
    def the_audit_tells_the_same_story(self) -> None:
        """I4 and I5."""
        if hasattr(self, "world"):
            self.replay.follow()

    @invariant()
    def nothing_else_would_be_shown(self) -> None:
        """I2, for the value the worker would write this moment."""
        if hasattr(self, "world"):
            now = self.world.clock.now()
            assert self.world.wanted() == {parent: self.model.visible(parent, now) for parent in NAMES}
