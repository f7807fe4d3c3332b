"""A private PostgreSQL: quick to start, beside others, and nothing is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy

from tools.stack.ports import Ports
from tools.stack.postgres import PostgresServer
from tools.stack.program import NotStarted


@pytest.fixture
def cluster(tmp_path):
    cluster = PostgresServer(tmp_path, Ports.free().bridge)
    cluster.start()
    yield cluster
    cluster.stop()


def ask(url: str, sql: str):
    engine = sqlalchemy.create_engine(url, connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(sql)).scalar()
    finally:
        engine.dispose()


def test_databases_of_their_own(cluster):
    one, two = cluster.create("one"), cluster.create("two")
    assert ask(one, "select current_database()") == "one"
    assert ask(two, "show listen_addresses") == "127.0.0.1"


def test_a_database_twice_is_a_clear_failure(cluster):
    cluster.create("one")
    with pytest.raises(NotStarted, match=r'createdb: .*"one" already exists'):
        cluster.create("one")


def test_nothing_is_left_after_stopping(cluster):
    folder = Path(ask(cluster.url(), "show data_directory"))
    assert folder.exists()
    cluster.stop()
    assert not folder.parent.exists()
    with pytest.raises(sqlalchemy.exc.OperationalError):
        ask(cluster.url(), "select 1")
