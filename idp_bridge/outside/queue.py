"""Wake workers through Huey and run its consumer; never knows what a task does."""

from __future__ import annotations

import logging
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
POLL_S = 0.01
"""How long an idle worker sleeps before it looks for wake-ups: what a revocation waits beside the work."""


def make_queue(settings: Worker) -> Huey:
    """Open the queue: PostgreSQL or Redis where an address is set, else a SQLite file of its own."""
    if settings.queue_url.startswith("postgresql:"):
        return _in_postgres(settings.queue_url)
    if settings.queue_url:
        return RedisHuey(NAME, results=False, url=settings.queue_url)
    Path(settings.queue_file).parent.mkdir(parents=True, exist_ok=True)
    return Huey(NAME, results=False, storage_class=_File, filename=settings.queue_file, timeout=1)


class _File(SqliteStorage):  # type: ignore[misc]  # huey says no types
    """A file of wake-ups: whole after a power cut but for the last ones, which may be lost like any other."""

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        connection.execute("PRAGMA synchronous=NORMAL")  # who wakes the worker does not wait for the disk
        return connection


class HueyWakeup:
    """Tells a worker that a parent is due. A lost call is harmless: the sweep finds the rest."""

    def __init__(self, queue: Huey) -> None:
        self._task = _project_task(queue, _not_here)
        self._compare = _compare_task(queue, _not_here)

    def projection_due(self, parent: ParentId) -> None:
        """Wake the worker; never raises."""
        try:
            self._task(parent)
        except Exception:  # a full disk or a locked file must not undo a decision that is committed
            log.warning("wake-up lost; the sweep will find the parent", exc_info=True)

    def comparison_due(self) -> None:
        """Have the worker compare all parents; never raises."""
        try:
            self._compare()
        except Exception:  # as above
            log.warning("a comparison was not queued; the hourly one follows", exc_info=True)


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
    every_minute()
    Consumer(
        queue,
        workers=1,
        initial_delay=POLL_S,
        max_delay=POLL_S,
        graceful_signal="TERM",
        shutdown_timeout=STOP_WAIT_S,
    ).run()


def _in_postgres(url: str) -> Huey:
    """Open the queue in PostgreSQL, and make its schema and tables unless they are there."""
    import psycopg  # an extra: whoever queues in SQLite does not have it

    def connect() -> psycopg.Connection[Any]:
        options = f"-c search_path={SCHEMA}"
        return psycopg.connect(url, connect_timeout=CONNECT_S, autocommit=True, options=options)

    queue = PostgresHuey(NAME, results=False, connection=connect, create_tables=False)
    with connect() as connection:
        _make_tables(connection, queue.storage.ddl)
    return queue


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
