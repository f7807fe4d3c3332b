"""Wake-ups through PostgreSQL: soon, in a schema of their own, and two workers never at one parent."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
import sqlalchemy as sa

from idp_bridge.domain.people import Parent
from idp_bridge.outside.queue import SCHEMA, HueyWakeup, make_queue
from idp_bridge.settings import Worker
from idp_bridge.storage.store import SqlStore
from idp_bridge.storage.tables import metadata
from tests.conftest import AMARA, NOW, OTHER
from tests.faults.proxy import FaultyProxy, Mode
from tests.outside.test_queue import Consumer, plain_env

CONSUMER = """
import sys
from idp_bridge.outside.queue import make_queue, run_consumer
from idp_bridge.settings import Worker

print("here", flush=True)
run_consumer(
    make_queue(Worker(queue_url=sys.argv[1])),
    project=lambda parent: print("end", parent, flush=True),
    sweep=lambda: print("sweep", flush=True),
)
"""
PROJECTING = """
import sys, time
from datetime import UTC, datetime, timedelta
from idp_bridge.outside.processes import own_name
from idp_bridge.outside.queue import make_queue, run_consumer
from idp_bridge.settings import Worker
from idp_bridge.storage.store import SqlStore

store = SqlStore(sys.argv[2])

def one(parent):
    now = datetime.now(UTC)
    with store.transaction() as rows:
        lease = rows.projections.take(parent, now, now + timedelta(seconds=60), own_name())
    if lease is None:
        print("other", flush=True)
        return
    print("begin", time.monotonic(), flush=True)
    time.sleep(0.05)
    print("over", time.monotonic(), flush=True)
    with store.transaction() as rows:
        rows.projections.done(lease, 1, datetime.now(UTC))

print("here", flush=True)
run_consumer(make_queue(Worker(queue_url=sys.argv[1])), project=one, sweep=lambda: print("sweep", flush=True))
"""


@pytest.fixture
def database(postgres) -> Iterator[str]:
    """A filled database of the test's own, as SQLAlchemy names it."""
    with postgres.copied() as url:
        yield url


@pytest.fixture
def queue_url(database) -> str:
    """The same database as psycopg names it."""
    return sa.make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def running(queue_url, database):
    """Return a function that starts a consumer; all are ended after the test."""
    with ExitStack() as ends:

        def start(script: str) -> Consumer:
            command = [sys.executable, "-c", script, queue_url, database]
            consumer = Consumer(command, plain_env(), "here")
            ends.callback(_end, consumer)
            return consumer

        yield start


def _end(consumer: Consumer) -> None:
    if consumer.process.poll() is None:
        try:
            consumer.end()
        except subprocess.TimeoutExpired:
            consumer.process.kill()
            raise


def wakeup(queue_url: str) -> HueyWakeup:
    return HueyWakeup(make_queue(Worker(queue_url=queue_url)))


def test_a_wake_up_arrives_within_a_second(queue_url, running):
    consumer = running(CONSUMER)
    time.sleep(1)  # long enough to be at its laziest
    wakeup(queue_url).projection_due(AMARA)
    assert consumer.wait_for(f"end {AMARA}", 5) < 1


def test_a_signal_ends_it_cleanly_within_seconds(running):
    consumer = running(CONSUMER)
    began = time.monotonic()
    assert consumer.end() == 0
    assert time.monotonic() - began < 5


def test_its_tables_are_in_a_schema_of_their_own(queue_url, database):
    wakeup(queue_url).projection_due(AMARA)
    engine = sa.create_engine(database)
    found = sa.inspect(engine)
    assert found.get_table_names(schema=SCHEMA) != []
    assert set(found.get_table_names(schema="public")) - {"alembic_version"} == set(metadata.tables)
    engine.dispose()


def test_an_idle_consumer_keeps_its_connections(queue_url, running, postgres):
    consumer = running(CONSUMER)
    consumer.wait_for("sweep", 5)
    time.sleep(0.5)

    def connections() -> set[int]:
        with postgres.admin.connect() as connection:
            name = sa.make_url(queue_url).database
            query = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'"
            return set(connection.exec_driver_sql(query).scalars())

    before = connections()
    assert len(before) == 2
    time.sleep(2.5)
    assert connections() == before


