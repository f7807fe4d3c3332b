"""Restrictions come and go: placed by one person, lifted by two, by name, birth date or account."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import MoveRefused, NoDuty, NotThere, SamePerson
from idp_bridge.domain.people import ParentId, StudentId
from idp_bridge.services import restricting
from idp_bridge.services.restricting import ask_lift, clear_namesake, confirm_lift, place
from tests.life.acting import parents, students
from tests.life.at_school import BORN, AtSchool
from tests.life.model import Order
from tests.life.world import CLERKS, DISTRICT, NAMES, PRINCIPAL

limits = st.sampled_from(("access", "access", "messages", "both"))


class AtLaw(AtSchool):
    """Rules of principals and the district office."""

    @rule(
        parent=parents,
        student=students,
        limit=limits,
        born=st.sampled_from(BORN),
        named=st.sampled_from((False, False, True)),
        by_district=st.booleans(),
    )
    def restrict(
        self,
        parent: ParentId,
        student: StudentId,
        limit: str,
        born: date | None,
        named: bool,
        by_district: bool,
    ) -> None:
        """Place a restriction on access, on messages or on both."""
        self.restrict_this(parent, student, limit, born, named, by_district)

    def restrict_this(
        self,
        parent: ParentId,
        student: StudentId,
        limit: str = "access",
        born: date | None = None,
        named: bool = False,
        by_district: bool = False,
    ) -> str | None:
        """Place one restriction and return it; None for a student who left."""
        school = self.model.students[student].school
        who = DISTRICT[0] if by_district else PRINCIPAL[school]
        access, messages = limit != "messages", limit != "access"
        account = parent if named else None
        order = Order(NAMES[parent], student, access, messages, born, account)
        entered = self.entered(order)
        self.refused(lambda: place(self.world.house, CLERKS[school][0], entered), NoDuty)
        done = self.do(lambda: place(self.world.house, who, entered))
        if not self.came(done, {NotThere} if student in self.model.left else set()):
            return None
        self.model.orders[done.id] = order
        self.model.follow_restrictions()
        return done.id

    def entered(self, order: Order) -> restricting.Order:
        """Return the order as a principal enters it."""
        number = self.model.students[order.student].number
        review = date(self.world.clock.now().year + 1, 1, 1)
        limited = (order.access, order.messages)
        return restricting.Order(
            number, *order.name, *limited, "court-order", review, parent=order.account, birth_date=order.born
        )

    def standing(self) -> list[str]:
        """Return the restrictions that stand."""
        return sorted(id for id, order in self.model.orders.items() if order.stands)

    @rule(data=st.data(), by_principal=st.booleans())
    def lift(self, data: st.DataObject, by_principal: bool) -> None:
        """Lift one: the person who asks cannot be the one who does it."""
        id = self.one_of(data, self.standing()) or self.restrict_this(data.draw(parents), data.draw(students))
        if id:
            self.lift_this(id, by_principal)

    def lift_this(self, id: str, by_principal: bool = False) -> None:
        """Lift one restriction, by two persons; neither is a clerk."""
        house, order = self.world.house, self.model.orders[id]
        school = self.model.students[order.student].school
        first = PRINCIPAL[school] if by_principal else DISTRICT[0]
        self.refused(lambda: ask_lift(house, CLERKS[school][0], id), NoDuty)
        self.refused(lambda: confirm_lift(house, DISTRICT[1], id), MoveRefused)  # nobody asked yet
        assert self.came(self.do(lambda: ask_lift(house, first, id)), set())
        self.refused(lambda: confirm_lift(house, first, id), SamePerson)
        assert self.came(self.do(lambda: confirm_lift(house, DISTRICT[1], id)), set())
        order.stands = False
        self.model.follow_restrictions()

    @rule(data=st.data(), parent=parents, by_district=st.booleans())
    def clear(self, data: st.DataObject, parent: ParentId, by_district: bool) -> None:
        """Find an account to be a namesake's: it is free, and the restriction stands for everybody else."""
        id = self.one_of(data, sorted(self.model.orders)) or self.restrict_this(parent, data.draw(students))
        if id and parent not in self.model.deleted:
            self.clear_this(id, parent, by_district)

    def clear_this(self, id: str, parent: ParentId, by_district: bool = False) -> None:
        """Clear one account of one restriction; no clerk, and no other school's principal may."""
        house, order = self.world.house, self.model.orders[id]
        school = self.model.students[order.student].school
        other = next(uid for place, uid in PRINCIPAL.items() if place != school)
        self.refused(lambda: clear_namesake(house, CLERKS[school][0], id, parent), NoDuty)
        self.refused(lambda: clear_namesake(house, other, id, parent), NotThere)
        who = DISTRICT[1] if by_district else PRINCIPAL[school]
        faults = set() if self.model.concerns(order, parent) else {NotThere}
        if not faults and order.account == parent:
            faults = {MoveRefused}
        if self.came(self.do(lambda: clear_namesake(house, who, id, parent)), faults):
            order.cleared.add(parent)
            self.model.follow_restrictions()

    @rule(data=st.data(), parent=parents, student=students, limit=limits)
    def a_restricted_parent_comes(
        self, data: st.DataObject, parent: ParentId, student: StudentId, limit: str
    ) -> None:
        """An order stands, and the person asks and comes to the school all the same."""
        self.restrict_this(parent, student, limit)
        self.a_whole_visit(data, parent, student)

    @rule(data=st.data(), last=st.booleans(), limit=limits)
    def two_orders_and_one_is_lifted(self, data: st.DataObject, last: bool, limit: str) -> None:
        """A link that two orders hold does not work again when one of them goes."""
        family = self.family(data)
        if family:
            self.a_whole_visit(data, *family)
            both = [self.restrict_this(*family, one) for one in ("access", limit)]
            self.lift_this(both[last])

    @rule(data=st.data(), limit=limits, born=st.sampled_from(BORN[1:]), named=st.booleans())
    def a_namesake_is_held_up(self, data: st.DataObject, limit: str, born: date, named: bool) -> None:
        """Somebody is held for another person's order; an ID shows that, or the school finds it out."""
        family, other = self.family(data), data.draw(students)
        if family is None:
            return
        self.a_whole_visit(data, *family)
        id, parent = self.restrict_this(*family, limit, BORN[1], named), family[0]
        self.ask(parent, other)
        for asked in self.model.waiting(parent)[:1]:
            self.show_identification(asked, DISTRICT[0], born, again=True)
        self.clear_this(id, parent)
