"""Replay the audit from its first row: it must tell the same story as the rows, one event per change."""

from __future__ import annotations

from collections import Counter
from typing import Any

from idp_bridge.domain.link import MOVES, LinkState
from tests.life.world import World

CHANGES_IN_PLACE = {"link:corrected", "link:disputed", "link:dispute-settled"}
"""Events of a link that may leave its state as it was."""
BORN_BY = {"link:requested": LinkState.AWAITING_VISIT, "link:moved": None, "link:granted": None}
"""Events a link begins with, and the state it then has where the event does not say."""
RETURNS = {
    "link:undone": {LinkState.DENIED, LinkState.VERIFIED, LinkState.AWAITING_SECOND, LinkState.REFERRED},
    "link:reopened": {LinkState.LAPSED},
}
"""Events that lead back, and from where: nothing else ever does (I5)."""
FINAL = {LinkState.DENIED, LinkState.CANCELLED, LinkState.LAPSED, LinkState.ENDED}
BY_ITSELF = {"system"}
"""Kinds of actor that are no person."""
ALLOWED = {(before, after) for (before, _), after in MOVES.items()}
RESUMES = {"link:resumed", "link:dispute-settled"}


class Replay:
    """What the audit says so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 0
        self.states: dict[str, LinkState] = {}
        self.versions: dict[str, int] = {}
        self.standing: dict[str, bool] = {}
        self.seen: Counter[str] = Counter()

    def follow(self) -> list[dict[str, Any]]:
        """Take the rows written since the last look, check them against what is stored, return them."""
        new = self.world.audit_after(self.number)
        changes: Counter[str] = Counter()
        for event in new:
            assert event["number"] == self.number + 1
            self.number = event["number"]
            self.seen[event["name"]] += 1
            if event["link"] and self._take(event):
                changes[event["link"]] += 1
            self._take_restriction(event)
        self._compare(changes)
        return new

    def _take(self, event: dict[str, Any]) -> bool:
        """Take one event of a link; tell whether it changed the row."""
        name, id, fields = event["name"], event["link"], event["fields"]
        if name in BORN_BY:
            assert id not in self.states
            self.states[id] = LinkState(fields["after"]) if "after" in fields else BORN_BY[name]
            return False
        if name in CHANGES_IN_PLACE and fields.get("before") == fields.get("after"):
            return True
        if "after" not in fields:
            return False
        before, after = LinkState(fields["before"]), LinkState(fields["after"])
        assert self.states[id] is before, f"{name}: the audit left {id} {self.states[id]}, not {before}"
        assert (before, after) in ALLOWED, f"{name}: {before} to {after}"
        self._nothing_comes_back(event, before, after)
        self.states[id] = after
        return True

    def _nothing_comes_back(self, event: dict[str, Any], before: LinkState, after: LinkState) -> None:
        """I5: what ended stays ended; only a person takes a decision back, and only what can be."""
        if before in FINAL or after is LinkState.AWAITING_VISIT:
            assert before in RETURNS.get(event["name"], set()), f"{event['name']} from {before}"
            assert event["actor_kind"] not in BY_ITSELF
        if after is LinkState.VERIFIED and before is not LinkState.SUSPENDED:
            assert event["name"] == "link:verified"
            assert event["actor_kind"] == "district"
        if before is LinkState.SUSPENDED and after is LinkState.VERIFIED:
            assert event["name"] in RESUMES

    def _take_restriction(self, event: dict[str, Any]) -> None:
        if event["name"] == "restriction:placed":
            self.standing[event["fields"]["restriction"]] = True
        if event["name"] == "restriction:lifted":
            assert self.standing[event["fields"]["restriction"]]
            self.standing[event["fields"]["restriction"]] = False

    def _compare(self, changes: Counter[str]) -> None:
        """I4: every change of a row has one event, and every event its change."""
        stored = self.world.states()
        assert {id: state for id, (state, _) in stored.items()} == self.states
        for id, (_, version) in stored.items():
            known = self.versions.get(id)
            assert known is None or version - known == changes[id], f"{id}: {changes[id]} events"
            self.versions[id] = version
        assert self.world.standing() == self.standing
