"""Let threads work beside the queue until they are told to stop; never knows what the work is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

log = logging.getLogger(__name__)

STOP_WAIT_S = 20
"""Longest wait for what runs when the process is told to end."""


@dataclass(eq=False)
class _Job:
    """A piece of work, who does it, and how they are called."""

    do: Callable[[], bool | None]
    idle_s: float
    finish: bool
    over: bool = False
    rings: int = 0
    bell: threading.Condition = field(default_factory=threading.Condition)

    def ring(self) -> None:
        with self.bell:
            self.rings += 1
            self.bell.notify()

    def stop(self) -> None:
        with self.bell:
            self.over = True
            self.bell.notify_all()

    def run(self) -> None:
        while not self.over:
            heard = self.rings  # before the look: who rings during it is not missed
            if self._once():
                self.ring()  # where one finds something, another may
            else:
                self._rest(heard)

    def _rest(self, heard: int) -> None:
        with self.bell:
            self.bell.wait_for(lambda: self.over or self.rings != heard, self.idle_s)

    def _once(self) -> bool:
        try:
            return bool(self.do())
        except Exception:  # what failed is tried again at the next turn
            log.warning("a turn beside the queue failed", exc_info=True)
            return False


class Beside:
    """Threads of their own for each job; a context manager, jobs are named before it is entered."""

    def __init__(self) -> None:
        self._jobs: list[_Job] = []
        self._threads: list[tuple[_Job, threading.Thread]] = []

    def let(
        self, do: Callable[[], bool | None], idle_s: float, threads: int = 1, *, finish: bool = True
    ) -> Callable[[], None]:
        """Have `threads` do this again and again; return a bell that one of them hears.

        Each goes on at once while `do` returns True, else at the next ring, or after `idle_s` seconds. With
        `finish` the end waits for what runs: else it must be harmless to be broken off anywhere.
        """
        job = _Job(do, idle_s, finish)
        self._jobs.append(job)
        for number in range(threads):
            # A daemon, or what never ends would keep the process.
            thread = threading.Thread(target=job.run, name=f"beside-{len(self._jobs)}-{number}", daemon=True)
            self._threads.append((job, thread))
        return job.ring

    def __enter__(self) -> Beside:
        for _, thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for job in self._jobs:
            job.stop()
        deadline = time.monotonic() + STOP_WAIT_S
        for job, thread in self._threads:
            if job.finish:
                thread.join(max(0.0, deadline - time.monotonic()))
