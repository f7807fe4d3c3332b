"""Replay the audit from its first row: it must tell the same story as the rows, one event per change."""

from __future__ import annotations

from collections import Counter
from typing import Any

from idp_bridge.domain.link import MOVES, LinkState
from tests.life.world import World

CHANGES_IN_PLACE = {"link:corrected", "link:disputed", "link:dispute-settled"}
"""Events of a link that may leave its state as it was."""
BORN_BY = {"link:requested": 1, "link:moved": 0, "link:granted": 0}
"""Events a link begins with, and the version its row then has."""
RETURNS = {
    "link:undone": {LinkState.DENIED, LinkState.VERIFIED, LinkState.AWAITING_SECOND, LinkState.REFERRED},
    "link:reopened": {LinkState.LAPSED},
}
"""Events that lead back, and from where: nothing else ever does (I5)."""
FINAL = {LinkState.DENIED, LinkState.CANCELLED, LinkState.LAPSED, LinkState.ENDED}
STAFF, PARENT, STUDENT, ITSELF = "district", "parents", "student", "system"
ONLY_BY = {
    "link:requested": PARENT,
    "link:verified": STAFF,
    "link:denied": STAFF,
    "link:referred": STAFF,
    "link:undone": STAFF,
    "link:reopened": STAFF,
    "link:moved": STAFF,
    "link:disputed": STAFF,
    "link:dispute-settled": STAFF,
    "link:granted": STUDENT,
    "link:grant-withdrawn": STUDENT,
    "link:lapsed": ITSELF,
    "link:expired": ITSELF,
    "link:came-of-age": ITSELF,
    "link:withdrawn": ITSELF,
    "restriction:placed": STAFF,
    "restriction:lift-asked": STAFF,
    "restriction:lifted": STAFF,
    "restriction:namesake-cleared": STAFF,
}
"""Who alone does what: nothing is given back by a timer (I5), and nobody decides for somebody else."""
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
        self.asked: dict[str, str] = {}
        """Restriction -> who asked to lift it."""
        self.seen: Counter[str] = Counter()
        self.heard: list[str] = []
        """Names of the events since the last step."""

    def follow(self) -> None:
        """Take the rows written since the last look and check them against what is stored."""
        self.heard = []
        changes: Counter[str] = Counter()
        for event in self.world.audit_after(self.number):
            assert event["number"] == self.number + 1
            self.number = event["number"]
            self.seen[event["name"]] += 1
            self.heard.append(event["name"])
            assert ONLY_BY.get(event["name"], event["actor_kind"]) == event["actor_kind"], event
            if event["link"] and self._take(event):
                changes[event["link"]] += 1
            self._take_restriction(event)
        self._compare(changes)

    def _take(self, event: dict[str, Any]) -> bool:
        """Take one event of a link; tell whether it changed the row."""
        name, id, fields = event["name"], event["link"], event["fields"]
        if name in BORN_BY:
            assert id not in self.states
            assert "from_link" not in fields or self.states[fields["from_link"]] is LinkState.ENDED
            self.states[id] = LinkState(fields.get("after", LinkState.AWAITING_VISIT))
            self.versions[id] = BORN_BY[name]
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
        if after is LinkState.VERIFIED and before is not LinkState.SUSPENDED:
            assert event["name"] == "link:verified"
        if before is LinkState.SUSPENDED and after is LinkState.VERIFIED:
            assert event["name"] in RESUMES

    def _take_restriction(self, event: dict[str, Any]) -> None:
        id = (event["fields"] or {}).get("restriction")
        if event["name"] == "restriction:placed":
            self.standing[id] = True
        if event["name"] == "restriction:lift-asked":
            self.asked[id] = event["actor"]
        if event["name"] == "restriction:lifted":
            assert self.standing[id]
            assert self.asked[id] != event["actor"], "lifted by who asked to lift it"
            self.standing[id] = False

    def _compare(self, changes: Counter[str]) -> None:
        """I4: every change of a row has one event, and every event its change."""
        stored = self.world.versions()
        assert {id: state for id, (state, _) in stored.items()} == self.states
        for id, (_, version) in stored.items():
            assert version - self.versions[id] == changes[id], f"{id}: {changes[id]} events"
            self.versions[id] = version
        assert self.world.standing() == self.standing
