"""Restrictions come and go: placed by one person, lifted by two, against a name."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import NoDuty, Refusal, SamePerson
from idp_bridge.domain.people import ParentId, Relationship, Student
from idp_bridge.services.restricting import Order, ask_lift, confirm_lift, place
from tests.life.acting import parents, students
from tests.life.at_school import AtSchool
from tests.life.world import CLERKS, DISTRICT, NAMES, PRINCIPAL


class AtLaw(AtSchool):
    """Rules of principals and the district office."""

    def order(self, parent: ParentId, student: Student) -> Order:
        """Return an order against the name on an account."""
        given, family = NAMES[parent]
        review = date(self.world.clock.now().year + 1, 1, 1)
        return Order(student.number, given, family, True, False, "court-order", review)

    @rule(parent=parents, student=students, by_district=st.booleans())
    def restrict(self, parent: ParentId, student: Student, by_district: bool) -> None:
        """Place a restriction on access."""
        who = DISTRICT[0] if by_district else PRINCIPAL[student.school]
        done = self.do(lambda: place(self.world.house, who, self.order(parent, student)))
        assert not isinstance(done, Refusal), repr(done)
        self.model.restrictions[done.id] = (NAMES[parent], student, True)
        self.model.follow_restrictions()

    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        """Lift one: the person who asks cannot be the one who does it."""
        standing = sorted(id for id, (*_, stands) in self.model.restrictions.items() if stands)
        if not standing:
            return
        self.lift_this(data.draw(st.sampled_from(standing)))

    def lift_this(self, id: str) -> None:
        """Lift one restriction, by two persons."""
        house = self.world.house
        asked = self.do(lambda: ask_lift(house, DISTRICT[0], id))
        assert not isinstance(asked, Refusal), repr(asked)
        self.refused(lambda: confirm_lift(house, DISTRICT[0], id), SamePerson)
        done = self.do(lambda: confirm_lift(house, DISTRICT[1], id))
        assert not isinstance(done, Refusal), repr(done)
        who, whom, _ = self.model.restrictions[id]
        self.model.restrictions[id] = (who, whom, False)
        self.model.follow_restrictions()

    @rule(data=st.data(), parent=parents, student=students)
    def a_restricted_parent_comes(self, data: st.DataObject, parent: ParentId, student: Student) -> None:
        """An order stands, and the person asks and comes to the school all the same."""
        self.restrict(parent, student, by_district=False)
        self.ask(parent, student, 1, Relationship.PARENT)
        for id in self.model.waiting(parent):
            if self.model.links[id].student == student:
                self.verify_this(data, id, 0)

    @rule(data=st.data(), parent=parents, student=students, last=st.booleans())
    def two_orders_and_one_is_lifted(
        self, data: st.DataObject, parent: ParentId, student: Student, last: bool
    ) -> None:
        """A link that two orders hold does not work again when one of them goes."""
        self.a_whole_visit(data, parent, student, 0)
        for by_district in (True, False):
            self.restrict(parent, student, by_district)
        self.lift_this(list(self.model.restrictions)[-1 if last else -2])

    @rule(parent=parents, student=students)
    def try_to_restrict_without_the_duty(self, parent: ParentId, student: Student) -> None:
        """A clerk may not."""
        uid = CLERKS[student.school][0]
        self.refused(lambda: place(self.world.house, uid, self.order(parent, student)), NoDuty)
