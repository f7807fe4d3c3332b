"""What a school does with a visit: verify, refuse, end; and what its staff may not."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from idp_bridge.domain.errors import (
    CodeLapsed,
    DistrictAddress,
    EndedBefore,
    IdentityMissing,
    NoDuty,
    NotInRoster,
    NotThere,
    OfAge,
    Restricted,
    SamePerson,
)
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.evidence import Accepted, EvidenceKind
from idp_bridge.domain.link import UNDECIDED, WAITING, LinkState, end_of_childhood, end_of_day
from idp_bridge.domain.people import ParentId, Purpose, StudentId
from idp_bridge.domain.reasons import DENIAL_REASONS, REVOCATION_REASONS
from idp_bridge.services.agreeing import agree_link, refer_link
from idp_bridge.services.correcting import correct_claim
from idp_bridge.services.disputing import end_link, hold_link
from idp_bridge.services.linking import cancel_request, leave_link
from idp_bridge.services.projecting import sweep
from idp_bridge.services.refusing import refuse_link, revoke_link
from idp_bridge.services.undoing import undo_decision
from idp_bridge.services.verifying import record_identity, verify_link
from tests.life.acting import Kinds, parents, students
from tests.life.at_home import AtHome
from tests.life.model import WORKS
from tests.life.replaying import FINAL
from tests.life.world import CLERKS, DISTRICT, PRINCIPAL, ZONE

RECORD = EvidenceKind.SCHOOL_RECORD
BORN = (None, date(1985, 4, 2), date(1990, 9, 17))
"""Birth dates on IDs and court papers: often not noted, and two persons of one name have two."""
turns = st.integers(0, 1)
denials = st.sampled_from(sorted(DENIAL_REASONS))
revocations = st.sampled_from(sorted(REVOCATION_REASONS))


class AtSchool(AtHome):
    """Rules of clerks."""

    @rule(data=st.data(), parent=parents, student=students, turn=turns)
    def a_whole_visit(self, data: st.DataObject, parent: ParentId, student: StudentId, turn: int = 0) -> None:
        """Ask and be verified, as most families are: so that there is something to lose."""
        self.ask(parent, student)
        for id in self.model.waiting(parent, student):
            self.verify_this(data, id, CLERKS[self.place(id)][turn], RECORD)
        sweep(self.world.house, self.world.clock.now())  # the worker is awake, as it is nearly always

    def a_whole_visit_with(
        self, data: st.DataObject, family: tuple[ParentId, StudentId], born: date | None
    ) -> None:
        """Ask, show an ID with this birth date, whatever was seen before, and be verified."""
        self.ask(*family)
        for id in self.model.waiting(*family):
            self.show_identification(id, CLERKS[self.place(id)][0], born, again=True)
        self.a_whole_visit(data, *family)

    def one_linked(self, data: st.DataObject) -> str | None:
        """Return a link that works or is on hold; where there is none, a family comes to school."""
        family = None if self.model.of(*WORKS) else self.family(data)
        if family:
            self.a_whole_visit(data, *family)
        return self.pick(data, *WORKS)

    @rule(data=st.data(), turn=turns, born=st.sampled_from(BORN), again=st.booleans())
    def verify(self, data: st.DataObject, turn: int, born: date | None, again: bool) -> None:
        """Record the identity, then verify on a paper the relationship takes."""
        id = self.one_waiting(data)
        if id:
            clerk = CLERKS[self.place(id)][turn]
            self.show_identification(id, clerk, born, again)
            self.verify_this(data, id, clerk)

    def show_identification(self, id: str, who: str, born: date | None = None, again: bool = False) -> None:
        """Show an ID at the counter; it stays as it was seen first, unless it is seen again."""
        visit, parent, place = self.world.visit(id).id, self.model.links[id].parent, self.place(id)
        held = self.model.held_by(parent)
        self.heard()
        done = self.do(
            lambda: record_identity(self.world.house, who, visit, place, "passport", born, again=again)
        )
        if self.came(done, {CodeLapsed} if self.overdue(id) else set()):
            self.identity_was_seen(parent, born, self.world.clock.now(), again)
        freed = held - self.model.held_by(parent)
        assert self.heard().count("alarm:restriction-namesake") == len(freed)

    def identity_was_seen(self, parent: ParentId, born: date | None, at: datetime, again: bool) -> None:
        """Note an identification; a restricted person's namesake is told apart by it, or not any more."""
        before = self.model.born.get(parent)
        if before is None or again:
            self.model.born[parent] = (born or (before and before[0]), at)
            self.model.follow_restrictions()

    def verify_this(
        self,
        data: st.DataObject,
        id: str,
        who: str,
        paper: EvidenceKind | None = None,
        *,
        overrule: bool = False,
    ) -> bool:
        """Verify one link; the model says what must come of it. Tell whether it was done."""
        if self.model.links[id].state in WAITING:
            self.show_identification(id, who)
        kind, until = self.papers(data, id, paper)
        house, faults = self.world.house, self.against(id, who, overrule=overrule) | self.nobody_there(id)
        done = self.do(lambda: verify_link(house, who, id, kind, until, overrule=overrule))
        if self.came(done, faults):
            self.verifying_did(id, kind, until, who)
            return True
        return False

    def verify_unseen(self, id: str) -> None:
        """Try to verify a request of somebody whose identification nobody has seen."""
        house, who = self.world.house, CLERKS[self.place(id)][0]
        faults = self.against(id, who)
        assert IdentityMissing in faults
        self.refused(lambda: verify_link(house, who, id, RECORD), *faults)

    def papers(
        self, data: st.DataObject, id: str, paper: EvidenceKind | None = None
    ) -> tuple[EvidenceKind, date | None]:
        """Return a paper the relationship takes, and the last day it names, if it does."""
        policy = self.policy(id)
        kind = paper if paper in policy.kinds else data.draw(st.sampled_from(sorted(policy.kinds)))
        days = data.draw(st.sampled_from((30, 90) if policy.end_date else (None, None, 30)))
        return kind, self.world.clock.now().date() + timedelta(days=days) if days else None

    def verifying_did(
        self, id: str, kind: EvidenceKind, until: date | None, who: str, first: str | None = None
    ) -> None:
        """Note what came of it: verified, or a second person must agree with the `first`."""
        ends = end_of_day(until, ZONE) if until else None
        if kind in self.policy(id).second_person:
            known = self.becomes(id, LinkState.AWAITING_SECOND, by=who)
            known.first, known.ends = first or who, ends
        else:
            self.is_verified(id, who, ends)

    def is_verified(self, id: str, who: str, ends: datetime | None) -> None:
        """Note that a link works from now on, for everything, until a day or the 18th birthday."""
        known = self.becomes(id, LinkState.VERIFIED, by=who)
        childhood = end_of_childhood(self.model.students[known.student].birth_date, ZONE)
        known.ends = min(ends, childhood) if ends else childhood
        known.purposes, known.verified_at = frozenset(Purpose), self.world.clock.now()

    def policy(self, id: str) -> Accepted:
        """Return what the district accepts for the relationship."""
        return self.world.house.rules.evidence[self.model.links[id].typed.relationship]

    def against(self, id: str, who: str, *, overrule: bool = False, on_paper: bool = False) -> Kinds:
        """Return what stands against verifying this link by this person now."""
        known, place = self.model.links[id], self.place(id)
        found = self.against_these_two(id)
        if (known.state is LinkState.REFERRED or self.policy(id).referral) and who not in DISTRICT:
            found |= {NoDuty}
        if known.state in WAITING and not on_paper and self.overdue(id):
            found |= {CodeLapsed}
        if not self.duty(who, place):
            found |= {NoDuty}
        if self.model.ended_before(known.parent, known.student):
            may = who == PRINCIPAL[place] or who in DISTRICT
            found |= set() if overrule and may else {EndedBefore}
        return found

    def nobody_there(self, id: str) -> Kinds:
        """Return what is said where the account is gone."""
        return {NotThere} if self.model.links[id].parent in self.model.gone else set()

    def against_these_two(self, id: str) -> Kinds:
        """Return what stands between this parent and this student, whoever decides."""
        known, model = self.model.links[id], self.model
        reasons = {
            NotInRoster: known.student is None or known.student in model.left,
            OfAge: model.of_age(known.student, self.world.clock.now()),
            Restricted: model.restricted(known.parent, known.student),
            IdentityMissing: known.parent not in model.born,
        }
        return {kind for kind, stands in reasons.items() if stands}

    @rule(data=st.data(), parent=parents, student=students, by_district=st.booleans())
    def overrule(self, data: st.DataObject, parent: ParentId, student: StudentId, by_district: bool) -> None:
        """What was turned away on the merits is linked by who may overrule it and says so, alone."""
        self.ask(parent, student)
        for id in self.model.waiting(parent, student):
            if not self.model.ended_before(parent, student):
                self.refuse_this(id, CLERKS[self.place(id)][0], "not-entitled")
                self.ask(parent, student)
        for id in self.model.waiting(parent, student):
            place = self.place(id)
            self.verify_this(data, id, CLERKS[place][0], RECORD, overrule=True)
            who = DISTRICT[0] if by_district else PRINCIPAL[place]
            self.verify_this(data, id, who, RECORD)
            self.heard()
            if self.verify_this(data, id, who, RECORD, overrule=True):
                assert "alarm:refusal-overruled" in self.heard()

    @rule(data=st.data(), who=st.integers(0, 2), reason=denials)
    def refuse(self, data: st.DataObject, who: int, reason: str) -> None:
        """Refuse for a reason of the list."""
        id = self.pick(data, *sorted(UNDECIDED)) or self.one_waiting(data)
        if id:
            self.refuse_this(id, (*CLERKS[self.place(id)], DISTRICT[0])[who], reason)

    def refuse_this(self, id: str, who: str, reason: str) -> bool:
        """Refuse one request; the model says whether this person may."""
        known, faults = self.model.links[id], set()
        if known.state is LinkState.REFERRED and who not in DISTRICT:
            faults = {NoDuty}
        if known.state is LinkState.AWAITING_SECOND and who == known.first:
            faults = {SamePerson}
        done = self.do(lambda: refuse_link(self.world.house, who, id, reason))
        if self.came(done, faults):
            self.becomes(id, LinkState.DENIED, reason, by=who).final = DENIAL_REASONS[reason].final
            return True
        return False

    @rule(data=st.data(), reason=revocations, by_principal=st.booleans())
    def revoke(self, data: st.DataObject, reason: str, by_principal: bool) -> None:
        """End a link from outside the parent's will."""
        id = self.one_linked(data)
        if id is None:
            return
        self.revoke_this(id, reason, by_principal)
        known = self.model.links[id]
        self.a_whole_visit(data, known.parent, known.student)  # it must not come back by a new request

    def revoke_this(self, id: str, reason: str, by_principal: bool = True) -> None:
        """End one link; nobody decides it again."""
        house, place, operator = self.world.house, self.place(id), Actor(ActorKind.OPERATOR, "cli")
        if by_principal:
            done = self.do(lambda: end_link(house, PRINCIPAL[place], id, reason))
        else:
            done = self.do(lambda: revoke_link(house, operator, id, reason))
        assert self.came(done, set())
        known = self.becomes(id, LinkState.ENDED, "revoked")
        known.final = REVOCATION_REASONS[reason].final
        self.refused(lambda: verify_link(house, DISTRICT[0], id, RECORD))

    @rule(data=st.data())
    def try_without_the_duty(self, data: st.DataObject) -> None:
        """A clerk of another school, an employee without a duty, and somebody the directory does not know."""
        id = self.pick(data, *LinkState)
        if id is None:
            return
        house, place = self.world.house, self.place(id)
        others = next(both for school, both in CLERKS.items() if school != place)
        number, born = self.model.links[id].meant[0], self.world.clock.now().date() - timedelta(days=3650)
        left = self.model.deleted | self.model.gone
        gone = (NotThere, DistrictAddress) if self.model.links[id].parent in left else ()
        for uid in ("tess.moore", others[0], "nobody.known"):
            for act in (
                lambda uid=uid: verify_link(house, uid, id, "school-record"),
                lambda uid=uid: refuse_link(house, uid, id, "relationship-not-shown"),
                lambda uid=uid: correct_claim(house, uid, id, number, born),
                lambda uid=uid: refer_link(house, uid, id),
                lambda uid=uid: agree_link(house, uid, id),
                lambda uid=uid: undo_decision(house, uid, id),
            ):
                self.refused(act, NoDuty, *gone)  # an account is looked at before the transaction opens

    @rule(data=st.data())
    def try_without_the_principals_duty(self, data: st.DataObject) -> None:
        """A clerk neither holds nor ends a link; for another school's principal it is not there."""
        id = self.pick(data, *LinkState)
        if id is None:
            return
        house, place = self.world.house, self.place(id)
        other = next(uid for school, uid in PRINCIPAL.items() if school != place)
        for uid, kind in ((CLERKS[place][0], NoDuty), (other, NotThere)):
            self.refused(lambda uid=uid: hold_link(house, uid, id), kind)
            self.refused(lambda uid=uid: end_link(house, uid, id, "court-order"), kind)

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
