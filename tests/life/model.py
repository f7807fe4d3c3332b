"""The plain model: what each link must be after all that was done; knows no SQL and no service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from idp_bridge.domain.link import LIVE, WAITING, LinkState, end_of_childhood
from idp_bridge.domain.people import ParentId, Student
from tests.life.world import NAMES, ZONE


@dataclass
class Known:
    """What the model knows of one link."""

    parent: ParentId
    student: Student | None
    state: LinkState = LinkState.AWAITING_VISIT
    ends: datetime | None = None
    disputed: bool = False
    granted: bool = False
    first: str | None = None
    """Who saw the papers, where a second person must agree."""


@dataclass
class Model:
    """Links and restrictions by id."""

    links: dict[str, Known] = field(default_factory=dict)
    restrictions: dict[str, tuple[tuple[str, str], Student, bool]] = field(default_factory=dict)
    """Name, student, whether it stands."""

    revoked: set[tuple[ParentId, Student | None]] = field(default_factory=set)
    """Whose link was revoked: these two are not linked again by a new request alone (I5)."""

    def of(self, *states: LinkState) -> list[str]:
        """Return the ids of links in one of `states`, in a fixed order."""
        return sorted(id for id, known in self.links.items() if known.state in states)

    def live(self, parent: ParentId, student: Student | None) -> bool:
        """Tell whether the parent has a live link to the student."""
        return any(
            one.parent == parent and one.student == student and one.state in LIVE
            for one in self.links.values()
            if student is not None
        )

    def restricted(self, parent: ParentId, student: Student | None) -> bool:
        """Tell whether a restriction stands for the name on this account and the student."""
        return any(
            stands and who == NAMES[parent] and whom == student
            for who, whom, stands in self.restrictions.values()
        )

    def held(self, known: Known) -> bool:
        """Tell whether the link must be on hold."""
        return known.disputed or self.restricted(known.parent, known.student)

    def follow_restrictions(self) -> None:
        """Hold and let go what restrictions and disputes say now."""
        for known in self.links.values():
            if known.state in (LinkState.VERIFIED, LinkState.SUSPENDED):
                known.state = LinkState.SUSPENDED if self.held(known) else LinkState.VERIFIED

    def visible(self, parent: ParentId, now: datetime) -> set[str]:
        """I2: the numbers a token may list: verified, not expired, not restricted, the right still theirs."""
        return {
            known.student.number
            for known in self.links.values()
            if known.parent == parent and known.student and known.state is LinkState.VERIFIED
            if known.ends is None or known.ends > now
            if not self.held(known)
            if known.granted or end_of_childhood(known.student.birth_date, ZONE) > now
        }

    def waiting(self, parent: ParentId) -> list[str]:
        """Return the parent's links that wait for the visit."""
        return [id for id in self.of(*WAITING) if self.links[id].parent == parent]
