"""Serve the real pages so that they kill themselves with signal 9 at one point of one request; nothing else.

`granian --interface wsgi tests.faults.worker.deadly_web:app` with DEADLY_PATH, the path of the request, and
DEADLY_AT, the number of the point. The points are each SQL statement before it runs, each commit before and
after, each wake-up before and after, and the answer before and after it went out. DEADLY_AT=0 kills nothing
and writes the points' names into the file DEADLY_POINTS.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from idp_bridge.outside.queue import HueyWakeup
from idp_bridge.wsgi import app as pages

PATH, AT = os.environ["DEADLY_PATH"], int(os.environ["DEADLY_AT"])
POINTS = Path(os.environ["DEADLY_POINTS"])
SENT_AFTER_S = 0.3
"""Longer than the server takes to send an answer of a redirect."""


class Watched(threading.local):
    """Whether this thread serves the request, and how many points it passed."""

    passed: int | None = None


watched = Watched()


def point(name: str) -> None:
    """Pass one point of the request, or die there: this process and the server's other one."""
    if watched.passed is None:
        return
    watched.passed += 1
    if AT == 0:
        with POINTS.open("a") as told:
            told.write(name + "\n")
    elif watched.passed == AT:
        die()


def die() -> None:
    """End the whole group of processes as `kill -9` does."""
    os.killpg(0, signal.SIGKILL)


@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def _statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    point(" ".join(statement.split()[:3]))


def _commit(_dialect: Any, connection: Any) -> None:
    point("before a commit")
    connection.commit()
    point("after a commit")


DefaultDialect.do_commit = _commit  # type: ignore[method-assign]


def woken(wake: Callable[..., None]) -> Callable[..., None]:
    """Return the wake-up with a point on either side."""

    def wakes(self: HueyWakeup, parent: Any) -> None:
        point("before a wake-up")
        wake(self, parent)
        point("after a wake-up")

    return wakes


HueyWakeup.projection_due = woken(HueyWakeup.projection_due)  # type: ignore[method-assign,assignment]


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve one request; count the points of the one that was named."""
    if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] != PATH:
        return pages(environ, start_response)
    watched.passed = 0
    try:
        body = b"".join(pages(environ, start_response))
        point("before the answer")
        if AT and watched.passed == AT - 1:
            threading.Timer(SENT_AFTER_S, die).start()
        elif AT == 0:
            point("after the answer")
        return [body]
    finally:
        watched.passed = None
