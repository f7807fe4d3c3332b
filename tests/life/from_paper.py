"""What is entered later from a log sheet: as if it had been done then, by two persons, and nothing looser."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import (
    AlreadyAsked,
    BadInput,
    DistrictAddress,
    IdentityMissing,
    NotThere,
)
from idp_bridge.domain.evidence import EvidenceKind
from idp_bridge.domain.link import LIVE, WAITING, LinkState
from idp_bridge.domain.paper import LONGEST_AGO
from idp_bridge.domain.people import SchoolCode
from idp_bridge.domain.reasons import DENIAL_REASONS
from idp_bridge.services.paper import ENTERABLE, Log, enter_log
from tests.life.acting import Kinds
from tests.life.at_school import RECORD, denials, turns
from tests.life.by_itself import ByItself
from tests.life.by_two import ByTwo
from tests.life.world import CLERKS, ZONE

Papers = dict[str, tuple[EvidenceKind, date | None]]


class FromPaper(ByTwo, ByItself):
    """Rules of log sheets."""

    @rule(
        data=st.data(),
        turn=turns,
        reason=denials,
        days=st.sampled_from((0, 1, 1, 14, 40)),
        mine=st.booleans(),
    )
    def enter(self, data: st.DataObject, turn: int, reason: str, days: int, mine: bool) -> None:
        """Enter a sheet about one visit: each request on it verified or refused; all, or nothing."""
        id = self.pick(data, *sorted(ENTERABLE)) or self.one_waiting(data)
        if id is None:
            return
        visit, place = self.world.visit(id), self.place(id)
        both = [
            one
            for one in self.model.of_parent(visit.parent, *ENTERABLE)
            if self.world.link(one).visit == visit.id and self.place(one) == place
        ]
        saw = CLERKS[place][1 - turn] if mine else next(c[0] for at, c in CLERKS.items() if at != place)
        refused = data.draw(st.sampled_from((None, None, *both)))
        self.enter_these(data, both, days, (CLERKS[place][turn], saw), {refused: reason} if refused else {})

    @rule(
        data=st.data(),
        slip=st.sampled_from(("", "birth date")),
        then=st.sampled_from(("", "asks", "asks", "is linked")),
        came=st.sampled_from((1, 1, 1, 15)),
    )
    def a_sheet_is_found_after_the_visit_lapsed(
        self, data: st.DataObject, slip: str, then: str, came: int
    ) -> None:
        """The outage was longer than the visit, and the parent may have asked again or been there since."""
        family = self.family(data)
        if family is None:
            return
        self.ask(*family, slip)
        asked = self.model.waiting(family[0])
        self.a_season_passes(16)
        if then:
            self.ask(*family)
        for id in self.model.waiting(*family) if then == "is linked" else ():
            self.verify_this(data, id, CLERKS[self.place(id)][0])
        for id in asked[-1:]:
            clerks = CLERKS[self.place(id)]
            refused = {} if self.model.links[id].student else {id: "not-the-student"}
            self.enter_these(data, [id], came, clerks, refused)

    @rule(data=st.data(), turn=turns)
    def a_sheet_names_a_court_order(self, data: st.DataObject, turn: int) -> None:
        """Who saw the papers cannot agree with themselves; who only copied the sheet can."""
        for id in self.a_family_asks(data):
            self.world.clock.advance(minutes=5)
            saw, enters = CLERKS[self.place(id)][turn], CLERKS[self.place(id)][1 - turn]
            self.enter_these(data, [id], 0, (enters, saw), {}, EvidenceKind.COURT_ORDER)
            if self.model.links[id].state is LinkState.AWAITING_SECOND:
                self.agree_to(id, saw, overrule=False)
                self.agree_to(id, enters, overrule=False)

    @rule(data=st.data(), turn=turns)
    def a_sheet_names_somebody_of_another_school(self, data: st.DataObject, turn: int) -> None:
        """Papers that somebody without the duty saw were not seen."""
        for id in self.a_family_asks(data):
            self.world.clock.advance(minutes=5)
            other = next(both[turn] for place, both in CLERKS.items() if place != self.place(id))
            self.enter_these(data, [id], 0, (CLERKS[self.place(id)][turn], other), {}, RECORD)

    def enter_these(
        self,
        data: st.DataObject,
        ids: list[str],
        days: int,
        both: tuple[str, str],
        refused: dict[str, str],
        paper: EvidenceKind | None = None,
    ) -> None:
        """Enter what a sheet says; the model says whether all of it may be."""
        enters, saw = both
        visit, parent = self.world.visit(ids[0]), self.model.links[ids[0]].parent
        at = visit.opened_at + timedelta(days=days, minutes=1)
        papers: Papers = {id: self.papers(data, id, paper) for id in ids if id not in refused}
        log = Log(
            seen_at=at.astimezone(ZONE).replace(tzinfo=None),
            seen_by=saw,
            school=SchoolCode(self.place(ids[0])),
            identity="passport",
            verified={id: kind for id, (kind, _) in papers.items()},
            until={id: until for id, (_, until) in papers.items() if until},
            refused=refused,
        )
        faults = self._against_entering(ids, at, both, papers)
        if self.came(self.do(lambda: enter_log(self.world.house, enters, visit.id, log)), faults):
            for id in ids:
                self._gives_way(id)
            self.identity_was_seen(parent, None, at, again=False)
            for id, (kind, until) in papers.items():
                self.verifying_did(id, kind, until, enters, first=saw)
            for id, reason in refused.items():
                known = self.becomes(id, LinkState.DENIED, reason, by=enters)
                known.final = DENIAL_REASONS[reason].final

    def _against_entering(self, ids: list[str], at: datetime, both: tuple[str, str], papers: Papers) -> Kinds:
        now, visit, (enters, saw) = (
            self.world.clock.now() + timedelta(seconds=1),
            self.world.visit(ids[0]),
            both,
        )
        late = at.astimezone(ZONE).date() > visit.visit_by
        parent = self.model.links[ids[0]].parent
        found: Kinds = set()
        if at > now or now - at > LONGEST_AGO or late or not self.duty(saw, self.place(ids[0])):
            found |= {BadInput}
        if parent in self.model.deleted:
            found |= {NotThere, DistrictAddress}
        elif papers:
            found |= self.nobody_there(ids[0])
        for id in ids:
            if self.model.links[id].state is LinkState.LAPSED:
                found |= (
                    {AlreadyAsked} if any(x not in WAITING for x in self._newer_of(id).values()) else set()
                )
        for id in papers:
            found |= self.against(id, enters, on_paper=True) - {IdentityMissing}
        return found

    def _newer_of(self, id: str) -> dict[str, LinkState]:
        """Return the live requests and links that a lapsed one, opened again, meets."""
        known = self.model.links[id]
        return {
            one: other.state
            for one, other in self.model.of_parent(known.parent, *LIVE).items()
            if one != id
            if (known.student is not None and other.student == known.student)
            or (other.state in WAITING and other.typed.student_number == known.typed.student_number)
        }

    def _gives_way(self, id: str) -> None:
        """A lapsed request is opened again by the sheet, and a newer one of the same child goes."""
        if self.model.links[id].state is LinkState.LAPSED:
            for other in self._newer_of(id):
                self.becomes(other, LinkState.CANCELLED)
