"""PostgreSQL alone: nobody waits without end, a deadlock is done again, a standby is an outage."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from idp_bridge.domain.people import Parent
from idp_bridge.services.failures import Undone, Unreachable
from idp_bridge.services.linking import request_link, request_links
from idp_bridge.services.repeating import TIMES
from idp_bridge.storage import http_limits, postgres, schema
from idp_bridge.storage.sessions import SqlSessions
from idp_bridge.storage.store import LOCK_WAIT_S, SqlStore
from tests.conftest import AMARA, IRIS, NOW
from tests.web.families import claim_for, links_of


@pytest.fixture
def url(postgres) -> Iterator[str]:
    with postgres.copied() as url:
        yield url


@pytest.fixture
def store(url) -> Iterator[SqlStore]:
    """A filled database of the test's own."""
    store = SqlStore(url)
    yield store
    store.close()


@pytest.fixture
def competitor(url) -> Iterator[sa.Engine]:
    """Somebody else at the same database, who never gives up first."""
    engine = sa.create_engine(url, connect_args={"options": "-c deadlock_timeout=60s"})
    yield engine
    engine.dispose()


def shown(store: SqlStore, name: str) -> str:
    with store.connection(write=False) as connection:
        return connection.exec_driver_sql(f"SHOW {name}").scalar_one()


def for_every_session(store: SqlStore, setting: str) -> None:
    """Set a default of the database, as its operator could."""
    with store.connection(write=True) as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {store.engine.url.database} SET {setting}")
    store.close()


def test_each_connection_has_the_documented_limits(store):
    assert shown(store, "statement_timeout") == f"{postgres.STATEMENT_S}s"
    assert shown(store, "lock_timeout") == f"{LOCK_WAIT_S}s"
    assert shown(store, "tcp_user_timeout") == "0"  # the server's own; the client's is on the socket
    assert (store.engine.pool.size(), store.engine.pool._max_overflow) == (postgres.KEPT, postgres.MORE)
    with store.connection(write=False) as connection:
        pgconn = connection.connection.driver_connection.pgconn
        told = {option.keyword.decode(): option.val for option in pgconn.info}
    for name, value in postgres.DEAD_NETWORK.items():
        assert told[name] == str(value).encode()
    assert told["connect_timeout"] == str(postgres.CONNECT_S).encode()


def test_the_servers_default_isolation_changes_nothing(store):
    for_every_session(store, "default_transaction_isolation = 'serializable'")
    assert shown(store, "transaction_isolation") == "read committed"


def test_a_statement_that_runs_too_long_is_stopped_and_is_an_outage(url, monkeypatch):
    monkeypatch.setattr(postgres, "STATEMENT_S", 1)
    store = SqlStore(url)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="statement timeout"), store.connection(write=False) as connection:
        connection.exec_driver_sql("SELECT pg_sleep(10)")
    assert time.monotonic() - began < 2
    assert shown(store, "server_version")
    store.close()


def test_a_migration_may_take_longer_than_a_page(url, monkeypatch):
    monkeypatch.setattr(postgres, "STATEMENT_S", 1)
    monkeypatch.setattr(postgres, "ANSWER_S", 1.1)
    store, connections = SqlStore(url), []

    def many_rows(config, _revision):
        connections.append(config.attributes["connection"].connection.dbapi_connection)
        config.attributes["connection"].exec_driver_sql("SELECT pg_sleep(1.5)")

    monkeypatch.setattr(schema.command, "upgrade", many_rows)
    schema.upgrade(store)
    assert connections[0].closed  # nobody else gets a connection that waits for ever
    assert shown(store, "statement_timeout") == "1s"
    store.close()


def test_a_standby_that_takes_no_write_is_an_outage(store):
    for_every_session(store, "default_transaction_read_only = on")
    with store.reading() as rows:
        assert rows.students.get(IRIS.id)
    with pytest.raises(Unreachable, match="read-only"), store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))


# --- deadlocks -----------------------------------------------------------------------------------


class Deadlock(threading.Thread):
    """Holds `first` and takes `second` as soon as somebody holds that and waits for `first`."""

    def __init__(self, engine: sa.Engine, first: str, second: str) -> None:
        super().__init__()
        self._engine, self._first, self._second = engine, first, second
        self._holds = threading.Event()

    def run(self) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"LOCK TABLE {self._first} IN ACCESS EXCLUSIVE MODE")
            self._holds.set()
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = "
            mine = "(SELECT oid FROM pg_database WHERE datname = current_database())"
            while not connection.exec_driver_sql(waiting + mine).scalar_one():
                time.sleep(0.01)
            connection.exec_driver_sql(f"LOCK TABLE {self._second} IN ACCESS EXCLUSIVE MODE")

    def __enter__(self) -> Deadlock:
        self.start()
        assert self._holds.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.join(20)


@pytest.fixture
def amara(house):
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
    return house


def asked_for(house) -> int:
    with house.store.connection(write=False) as connection:
        query = "SELECT count(*) FROM audit WHERE name = 'link:requested'"
        return connection.exec_driver_sql(query).scalar_one()


def test_a_use_case_that_lost_a_deadlock_is_done_again(amara, competitor):
    with Deadlock(competitor, "audit", "link"):
        visit = request_link(amara, AMARA, claim_for(IRIS))
    (link,) = links_of(amara, AMARA)
    assert link.visit == visit
    assert asked_for(amara) == 1
    with amara.store.reading() as rows:
        assert rows.audit.first_bad() is None


def test_a_bare_transaction_that_lost_a_deadlock_says_that_nothing_was_done(amara, competitor):
    with Deadlock(competitor, "audit", "link"), pytest.raises(Undone, match="deadlock"):
        request_links.__wrapped__(amara, AMARA, [claim_for(IRIS)])
    assert links_of(amara, AMARA) == ()
    assert asked_for(amara) == 0


def test_a_third_loss_in_a_row_is_told(amara, monkeypatch):
    losses = []

    def loses(*_, **__):
        losses.append(1)
        raise Undone("database", "deadlock detected")

    monkeypatch.setattr(type(amara.store), "transaction", loses)
    with pytest.raises(Undone):
        request_link(amara, AMARA, claim_for(IRIS))
    assert len(losses) == TIMES


@pytest.fixture
def loses_once(store, monkeypatch) -> list[str]:
    """Let the next write be undone; return what was lost."""
    real, lost = SqlStore.connection, []

    def loses(self, *, write):
        if write and not lost:
            lost.append("once")
            raise Undone("database", "deadlock detected")
        return real(self, write=write)

    monkeypatch.setattr(SqlStore, "connection", loses)
    return lost


def test_counting_an_address_is_done_again(store, loses_once):
    limits = http_limits.SqlHttpLimits(store=store, secret=b"k" * 32, now=lambda: NOW)
    assert limits.incr("address", 60) == 1
    assert loses_once


@pytest.mark.parametrize(
    "write",
    [
        lambda sessions: sessions.save("new", {"x": 2}, NOW, NOW.replace(year=2030)),
        lambda sessions: sessions.delete("old"),
        lambda sessions: sessions.delete_of("iss", "sub", None),
        lambda sessions: sessions.first_use("jti", NOW, NOW),
        lambda sessions: sessions.sweep(NOW),
    ],
)
def test_whatever_is_written_of_a_session_is_done_again(store, loses_once, write):
    write(SqlSessions(store))
    assert loses_once
