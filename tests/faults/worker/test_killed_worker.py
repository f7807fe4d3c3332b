"""The worker is killed by signal 9 between its PUT and the mark: nothing stays double, wrong or half done."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from itertools import cycle, islice

import pytest

from idp_bridge.services.projecting import Outcome, project
from tests.faults.figures import within
from tests.faults.worker.bridge import OwnBridge, until
from tests.faults.worker.deadly_worker import MOMENTS
from tests.realms.signing_in import sign_in
from tools.aims import exactly

pytestmark = pytest.mark.live

LONGEST_S = 5
DEAD_WITHIN_S = 20
GIVEN_UP_S = 70
"""Longer than a lease that nobody gives back."""
LOSSES_ONLY = {"sessions ended"}


def plan(runs: int) -> Iterator[tuple[str, bool]]:
    """Yield so many moments, each with whether a link is lost; the moments of both kinds by turns."""
    kinds = [
        (moment, loss) for loss in (True, False) for moment in MOMENTS if loss or moment not in LOSSES_ONLY
    ]
    return islice(cycle(kinds), runs)


def test_nothing_is_double_or_wrong_after_the_worker_was_killed_at_its_write(bridge, figure, times):
    doubles = wrong = sessions = 0
    waits: list[float] = []
    for moment, loss in plan(times(3, 100)):
        parent = prepared(bridge, loss=loss)
        killed_at(bridge, moment)
        assert bridge.row(parent).due_since is not None, "it was marked done: not killed before the mark"
        waits.append(restarted(bridge, parent))
        doubles += len(bridge.own.stored(parent)) > 1
        wrong += not bridge.right(parent)  # due again it may be: the comparison at the start looks once more
        if loss:
            sessions += len(bridge.own.realm.get(f"users/{parent}/sessions"))
    what = f"worker killed between PUT and mark, {len(waits)} times"
    figure(f"{what}: duplicate values left", doubles, exactly(0))
    figure(f"{what}: values wrong", wrong, exactly(0))
    figure(f"{what}: sessions alive after a loss", sessions, exactly(0))
    figure(f"{what}: most seconds from the restart to right and done", max(waits), within(LONGEST_S))


def prepared(bridge: OwnBridge, *, loss: bool) -> str:
    """Return a parent whose write is due: the first link, or its end with a session open."""
    person = bridge.parent()
    bridge.link(person.id)
    if loss:
        assert project(bridge.house, person.id) is Outcome.WRITTEN
        sign_in(bridge.own.app("oneview"), person.name, person.password)
        assert bridge.own.realm.get(f"users/{person.id}/sessions")
        bridge.revoke(person.id)
    return person.id


def killed_at(bridge: OwnBridge, moment: str) -> None:
    """Let a worker run until it kills itself."""
    deadly = bridge.worker("-m", "tests.faults.worker.deadly_worker", moment)
    assert until(lambda: not deadly.running, DEAD_WITHIN_S) < DEAD_WITHIN_S, deadly.last_lines()
    assert deadly.status == -signal.SIGKILL, deadly.last_lines()


def restarted(bridge: OwnBridge, parent: str) -> float:
    """Start the worker again, return the seconds until all is right and done, and end it."""
    began = time.monotonic()
    worker = bridge.worker()
    until(lambda: bridge.settled(parent), GIVEN_UP_S)
    took = time.monotonic() - began
    worker.send(signal.SIGKILL)
    worker.stop()
    return took
