"""Wake-ups through Huey's own SQLite file: fast when they arrive, harmless when they are lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp_bridge.outside.queue import HueyWakeup, make_queue
from idp_bridge.settings import Worker
from tests.conftest import AMARA, OTHER
from tools.stack.places import ROOT

CONSUMER = """
import sys, time
from idp_bridge.outside.queue import make_queue, run_consumer
from idp_bridge.settings import Worker

def project(parent):
    print("begin", parent, flush=True)
    if parent == "bad":
        raise RuntimeError("this one fails")
    if parent == "slow":
        time.sleep(1.5)
    print("end", parent, flush=True)

queue = make_queue(Worker(queue_file=sys.argv[1]))
run_consumer(
    queue,
    project=project,
    sweep=lambda: print("sweep", flush=True),
    compare=lambda: print("compared", flush=True),
)
print("closed", flush=True)
"""


class Consumer:
    """A process that runs the consumer; `lines` are what its tasks printed."""

    def __init__(self, command: list[str], env: dict[str, str], until: str) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        self.lines: list[str] = []
        self._seen = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.wait_for(until, 20)
        while not self.listens():
            time.sleep(0.01)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._seen:
                self.lines.append(line.strip())
                self._seen.notify_all()

    def wait_for(self, line: str, seconds: float) -> float:
        """Wait until `line` was printed; return how long that took."""
        began = time.monotonic()
        with self._seen:
            came = self._seen.wait_for(lambda: line in self.lines, seconds)
        assert came, f"no {line!r} within {seconds} s: {self.lines}"
        return time.monotonic() - began

    def listens(self) -> bool:
        """Tell whether SIGTERM has a handler in the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(10)
        self._reader.join(5)
        return code


def plain_env() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def settings(tmp_path) -> Worker:
    return Worker(queue_file=str(tmp_path / "queue" / "queue.db"))


@pytest.fixture
def wakeup(settings) -> HueyWakeup:
    return HueyWakeup(make_queue(settings))


@pytest.fixture
def consumer(settings) -> Iterator[Consumer]:
    running = Consumer([sys.executable, "-c", CONSUMER, settings.queue_file], plain_env(), "sweep")
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.end(signal.SIGKILL)


def test_a_wake_up_reaches_an_idle_consumer_within_a_second(wakeup, consumer):
    time.sleep(1)  # long enough for the consumer to be at its laziest
    wakeup.projection_due(AMARA)
    assert consumer.wait_for(f"end {AMARA}", 5) < 1


def test_a_comparison_that_is_asked_for_is_the_consumers(wakeup, consumer):
    wakeup.comparison_due()
    assert consumer.wait_for("compared", 5) < 2


def test_a_wake_up_from_before_the_start_is_kept(settings, wakeup):
    wakeup.projection_due(AMARA)
    consumer = Consumer([sys.executable, "-c", CONSUMER, settings.queue_file], plain_env(), "sweep")
    consumer.wait_for(f"end {AMARA}", 5)
    assert consumer.end() == 0


def test_a_task_that_fails_does_not_stop_the_next_one(wakeup, consumer):
    wakeup.projection_due("bad")
    wakeup.projection_due(OTHER)
    consumer.wait_for(f"end {OTHER}", 5)
    assert "end bad" not in consumer.lines
    assert consumer.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_consumer_cleanly(consumer, number):
    began = time.monotonic()
    code = consumer.end(number)
    assert time.monotonic() - began < 5
    assert consumer.lines[-1] == "closed"
    assert code == 0


def test_sigterm_lets_the_running_write_finish(wakeup, consumer):
    wakeup.projection_due("slow")
    consumer.wait_for("begin slow", 5)
    assert consumer.end() == 0
    assert consumer.lines[-2:] == ["end slow", "closed"]


