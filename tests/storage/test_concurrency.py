"""Many at once: one writer at a time, so that what a rule saw still holds when it writes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.domain.errors import MoveRefused, Refusal, Restricted
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import LIVE, LinkState
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.domain.restriction import Basis
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.linking import request_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.storage import store as storage
from idp_bridge.storage.store import SqlStore
from tests.conftest import AMARA, IRIS, NOW, TEO, staff
from tests.web.families import claim_for, links_of

CLERKS = ("jo.hathaway", "dee.collins")


@pytest.fixture(autouse=True)
def _parent(house):
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))


def at_once(*acts):
    """Run `acts` in threads that start together; return what each gave back or refused."""
    start = threading.Barrier(len(acts))

    def run(act):
        start.wait()
        try:
            return act()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def whole(house) -> bool:
    with house.store.reading() as rows:
        return rows.audit.first_bad() is None


def named(house, name: str) -> int:
    with house.store.connection(write=False) as connection:
        query = sa.text("SELECT count(*) FROM audit WHERE name = :name")
        return connection.execute(query, {"name": name}).scalar_one()


def test_one_request_in_two_tabs_is_one_visit_and_one_link(house):
    one, two = at_once(*[lambda: request_link(house, AMARA, claim_for(IRIS))] * 2)
    assert one == two
    (link,) = links_of(house, AMARA)
    assert (link.visit, link.state) == (one, LinkState.AWAITING_VISIT)
    assert named(house, "link:requested") == 1


def test_two_children_in_two_tabs_are_one_visit_and_two_links(house):
    one, two = at_once(
        lambda: request_link(house, AMARA, claim_for(IRIS)),
        lambda: request_link(house, AMARA, claim_for(TEO)),
    )
    assert one == two
    assert {link.student for link in links_of(house, AMARA)} == {IRIS.id, TEO.id}
    assert whole(house)


def test_one_number_with_two_birth_dates_in_two_tabs_leaves_one_waiting(house):
    right = claim_for(IRIS)
    at_once(
        lambda: request_link(house, AMARA, right),
        lambda: request_link(house, AMARA, replace(right, birth_date=date(2016, 3, 10))),
    )
    states = sorted(link.state for link in links_of(house, AMARA))
    assert states == [LinkState.AWAITING_VISIT, LinkState.CANCELLED]


def test_two_clerks_verify_one_link_and_one_wins(house):
    visit = request_link(house, AMARA, claim_for(IRIS))
    record_identity(house, CLERKS[0], visit, IRIS.school, "passport")
    (link,) = links_of(house, AMARA)
    said = at_once(*(lambda who=who: verify_link(house, who, link.id, "school-record") for who in CLERKS))
    assert sorted(type(one).__name__ for one in said) == ["Link", MoveRefused.__name__]
    (link,) = links_of(house, AMARA)
    assert (link.state, link.version) == (LinkState.VERIFIED, 2)
    assert named(house, "link:verified") == 1
    with house.store.reading() as rows:
        assert rows.parents.get(AMARA).rev == 1


def test_an_order_placed_while_a_clerk_verifies_always_holds(house):
    """Whichever comes first: a link that is live and open beside an order must never be left."""
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    visit = request_link(house, AMARA, claim_for(IRIS))
    record_identity(house, CLERKS[0], visit, IRIS.school, "passport")
    (link,) = links_of(house, AMARA)
    order = Order(
        IRIS.number,
        "Amara",
        "Quintero",
        access=True,
        messages=False,
        basis=Basis.COURT_ORDER,
        review_on=NOW.date() + timedelta(days=90),
        parent=AMARA,
    )
    said = at_once(
        lambda: verify_link(house, CLERKS[0], link.id, "school-record"),
        lambda: place(house, "ana.ruiz", order),
    )
    assert not isinstance(said[1], Refusal)
    (link,) = links_of(house, AMARA)
    if isinstance(said[0], Restricted):
        assert link.state is LinkState.AWAITING_VISIT
    else:
        assert link.state is LinkState.SUSPENDED


def test_the_chain_is_whole_after_eight_threads(house):
    who = Actor(ActorKind.SYSTEM, "t")

    def append():
        for _ in range(20):
            with house.store.transaction() as rows:
                rows.audit.append(Event("identity:proven", NOW, who, parent="p", fields={"kind": "x"}))

    at_once(*[append] * 8)
    assert named(house, "identity:proven") == 160
    assert whole(house)


def test_one_live_link_after_many_rounds_of_asking_and_verifying(house):
    def life():
        visit = request_link(house, AMARA, claim_for(IRIS))
        record_identity(house, CLERKS[0], visit, IRIS.school, "passport")
        for link in links_of(house, AMARA):
            if link.state is LinkState.AWAITING_VISIT:
                verify_link(house, CLERKS[0], link.id, "school-record")

    at_once(*[life] * 4)
    assert sum(link.student == IRIS.id and link.state in LIVE for link in links_of(house, AMARA)) == 1
    assert whole(house)


def test_who_waits_too_long_for_the_writer_is_told_and_readers_never_wait(store, monkeypatch):
    monkeypatch.setattr(storage, "LOCK_WAIT_S", 1)
    other = SqlStore(store.engine.url.render_as_string(hide_password=False))
    with store.transaction() as rows:
        rows.parents.raise_revision(AMARA, NOW)
        with other.reading() as seen:
            assert seen.parents.get(AMARA).rev == 0
        began = time.monotonic()
        with pytest.raises(Unreachable, match="lock"), other.transaction():
            pass
        assert 0.5 < time.monotonic() - began < 3
    with other.transaction() as rows:
        assert rows.parents.raise_revision(AMARA, NOW) == 2
    other.close()


ASKED = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}
WAITS_FOR_THE_DISK = {"sqlite": 2, "postgresql": "on"}
DOES_NOT = {"sqlite": 1, "postgresql": "off"}


def test_only_what_may_be_lost_does_not_wait_for_the_disk(store):
    """Also after one another on the same connection."""
    kind = store.engine.dialect.name
    if kind == "postgresql":  # the tests' own cluster never waits
        sa.event.listen(store.engine, "connect", lambda new, _: new.execute("SET synchronous_commit TO on"))
        store.engine.dispose()
    for durable in (False, True, False, True):
        with store.transaction(durable=durable) as rows:
            said = rows.audit._connection.exec_driver_sql(ASKED[kind]).scalar()
            assert said == (WAITS_FOR_THE_DISK if durable else DOES_NOT)[kind]
    with store.transaction() as rows:
        assert rows.audit._connection.exec_driver_sql(ASKED[kind]).scalar() == WAITS_FOR_THE_DISK[kind]


def test_threads_that_take_who_is_due_never_take_one_twice(store):
    parents = [ParentId(f"p-{number:02}") for number in range(40)]
    with store.transaction() as rows:
        for parent in parents:
            rows.parents.save(Parent(parent, "p@mail.example", "A", "B", "en", NOW))
        rows.projections.mark_all_due(parents, NOW, loss=False)

    def take_all():
        mine = []
        while True:
            with store.transaction() as rows:
                leases = rows.projections.take_most_urgent(NOW, NOW + timedelta(minutes=1), "w", 4)
            if not leases:
                return mine
            mine += [lease.parent for lease in leases]

    taken = at_once(*[take_all] * 4)
    assert sorted(parent for some in taken for parent in some) == parents
