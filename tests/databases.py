"""Hand tests a private PostgreSQL of the run, with the rows of `filled` before each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import pytest
import sqlalchemy as sa

from idp_bridge.storage import schema
from idp_bridge.storage.store import SqlStore
from idp_bridge.storage.tables import metadata
from tools.stack.ports import Ports
from tools.stack.postgres import PostgresServer

KINDS = ("sqlite", "postgresql")
TEMPLATE, SHARED = "filled", "shared"
TABLES = [table.name for table in metadata.sorted_tables]
NO_TRIGGERS = "SET LOCAL session_replication_role = replica"
"""For the superuser of a test cluster: rows go and come in any order, the audit's too."""


@dataclass
class Databases:
    """One database that tests share, row by row renewed (5 ms), and copies for those that change tables."""

    cluster: PostgresServer
    admin: sa.Engine
    shared: sa.Engine
    numbers: Iterator[int]

    def renewed(self) -> str:
        """Bring the rows of the shared database back to what `filled` holds and return its URL."""
        with self.shared.begin() as connection:
            connection.exec_driver_sql(
                ";".join(
                    (
                        NO_TRIGGERS,
                        *(f"DELETE FROM {name}" for name in TABLES),
                        *(f"INSERT INTO {name} TABLE kept.{name}" for name in TABLES),
                    )
                )
            )
        return self.cluster.url(SHARED)

    @contextmanager
    def copied(self, template: str = TEMPLATE) -> Iterator[str]:
        """Copy a whole database (150 ms), yield its URL, drop it: for tests that change tables."""
        name = f"copy_{next(self.numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.cluster.url(name)
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with self.admin.connect() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """A cluster of the run's own; its database `filled` holds what the SQLite file `filled` holds."""
    from tests.conftest import fill

    cluster = PostgresServer(tmp_path_factory.mktemp("postgres"), Ports.free().bridge)
    cluster.start()
    try:
        store = SqlStore(cluster.create(TEMPLATE))
        schema.upgrade(store)
        fill(store)
        store.close()
        admin = sa.create_engine(cluster.url(), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {SHARED} TEMPLATE {TEMPLATE}")
        shared = sa.create_engine(cluster.url(SHARED))
        with shared.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA kept")
            for name in TABLES:
                connection.exec_driver_sql(f"CREATE TABLE kept.{name} AS TABLE {name}")
        yield Databases(cluster, admin, shared, count())
        admin.dispose()
        shared.dispose()
    finally:
        cluster.stop()


@pytest.fixture(params=KINDS)
def both_stores(request: pytest.FixtureRequest) -> Iterator[SqlStore]:
    """A filled database, once of each kind. Tests that change its tables take `both_own_stores`."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_store")
        return
    store = SqlStore(request.getfixturevalue("postgres").renewed())
    yield store
    store.close()


@pytest.fixture(params=KINDS)
def both_own_stores(request: pytest.FixtureRequest) -> Iterator[SqlStore]:
    """A filled database of the test's own, once of each kind, to change its very tables."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_store")
        return
    with request.getfixturevalue("postgres").copied() as url:
        store = SqlStore(url)
        yield store
        store.close()
