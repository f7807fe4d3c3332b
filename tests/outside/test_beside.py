"""Threads beside the queue: they go on while there is work, hear a ring, and end with what they had begun."""

from __future__ import annotations

import threading
import time

import pytest

from idp_bridge.outside import beside as module
from idp_bridge.outside.beside import Beside

NEVER_S = 3600


class Work:
    """So many pieces of work; each is told when it begins and ends, and may be held."""

    def __init__(self, pieces: int = 0) -> None:
        self.left, self.done, self.looks = pieces, 0, 0
        self.most = self.now = 0
        self.lock = threading.Lock()
        self.let_go = threading.Event()
        self.let_go.set()

    def __call__(self) -> bool:
        with self.lock:
            self.looks += 1
            if self.left == 0:
                return False
            self.left -= 1
            self.now += 1
            self.most = max(self.most, self.now)
        self.let_go.wait(5)
        time.sleep(0.005)
        with self.lock:
            self.now -= 1
            self.done += 1
        return True


def until(true, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.002)


def test_all_there_is_is_done_without_a_ring_and_by_several_at_once():
    work, beside = Work(20), Beside()
    work.let_go.clear()
    beside.let(work, NEVER_S, threads=3)
    with beside:
        until(lambda: work.now == 3)
        work.let_go.set()
        until(lambda: work.done == 20)
    assert work.most == 3


def test_who_finds_something_calls_the_others():
    work, beside = Work(), Beside()
    ring = beside.let(work, NEVER_S, threads=3)
    with beside:
        until(lambda: work.looks == 3)
        work.left = 20
        ring()
        until(lambda: work.done == 20)
    assert work.most > 1


def test_who_rests_hears_a_ring_at_once():
    work, beside = Work(), Beside()
    ring = beside.let(work, NEVER_S, threads=3)
    with beside:
        until(lambda: work.looks == 3)
        work.left = 1
        began = time.monotonic()
        ring()
        until(lambda: work.done == 1)
        assert time.monotonic() - began < 0.5
        time.sleep(0.05)
        assert work.looks <= 7  # one came and found it, called another, and both looked once more


def test_a_ring_while_everybody_works_is_not_missed():
    beside, looking, on = Beside(), threading.Event(), threading.Event()
    looks: list[int] = []

    def look() -> bool:
        looks.append(1)
        looking.set()
        on.wait(5)  # it has seen that there is nothing, and has not gone to rest
        return False

    ring = beside.let(look, NEVER_S)
    with beside:
        looking.wait(5)
        ring()
        on.set()
        until(lambda: len(looks) == 2)


def test_nobody_rings_and_it_is_looked_at_all_the_same():
    work, beside = Work(), Beside()
    beside.let(work, 0.02)
    with beside:
        until(lambda: work.looks >= 3)


def test_what_fails_is_told_and_tried_again(caplog):
    beside, looks = Beside(), list[int]()

    def fail() -> bool:
        looks.append(1)
        raise RuntimeError("no")

    beside.let(fail, 0.02)
    with beside:
        until(lambda: len(looks) >= 2)
    assert "a turn beside the queue failed" in caplog.text


def test_the_end_waits_for_the_piece_that_runs_and_begins_no_other():
    work, beside = Work(5), Beside()
    work.let_go.clear()
    beside.let(work, NEVER_S)
    with beside:
        until(lambda: work.now == 1)
        threading.Timer(0.2, work.let_go.set).start()
    assert (work.done, work.left) == (1, 4)


def test_the_end_waits_for_nothing_that_may_be_broken_off(monkeypatch):
    work, beside = Work(1), Beside()
    work.let_go.clear()
    beside.let(work, NEVER_S, finish=False)
    began = time.monotonic()
    with beside:
        until(lambda: work.now == 1)
    assert time.monotonic() - began < 1
    work.let_go.set()


def test_the_end_waits_only_so_long(monkeypatch):
    monkeypatch.setattr(module, "STOP_WAIT_S", 0.1)
    work, beside = Work(1), Beside()
    work.let_go.clear()
    beside.let(work, NEVER_S, threads=2)
    began = time.monotonic()
    with beside:
        until(lambda: work.now == 1)
    assert time.monotonic() - began < 1
    work.let_go.set()


@pytest.mark.parametrize("other", [False, True])
def test_one_job_does_not_wait_for_another(other):
    slow, quick, beside = Work(1), Work(), Beside()
    slow.let_go.clear()
    jobs = [lambda: beside.let(slow, NEVER_S), lambda: beside.let(quick, NEVER_S)]
    rings = [job() for job in (reversed(jobs) if other else jobs)]
    with beside:
        until(lambda: slow.now == 1)
        quick.left = 1
        for ring in rings:
            ring()
        until(lambda: quick.done == 1)
        slow.let_go.set()
