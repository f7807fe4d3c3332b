"""Let people act on the world and hold the model against it after each act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from idp_bridge.domain.errors import OneRefused, Refusal
from idp_bridge.domain.link import WAITING, LinkState
from idp_bridge.domain.people import ParentId
from idp_bridge.storage.store import SqlStore
from tests.life.model import Known, Model
from tests.life.replaying import Replay
from tests.life.world import CLERKS, DISTRICT, NAMES, PRINCIPAL, STUDENTS, ZONE, Died, World, purposes

Done = TypeVar("Done")
Kinds = set[type[Refusal]]
FOR_LONG = 10**6
"""More statements than any act has."""
parents = st.sampled_from(sorted(NAMES))
students = st.sampled_from(sorted(STUDENTS))


class Acting(RuleBasedStateMachine):
    """The world, the model, and what must always hold. Rules are in the files beside this one."""

    filled: Path
    store: SqlStore
    seen: Counter[str] = Counter()
    """Events and refusals of all lives together: what never came up was not tried."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.cuts: list[int] = []
        self.looked: object = None
        self.said: dict[ParentId, dict[str, Any]] = {}
        self.owed: dict[ParentId, int] = {}
        """Whose sessions must end, and how many had ended when something was lost."""

    @cached_property
    def world(self) -> World:
        """A database of the life's own, from when it is first needed."""
        return World(self.filled, self.store)

    @cached_property
    def replay(self) -> Replay:
        """What the audit has said so far."""
        return Replay(self.world)

    def teardown(self) -> None:
        """Leave nothing behind."""
        if "world" in vars(self):
            self.seen.update(self.replay.seen)
            bad = self.world.first_bad()
            self.world.close()
            assert bad is None  # the chain of the whole life is whole (I4)

    @rule(statements=st.lists(st.integers(0, 30), min_size=1, max_size=12))
    def the_power_will_go(self, statements: list[int]) -> None:
        """Let the next acts be cut off, each after some statements; whoever acted then does it again."""
        self.cuts = statements

    @rule()
    def a_quiet_moment(self) -> None:
        """Let nothing happen: the simplest life is made of it."""

    # --- for the rules ---------------------------------------------------------------------------

    def do(self, act: Callable[[], Done], *, whole: bool = True) -> Done | Refusal:
        """Let somebody act, a second after the last act; return what came of it, or why not.

        What is refused changes nothing, and what was cut off is as if it never began (I1); `whole=False` is
        for timers, which may have done a part.
        """
        self.world.clock.advance(seconds=1)
        before = self.world.everything()
        try:
            done = self._once(act, before, self.cuts.pop() if self.cuts else FOR_LONG)
        except Died:
            assert not whole or self.world.everything() == before, "half of it is left"
            done = self._once(act, self.world.everything())
        return done

    def _once(
        self, act: Callable[[], Done], before: dict[str, Any], statements: int | None = None
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

    def came(self, done: object, faults: Kinds, perhaps: Kinds = frozenset()) -> bool:
        """Tell whether the act was done: it must be where nothing stands against it, and only there.

        `faults` are the refusals of which one must come, whichever is looked at first; `perhaps` may.
        """
        why = done.why if isinstance(done, OneRefused) else done
        if isinstance(why, Refusal):
            self.seen[type(why).__name__] += 1
            names = sorted(one.__name__ for one in {*faults, *perhaps})
            assert type(why) in {*faults, *perhaps}, f"{why!r}, but what stands against it is {names}"
            return False
        assert not faults, f"{sorted(one.__name__ for one in faults)} did not stop it"
        return True

    def refused(self, act: Callable[[], Any], *reasons: type[Refusal]) -> None:
        """Let somebody try what is not theirs to do."""
        done = self.do(act)
        assert isinstance(done, reasons or Refusal), f"{done!r} was not refused as {reasons}"
        self.seen[type(done).__name__] += 1

    def heard(self) -> list[str]:
        """Return the names of the events since the last look."""
        self.replay.follow()
        return self.replay.heard

    def becomes(self, id: str, state: LinkState, reason: str | None = None, by: str | None = None) -> Known:
        """Note in the model what an act has done to one link, and who of the staff decided it."""
        known, now = self.model.links[id], self.world.clock.now()
        known.state, known.reason, known.changed_at = state, reason, now
        known.decided = (by, now) if by else None
        return known

    def pick(self, data: st.DataObject, *states: LinkState) -> str | None:
        """Return one of the links in `states`, or None."""
        return self.one_of(data, self.model.of(*states))

    def one_of(self, data: st.DataObject, found: list[Any]) -> Any:
        """Return one of what was found, or None."""
        return data.draw(st.sampled_from(found)) if found else None

    def place(self, id: str) -> str:
        """Return the school that decides: the student's, or the claimed one."""
        known = self.model.links[id]
        return self.model.students[known.student].school if known.student else known.typed.school

    def duty(self, uid: str, place: str) -> bool:
        """Tell whether somebody may decide at a school."""
        return uid in (*CLERKS[place], PRINCIPAL[place], *DISTRICT)

    def overdue(self, id: str) -> bool:
        """Tell whether the last day of the link's visit is over."""
        return self.world.visit(id).visit_by < self.world.clock.now().astimezone(ZONE).date()

    def at_home(self, parent: ParentId) -> bool:
        """Let a parent who deleted the account turn back; tell whether there is an account."""
        if parent in self.model.deleted - self.model.gone:
            self.world.sign_in(parent)
            self.model.deleted.discard(parent)
        return parent not in self.model.gone

    # --- what must always hold -------------------------------------------------------------------

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        """Look at everything, if anything has happened since the last look."""
        if "world" in vars(self) and self.world.moment() != self.looked:
            self.no_acknowledged_change_is_lost()
            self.replay.follow()
            self.a_visit_is_open_while_a_request_waits()
            self.it_is_known_whom_an_order_names()
            self.nothing_else_would_be_shown()
            self.looked = self.world.moment()

    def no_acknowledged_change_is_lost(self) -> None:
        """I1, and that nothing happened which nobody did."""
        stored, wanted = self.world.links(), self.model.links
        assert {id: row.state for id, row in stored.items()} == {id: k.state for id, k in wanted.items()}
        for id, known in wanted.items():
            assert stored[id] == known.as_stored(), id

    def a_visit_is_open_while_a_request_waits(self) -> None:
        """No code opens what is decided, and none is missing for what waits."""
        assert self.world.open_visits() == self.world.visits_with(WAITING)

    def it_is_known_whom_an_order_names(self) -> None:
        """Whom an order stands against is kept as the rule says it now; a deleted account has no name."""
        there = set(NAMES) - self.model.deleted
        wanted = {
            (id, parent)
            for id, order in self.model.orders.items()
            for parent in there
            if self.model.concerns(order, parent)
        }
        assert {one for one in self.world.held() if one[1] in there} == wanted

    def nothing_else_would_be_shown(self) -> None:
        """I2, for the value the worker would write this moment."""
        now, wanted = self.world.clock.now(), self.world.wanted()
        for parent in NAMES:
            entries = wanted[parent]["links"]
            assert purposes(entries) == self.model.visible(parent, now), parent
            self._newer(parent, wanted[parent])
            if parent not in self.model.gone:
                self._on_its_way(parent, entries)

    def _newer(self, parent: ParentId, value: dict[str, Any]) -> None:
        """Assert that an app can tell: what says something else has a higher revision."""
        before = self.said.get(parent, {"rev": 0, "links": []})
        same = [link for link in before["links"] if self.world.lasts(link)] == value["links"]
        assert value["rev"] >= before["rev"] + (not same), f"{before} then {value}"
        self.said[parent] = value

    def _on_its_way(self, parent: ParentId, entries: list[dict[str, Any]]) -> None:
        """Assert that a token which says something else is due, and that a loss is known as one (I2)."""
        token, due = self.world.token(parent), self.world.due()
        if token != entries:
            assert parent in due, f"{token} would stay, not {entries}"
        opens, may = purposes(token), purposes(entries)
        if any(number not in may or not some <= may[number] for number, some in opens.items()):
            assert due[parent], "nobody knows that something is lost"
            ended = self.world.accounts.ended
            if parent not in self.owed or parent in ended[self.owed[parent] :]:
                self.owed[parent] = len(ended)
