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
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from idp_bridge.domain.people import ParentId
from idp_bridge.storage import journals
from tests.conftest import IRIS
from tests.faults.figures import LONG
from tests.faults.running import Bridge, Crowd, Family, chain_is_whole, stored, until
from tests.web.families import confirmed
from tests.web.pages import text
from tools.aims import at_least, at_most, exactly
from tools.stack.ports import Ports

SIZE_MB = 24
PAGE_S, BACK_S = 5, 10
SWEPT_S = 70
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


class Post:
    """Keeps the addresses it got mails for."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = {}

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content)
        self.ids.setdefault(envelope.rcpt_tos[0], []).append(mail["Message-ID"])
        return "250 OK"


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    post = Post()
    server = Controller(post, hostname="127.0.0.1", port=Ports.free().smtp)
    server.start()
    post.port = server.port  # type: ignore[attr-defined]
    yield post
    server.stop()


@pytest.fixture(scope="module")
def disk(mounted: Any) -> Disk:
    return mounted("disk")


@pytest.fixture(scope="module")
def bridge(disk: Disk, post: Post, sqlite_bridge: Any) -> Bridge:
    """Database and queue on the small disk; mails go out, so that the worker's work can be seen."""
    return sqlite_bridge(
        disk.folder,
        IDP_BRIDGE_MAIL__HOST="127.0.0.1",
        IDP_BRIDGE_MAIL__PORT=str(post.port),  # type: ignore[attr-defined]
        IDP_BRIDGE_MAIL__SENDER="parents@district.example",
    )


def unsent(bridge: Bridge) -> int:
    query = sa.select(sa.func.count()).where(journals.notices.c.sent_at.is_(None))
    with bridge.store.connection(write=False) as connection:
        return int(connection.execute(query).scalar_one())


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
    figure(f"{about}: slowest page, s", crowd.slowest_s, at_most(PAGE_S))
    figure(f"{about}: other answers", sum(crowd.counted().values()) - len(crowd.acknowledged), exactly(0))
    figure(f"{about}: acknowledged and not stored", len(crowd.acknowledged - found.whole), exactly(0))
    figure(f"{about}: half done", len(found.half), exactly(0))
    figure(f"{about}: seconds from space to a form that works", back, at_most(BACK_S))
    figure(f"{about}: seconds from space to all mails sent", mailed, at_most(20))
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


def linked(bridge: Bridge, families: list[Family]) -> dict[str, str]:
    """Verify every family's link, as the desk would, and return parent -> link."""
    links = {}
    for family in families:
        assert family.send().status == 302
        with bridge.store.reading() as rows:
            (link,) = rows.links.of_parent(ParentId(family.id))
        links[family.id] = confirmed(AtTheDesk(bridge), link, IRIS).id
    return links


class AtTheDesk:
    """What `confirmed` needs of a house."""

    def __init__(self, bridge: Bridge) -> None:
        from idp_bridge.app import SystemClock, make_house
        from idp_bridge.settings import load

        self.store, self.clock = bridge.store, SystemClock()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in bridge.settings.items():
                patch.setenv(name, value)
            self.rules = make_house(load(), bridge.store).rules


def tried(bridge: Bridge, who: Family) -> bool:
    """Tell whether the worker took this parent up; without a Keycloak it comes no further."""
    with bridge.store.reading() as rows:
        row = rows.projections.get(ParentId(who.id))
    return row is not None and row.last_error is not None


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
    figure(f"{about}: slowest page, s", max(one.took_s for one in told), at_most(PAGE_S))
    if LONG:
        swept = until(lambda: all(tried(queueing, one) for one in while_full), SWEPT_S + 10)
        figure(f"{about}: seconds from space to the sweep that found all", swept, at_most(SWEPT_S))
    assert after.post(f"/children/{links[after.id]}/leave").status == 302
    woken = until(lambda: any(tried(queueing, one) for one in families), 20)
    figure(f"{about}: seconds from the next decision to the worker", woken, at_most(5))
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
    figure("started on a full disk: seconds from space to a form that works", back, at_most(BACK_S))
    figure("started on a full disk: seconds from space to all mails sent", mailed, at_most(20))
    assert bridge.web.running
    assert bridge.worker.running
