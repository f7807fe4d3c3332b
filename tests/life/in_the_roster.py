"""What the roster says anew: a student leaves, comes back in time or too late, or changes the school."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.people import SchoolCode, StudentId
from tests.life.acting import students
from tests.life.at_school import RECORD, AtSchool, turns
from tests.life.by_itself import ByItself
from tests.life.world import CLERKS, ZONE


class InTheRoster(AtSchool, ByItself):
    """Rules of the roster's imports."""

    @rule(student=students)
    def leaves(self, student: StudentId) -> None:
        """A student is not in the roster any more: nothing ends yet."""
        today = self.world.clock.now().astimezone(ZONE).date()
        self.model.left.setdefault(student, today)
        self.imported()

    @rule(student=students)
    def comes_back(self, student: StudentId) -> None:
        """A student is in the roster again: what ended does not come back by that (I5)."""
        self.model.left.pop(student, None)
        self.imported()

    @rule(student=students)
    def changes_school(self, student: StudentId) -> None:
        """A transfer keeps the link; another school decides from now on."""
        known = self.model.students[student]
        other = next(school for school in CLERKS if school != known.school)
        self.model.students[student] = replace(known, school=SchoolCode(other))
        self.model.left.pop(student, None)
        self.imported()

    @rule(data=st.data(), days=st.sampled_from((10, 29, 30, 31)), back=st.booleans())
    def a_family_moves_away(self, data: st.DataObject, days: int, back: bool) -> None:
        """A link outlives its student's leaving by the grace, and not by more."""
        family = self.family(data)
        if family is None:
            return
        self.a_whole_visit(data, *family)
        self.leaves(family[1])
        self.a_season_passes(days)
        if back:
            self.comes_back(family[1])
            self.a_season_passes(30)

    @rule(data=st.data(), turn=turns)
    def a_student_leaves_before_the_visit(self, data: st.DataObject, turn: int) -> None:
        """Whom the roster does not have any more is not linked; whoever is back in it is."""
        for id in self.a_family_asks(data):
            student, clerk = self.model.links[id].student, CLERKS[self.place(id)][turn]
            self.leaves(student)
            self.verify_this(data, id, clerk, RECORD)
            self.comes_back(student)
            self.verify_this(data, id, clerk, RECORD)

    def imported(self) -> None:
        """Import the roster as the model has it."""
        here = [one for one in self.model.students.values() if one.id not in self.model.left]
        assert self.came(self.do(lambda: self.world.import_students(here)), set())