def test_the_real_worker_starts_sweeps_and_ends(store, tmp_path):
    """`idp-bridge worker` with settings of systems that are not there: nothing is due, nothing is asked."""
    env = plain_env() | worker_env(tmp_path)
    command = [sys.executable, "-m", "idp_bridge", "worker"]
    process = subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        _until_listening(Path(env["IDP_BRIDGE_WORKER__QUEUE_FILE"]), process)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=10)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 0, said
    assert "Traceback" not in said


def worker_env(folder: Path) -> dict[str, str]:
    nowhere = "http://localhost:1"
    return {
        "IDP_BRIDGE_WEB__URL": nowhere,
        "IDP_BRIDGE_WEB__SECRET_KEY": "s" * 32,
        "IDP_BRIDGE_WEB__CODE_KEY": "c" * 32,
        "IDP_BRIDGE_DISTRICT__NAME": "Heron County Schools",
        "IDP_BRIDGE_DISTRICT__EMAIL_DOMAINS": json.dumps(["district.example"]),
        "IDP_BRIDGE_DISTRICT__HELP_PHONE": "(321) 555-0142",
        "IDP_BRIDGE_DATABASE__URL": f"sqlite:///{folder / 'bridge.db'}",
        "IDP_BRIDGE_PARENTS_REALM__ISSUER": f"{nowhere}/realms/parents",
        "IDP_BRIDGE_PARENTS_REALM__CLIENT_SECRET": "x",
        "IDP_BRIDGE_DISTRICT_REALM__ISSUER": f"{nowhere}/realms/district",
        "IDP_BRIDGE_DISTRICT_REALM__CLIENT_SECRET": "x",
        "IDP_BRIDGE_KEYCLOAK__URL": nowhere,
        "IDP_BRIDGE_KEYCLOAK__CLIENT_SECRET": "x",
        "IDP_BRIDGE_DIRECTORY__URLS": json.dumps(["ldaps://localhost:1"]),
        "IDP_BRIDGE_DIRECTORY__BASE_DN": "dc=district,dc=example",
        "IDP_BRIDGE_DIRECTORY__BIND_DN": "cn=x",
        "IDP_BRIDGE_DIRECTORY__BIND_PASSWORD": "x",
        "IDP_BRIDGE_DIRECTORY__CA_FILE": "/nowhere.pem",
        "IDP_BRIDGE_WORKER__QUEUE_FILE": str(folder / "queue.db"),
    }


def _until_listening(queue: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the worker took a wake-up out of its queue."""
    for _ in range(200):
        if queue.exists():
            break
        assert process.poll() is None
        time.sleep(0.1)
    HueyWakeup(make_queue(Worker(queue_file=str(queue)))).projection_due(AMARA)
    for _ in range(100):
        with sqlite3.connect(queue) as rows:
            if rows.execute("SELECT count(*) FROM task").fetchone() == (0,):
                return
        time.sleep(0.1)
    raise AssertionError("the worker took nothing")


# --- lost wake-ups -------------------------------------------------------------------------------


def _locked(file: Path) -> sqlite3.Connection:
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    return holder


def _overwritten(file: Path) -> None:
    for one in file.parent.iterdir():
        one.write_bytes(b"not a database at all" * 200)


def _without_tables(file: Path) -> None:
    with sqlite3.connect(file) as rows:
        rows.execute("DROP TABLE task")


@pytest.mark.parametrize("broken", [_locked, _overwritten, _without_tables])
def test_a_lost_wake_up_never_raises_nor_blocks(settings, wakeup, caplog, broken):
    wakeup.projection_due(AMARA)
    # A thread of its own has a connection of its own, as each thread of the server has.
    held = broken(Path(settings.queue_file))
    took: list[float] = []

    def wake() -> None:
        began = time.monotonic()
        wakeup.projection_due(AMARA)
        took.append(time.monotonic() - began)

    thread = threading.Thread(target=wake)
    thread.start()
    thread.join(10)
    assert took, "it raised or hangs"
    assert took[0] < 3
    assert "the sweep will find the parent" in caplog.text
    if held is not None:
        held.close()
        wakeup.projection_due(OTHER)
        assert len(make_queue(settings)) == 2
