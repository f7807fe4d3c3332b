"""What a student of 18 does: allow a parent again, for some purposes, and take it back; nobody younger."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import BadInput, DistrictAddress, MoveRefused, NotThere, Restricted
from idp_bridge.domain.link import LIVE, LinkState, end_of_childhood
from idp_bridge.domain.people import ParentId, Purpose, StudentId
from idp_bridge.services.granting import ALLOWED_AGAIN, Owner, grant, withdraw
from tests.life.acting import Kinds, parents, students
from tests.life.at_law import AtLaw
from tests.life.by_itself import ByItself
from tests.life.model import WORKS, Known
from tests.life.world import RIVER, ZONE

chosen = st.sets(st.sampled_from(sorted(Purpose)), min_size=1).map(frozenset)


class OfAge(AtLaw, ByItself):
    """Rules of students of 18."""

    @rule(data=st.data(), purposes=chosen)
    def allow(self, data: st.DataObject, purposes: frozenset[Purpose]) -> None:
        """Allow a parent of before to see the records again."""
        id = self.pick(data, *LinkState)
        if id:
            self.allow_this(id, purposes)

    @rule(data=st.data(), parent=parents, purposes=chosen, stops=st.booleans())
    def a_student_comes_of_age(
        self, data: st.DataObject, parent: ParentId, purposes: frozenset[Purpose], stops: bool
    ) -> None:
        """A link ends on the 18th birthday; the student allows it again, and thinks better of it."""
        self.a_whole_visit(data, parent, RIVER.id)
        birthday = end_of_childhood(RIVER.birth_date, ZONE)
        self.world.clock.at = max(self.world.clock.at, birthday)
        self.timers()
        newest = self._newest(parent, RIVER.id)
        if newest is None:
            return
        self.allow_this(newest, purposes)
        allowed = self._newest(parent, RIVER.id)
        self.a_season_passes(400)  # what was allowed has no end of its own
        if stops:
            self.stop_this(allowed)
            self.a_season_passes(1)  # and does not come back

    @rule(
        data=st.data(),
        parent=parents,
        purposes=chosen,
        why=st.sampled_from(("revoked", "ordered", "not the student's")),
    )
    def a_student_may_not(
        self, data: st.DataObject, parent: ParentId, purposes: frozenset[Purpose], why: str
    ) -> None:
        """What staff ended stays ended, an order outranks the student, what staff verified is not theirs."""
        self.a_whole_visit(data, parent, RIVER.id)
        newest = self._newest(parent, RIVER.id)
        if newest is None:
            return
        if why == "revoked" and self.model.links[newest].state in WORKS:
            self.revoke_this(newest, "court-order")
        self.world.clock.at = max(self.world.clock.at, end_of_childhood(RIVER.birth_date, ZONE))
        if why == "not the student's":
            self.stop_this(newest)  # the timers have not been there yet
        self.timers()
        if why == "ordered":
            self.restrict_this(parent, RIVER.id)
        self.allow_this(newest, purposes)

    def allow_this(self, id: str, purposes: frozenset[Purpose]) -> None:
        """Allow one link again; the model says whether the student may."""
        before, faults = self.model.links[id], self._against_allowing(id)
        owner, house, old = self._owner(before), self.world.house, set(self.world.links())
        self.refused(lambda: grant(house, owner, id, frozenset()), BadInput, NotThere)
        done = self.do(lambda: grant(house, owner, id, purposes))
        if self.came(done, faults):
            (fresh,) = set(self.world.links()) - old
            self.model.links[fresh] = Known(
                before.parent,
                before.typed,
                before.student,
                (before.typed.student_number, before.typed.birth_date),
                LinkState.VERIFIED,
                purposes=purposes,
                verified_at=self.world.clock.now(),
                granted=True,
            )

    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        """Take back what was allowed; what staff verified is not the student's to take back."""
        granted = [id for id in self.model.of(*LinkState) if self.model.links[id].granted]
        id = self.one_of(data, granted) or self.pick(data, *LinkState)
        if id:
            self.stop_this(id)

    def stop_this(self, id: str) -> None:
        """Take one consent back; the model says whether there is one."""
        known, now = self.model.links[id], self.world.clock.now()
        mine = (
            known.granted and known.student not in self.model.left and self.model.of_age(known.student, now)
        )
        faults: Kinds = set() if mine else {NotThere}
        if mine and known.state not in WORKS:
            faults = {MoveRefused}
        done = self.do(lambda: withdraw(self.world.house, self._owner(known), id))
        if self.came(done, faults):
            self.becomes(id, LinkState.ENDED, "consent_withdrawn")

    @rule(data=st.data(), student=students)
    def try_what_is_another_students(self, data: st.DataObject, student: StudentId) -> None:
        """Allow or stop what is another student's: as if it were not there."""
        id = self.pick(data, *LinkState)
        if id and self.model.links[id].student != student:
            owner, house = Owner(self.model.students[student].number, "sub-other"), self.world.house
            self.refused(lambda: grant(house, owner, id, {Purpose.RECORDS}), NotThere)
            self.refused(lambda: withdraw(house, owner, id), NotThere)

    def _owner(self, known: Known) -> Owner:
        """Return the student of a link, as signed in through the district; a stranger where it has none."""
        student = self.model.students.get(known.student)
        return Owner(student.number if student else "46999999", f"sub-{known.student}")

    def _newest(self, parent: ParentId, student: StudentId) -> str | None:
        """Return the link of the two that was verified last."""
        both = [
            (known.verified_at, id)
            for id, known in self.model.links.items()
            if (known.parent, known.student) == (parent, student) and known.verified_at
        ]
        return max(both)[1] if both else None

    def _against_allowing(self, id: str) -> Kinds:
        known, model = self.model.links[id], self.model
        parent, student = known.parent, known.student
        own = known.verified_at is not None and model.of_age(student, self.world.clock.now())
        if not own or student in model.left or parent in model.gone:
            return {NotThere}  # said before anything else: nothing is told of what is not the student's
        again = known.state is LinkState.ENDED and known.reason in ALLOWED_AGAIN
        newest = id == self._newest(parent, student)
        reasons = {
            DistrictAddress: parent in model.deleted,
            Restricted: model.restricted(parent, student),
            MoveRefused: not (again and newest)
            or any(k.state in LIVE for k in model.of_two(parent, student)),
        }
        return {kind for kind, stands in reasons.items() if stands}
