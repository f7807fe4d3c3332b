"""What a clerk settles with the parent at the counter: a slip of the pen, a lost mailbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import (
    AlreadyAsked,
    BadInput,
    CodeLapsed,
    EndedBefore,
    IdentityMissing,
    MoveRefused,
    NotThere,
    Restricted,
)
from idp_bridge.domain.link import LIVE, UNDECIDED, WAITING, LinkState
from idp_bridge.domain.people import ParentId, Relationship, StudentId
from idp_bridge.services.correcting import correct_claim
from idp_bridge.services.linking import OLDEST_STUDENT_YEARS
from idp_bridge.services.moving import move_links
from tests.life.acting import Kinds, parents, students
from tests.life.at_home import slips
from tests.life.at_school import BORN, turns
from tests.life.by_two import ByTwo
from tests.life.model import WORKS
from tests.life.world import AMARA, AMARA_TOO, BO, CLERKS, NAMES

WHY_NOT = ("another name", "another birth date", "turned away", "an order")
rarely = st.sampled_from((False, False, False, True))


class AtCounter(ByTwo):
    """Rules of clerks with the parent in front of them."""

    @rule(data=st.data(), student=students, slip=slips, turn=turns, late=rarely)
    def correct(self, data: st.DataObject, student: StudentId, slip: str, turn: int, late: bool) -> None:
        """Note what the parent meant, which may be wrong again, or what was typed."""
        id = self.one_waiting(data)
        if id:
            self.world.clock.advance(days=15 if late else 0)  # and the timers were not there yet
            meant = self.claim(student, slip, self.model.links[id].typed.relationship)
            clerk = CLERKS[self.place(id)][turn]
            self.correct_this(id, clerk, meant.student_number, meant.birth_date)

    def correct_this(self, id: str, who: str, number: str, born: date) -> None:
        """Correct one claim: what was typed stays as it is."""
        known = self.model.links[id]
        student = self.model.fits(number, born)
        taken = student is not None and any(
            other.state in LIVE and other is not known
            for other in self.model.of_two(known.parent, student.id)
        )
        mine = student is not None and who in CLERKS[student.school]
        matched = student.id if student and not taken else None
        same = (number, born) == known.meant and matched == known.student
        old = born.year < self.world.clock.now().year - OLDEST_STUDENT_YEARS
        reasons = {CodeLapsed: self.overdue(id), AlreadyAsked: taken and mine, BadInput: same or old}
        done = self.do(lambda: correct_claim(self.world.house, who, id, number, born))
        if self.came(done, {kind for kind, stands in reasons.items() if stands}):
            known.meant, known.student = (number, born), matched

    @rule(data=st.data(), slip=st.sampled_from(("birth date", "number")), turn=turns)
    def a_slip_is_found_at_the_counter(self, data: st.DataObject, slip: str, turn: int) -> None:
        """A parent typed something wrong, a clerk corrects it, and the child's school verifies."""
        family = self.family(data)
        if family is None:
            return
        parent, student = family
        typed, true = self.claim(student, slip, Relationship.PARENT), self.model.students[student]
        self.ask_for(parent, [typed])
        for id in self.model.waiting(parent):
            if self.model.links[id].typed == typed:
                self.correct_this(id, CLERKS[self.place(id)][turn], true.number, true.birth_date)
        for id in self.model.waiting(parent, student):
            self.verify_this(data, id, CLERKS[self.place(id)][turn])

    # --- a lost mailbox --------------------------------------------------------------------------

    @rule(
        data=st.data(),
        back=st.booleans(),
        shown=st.sampled_from((True, True, True, False)),
        born=st.sampled_from((*BORN, None)),
        turn=turns,
        disputed=rarely,
    )
    def a_lost_mailbox(
        self, data: st.DataObject, back: bool, shown: bool, born: date | None, turn: int, disputed: bool
    ) -> None:
        """The same person, or a namesake, has a new account and wants the links of the old one."""
        old, new = (AMARA_TOO, AMARA) if back else (AMARA, AMARA_TOO)
        family = self.family(data, old)
        if family:
            self.a_whole_visit(data, *family)
        linked = sorted({known.student for known in self.model.of_parent(old, *WORKS).values()})
        child = self.one_of(data, linked)
        if child is None:
            return
        for id in self.model.of_parent(old, LinkState.VERIFIED) if disputed else ():
            self.hold_this(id)
        self.ask(new, child)
        for id in self.model.waiting(new, child):
            clerk = CLERKS[self.place(id)][turn]
            if shown:
                self.show_identification(id, clerk, born, again=True)
            self.move(id, clerk, old)

    @rule(data=st.data(), old=parents, turn=turns)
    def try_to_move(self, data: st.DataObject, old: ParentId, turn: int) -> None:
        """Move some account's links to whoever has a visit; nearly always it is not theirs."""
        id = self.one_waiting(data)
        if id and self.model.links[id].parent != old:
            self.move(id, CLERKS[self.place(id)][turn], old)

    @rule(data=st.data(), why=st.sampled_from(WHY_NOT), turn=turns)
    def links_are_wanted_that_must_stay(self, data: st.DataObject, why: str, turn: int) -> None:
        """Another person has come for the same child, or the same one, turned away or under an order."""
        family = self.family(data, AMARA)
        if family is None:
            return
        self.a_whole_visit_with(data, family, BORN[1])
        child, new = family[1], BO if why == "another name" else AMARA_TOO
        if why == "an order":  # it names the old account alone: the new one's ID shows another birth date
            self.restrict_this(AMARA, child, born=BORN[2], named=True)
        self.ask(new, child)
        if why == "turned away":
            for id in self.model.waiting(new, child)[:1]:
                self.refuse_this(id, CLERKS[self.place(id)][turn], "not-entitled")
                self.ask(new, child)
        for id in self.model.waiting(new, child):
            clerk = CLERKS[self.place(id)][turn]
            self.show_identification(id, clerk, BORN[2 if why == "another birth date" else 1], again=True)
            self.move(id, clerk, AMARA)

    def move(self, id: str, who: str, old: ParentId) -> None:
        """Move all links of the old account to the one of this visit, if nothing stands against it."""
        visit, new, before = self.world.visit(id), self.model.links[id].parent, set(self.world.links())
        coming = self.model.of_parent(old, *WORKS)
        there = {known.student for known in self.model.of_parent(new, *WORKS).values()}
        faults = self._against_moving(id, who, old)
        if not self.came(self.do(lambda: move_links(self.world.house, who, visit.id, old)), faults):
            return
        for one, known in self.model.of_parent(new, *UNDECIDED).items():
            if known.student in {each.student for each in coming.values()}:
                self.becomes(one, LinkState.CANCELLED)
        stored = self.world.links()
        fresh = {stored[one].student: one for one in stored if one not in before}
        for one, known in coming.items():
            if known.student not in there:
                self.model.links[fresh.pop(known.student)] = replace(known, parent=new, decided=None)
            self.becomes(one, LinkState.ENDED, "merged")
        assert not fresh

    def _against_moving(self, id: str, who: str, old: ParentId) -> Kinds:
        new, model = self.model.links[id].parent, self.model
        coming = model.of_parent(old, *WORKS)
        there = model.of_parent(new, *WORKS).values()
        students = [known.student for known in coming.values()]
        _born, at = model.born.get(new, (None, None))
        reasons = {
            CodeLapsed: self.overdue(id),
            NotThere: not self._an_earlier_one(id, who, old) or new in model.gone,
            IdentityMissing: at is None or at < self.world.visit(id).opened_at,
            Restricted: any(model.against(each, student) for each in (old, new) for student in students),
            EndedBefore: any(model.ended_before(new, student) for student in students),
            MoveRefused: any(
                mine.student == known.student and mine.state is not known.state
                for mine in there
                for known in coming.values()
            ),
        }
        return {kind for kind, stands in reasons.items() if stands}

    def _an_earlier_one(self, id: str, who: str, old: ParentId) -> bool:
        """Tell whether the account is an earlier one of the person: by name, day and a child of the visit."""
        new, model = self.model.links[id].parent, self.model
        visit = self.world.link(id).visit
        asked = {
            known.student
            for one, known in model.of_parent(new, *WAITING).items()
            if known.student and self.world.link(one).visit == visit
            if who in CLERKS[model.students[known.student].school]
        }
        days = {model.born.get(each, (None, None))[0] for each in (old, new)} - {None}
        linked = {known.student for known in model.of_parent(old, *WORKS).values()}
        return NAMES[old] == NAMES[new] and len(days) < 2 and bool(asked & linked)
