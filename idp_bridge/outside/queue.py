"""Wake workers through Huey and run its consumer; never knows what a task does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huey import Huey, PostgresHuey, RedisHuey, crontab
from huey.consumer import Consumer
from huey.storage import SqliteStorage

from idp_bridge.domain.people import ParentId
from idp_bridge.outside.beside import STOP_WAIT_S
from idp_bridge.settings import Worker

log = logging.getLogger(__name__)

NAME = "idp-bridge"
PROJECT = "project"
COMPARE = "compare"
SCHEMA = "idp_bridge_queue"
"""Huey's tables in PostgreSQL live here, apart from the bridge's own."""
_TURN = 7_263_002
"""Number of the PostgreSQL advisory lock under which its tables are made."""
CONNECT_S = 3
REDIS_WAIT_S = 2
"""Longer than the second an idle worker waits for a wake-up, shorter than a person waits for a page."""
ANSWER_S = 1.5
"""After this a queue that says nothing is given up: a page waits for it after its work is committed."""
AT_ONCE_S = 0.5
"""A connection PostgreSQL closed meanwhile fails at once when it is used; a second try has a new one."""
POLL_S = 0.01
"""How long an idle worker sleeps before it looks for wake-ups: what a revocation waits beside the work."""


def make_queue(settings: Worker) -> Huey:
    """Name the queue: PostgreSQL or Redis where an address is set, else a SQLite file of its own.

    It is opened, and what it needs made, at first use: a process starts while its server or disk is away.
    """
    if settings.queue_url.startswith("postgresql:"):
        return _in_postgres(settings.queue_url)
    if settings.queue_url:
        return _in_redis(settings.queue_url)
    Path(settings.queue_file).parent.mkdir(parents=True, exist_ok=True)
    return Huey(
        NAME, results=False, storage_class=_File, filename=settings.queue_file, timeout=1, create_tables=False
    )


class _File(SqliteStorage):  # type: ignore[misc]  # Huey has no types
    """Huey's SQLite file; each connection makes the tables unless they are there.

    Whole after a power cut but for the last wake-ups, which may be lost like any other.
    """

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        connection.execute("PRAGMA synchronous=NORMAL")  # who wakes the worker does not wait for the disk
        for statement in self.ddl:
            connection.execute(statement)
        return connection


class HueyWakeup:
    """Tells a worker that a parent is due. A lost call is harmless: the sweep finds the rest."""

    def __init__(self, queue: Huey) -> None:
        self._task = _project_task(queue, _not_here)
        self._compare = _compare_task(queue, _not_here)

    def projection_due(self, parent: ParentId) -> None:
        """Wake the worker; never raises."""
        _queued(lambda: self._task(parent), "wake-up lost; the sweep will find the parent")

    def comparison_due(self) -> None:
        """Have the worker compare all parents; never raises."""
        _queued(self._compare, "a comparison was not queued; the hourly one follows")


def run_consumer(
    queue: Huey,
    *,
    project: Callable[[str], None],
    sweep: Callable[[], None],
    compare: Callable[[], None] = lambda: None,
) -> None:
    """Run until SIGTERM or SIGINT: `project` for each wake-up, `sweep` at the start and every minute.

    `compare` runs when somebody asks for it.

    The first sweep is queued like every other: a signal then lets the write that runs finish.
    """
    _project_task(queue, project)
    _compare_task(queue, compare)
    every_minute = queue.periodic_task(crontab(minute="*"), name="sweep")(sweep)
    _queued(every_minute, "the first sweep was not queued; the next minute's follows")
    Consumer(
        queue,
        workers=1,
        initial_delay=POLL_S,
        max_delay=POLL_S,
        graceful_signal="TERM",
        shutdown_timeout=STOP_WAIT_S,
    ).run()


def _queued(put: Callable[[], object], lost: str) -> None:
    """Queue by `put`; where that fails say what is `lost`: it must not undo a decision that is committed."""
    began = time.monotonic()
    for last in (False, True):
        try:
            put()
            return
        except Exception:  # a full disk, a locked file, a server that is away
            if last or time.monotonic() - began > AT_ONCE_S:
                log.warning(lost, exc_info=True)
                return


def _in_postgres(url: str) -> Huey:
    """Name the queue in PostgreSQL; each connection makes its schema and tables unless they are there."""
    from psycopg import Connection  # an extra: whoever queues in SQLite does not have it
    from psycopg.errors import OperationalError, _WaitTimeout

    class GivesUp(Connection[Any]):
        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            if timeout is not None:  # Huey waits for wake-ups, as long as it says
                return super().wait(gen, interval, timeout)
            try:
                return super().wait(gen, interval, ANSWER_S)
            except _WaitTimeout:
                self.pgconn.finish()
                raise OperationalError("the queue says nothing") from None

    def connect() -> Connection[Any]:
        options = f"-c search_path={SCHEMA}"
        connection = GivesUp.connect(url, connect_timeout=CONNECT_S, autocommit=True, options=options)
        _make_tables(connection, queue.storage.ddl)
        return connection

    queue = PostgresHuey(NAME, results=False, connection=connect, create_tables=False)
    return queue


def _in_redis(url: str) -> Huey:
    """Open the queue in Redis. No call is tried again: a Redis that hangs must not hold up a page."""
    from redis import ConnectionPool  # an extra, as psycopg is
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    pool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=REDIS_WAIT_S,
        socket_timeout=REDIS_WAIT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return RedisHuey(NAME, results=False, connection_pool=pool)


def _make_tables(connection: Any, statements: list[str]) -> None:
    """Make what is missing; one process at a time, for IF NOT EXISTS alone is a race in PostgreSQL."""
    there = connection.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.huey_counter"]).fetchone()
    if there[0] is not None:
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        for statement in statements:
            connection.execute(statement)


def _project_task(queue: Huey, do: Callable[[str], None]) -> Callable[[str], object]:
    def project(parent: str) -> None:
        do(parent)

    task: Callable[[str], object] = queue.task(name=PROJECT)(project)
    return task


def _compare_task(queue: Huey, do: Callable[[], None]) -> Callable[[], object]:
    """Return the task; a function of this module in both processes, for Huey finds it by module and name."""

    def compare() -> None:
        do()

    task: Callable[[], object] = queue.task(name=COMPARE)(compare)
    return task


def _not_here(*_: str) -> None:
    raise RuntimeError("the web process wakes the worker, it does not do its work")
