"""Two that do not wait for each other: what the database itself refuses when nobody keeps the turn.

`SqlStore.transaction` lets one writer in at a time. These tests go around it, as a second program on the same
database would: the guard must then be the database's own. Both transactions are open before either commits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import (
    LIVE,
    WAITING,
    Claimed,
    Link,
    LinkId,
    LinkState,
    Move,
    Visit,
    VisitId,
    moved,
)
from idp_bridge.domain.people import Parent, Relationship, StudentNumber
from idp_bridge.storage.links import SqlLinks, SqlVisits
from idp_bridge.storage.store import SqlStore
from tests.conftest import AMARA, IRIS, NOW, TEO

Act = Callable[[sa.Connection], Any]
CLAIMED = Claimed(IRIS.number, IRIS.birth_date, IRIS.school, Relationship.PARENT)
SETTLED = sorted(LIVE - WAITING)


def link(id: str, state: LinkState, number: str = IRIS.number) -> Link:
    """Return a link of the one parent to Iris, of a request for `number`."""
    claimed = replace(CLAIMED, student_number=StudentNumber(number))
    return Link(LinkId(id), AMARA, VisitId("v1"), claimed, IRIS.id, state, NOW, NOW)


@pytest.fixture(autouse=True)
def _parent(store: SqlStore) -> None:
    with store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
        rows.visits.add(Visit(VisitId("v1"), AMARA, "f1", 0, NOW, date(2026, 12, 8)))


def side_by_side(store: SqlStore, *acts: Act) -> list[str]:
    """Open one plain transaction for each act, run all at once, commit; say how each ended.

    No turn is kept: SQLite begins without its write lock, PostgreSQL without the advisory one.
    """
    start = threading.Barrier(len(acts))

    def run(act: Act) -> str:
        with store.engine.connect() as plain:
            connection = plain.execution_options(writing=False)
            transaction = connection.begin()
            start.wait()
            try:
                act(connection)
                transaction.commit()
            except sa.exc.DBAPIError as refused:
                transaction.rollback()
                return type(refused).__name__
            except Exception as refused:
                transaction.rollback()
                return type(refused).__name__
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts))


def count(store: SqlStore, query: str) -> int:
    """Return one number of the database."""
    with store.connection(write=False) as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def live(store: SqlStore) -> int:
    """Return how many live links the parent has to Iris."""
    with store.reading() as rows:
        return sum(one.student == IRIS.id and one.state in LIVE for one in rows.links.of_parent(AMARA))


@pytest.mark.parametrize("first", sorted(LIVE))
@pytest.mark.parametrize("second", [LinkState.AWAITING_VISIT, LinkState.VERIFIED])
def test_one_live_link_whoever_is_faster(store, first, second):
    said = side_by_side(
        store,
        lambda c: SqlLinks(c).add(link("l1", LinkState(first))),
        lambda c: SqlLinks(c).add(link("l2", second, "00000001")),
    )
    assert said.count("done") == live(store) == 1


@pytest.mark.parametrize("state", SETTLED)
def test_a_lapsed_link_that_opens_again_cannot_stand_beside_a_live_one(store, state):
    """A renewal, and a decision on another request for the same child, at the same moment."""
    with store.transaction() as rows:
        rows.links.add(replace(link("l1", LinkState.LAPSED), version=0))
    again = moved(link("l1", LinkState.LAPSED), Move.REOPEN, NOW)
    said = side_by_side(
        store,
        lambda c: SqlLinks(c).save(again),
        lambda c: SqlLinks(c).add(link("l2", state, "00000001")),
    )
    assert said.count("done") == live(store) == 1


def test_a_link_cannot_be_moved_onto_a_student_that_has_one(store):
    """What a correction at the counter does: the request now means another child."""
    teo = replace(link("l1", LinkState.AWAITING_VISIT, TEO.number), student=TEO.id)
    with store.transaction() as rows:
        rows.links.add(teo)
        rows.links.add(link("l2", LinkState.VERIFIED))
    onto = replace(teo, student=IRIS.id, version=1)
    assert "done" not in side_by_side(store, lambda c: SqlLinks(c).save(onto))
    assert live(store) == 1


def test_of_two_who_decide_on_the_same_version_one_wins(store):
    with store.transaction() as rows:
        rows.links.add(link("l1", LinkState.AWAITING_VISIT))
    waiting = link("l1", LinkState.AWAITING_VISIT)
    said = side_by_side(
        store,
        lambda c: SqlLinks(c).save(moved(waiting, Move.DENY, NOW, "not-the-student")),
        lambda c: SqlLinks(c).save(moved(waiting, Move.CANCEL, NOW)),
        lambda c: SqlLinks(c).save(moved(waiting, Move.REFER, NOW)),
    )
    assert said.count("done") == 1
    with store.reading() as rows:
        assert rows.links.get(LinkId("l1")).version == 1


def test_one_open_visit_whoever_is_faster(store):
    with store.transaction() as rows:
        rows.visits.save(replace(rows.visits.get(VisitId("v1")), closed_at=NOW))
    visits = [Visit(VisitId(f"n{n}"), AMARA, f"g{n}", 0, NOW, date(2026, 12, 8)) for n in range(4)]
    said = side_by_side(store, *(lambda c, one=one: SqlVisits(c).add(one) for one in visits))
    assert said.count("done") == 1
    assert count(store, "SELECT count(*) FROM visit WHERE closed_at IS NULL") == 1


def test_a_closed_visit_does_not_open_again_beside_an_open_one(store):
    with store.transaction() as rows:
        rows.visits.save(replace(rows.visits.get(VisitId("v1")), closed_at=NOW))
        closed = rows.visits.get(VisitId("v1"))
    said = side_by_side(
        store,
        lambda c: SqlVisits(c).save(replace(closed, closed_at=None)),
        lambda c: SqlVisits(c).add(Visit(VisitId("n1"), AMARA, "g1", 0, NOW, date(2026, 12, 8))),
    )
    assert said.count("done") == 1
    assert count(store, "SELECT count(*) FROM visit WHERE closed_at IS NULL") == 1


def test_two_rows_of_the_audit_cannot_take_the_same_place(store):
    """Two writers that both saw the same last row: the chain must not fork."""
    with store.transaction() as rows:
        rows.audit.append(Event("parent:deleted", NOW, Actor(ActorKind.SYSTEM, "t"), parent="p"))
    second = f"{COLUMNS} {FORGED}".replace("(1,", "(2,")
    said = side_by_side(store, *[lambda c: c.exec_driver_sql(second)] * 2)
    assert said.count("done") == 1
    assert count(store, "SELECT count(*) FROM audit") == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET actor = 'x' WHERE number = 1",
        "UPDATE audit SET number = 9 WHERE number = 1",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM audit",
    ],
)
def test_the_audit_stays_while_others_append(store, change):
    who = Actor(ActorKind.SYSTEM, "t")
    with store.transaction() as rows:
        rows.audit.append(Event("parent:deleted", NOW, who, parent="p"))
    start, stop = threading.Barrier(2), threading.Event()

    def append() -> int:
        start.wait()
        for number in range(20):
            with store.transaction() as rows:
                rows.audit.append(Event("parent:deleted", NOW, who, parent=f"p{number}"))
        stop.set()
        return 20

    def tamper() -> int:
        start.wait()
        tried = 0
        while tried == 0 or not stop.is_set():
            with pytest.raises(sa.exc.DBAPIError), store.connection(write=False) as connection:
                connection.exec_driver_sql(change)
            tried += 1
        return tried

    with ThreadPoolExecutor(2) as pool:
        appended, tried = pool.submit(append), pool.submit(tamper)
        assert appended.result() == 20
        assert tried.result() > 0
    assert count(store, "SELECT count(*) FROM audit") == 21
    with store.reading() as rows:
        assert rows.audit.first_bad() is None


COLUMNS = "INSERT INTO audit (number, name, at, actor_kind, actor, fields, hash)"
FORGED = "VALUES (1, 'x', '2026-11-24 15:00:00+00:00', 's', 't', '{}', 'h')"
BEHIND = {
    "sqlite": (
        f"{COLUMNS} {FORGED}".replace("INSERT", "REPLACE", 1),
        f"{COLUMNS} {FORGED}".replace("INSERT", "INSERT OR REPLACE", 1),
        f"{COLUMNS} {FORGED} ON CONFLICT DO UPDATE SET actor = 'x'",
    ),
    "postgresql": (
        "TRUNCATE audit CASCADE",
        f"{COLUMNS} {FORGED} ON CONFLICT (number) DO UPDATE SET actor = 'x'",
    ),
}
"""Statements that change or remove a row and are called neither UPDATE nor DELETE."""


def test_no_other_statement_gets_behind_the_audit(store):
    with store.transaction() as rows:
        rows.audit.append(Event("parent:deleted", NOW, Actor(ActorKind.SYSTEM, "t"), parent="p"))
    for statement in BEHIND[store.engine.dialect.name]:
        with (
            pytest.raises(sa.exc.DBAPIError, match="append-only"),
            store.connection(write=True) as connection,
        ):
            connection.exec_driver_sql(statement)
    assert count(store, "SELECT count(*) FROM audit") == 1
    with store.reading() as rows:
        assert rows.audit.first_bad() is None


def test_who_lifts_a_restriction_is_never_who_asked(store):
    with store.connection(write=True) as connection:
        connection.exec_driver_sql(
            "INSERT INTO restriction (id, student, given_name, family_name, access, messages, basis, note,"
            " review_on, placed_by, placed_at, lift_asked_by, version) VALUES ('r1', 's-iris', 'A', 'B',"
            " true, false, 'court-order', '', '2027-01-01', 'e1', '2026-11-24 15:00:00+00:00', 'e1', 1)"
        )
    with pytest.raises(sa.exc.DBAPIError), store.connection(write=True) as connection:
        connection.exec_driver_sql("UPDATE restriction SET lifted_by = 'e1' WHERE id = 'r1'")
    assert count(store, "SELECT count(*) FROM restriction WHERE lifted_by IS NULL") == 1