def test_each_wake_up_is_taken_by_one_of_two(queue_url, running):
    taken, woken = taken_by_two(queue_url, running)
    assert taken == woken


def taken_by_two(queue_url, running) -> tuple[list[str], list[str]]:
    """Wake two consumers for forty parents; return what both did, and what they were woken for."""
    two = (running(CONSUMER), running(CONSUMER))
    parents = [f"p-{number:02}" for number in range(40)]
    awake = wakeup(queue_url)
    for parent in parents:
        awake.projection_due(parent)
    for _ in range(100):
        taken = [line for one in two for line in one.lines if line.startswith("end")]
        if len(taken) >= len(parents):
            break
        time.sleep(0.1)
    return sorted(taken), [f"end {parent}" for parent in parents]


def test_two_never_write_one_parent_at_once(queue_url, database, running):
    """Twelve wake-ups for one parent, who is due again each time: no two spans overlap."""
    store = SqlStore(database)
    with store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
    two = (running(PROJECTING), running(PROJECTING))
    awake = wakeup(queue_url)
    for _ in range(12):
        with store.transaction() as rows:
            rows.projections.mark_due(AMARA, NOW, loss=False)
        awake.projection_due(AMARA)
        awake.projection_due(AMARA)
        time.sleep(0.03)
    deadline = time.monotonic() + 20
    while len(make_queue(Worker(queue_url=queue_url))) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    store.close()
    moments = sorted(
        (float(line.split()[1]), line.split()[0])
        for one in two
        for line in one.lines
        if line.startswith(("begin", "over"))
    )
    kinds = [kind for _, kind in moments]
    assert len(kinds) >= 4
    assert kinds == ["begin", "over"] * (len(kinds) // 2)


def test_who_may_make_no_schema_works_once_it_is_there(queue_url, database):
    """Many processes use the queue for the first time at once: making the schema is no race."""
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(len, make_queue(Worker(queue_url=queue_url))) for _ in range(8)]:
            done.result(20)
    with psycopg.connect(queue_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM information_schema.schemata WHERE schema_name = %s", [SCHEMA]
        )
        assert found.fetchone() == (1,)


def test_a_database_that_is_away_loses_the_wake_up_and_nothing_else(caplog, postgres):
    with postgres.copied() as url:
        plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        awake = wakeup(plain)
        awake.projection_due(AMARA)
    awake.projection_due(OTHER)  # the database was dropped
    assert "the sweep will find the parent" in caplog.text


def test_the_first_wake_up_after_a_restart_of_postgresql_is_not_lost(queue_url, running, postgres, caplog):
    """Each connection is closed by the server; whoever uses one next finds out only then."""
    consumer = running(CONSUMER)
    awake = wakeup(queue_url)
    awake.projection_due(AMARA)
    consumer.wait_for(f"end {AMARA}", 5)
    with postgres.admin.connect() as connection:
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
        name = sa.make_url(queue_url).database
        assert connection.exec_driver_sql(f"{ended}'{name}'").scalar_one() >= 2
    awake.projection_due(OTHER)
    assert consumer.wait_for(f"end {OTHER}", 5) < 2
    assert "lost" not in caplog.text


def test_a_process_starts_while_the_queue_is_away_and_no_page_waits_for_it(postgres, queue_url, caplog):
    with FaultyProxy(sa.make_url(queue_url).port) as wire:
        awake = wakeup(sa.make_url(queue_url).set(port=wire.port).render_as_string(hide_password=False))
        wire.switch(Mode.REFUSE)
        awake.projection_due(AMARA)
        wire.mend()
        awake.projection_due(AMARA)  # a connection is kept now
        for _ in range(2):  # on the kept connection, then on a new one
            wire.switch(Mode.BLACK_HOLE)
            began = time.monotonic()
            awake.projection_due(AMARA)
            assert time.monotonic() - began < 4
        wire.mend()
        awake.projection_due(OTHER)
    assert [one.message.partition(";")[0] for one in caplog.records] == ["wake-up lost"] * 3
    assert len(make_queue(Worker(queue_url=queue_url))) == 2
