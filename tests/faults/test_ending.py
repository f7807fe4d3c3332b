"""SIGTERM under load: every request that was taken gets a whole answer, and what was answered is stored."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.faults.figures import within
from tests.faults.running import (
    ANSWER_WITHIN_S,
    Answer,
    Bridge,
    Crowd,
    Family,
    Postbox,
    chain_is_whole,
    mail_to,
    posted,
    stored,
    unsent,
    until,
)
from tools.aims import exactly
from tools.stack.places import ROOT
from tools.stack.program import Program

ENDS_S = 10
"""The door lingers a second, and a page takes five at most; granian cuts off at 20."""
LISTENS = "0A"
INSIDE, A_MOMENT_S = 6, 0.4
SLOW_MAIL_S = 0.1


@pytest.fixture(scope="module")
def bridge(sqlite_bridge: Callable[..., Bridge]) -> Bridge:
    return sqlite_bridge(worker=False)


class Readers:
    """Browsers that open pages without a pause: some on a connection they keep, some on a new one each."""

    def __init__(self, who: Family, kept: int, fresh: int) -> None:
        self.answers: list[Answer] = []
        self._who, self._over = who, threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(one < kept,)) for one in range(kept + fresh)
        ]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(ANSWER_WITHIN_S)

    def _read(self, keep: bool) -> None:
        port = self._who.bridge.port
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN_S) if keep else None
        while not self._over.is_set():
            answer = self._who.get("/healthz", kept)
            if answer.refused:
                time.sleep(0.05)
            else:
                self.answers.append(answer)


def end(program: Program, number: signal.Signals = signal.SIGTERM) -> float:
    """Tell the main process alone to end, as an init system does, and return how long that took."""
    began = time.monotonic()
    os.kill(program.pid, number)
    until(lambda: not program.running, 30, 0.01)
    return time.monotonic() - began


class Inside:
    """Families who are connected already, some for the second time, and send their form a moment later."""

    def __init__(self, families: list[Family]) -> None:
        self.answers: dict[str, Answer] = {}
        self._connected = [(family, self._connect(family, at % 2)) for at, family in enumerate(families)]
        self._timer = threading.Timer(A_MOMENT_S, self._send)
        self._timer.start()

    def _connect(self, family: Family, used: int) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", family.bridge.port, timeout=ANSWER_WITHIN_S)
        connection.connect()
        if used:
            assert family.get("/healthz", connection).status == 200
        return connection

    def _send(self) -> None:
        with ThreadPoolExecutor(len(self._connected)) as together:
            sent = together.map(lambda one: (one[0].id, one[0].send(one[1])), self._connected)
            self.answers |= dict(sent)

    def cut(self) -> int:
        """Return how many got no whole answer."""
        self._timer.join()
        return sum(bool(answer.lost) for answer in self.answers.values())


def test_a_restart_in_the_middle_cuts_nobody_off(bridge, figure, times):
    rounds, posts, told, took = times(2, 12), times(40, 250), Counter[str](), []
    lost = half = read = cut = 0
    for one in range(rounds):
        reader, *families = bridge.families(posts + INSIDE + 1)
        late = [families.pop() for _ in range(INSIDE)]
        with Readers(reader, kept=2, fresh=2) as readers, Crowd(families, at_once=8) as crowd:
            until(lambda: crowd.sent >= posts // 3, 60, 0.005)
            inside = Inside(late)
            if one % 2:
                took.append(end(bridge.web))
            else:  # to every process of the group, as Ctrl-C and some init systems do
                began = time.monotonic()
                bridge.web.send(signal.SIGTERM)
                until(lambda: not bridge.web.running, 30, 0.01)
                took.append(time.monotonic() - began)
            bridge.start_web()
        told += crowd.counted()
        cut += inside.cut() + sum(bool(answer.lost) for answer in readers.answers)
        crowd.told |= inside.answers
        found = stored(bridge, [*families, *late])
        lost += len(crowd.acknowledged - found.whole)
        half += len(found.half)
        read += len(readers.answers) + INSIDE
    about = f"SIGTERM under load, {rounds} times, {rounds * posts} forms and {read} pages"
    figure(f"{about}: forms cut off", rounds * posts - told["302"], exactly(0))
    figure(f"{about}: pages, and forms of who was connected before, cut off", cut, exactly(0))
    figure(f"{about}: acknowledged and not stored", lost, exactly(0))
    figure(f"{about}: half done", half, exactly(0))
    figure(f"{about}: longest until it ended, s", max(took), within(ENDS_S))
    assert chain_is_whole(bridge)


def listeners(port: int) -> int:
    """Return how many sockets listen on this port of loopback, as `ss -ltn` counts them."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] == LISTENS for line in lines)


def test_a_new_process_beside_the_old_one_refuses_nobody(bridge, figure, times):
    """Both listen on one port; the old one is told to end once the new one is there."""
    rounds, posts, refused, cut, lost = times(1, 6), times(40, 200), 0, 0, 0
    for one in range(rounds):
        reader, *families = bridge.families(posts + 1)
        log = bridge.folder / f"next-{one}.log"
        new = Program("next", bridge.web.command, log, env=bridge.settings, cwd=ROOT)
        with Readers(reader, kept=1, fresh=1) as readers, Crowd(families, at_once=6) as crowd:
            until(lambda: crowd.sent >= posts // 3, 60, 0.005)
            new.start()
            until(lambda: listeners(bridge.port) == 2, 30)
            end(bridge.web)
            bridge.web, new = new, bridge.web
        refused += crowd.refused
        cut += sum(bool(answer.lost) for answer in (*readers.answers, *crowd.told.values()))
        lost += len({one.id for one in families} - stored(bridge, families).whole)
    figure(f"handed over to a new process, {rounds} times: requests refused", refused, exactly(0))
    figure(f"handed over to a new process, {rounds} times: requests cut off", cut, exactly(0))
    figure(f"handed over to a new process, {rounds} times: forms not stored", lost, exactly(0))


# --- the worker ----------------------------------------------------------------------------------


class SlowPostbox(Postbox):
    """Takes its time for each mail."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await asyncio.sleep(SLOW_MAIL_S)
        return await super().handle_DATA(server, session, envelope)


def test_a_worker_that_is_ended_while_it_sends_mails_sends_each_once(sqlite_bridge, figure, times):
    count = times(9, 60)
    with posted(SlowPostbox()) as post:
        bridge = sqlite_bridge(worker=False, **mail_to(post.port))
        families = bridge.families(count)
        with Crowd(families) as crowd:
            pass
        took = []
        for part in range(1, times(1, 2) + 1):
            bridge.worker.start()
            until(lambda part=part: len(post.ids) >= part * count // 3, 60)
            took.append(end(bridge.worker))
        bridge.worker.start()
        until(lambda: not unsent(bridge), 120)
    assert len(crowd.acknowledged) == count
    came = [post.ids.get(one.email, []) for one in families]
    about = "SIGTERM to a worker that sends mails"
    figure(f"{about}: mails lost", sum(not ids for ids in came), exactly(0))
    figure(f"{about}: mails that came twice", sum(max(len(ids) - 1, 0) for ids in came), exactly(0))
    figure(f"{about}: longest until it ended, s", max(took), within(ENDS_S))
