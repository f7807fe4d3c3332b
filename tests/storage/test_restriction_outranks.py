"""The database itself refuses a verified link under a restriction, whoever writes, alone or at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from idp_bridge.domain.errors import Restricted
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.restriction import Basis, Restriction, RestrictionId
from idp_bridge.storage import schema
from tests.conftest import AMARA, IRIS, NOW, OTHER, TEO
from tests.storage.test_constraints import a_link, a_parent

VERIFY = "UPDATE link SET state = 'verified' WHERE id = 'l1'"
STAND = sa.text("INSERT INTO restricted (restriction, parent, since) VALUES ('r', :parent, :now)")
ORDER = Restriction(
    RestrictionId("r"), IRIS.id, "A", "B", None, None, True, False, Basis.COURT_ORDER, "",
    NOW.date() + timedelta(days=90), "entry-1", NOW,
)  # fmt: skip


def begin(store, state=LinkState.AWAITING_VISIT, *, stands=True, order=ORDER):
    a_parent(store)
    a_parent(store, OTHER)
    with store.transaction() as rows:
        rows.restrictions.add(order)
        rows.links.add(a_link(state=state))
        if stands:
            rows.restrictions.stand(order.id, AMARA, NOW)


def run(store, *statements):
    with store.connection(write=True) as connection:
        for one in statements:
            statement = sa.text(one) if isinstance(one, str) else one
            connection.execute(statement, {"parent": AMARA, "now": NOW.isoformat()} if one is STAND else {})


def broken(store) -> int:
    """Count verified links under a restriction on access."""
    with store.connection(write=False) as connection:
        return connection.exec_driver_sql(
            "SELECT count(*) FROM link l JOIN restricted d ON d.parent = l.parent JOIN restriction r "
            "ON r.id = d.restriction AND r.student = l.student "
            "WHERE l.state = 'verified' AND r.access AND r.lifted_at IS NULL"
        ).scalar_one()


def test_the_rows_say_restricted_and_the_link_stays(store):
    begin(store)
    with store.reading() as rows:
        (link,) = rows.links.of_parent(AMARA)
    with pytest.raises(Restricted), store.transaction() as rows:
        rows.links.save(replace(link, state=LinkState.VERIFIED, version=1))
    with store.reading() as rows:
        assert rows.links.of_parent(AMARA) == (link,)


def test_a_new_verified_link_is_refused_too(store):
    begin(store, LinkState.ENDED)
    with pytest.raises(Restricted), store.transaction() as rows:
        rows.links.add(a_link("l2", state=LinkState.VERIFIED))


def test_it_cannot_stand_while_the_link_is_verified(store):
    begin(store, LinkState.VERIFIED, stands=False)
    with pytest.raises(Restricted), store.transaction() as rows:
        rows.restrictions.stand(ORDER.id, AMARA, NOW)
    assert broken(store) == 0


@pytest.mark.parametrize(
    "statements",
    [
        (VERIFY,),
        ("UPDATE link SET purposes = 'x', state = 'verified'",),
        ("UPDATE link SET student = 's-teo'", VERIFY, "UPDATE link SET student = 's-iris'"),
        (f"UPDATE link SET parent = '{OTHER}'", VERIFY, f"UPDATE link SET parent = '{AMARA}'"),
        ("DELETE FROM restricted", VERIFY, STAND),
        (f"UPDATE restricted SET parent = '{OTHER}'", VERIFY, f"UPDATE restricted SET parent = '{AMARA}'"),
        ("UPDATE restriction SET lifted_at = placed_at", VERIFY, "UPDATE restriction SET lifted_at = NULL"),
        ("UPDATE restriction SET student = 's-teo'", VERIFY, "UPDATE restriction SET student = 's-iris'"),
        ("UPDATE restriction SET access = false", VERIFY, "UPDATE restriction SET access = true"),
    ],
    ids=range(9),
)  # fmt: skip
def test_raw_sql_gets_no_way_round(store, statements):
    begin(store)
    with pytest.raises(IntegrityError, match="a restriction outranks this link"):
        run(store, *statements)
    assert broken(store) == 0
    with store.reading() as rows:
        assert rows.links.of_parent(AMARA)[0].state is LinkState.AWAITING_VISIT


def test_what_it_is_not_about_goes_its_way(store):
    begin(store)
    with store.transaction() as rows:
        rows.links.add(replace(a_link("l2", student=TEO.id, state=LinkState.VERIFIED), claimed=replace(
            a_link().claimed, student_number=TEO.number)))  # fmt: skip
        rows.links.add(a_link("l3", parent=OTHER, state=LinkState.VERIFIED))
        (link,) = [one for one in rows.links.of_parent(AMARA) if one.id == "l1"]
        rows.links.save(replace(link, state=LinkState.DENIED, version=1))


@pytest.mark.parametrize(
    "order", [replace(ORDER, access=False, messages=True), replace(ORDER, lifted_at=NOW)]
)
def test_messages_alone_or_a_lifted_one_leave_the_link(store, order):
    begin(store, order=order)
    run(store, VERIFY)
    assert broken(store) == 0


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize(
    "pair",
    [
        (VERIFY, STAND),
        (VERIFY, "UPDATE restriction SET access = true"),
        (VERIFY, "UPDATE restriction SET lifted_at = NULL"),
        ("UPDATE restriction SET access = true", STAND),
    ],
    ids=["verify-stand", "verify-access", "verify-lifted", "access-stand"],
)
def test_two_raw_transactions_at_once_never_leave_both(store, pair, level, first):
    """Each does its part, waits until the other has, then commits: a check alone would let both through."""
    if store.engine.dialect.name == "sqlite":
        level = "SERIALIZABLE"  # one writer at a time; the other waits at BEGIN
    prepare(store, pair)
    engine = store.engine.execution_options(isolation_level=level)
    ready, acts = threading.Barrier(2), (pair[first], pair[1 - first])

    def act(statement):
        with suppress(DBAPIError, threading.BrokenBarrierError), engine.connect() as connection:
            with connection.begin():
                connection.execute(sa.text("SELECT 1 FROM parent"))
                with suppress(threading.BrokenBarrierError):
                    ready.wait(0.3)
                bound = {"parent": AMARA, "now": NOW.isoformat()} if statement is STAND else {}
                connection.execute(sa.text(statement) if isinstance(statement, str) else statement, bound)
                with suppress(threading.BrokenBarrierError):
                    ready.wait(0.3)
            return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(act, acts))
    assert broken(store) == 0
    assert any(done)


def prepare(store, pair):
    verify_first = VERIFY not in pair
    order = ORDER
    if "UPDATE restriction SET access = true" in pair:
        order = replace(ORDER, access=False)
    if "UPDATE restriction SET lifted_at = NULL" in pair:
        order = replace(ORDER, lifted_at=NOW)
    state = LinkState.VERIFIED if verify_first else LinkState.AWAITING_VISIT
    begin(store, state, stands=STAND not in pair, order=order)


class TestMigration:
    @pytest.fixture
    def store(self, both_own_stores):
        """A database of the test's own: its tables come and go."""
        return both_own_stores

    def test_what_stood_before_stands_after(self, store):
        a_parent(store)
        a_parent(store, OTHER)
        with store.transaction() as rows:
            rows.restrictions.add(replace(ORDER, given_name="Á", family_name="b"))  # both are called A B
            rows.restrictions.add(replace(ORDER, id=RestrictionId("r2"), parent=OTHER))
            rows.restrictions.add(replace(ORDER, id=RestrictionId("r3"), lifted_at=NOW))
        schema.downgrade(store, "0004")
        schema.upgrade(store)
        with store.reading() as rows:
            assert set(rows.restrictions.accounts(RestrictionId("r"))) == {AMARA, OTHER}
            assert rows.restrictions.accounts(RestrictionId("r2")) == (OTHER,)
            assert rows.restrictions.accounts(RestrictionId("r3")) == ()

    def test_down_and_up_again_the_guard_is_back(self, store):
        begin(store)
        schema.downgrade(store, "0004")
        run(store, VERIFY, "UPDATE link SET state = 'suspended'")
        schema.upgrade(store)
        with pytest.raises(IntegrityError, match="outranks"):
            run(store, VERIFY)
