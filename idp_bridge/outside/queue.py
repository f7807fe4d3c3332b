"""Wake the worker through Huey and run its consumer; never knows what a task does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from huey import SqliteHuey, crontab
from huey.consumer import Consumer

from idp_bridge.domain.people import ParentId
from idp_bridge.settings import Worker

log = logging.getLogger(__name__)

PROJECT = "project"
LONGEST_POLL_S = 0.2
"""How long an idle worker sleeps before it looks again: a revocation must be on its way within a second."""
STOP_WAIT_S = 20


def make_queue(settings: Worker) -> SqliteHuey:
    """Open the queue's own SQLite file; its tables never share the bridge's database."""
    Path(settings.queue_file).parent.mkdir(parents=True, exist_ok=True)
    return SqliteHuey("idp-bridge", filename=settings.queue_file, results=False, timeout=1)


class HueyWakeup:
    """Tells the worker that a parent is due. A lost call is harmless: the sweep finds the rest."""

    def __init__(self, queue: SqliteHuey) -> None:
        self._task = _project_task(queue, _not_here)

    def projection_due(self, parent: ParentId) -> None:
        """Wake the worker; never raises."""
        try:
            self._task(parent)
        except Exception:  # a full disk or a locked file must not undo a decision that is committed
            log.warning("wake-up lost; the sweep will find the parent", exc_info=True)


def run_consumer(queue: SqliteHuey, *, project: Callable[[str], None], sweep: Callable[[], None]) -> None:
    """Run until SIGTERM or SIGINT: `project` for each wake-up, `sweep` at the start and every minute.

    The first sweep is queued like every other: a signal then lets the write that runs finish.
    """
    _project_task(queue, project)
    every_minute = queue.periodic_task(crontab(minute="*"), name="sweep")(sweep)
    every_minute()
    Consumer(
        queue,
        workers=1,
        initial_delay=0.05,
        max_delay=LONGEST_POLL_S,
        graceful_signal="TERM",
        shutdown_timeout=STOP_WAIT_S,
    ).run()


def _project_task(queue: SqliteHuey, do: Callable[[str], None]) -> Callable[[str], object]:
    def project(parent: str) -> None:
        do(parent)

    task: Callable[[str], object] = queue.task(name=PROJECT)(project)
    return task


def _not_here(parent: str) -> None:
    raise RuntimeError("the web process wakes the worker, it does not project")
