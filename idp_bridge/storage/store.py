"""Open transactions on SQLite or PostgreSQL and hand out the rows; never knows a use case."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from idp_bridge.services.failures import OutsideFailure, Refused, Undone, Unreachable
from idp_bridge.storage import postgres
from idp_bridge.storage.alarms import SqlAlarms
from idp_bridge.storage.audit import SqlAudit
from idp_bridge.storage.due import SqlDue
from idp_bridge.storage.limits import SqlLimits
from idp_bridge.storage.links import SqlLinks, SqlVisits
from idp_bridge.storage.notices import SqlNotices
from idp_bridge.storage.people import SqlParents, SqlProofs, SqlRoster, SqlSchools, SqlStudents
from idp_bridge.storage.projections import SqlProjections
from idp_bridge.storage.queue import SqlQueue
from idp_bridge.storage.restrictions import SqlRestrictions
from idp_bridge.storage.seen_events import SqlSeenEvents
from idp_bridge.storage.workers import SqlWorkers

SYSTEM = "database"
LOCK_WAIT_S = 3
"""Longest wait for another writer; with one statement behind it a page stays below 5 s."""
_TURN = 7_263_001
"""Number of the PostgreSQL advisory lock that stands for SQLite's one writer."""


@dataclass(frozen=True, slots=True)
class SqlRows:
    """All rows, inside one transaction."""

    schools: SqlSchools
    students: SqlStudents
    roster: SqlRoster
    parents: SqlParents
    links: SqlLinks
    visits: SqlVisits
    due: SqlDue
    queue: SqlQueue
    proofs: SqlProofs
    restrictions: SqlRestrictions
    notices: SqlNotices
    projections: SqlProjections
    seen_events: SqlSeenEvents
    workers: SqlWorkers
    audit: SqlAudit
    alarms: SqlAlarms
    limits: SqlLimits


class SqlStore:
    """One database. Thread-safe; each transaction uses a connection of its own."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[SqlRows]:
        """Open a writing transaction: committed at the end, rolled back on any exception.

        One at a time in both databases. So what a rule has looked at (no restriction, no live link) still
        holds when it writes, and no two wait for each other's rows. One that is not `durable` does not wait
        for the disk, and the others wait less for their turn.
        """
        with self.connection(write=True, durable=durable) as connection:
            _take_turn(connection)
            yield _rows(connection)

    @contextmanager
    def reading(self) -> Iterator[SqlRows]:
        """Open a transaction that only reads."""
        with self.connection(write=False) as connection:
            yield _rows(connection)

    @contextmanager
    def connection(self, *, write: bool, durable: bool = True) -> Iterator[sa.Connection]:
        """Open a transaction on a bare connection, for the other files of this room.

        Raises Unreachable where the database does not answer, is full, or another writer holds it for longer
        than LOCK_WAIT_S: pages then say so, and nothing was changed unless the answer to the commit was lost.
        Raises Undone where it rolled back for another's sake: then doing it again is right. Raises Refused
        where our account lacks a right.
        """
        try:
            with self.engine.connect() as plain:
                connection = plain.execution_options(writing=write, durable=durable)
                with connection.begin():
                    yield connection
        except PoolTimeout as fault:
            raise Unreachable(SYSTEM, _first_line(fault)) from fault
        except DBAPIError as fault:
            failure = _failure(fault)
            if failure is None:
                raise
            raise failure(SYSTEM, _first_line(fault)) from fault

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _failure(fault: DBAPIError) -> type[OutsideFailure] | None:
    """Return the kind of failure a fault stands for; None for one of ours, such as a broken constraint."""
    if postgres.undone(fault):
        return Undone
    if postgres.refused(fault):
        return Refused
    outage = isinstance(fault, OperationalError) or postgres.away(fault)
    return Unreachable if outage and not _about_our_statement(fault) else None


def _about_our_statement(fault: DBAPIError) -> bool:
    """Tell whether SQLite means the statement (no such table), which it calls operational like an outage."""
    code: int | None = getattr(fault.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_ERROR


def _first_line(fault: Exception) -> str:
    """Return what the driver said, without the statement and its values."""
    said = str(getattr(fault, "orig", None) or type(fault).__name__)
    return said.strip().partition("\n")[0]


def _take_turn(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite did both at BEGIN
        if not connection.get_execution_options()["durable"]:
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))


def _rows(connection: sa.Connection) -> SqlRows:
    return SqlRows(
        schools=SqlSchools(connection),
        students=SqlStudents(connection),
        roster=SqlRoster(connection),
        parents=SqlParents(connection),
        links=SqlLinks(connection),
        visits=SqlVisits(connection),
        due=SqlDue(connection),
        queue=SqlQueue(connection),
        proofs=SqlProofs(connection),
        restrictions=SqlRestrictions(connection),
        notices=SqlNotices(connection),
        projections=SqlProjections(connection),
        seen_events=SqlSeenEvents(connection),
        workers=SqlWorkers(connection),
        audit=SqlAudit(connection),
        alarms=SqlAlarms(connection),
        limits=SqlLimits(connection),
    )


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    return postgres.engine(parsed, LOCK_WAIT_S)


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": LOCK_WAIT_S})
    sa.event.listen(engine, "connect", _sqlite_pragmas)
    sa.event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _sqlite_begin
    for pragma in ("journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: sa.Connection) -> None:
    """Take the write lock at the start: a reader that turns writer half-way would fail instead of wait."""
    options = connection.get_execution_options()
    writing, durable = options.get("writing", True), options.get("durable", True)
    if writing:  # within a transaction it would be ignored
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
