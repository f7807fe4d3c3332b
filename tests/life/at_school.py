"""What a school does with a visit: verify, refuse, end; and what its staff may not."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import EndedBefore, NoDuty, NotInRoster, OfAge, Refusal, Restricted
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.evidence import Accepted, EvidenceKind
from idp_bridge.domain.link import Link, LinkState, end_of_childhood
from idp_bridge.domain.people import ParentId, Relationship, Student
from idp_bridge.services.linking import cancel_request, leave_link
from idp_bridge.services.refusing import refuse_link, revoke_link
from idp_bridge.services.verifying import record_identity, verify_link
from tests.life.acting import parents, students
from tests.life.at_home import AtHome
from tests.life.replaying import FINAL
from tests.life.world import CLERKS, DISTRICT, ZONE


class AtSchool(AtHome):
    """Rules of clerks."""

    @rule(data=st.data(), parent=parents, student=students, turn=st.integers(0, 1))
    def a_whole_visit(self, data: st.DataObject, parent: ParentId, student: Student, turn: int) -> None:
        """Ask and be verified, as most families are: so that there is something to lose."""
        self.ask(parent, student, 1, Relationship.PARENT)
        for id in self.model.waiting(parent):
            if self.model.links[id].student == student:
                self.verify_this(data, id, turn, EvidenceKind.SCHOOL_RECORD)

    @rule(data=st.data(), turn=st.integers(0, 1))
    def verify(self, data: st.DataObject, turn: int) -> None:
        """Record the identity, then verify on a paper the relationship takes."""
        id = self.pick(data, LinkState.AWAITING_VISIT)
        if id:
            self.verify_this(data, id, turn)

    def verify_this(self, data: st.DataObject, id: str, turn: int, paper: EvidenceKind | None = None) -> None:
        """Verify one link at its school; the model says what must come of it."""
        clerk, link = CLERKS[self.place(id)][turn], self.link(id)
        self.do(lambda: record_identity(self.world.house, clerk, link.visit, self.place(id), "passport"))
        kinds = self.world.house.rules.evidence[link.claimed.relationship].kinds
        kind = paper if paper in kinds else data.draw(st.sampled_from(sorted(kinds)))
        until = self.world.clock.now().date() + timedelta(days=90) if self.policy(id).end_date else None
        done = self.do(lambda: verify_link(self.world.house, clerk, id, kind, until))
        if isinstance(done, Refusal):
            self.verifying_was_refused(id, kind, done)
            return
        known = self.model.links[id]
        assert known.student is not None
        assert not self.model.restricted(known.parent, known.student)
        self.verifying_did(id, kind, done, clerk)

    def verifying_did(self, id: str, kind: EvidenceKind, done: Link, clerk: str) -> None:
        """Note what came of it: verified, or a second person must agree."""
        known, accepted = self.model.links[id], self.policy(id)
        assert not self.of_age(id)
        assert not self.ended_before(id)
        if kind in accepted.second_person:
            known.state, known.first = LinkState.AWAITING_SECOND, clerk
        else:
            known.state, known.ends = LinkState.VERIFIED, done.expires_at

    def policy(self, id: str) -> Accepted:
        """Return what the district accepts for the relationship."""
        return self.world.house.rules.evidence[self.link(id).claimed.relationship]

    def verifying_was_refused(self, id: str, kind: EvidenceKind, refusal: Refusal) -> None:
        """Check that there was a reason."""
        known = self.model.links[id]
        reasons = {
            Restricted: self.model.restricted(known.parent, known.student),
            OfAge: self.of_age(id),
            EndedBefore: self.ended_before(id),
            NoDuty: self.policy(id).referral,
            NotInRoster: known.student is None,
        }
        # an identity that could not be recorded is missing afterwards
        assert reasons.get(type(refusal), known.student is None or self.overdue(id)), repr(refusal)

    def ended_before(self, id: str) -> bool:
        """Tell whether a link of the same two was revoked before, and nobody overruled that since."""
        known = self.model.links[id]
        return (known.parent, known.student) in self.model.revoked

    def overdue(self, id: str) -> bool:
        """Tell whether the last day of the link's visit is over."""
        with self.world.store.reading() as rows:
            visit = rows.visits.get(self.link(id).visit)
        return visit.visit_by < self.world.clock.now().astimezone(ZONE).date()

    def of_age(self, id: str) -> bool:
        """Tell whether the student is 18."""
        student = self.model.links[id].student
        return bool(student) and end_of_childhood(student.birth_date, ZONE) <= self.world.clock.now()

    @rule(data=st.data(), turn=st.integers(0, 1))
    def refuse(self, data: st.DataObject, turn: int) -> None:
        """Refuse for a reason of the list."""
        id = self.pick(data, LinkState.AWAITING_VISIT)
        if id:
            clerk = CLERKS[self.place(id)][turn]
            done = self.do(lambda: refuse_link(self.world.house, clerk, id, "relationship-not-shown"))
            if isinstance(done, Refusal):
                self.refusing_was_refused(id, done)
            else:
                self.becomes(id, LinkState.DENIED)

    def refusing_was_refused(self, id: str, refusal: Refusal) -> None:
        """Check that there was a reason."""
        assert self.overdue(id), f"no reason for {refusal!r}"

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        """End a link from outside the parent's will."""
        id = self.pick(data, LinkState.VERIFIED, LinkState.SUSPENDED)
        if id:
            who = Actor(ActorKind.OPERATOR, "cli")
            done = self.do(lambda: revoke_link(self.world.house, who, id, "court-order"))
            assert not isinstance(done, Refusal)
            known = self.becomes(id, LinkState.ENDED)
            self.model.revoked.add((known.parent, known.student))
            paper = done.evidence or EvidenceKind.SCHOOL_RECORD
            self.refused(lambda: verify_link(self.world.house, DISTRICT[0], id, paper))

    @rule(data=st.data())
    def try_without_the_duty(self, data: st.DataObject) -> None:
        """A clerk of the other school, and an employee without a duty."""
        id = self.pick(data, *LinkState)
        if id is None:
            return
        others = next(both for school, both in CLERKS.items() if school != self.place(id))
        for uid in ("tess.moore", others[0], "nobody.known"):
            for act in (
                lambda uid=uid: verify_link(self.world.house, uid, id, "school-record"),
                lambda uid=uid: refuse_link(self.world.house, uid, id, "relationship-not-shown"),
            ):
                self.refused(act, NoDuty)

    @rule(data=st.data())
    def try_what_is_final(self, data: st.DataObject) -> None:
        """What ended is not decided again, whoever tries (I5)."""
        id = self.pick(data, *sorted(FINAL))
        if id:
            parent, house = self.model.links[id].parent, self.world.house
            self.refused(lambda: verify_link(house, DISTRICT[0], id, "school-record"))
            self.refused(lambda: refuse_link(house, DISTRICT[0], id, "not-the-student"))
            self.refused(lambda: leave_link(house, parent, id))
            self.refused(lambda: cancel_request(house, parent, id))
