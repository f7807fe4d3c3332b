"""The web process is killed by signal 9 at each point of a decision: all of it is there, or nothing."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from idp_bridge.domain.link import Link
from idp_bridge.services.projecting import Outcome, project
from idp_bridge.web.session import COOKIE
from tests.faults.worker.bridge import CLERK, OwnBridge, until
from tools.aims import between, exactly
from tools.stack.ports import Ports
from tools.stack.program import Program
from tools.stack.stack import responds

pytestmark = pytest.mark.live

PRINCIPAL = "ana.ruiz"
UP_WITHIN_S = 40
DEAD_WITHIN_S = 20


@dataclass(frozen=True)
class Decision:
    """One form at the desk, what it writes, and who sends it."""

    who: str
    page: str
    path: str
    form: dict[str, str]
    event: str
    state: str


def verifying(link: Link) -> Decision:
    """Return what a clerk sends to verify a link."""
    return Decision(
        CLERK, f"/desk/visits/{link.visit}", f"/desk/links/{link.id}/verify",
        {f"{link.id}-evidence": "school-record"}, "link:verified", "verified",
    )  # fmt: skip


def revoking(link: Link) -> Decision:
    """Return what a principal sends to end a link."""
    page = f"/desk/students/links/{link.id}"
    return Decision(PRINCIPAL, page, f"{page}/end", {"reason": "court-order"}, "link:revoked", "ended")


@dataclass
class Desk:
    """A decision to be made, on a database that is put back before each try."""

    bridge: OwnBridge
    link: Link
    decision: Decision
    kept: Path
    port: int

    @property
    def url(self) -> str:
        """Return where the pages answer."""
        return f"http://localhost:{self.port}"

    def serve(self, at: int) -> Program:
        """Put the database back and serve the pages that die at point `at`."""
        for old in self.bridge.folder.glob("bridge.db*"):
            old.unlink()
        shutil.copy(self.kept, self.bridge.folder / "bridge.db")
        env = self.bridge.env() | {
            "IDP_BRIDGE_WEB__URL": self.url,
            "DEADLY_PATH": self.decision.path,
            "DEADLY_AT": str(at),
            "DEADLY_POINTS": str(self.points),
        }
        serving = (
            "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port),
            "--workers", "1", "--blocking-threads", "4", "--no-ws", "tests.faults.worker.deadly_web:app",
        )  # fmt: skip
        pages = self.bridge.program("web", serving, env)
        pages.wait_ready(lambda: responds(f"{self.url}/readyz"), UP_WITHIN_S)
        return pages

    @property
    def points(self) -> Path:
        """Return the file that names the points."""
        return self.bridge.folder / "points"

    def decide(self) -> int | None:
        """Send the form and return the status, or None where no answer came."""
        browser = requests.Session()
        browser.headers["Cookie"] = f"{COOKIE}={self.decision.who}"
        page = browser.get(self.url + self.decision.page, timeout=10)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert token, (page.status_code, page.text[:500])
        form = {**self.decision.form, "csrf_token": token[1]}
        try:
            sent = browser.post(self.url + self.decision.path, data=form, allow_redirects=False, timeout=10)
        except requests.RequestException:
            return None
        return sent.status_code

    def traces(self) -> dict[str, bool]:
        """Return each thing the decision writes and whether it is there; opened as a crash left it."""
        now, before = self._found(self.bridge.folder / "bridge.db"), self._found(self.kept)
        return {name: now[name] != before[name] for name in now}

    def _found(self, file: Path) -> dict[str, Any]:
        with closing(sqlite3.connect(file)) as rows:
            return {name: rows.execute(sql).fetchall() for name, sql in self._queries().items()}

    def _queries(self) -> dict[str, str]:
        link, parent = f"'{self.link.id}'", f"'{self.link.parent}'"
        return {
            "link": f"SELECT state, version, decided_by FROM link WHERE id = {link}",
            "audit": f"SELECT count(*) FROM audit WHERE name = '{self.decision.event}' AND link = {link}",
            "revision": f"SELECT rev, rev_at FROM parent WHERE id = {parent}",
            "projection": f"SELECT due_since, turn, loss FROM projection WHERE parent = {parent}",
            "mail": f"SELECT count(*) FROM notice WHERE link = {link}",
        }


@pytest.fixture
def desk(bridge: OwnBridge) -> Iterator[Callable[[str], Desk]]:
    """Return a function that prepares a decision: of a link that waits, or of a verified one."""

    def prepare(what: str) -> Desk:
        parent = bridge.parent().id
        link = bridge.ask(parent) if what == "verify" else bridge.link(parent)
        if what == "revoke":
            assert project(bridge.house, link.parent) is Outcome.WRITTEN
        for who in (CLERK, PRINCIPAL):
            bridge.plant(who)
        bridge.store.close()
        kept = bridge.folder / "kept.db"
        with closing(sqlite3.connect(bridge.folder / "bridge.db")) as whole:
            whole.execute("VACUUM INTO ?", (str(kept),))
        decision = verifying(link) if what == "verify" else revoking(link)
        return Desk(bridge, link, decision, kept, Ports.free().bridge)

    return prepare


def few(points: list[str]) -> list[int]:
    """Return the numbers of two points: in the middle of what is written, and right after it is committed."""
    committed = points.index("before a wake-up")
    return [committed - 2, committed]


@pytest.mark.parametrize("what", ["verify", "revoke"])
def test_a_decision_is_whole_or_not_there_wherever_the_pages_were_killed(desk, figure, times, what):
    at_desk = desk(what)
    points = points_of(at_desk)
    numbers = times(few(points), range(1, len(points) + 1))
    lost = half = there = 0
    for number in numbers:
        status, traces = killed_at(at_desk, number)
        there += all(traces.values())
        half += len(set(traces.values())) > 1
        lost += status == 302 and not all(traces.values())
        assert chain_is_whole(at_desk)
    what = f"pages killed at {len(numbers)} of {len(points)} points of {what}"
    figure(f"{what}: times all of it was there", there, between(1, len(numbers) - 1))
    figure(f"{what}: acknowledged and lost", lost, exactly(0))
    figure(f"{what}: half done", half, exactly(0))


def points_of(at_desk: Desk) -> list[str]:
    """Return the names of the points of the decision, made once without a kill."""
    pages = at_desk.serve(0)
    assert at_desk.decide() == 302
    pages.stop()
    assert set(at_desk.traces().values()) == {True}, at_desk.traces()
    points = at_desk.points.read_text().splitlines()
    assert points[-1] == "after the answer"
    return points


def killed_at(at_desk: Desk, number: int) -> tuple[int | None, dict[str, bool]]:
    """Decide once more, killed at one point; return what the browser was told and what is there."""
    pages = at_desk.serve(number)
    status = at_desk.decide()
    assert until(lambda: not pages.running, DEAD_WITHIN_S) < DEAD_WITHIN_S, f"alive after point {number}"
    return status, at_desk.traces()


def chain_is_whole(at_desk: Desk) -> bool:
    """Tell whether the audit's chain holds after the crash."""
    at_desk.bridge.open()
    try:
        with at_desk.bridge.house.store.reading() as rows:
            return rows.audit.first_bad() is None
    finally:
        at_desk.bridge.store.close()
