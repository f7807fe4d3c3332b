"""What parents do before the visit: ask, ask again, take back, try what is somebody else's."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import BadInput, NotThere, TooManyGuesses
from idp_bridge.domain.link import UNDECIDED, WAITING, Claimed, LinkState
from idp_bridge.domain.people import ParentId, Relationship, SchoolCode, StudentId, StudentNumber
from idp_bridge.services.linking import OLDEST_STUDENT_YEARS, cancel_request, leave_link, request_links
from tests.life.acting import Acting, Kinds, parents, students
from tests.life.model import Known
from tests.life.world import CLERKS, NAMES, STUDENTS

relationships = st.sampled_from((Relationship.PARENT, Relationship.PARENT, *Relationship))
slips = st.sampled_from(("", "", "birth date", "school", "number"))
A_DAY, NOBODYS = date(2015, 1, 1), StudentNumber("46999999")


class AtHome(Acting):
    """Rules of parents."""

    @rule(parent=parents, student=students, slip=slips, relationship=relationships)
    def ask(
        self, parent: ParentId, student: StudentId, slip: str = "", relationship: str = Relationship.PARENT
    ) -> None:
        """Ask for a student; now and then with something wrong."""
        self.ask_for(parent, [self.claim(student, slip, Relationship(relationship))])

    @rule(
        parent=parents,
        chosen=st.lists(students, min_size=2, max_size=4),
        some=st.lists(slips, min_size=4, max_size=4),
        relationship=relationships,
    )
    def ask_for_several(
        self, parent: ParentId, chosen: list[StudentId], some: list[str], relationship: Relationship
    ) -> None:
        """Ask for several children at once: all requests are made, or none."""
        pairs = zip(chosen, some, strict=False)
        self.ask_for(parent, [self.claim(student, slip, relationship) for student, slip in pairs])

    def family(
        self, data: st.DataObject, parent: ParentId | None = None
    ) -> tuple[ParentId, StudentId] | None:
        """Return a parent, or this one, and a student: nothing between them yet and nothing against them."""
        model, now = self.model, self.world.clock.now()
        found = [
            (one, student)
            for one in sorted(set(NAMES) - model.gone)
            if parent in (None, one)
            for student in sorted(set(STUDENTS) - set(model.left))
            if not model.of_age(student, now)
            if not model.live(one, student)
            if not model.restricted(one, student)
        ]
        return self.one_of(data, found)

    def a_family_asks(self, data: st.DataObject) -> list[str]:
        """Let a family ask for its child; return what waits for the visit, nothing without a family."""
        family = self.family(data)
        if family is None:
            return []
        self.ask(*family)
        return self.model.waiting(*family)

    def claim(self, student: StudentId, slip: str, relationship: Relationship) -> Claimed:
        """Return what a parent types, with a slip of the pen."""
        true = self.model.students[student]
        other = next(school for school in CLERKS if school != true.school)
        return Claimed(
            NOBODYS if slip == "number" else true.number,
            A_DAY if slip == "birth date" else true.birth_date,
            SchoolCode(other) if slip == "school" else true.school,
            relationship,
        )

    def ask_for(self, parent: ParentId, claims: list[Claimed]) -> None:
        """Send one request for all that was typed; it says the same, whoever is found."""
        self.at_home(parent)
        before = self.world.links()
        late = [id for id in self.model.waiting(parent) if self.overdue(id)]
        done = self.do(lambda: request_links(self.world.house, parent, claims))
        if not self.came(done, self._wrong(parent, claims), self._too_many(parent, claims)):
            return
        now = self.world.clock.now()
        self.model.asked.setdefault(parent, []).extend([now] * len(claims))
        for id in late:
            self.becomes(id, LinkState.LAPSED)
        fresh = [id for id in self.world.links() if id not in before]
        for claimed in claims:
            if not self._waits_already(parent, claimed):
                self.model.links[fresh.pop(0)] = self._request(parent, claimed)
        assert not fresh

    def _wrong(self, parent: ParentId, claims: list[Claimed]) -> Kinds:
        """Return why such a request is refused: never because of who is found."""
        oldest = self.world.clock.now().year - OLDEST_STUDENT_YEARS
        twice = len({claimed.student_number for claimed in claims}) < len(claims)
        old = any(claimed.birth_date.year < oldest for claimed in claims)  # thousands of days later
        return {BadInput} if twice or old else {NotThere} if parent in self.model.gone else set()

    def _too_many(self, parent: ParentId, claims: list[Claimed]) -> Kinds:
        since = self.world.clock.now() - timedelta(hours=1)
        lately = [at for at in self.model.asked.get(parent, ()) if at > since]
        return {TooManyGuesses} if len(lately) + len(claims) > 20 else set()

    def _waits_already(self, parent: ParentId, claimed: Claimed) -> bool:
        """Tell whether the same request waits; another one for the same number is taken back."""
        for id, known in self.model.of_parent(parent, *WAITING).items():
            if known.typed == claimed:
                return True
            if known.typed.student_number == claimed.student_number:
                self.becomes(id, LinkState.CANCELLED)
        return False

    def _request(self, parent: ParentId, claimed: Claimed) -> Known:
        meant = (claimed.student_number, claimed.birth_date)
        student = self.model.fits(*meant)
        matched = student is not None and not self.model.live(parent, student.id)
        return Known(parent, claimed, student.id if student and matched else None, meant)

    def one_waiting(self, data: st.DataObject) -> str | None:
        """Return a request that waits for the visit; where there is none, somebody asks."""
        if not self.model.of(*WAITING):
            self.ask(data.draw(parents), data.draw(students), data.draw(slips), data.draw(relationships))
        return self.pick(data, *sorted(WAITING))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Take a request back that is not decided yet."""
        id = self.pick(data, *sorted(UNDECIDED)) or self.one_waiting(data)
        if id:
            done = self.do(lambda: cancel_request(self.world.house, self.model.links[id].parent, id))
            assert self.came(done, set())
            self.becomes(id, LinkState.CANCELLED)

    @rule(data=st.data(), parent=parents)
    def try_what_is_somebody_elses(self, data: st.DataObject, parent: ParentId) -> None:
        """Cancel or leave another parent's link: as if it were not there."""
        id = self.pick(data, *LinkState)
        if id and self.model.links[id].parent != parent:
            self.refused(lambda: cancel_request(self.world.house, parent, id), NotThere)
            self.refused(lambda: leave_link(self.world.house, parent, id), NotThere)
