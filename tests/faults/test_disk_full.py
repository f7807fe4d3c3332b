"""The disk is full under the real processes: pages say so, nothing is half done, and all goes on by itself.

A tmpfs of the test's own, filled to the last byte by a file of the test's own, while families send. It needs
the right to mount (root, as in CI); without it the tests are skipped and say so.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import IRIS
from tests.faults.figures import LONG, within
from tests.faults.running import (
    Bridge,
    Crowd,
    Postbox,
    chain_is_whole,
    linked,
    mail_to,
    posted,
    stored,
    tried,
    unsent,
    until,
)
from tests.web.pages import text
from tools.aims import at_least, exactly

SIZE_MB = 24
PAGE_S, BACK_S = 5, 10
SWEEP_S, SWEPT_WORK_S = 60, 10
"""A sweep comes every minute."""


@dataclass(frozen=True)
class Disk:
    """A small file system."""

    folder: Path

    @property
    def filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, leave_b: int = 0) -> None:
        """Take every byte but `leave_b`."""
        with self.filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        if leave_b:
            os.truncate(self.filler, max(self.filler.stat().st_size - leave_b, 0))

    def free(self) -> None:
        """Make space again."""
        self.filler.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a function that mounts a small file system; all go with the module."""
    places: list[Path] = []

    def mount(name: str) -> Disk:
        place = tmp_path_factory.mktemp(name)
        how = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(place)]
        if subprocess.run(how, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a file system here")
        places.append(place)
        return Disk(place)

    yield mount
    for place in places:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def post() -> Iterator[Postbox]:
    with posted(Postbox()) as post:
        yield post


@pytest.fixture(scope="module")
def disk(mounted: Any) -> Disk:
    return mounted("disk")


@pytest.fixture(scope="module")
def bridge(disk: Disk, post: Postbox, sqlite_bridge: Any) -> Bridge:
    """Database and queue on the small disk; mails go out, so that the worker's work can be seen."""
    return sqlite_bridge(disk.folder, **mail_to(post.port))


LEFT_B = (0, 8192, 65536, 262144) if LONG else (0,)


@pytest.mark.parametrize("leave_b", LEFT_B)
def test_a_full_disk_loses_nothing_and_all_goes_on(bridge, disk, post, figure, times, leave_b):
    families = bridge.families(times(80, 400))
    with Crowd(families, at_once=4) as crowd:
        until(lambda: crowd.sent >= len(families) // 4, 60, 0.005)
        disk.fill(leave_b)
        try:
            until(lambda: len(crowd.put_off) >= 20, 60, 0.005)
            reading = families[0].get("/children")
        finally:
            disk.free()
        back = until(lambda: families[0].post("/children/add/number", number=IRIS.number).status == 302, 20)
    mailed = until(lambda: not unsent(bridge), 120)
    found = stored(bridge, families)
    about = f"full disk ({leave_b} bytes left)" if leave_b else "full disk"
    assert reading.status in (200, 503)
    assert all("We cannot do this right now" in text(one.text) for one in crowd.put_off)
    figure(f"{about}: pages that said so (503)", len(crowd.put_off), at_least(20))
    figure(f"{about}: slowest page, s", crowd.slowest_s, within(PAGE_S))
    figure(f"{about}: other answers", sum(crowd.counted().values()) - len(crowd.acknowledged), exactly(0))
    figure(f"{about}: acknowledged and not stored", len(crowd.acknowledged - found.whole), exactly(0))
    figure(f"{about}: half done", len(found.half), exactly(0))
    figure(f"{about}: seconds from space to a form that works", back, within(BACK_S))
    figure(f"{about}: seconds from space to all mails sent", mailed, within(20))
    came = [post.ids.get(one.email, []) for one in families]
    figure(f"{about}: mails lost", sum(not ids for ids in came), exactly(0))
    figure(f"{about}: mails that came twice", sum(len(ids) - 1 for ids in came if ids), exactly(0))
    assert chain_is_whole(bridge)
    with bridge.store.connection(write=False) as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    assert bridge.web.running
    assert bridge.worker.running


# --- only the queue's disk -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def queue_disk(mounted: Any) -> Disk:
    return mounted("queue")


@pytest.fixture(scope="module")
def queueing(queue_disk: Disk, sqlite_bridge: Any) -> Bridge:
    return sqlite_bridge(IDP_BRIDGE_WORKER__QUEUE_FILE=str(queue_disk.folder / "queue.db"))


def test_a_full_queue_undoes_no_decision_and_the_worker_finds_it(queueing, queue_disk, figure, times):
    families = queueing.families(times(4, 20))
    *while_full, after = families
    links = linked(queueing, families)
    queue_disk.fill()
    try:
        told = [one.post(f"/children/{links[one.id]}/leave") for one in while_full]
    finally:
        queue_disk.free()
    about = "full disk under the queue"
    figure(f"{about}: decisions refused", sum(one.status != 302 for one in told), exactly(0))
    figure(f"{about}: slowest page, s", max(one.took_s for one in told), within(PAGE_S))
    if LONG:
        swept = until(lambda: all(tried(queueing, one) for one in while_full), SWEEP_S + 2 * SWEPT_WORK_S)
        figure(
            f"{about}: seconds from space to the sweep that found all",
            swept,
            within(SWEPT_WORK_S, waits_s=SWEEP_S),
        )
    assert after.post(f"/children/{links[after.id]}/leave").status == 302
    woken = until(lambda: any(tried(queueing, one) for one in families), 20)
    figure(f"{about}: seconds from the next decision to the worker", woken, within(5))
    assert queueing.worker.running


# --- starting on a full disk ---------------------------------------------------------------------


@pytest.mark.skipif(not LONG, reason="part of the long run")
def test_pages_started_on_a_full_disk_work_once_there_is_space_and_the_worker_says_why_not(
    bridge, disk, figure
):
    """Nothing can be opened there: the pages wait for it, the worker ends in words, to be started again."""
    bridge.web.stop()
    bridge.worker.stop()
    family, other = bridge.families(2)
    bridge.store.close()  # the last one: SQLite's log is folded in, and no space is left in it
    disk.fill()
    try:
        bridge.start()
        full = family.send()
        until(lambda: not bridge.worker.running, 20)
    finally:
        disk.free()
    assert full.status == 503
    assert "The database does not answer: disk I/O error" in bridge.worker.last_lines().splitlines()[-1]
    bridge.worker.start()
    back = until(lambda: family.send().status == 302, 20)
    assert other.send().status == 302
    mailed = until(lambda: not unsent(bridge), 60)
    figure("started on a full disk: seconds from space to a form that works", back, within(BACK_S))
    figure("started on a full disk: seconds from space to all mails sent", mailed, within(20))
    assert bridge.web.running
    assert bridge.worker.running
