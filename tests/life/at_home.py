"""What parents do: ask, take back, leave, try what is somebody else's."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import BadInput, NotThere, Refusal, TooManyGuesses
from idp_bridge.domain.link import WAITING, Claimed, Link, LinkState
from idp_bridge.domain.people import ParentId, Relationship, Student
from idp_bridge.services.linking import OLDEST_STUDENT_YEARS, cancel_request, leave_link, request_link
from tests.life.acting import Acting, parents, students
from tests.life.model import Known

relationships = st.sampled_from((Relationship.PARENT, Relationship.PARENT, *Relationship))


class AtHome(Acting):
    """Rules of parents."""

    @rule(parent=parents, student=students, right=st.integers(0, 3), relationship=relationships)
    def ask(self, parent: ParentId, student: Student, right: int, relationship: Relationship) -> None:
        """Ask for a student; now and then with another birth date."""
        born = student.birth_date if right else date(student.birth_date.year, 1, 1)
        claimed = Claimed(student.number, born, student.school, relationship)
        before = self.world.links()
        done = self.do(lambda: request_link(self.world.house, parent, claimed))
        if isinstance(done, BadInput):  # thousands of days later nobody of that age is a student
            assert self.world.clock.now().year - born.year > OLDEST_STUDENT_YEARS
            return
        if isinstance(done, Refusal):
            self.asking_was_refused(parent, done)
            return
        self._follow(parent, student if right else None, before)

    def asking_was_refused(self, parent: ParentId, refusal: Refusal) -> None:
        """Check that there was a reason: only too many requests in a short time."""
        assert isinstance(refusal, TooManyGuesses), repr(refusal)

    def _follow(self, parent: ParentId, student: Student | None, before: dict[str, Link]) -> None:
        """Take what asking did: lapsed visits, a replaced request, a new one, and nothing else."""
        after = self.world.links()
        for id, link in before.items():
            if after[id].state is not link.state:
                assert after[id].state in (LinkState.LAPSED, LinkState.CANCELLED)
                assert link.state in WAITING
                assert link.parent == parent
                self.becomes(id, after[id].state)
        fresh = [link for id, link in after.items() if id not in before]
        assert len(fresh) <= 1
        for link in fresh:
            matches = student is not None and not self.model.live(parent, student)
            assert link.student == (student.id if student and matches else None)
            self.model.links[link.id] = Known(parent, student if matches else None)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Take a request back."""
        id = self.pick(data, LinkState.AWAITING_VISIT)
        if id:
            done = self.do(lambda: cancel_request(self.world.house, self.model.links[id].parent, id))
            assert done is None
            self.becomes(id, LinkState.CANCELLED)

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """End one's own link."""
        id = self.pick(data, LinkState.VERIFIED, LinkState.SUSPENDED)
        if id:
            done = self.do(lambda: leave_link(self.world.house, self.model.links[id].parent, id))
            assert done is None
            self.becomes(id, LinkState.ENDED)

    @rule(data=st.data(), parent=parents)
    def try_what_is_somebody_elses(self, data: st.DataObject, parent: ParentId) -> None:
        """Cancel or leave another parent's link: as if it were not there."""
        id = self.pick(data, *LinkState)
        if id and self.model.links[id].parent != parent:
            self.refused(lambda: cancel_request(self.world.house, parent, id), NotThere)
            self.refused(lambda: leave_link(self.world.house, parent, id), NotThere)
