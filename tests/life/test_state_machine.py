"""Parents, staff, restrictions, clock, crashes against a plain model: 2,000 steps, more by LIFE_EXAMPLES.

I1 no acknowledged change is lost; I2 nothing is visible without a verified, unexpired, unrestricted link;
I4 one audit event per change and the chain whole; I5 nothing that ended comes back by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from idp_bridge.domain.errors import BadInput, Refusal, Restricted
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import LIVE, Claimed, LinkState, end_of_childhood
from idp_bridge.domain.people import ParentId, Relationship
from idp_bridge.services.expiring import end_links, lapse_visits
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.house import House, Rules
from idp_bridge.services.linking import (
    OLDEST_STUDENT_YEARS,
    SignedIn,
    arrive,
    cancel_request,
    leave_link,
    request_link,
)
from idp_bridge.services.projecting import sweep
from idp_bridge.services.refusing import refuse_link, revoke_link
from idp_bridge.services.restricting import Order, ask_lift, confirm_lift, place
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.storage.store import SqlStore
from tests.conftest import IRIS, MATEO, NOW, TEO, staff
from tests.fakes.accounts import FakeAccounts
from tests.fakes.clock import FixedClock
from tests.fakes.directory import FakeDirectory
from tests.fakes.mail import FakeMail
from tests.fakes.wakeup import FakeWakeup

EXAMPLES = int(os.environ.get("LIFE_EXAMPLES", "40"))
STEPS = 50
ZONE = ZoneInfo("America/New_York")
NAMES = {ParentId("p-amara"): ("Amara", "Quintero-Bell"), ParentId("p-bo"): ("Bo", "Li")}
CLERK = {"0552": "jo.hathaway", "0610": "sam.okafor"}
SILENT = {"identity:proven", "verification:refused", "alarm:unmatched-requests", "projection:mismatch"}
"""Events that are no change of a link or restriction; the model does not count them."""

parents = st.sampled_from(sorted(NAMES))
students = st.sampled_from((IRIS, TEO, MATEO))


@dataclass
class Known:
    """What the model knows of one link."""

    parent: ParentId
    student: object
    state: LinkState
    ends: datetime | None = None


class Life(RuleBasedStateMachine):
    """The services on real SQLite, and beside them a dictionary."""

    filled: Path

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        shutil.copy(self.filled, self.folder / "bridge.db")
        self.clock = FixedClock(NOW)
        numbers = count()  # ids must not be random: hypothesis replays a run
        people = (
            staff("jo.hathaway", "0552:office"),
            staff("sam.okafor", "0610:office"),
            staff("ana.ruiz", "9001:district-office"),
            staff("dee.collins", "9001:district-office"),
        )
        self.house = House(
            store=SqlStore(f"sqlite:///{self.folder}/bridge.db"),
            accounts=FakeAccounts(),
            directory=FakeDirectory({person.uid: person for person in people}),
            mail=FakeMail(),
            wakeup=FakeWakeup(),
            clock=self.clock,
            rules=Rules(code_key=b"k" * 32, zone=ZONE, email_domains=("district.example",)),
            new_id=lambda: f"{next(numbers):06}",
        )
        for parent, (given, family) in NAMES.items():
            arrive(self.house, SignedIn(parent, f"{parent}@mail.example", given, family, "en"))
            self.house.accounts.add(parent, f"{parent}@mail.example")
        self.model: dict[str, Known] = {}
        self.restrictions: dict[str, tuple[ParentId, object, bool]] = {}
        self.changes = 0

    def teardown(self):
        if hasattr(self, "house"):
            self.house.store.close()
            shutil.rmtree(self.folder)

    # --- what people do --------------------------------------------------------------------------

    @rule(parent=parents, student=students, right=st.booleans())
    def ask(self, parent, student, right):
        born = student.birth_date if right else date(student.birth_date.year, 1, 1)
        claimed = Claimed(student.number, born, student.school, Relationship.PARENT)
        before = self._stored(parent)
        try:
            request_link(self.house, parent, claimed)
        except BadInput:  # thousands of days later nobody of that age is a student
            assert self.clock.now().year - born.year > OLDEST_STUDENT_YEARS
            return
        after = self._stored(parent)
        self._follow_asking(parent, student, right, before, after)

    def _follow_asking(self, parent, student, right, before, after):
        """Take what asking did: lapsed visits, a replaced request, a new one, and nothing else."""
        for id, link in before.items():
            if after[id].state is not link.state:
                assert after[id].state in (LinkState.LAPSED, LinkState.CANCELLED)
                assert link.state is LinkState.AWAITING_VISIT
                self._becomes(id, after[id].state)
        fresh = [link for id, link in after.items() if id not in before]
        assert len(fresh) <= 1
        for link in fresh:
            held = any(
                one.parent == parent and one.student == student and one.state in LIVE
                for one in self.model.values()
            )
            assert (link.student == student.id) is (right and not held)
            matched = student if link.student else None
            self.model[link.id] = Known(parent, matched, LinkState.AWAITING_VISIT)
            self.changes += 1

    @rule(data=st.data())
    def verify(self, data):
        id = self._pick(data, LinkState.AWAITING_VISIT)
        if id is None:
            return
        known = self.model[id]
        link = self._stored(known.parent)[id]
        clerk = CLERK[link.claimed.school]
        with self.house.store.reading() as rows:
            visit = rows.visits.get(link.visit)
        try:
            record_identity(self.house, clerk, link.visit, link.claimed.school, "passport")
            done = verify_link(self.house, clerk, id, "school-record")
        except Restricted:
            assert self._restricted(known.parent, known.student)
        except Refusal:
            overdue = visit.visit_by < self.clock.now().astimezone(ZONE).date()
            assert known.student is None or overdue
        else:
            assert known.student is not None
            assert not self._restricted(known.parent, known.student)
            known.ends = done.expires_at
            self._becomes(id, LinkState.VERIFIED)

    @rule(data=st.data())
    def refuse(self, data):
        id = self._pick(data, LinkState.AWAITING_VISIT)
        if id:
            school = self._stored(self.model[id].parent)[id].claimed.school
            try:
                refuse_link(self.house, CLERK[school], id, "relationship-not-shown")
            except Refusal:
                return  # the visit's last day is over
            self._becomes(id, LinkState.DENIED)

    @rule(data=st.data(), by_parent=st.booleans())
    def end(self, data, by_parent):
        id = self._pick(data, LinkState.VERIFIED, LinkState.SUSPENDED)
        if id is None:
            return
        if by_parent:
            leave_link(self.house, self.model[id].parent, id)
        else:
            revoke_link(self.house, Actor(ActorKind.OPERATOR, "cli"), id, "court-order")
        self._becomes(id, LinkState.ENDED)

    @rule(data=st.data())
    def cancel(self, data):
        id = self._pick(data, LinkState.AWAITING_VISIT)
        if id:
            cancel_request(self.house, self.model[id].parent, id)
            self._becomes(id, LinkState.CANCELLED)

    @rule(data=st.data())
    def try_what_is_final(self, data):
        id = self._pick(data, LinkState.ENDED, LinkState.DENIED, LinkState.CANCELLED, LinkState.LAPSED)
        if id is None:
            return
        parent = self.model[id].parent
        for act in (
            lambda: verify_link(self.house, "ana.ruiz", id, "school-record"),
            lambda: refuse_link(self.house, "ana.ruiz", id, "not-the-student"),
            lambda: leave_link(self.house, parent, id),
            lambda: cancel_request(self.house, parent, id),
        ):
            try:
                act()
            except Refusal:
                continue
            raise AssertionError(f"{self.model[id].state} is not final")

    @rule(parent=parents, student=students)
    def restrict(self, parent, student):
        given, family = NAMES[parent]
        review = date(self.clock.now().year + 1, 1, 1)
        order = Order(student.number, given, family, True, False, "court-order", review)
        done = place(self.house, "ana.ruiz", order)
        self.restrictions[done.id] = (parent, student, True)
        self.changes += 1
        self._follow_restrictions()

    @rule(data=st.data())
    def lift(self, data):
        standing = sorted(id for id, (_, _, stands) in self.restrictions.items() if stands)
        if not standing:
            return
        id = data.draw(st.sampled_from(standing))
        ask_lift(self.house, "ana.ruiz", id)
        confirm_lift(self.house, "dee.collins", id)
        parent, student, _ = self.restrictions[id]
        self.restrictions[id] = (parent, student, False)
        self.changes += 2
        self._follow_restrictions()

    # --- what time and machines do ---------------------------------------------------------------

    @rule(days=st.sampled_from((1, 7, 15, 400, 3000)))
    def wait(self, days):
        self.clock.advance(days=days)

    @rule()
    def timers(self):
        now = self.clock.now()
        lapse_visits(self.house, now)
        end_links(self.house, now)
        for id, known in self.model.items():
            link = self._stored(known.parent)[id]
            if known.state is LinkState.AWAITING_VISIT and link.state is LinkState.LAPSED:
                self._becomes(id, LinkState.LAPSED)
            if known.state in (LinkState.VERIFIED, LinkState.SUSPENDED) and known.ends <= now:
                self._becomes(id, LinkState.ENDED)

    @rule(call=st.sampled_from(("get", "write_links", "end_sessions", "drop_offline_tokens")))
    def keycloak_breaks_while_projecting(self, call):
        self.house.accounts.fail(call, Unreachable("keycloak"))
        sweep(self.house, self.clock.now())
        self.house.accounts.mend()

    @rule(call=st.sampled_from(("get", "write_links")))
    def the_worker_is_killed_while_projecting(self, call):
        self.house.accounts.fail(call, KeyboardInterrupt())
        with suppress(KeyboardInterrupt):
            sweep(self.house, self.clock.now())
        self.house.accounts.mend()

    @rule()
    def the_worker_catches_up(self):
        self.clock.advance(minutes=10)
        sweep(self.house, self.clock.now())
        for parent in NAMES:
            assert self._visible(parent) == self._expected(parent)

    # --- what must always hold -------------------------------------------------------------------

    @invariant()
    def no_change_is_lost_and_nothing_comes_back(self):
        if not hasattr(self, "house"):
            return
        for parent in NAMES:
            stored = {id: link.state for id, link in self._stored(parent).items()}
            mine = {id: known.state for id, known in self.model.items() if known.parent == parent}
            assert stored == mine

    @invariant()
    def the_audit_is_whole_and_counts_every_change(self):
        if not hasattr(self, "house"):
            return
        with self.house.store.reading() as rows:
            assert rows.audit.first_bad() is None
        with self.house.store.connection(write=False) as connection:
            names = [row[0] for row in connection.exec_driver_sql("SELECT name FROM audit")]
        assert sum(name not in SILENT for name in names) == self.changes

    # --- the model -------------------------------------------------------------------------------

    def _becomes(self, id, state):
        self.model[id].state = state
        self.changes += 1

    def _follow_restrictions(self):
        for id, known in self.model.items():
            if known.student is None:
                continue
            stopped = self._restricted(known.parent, known.student)
            if stopped and known.state is LinkState.VERIFIED:
                self._becomes(id, LinkState.SUSPENDED)
            if not stopped and known.state is LinkState.SUSPENDED:
                self._becomes(id, LinkState.VERIFIED)

    def _restricted(self, parent, student):
        return any(
            stands and who == parent and whom == student for who, whom, stands in self.restrictions.values()
        )

    def _expected(self, parent):
        now = self.clock.now()
        return {
            known.student.number
            for known in self.model.values()
            if known.parent == parent and known.state is LinkState.VERIFIED and known.ends > now
            if not self._restricted(parent, known.student)
            if end_of_childhood(known.student.birth_date, ZONE) > now
        }

    def _visible(self, parent):
        values = self.house.accounts.get(parent).attributes.get("student_links", ())
        assert len(values) <= 1
        return {link["id"] for text in values for link in json.loads(text)["links"]}

    def _stored(self, parent):
        with self.house.store.reading() as rows:
            return {link.id: link for link in rows.links.of_parent(parent)}

    def _pick(self, data, *states):
        found = sorted(id for id, known in self.model.items() if known.state in states)
        return data.draw(st.sampled_from(found)) if found else None


def test_the_life_of_links(filled):
    Life.filled = filled
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="LIFE_EXAMPLES" not in os.environ,  # CI walks the same way each time
            suppress_health_check=list(HealthCheck),
        ),
    )
