"""Programs start, tell why they did not, and end with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.stack.places import ROOT
from tools.stack.program import NotStarted, Program

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
OF_A_PARENT = """
import signal, sys, time
from pathlib import Path
from tools.stack.program import Program
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored, and handed on so, where the tests run under nohup
program = Program("child", ["sh", "-c", "trap 'kill $!; exit' TERM; sleep 60 & wait"], Path(sys.argv[1]))
program.start()
print(program.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def gone(pid: int, within_s: float = 5) -> bool:
    deadline = time.monotonic() + within_s
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def group_of(pid: int) -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == pid and alive(int(folder.name)):
                found.add(int(folder.name))
        except ProcessLookupError:
            continue
    return found


@pytest.fixture
def sleeper(tmp_path):
    program = Program("sleeper", SLEEPER, tmp_path / "logs" / "sleeper.log")
    program.start()
    yield program
    program.stop()


def test_a_stopped_program_is_gone(sleeper):
    pid = sleeper.pid
    sleeper.stop()
    assert not alive(pid)
    assert not sleeper.running


def test_stopping_twice_is_fine(sleeper):
    sleeper.stop()
    sleeper.stop()
    assert not sleeper.running


def test_a_hanging_program_ends_at_once(sleeper):
    sleeper.send(signal.SIGSTOP)
    begun = time.monotonic()
    sleeper.stop()
    assert time.monotonic() - begun < 3


def test_a_program_that_will_not_listen_is_killed(tmp_path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
    program = Program("deaf", [sys.executable, "-c", f"{deaf}time.sleep(60)"], tmp_path / "deaf.log")
    program.start()
    program.wait_ready(lambda: "deaf" in program.last_lines(), 5)
    pid = program.pid
    program.stop(wait_s=0.3)
    assert not alive(pid)


def test_children_of_the_program_end_too(tmp_path):
    program = Program("family", ["sh", "-c", "sleep 60 & sleep 60 & wait"], tmp_path / "family.log")
    program.start()
    pid = program.pid
    program.wait_ready(lambda: len(group_of(pid)) == 3, 5)
    program.stop()
    deadline = time.monotonic() + 5
    while group_of(pid) and time.monotonic() < deadline:  # SIGKILL is sent, not awaited
        time.sleep(0.05)
    assert group_of(pid) == set()


def test_an_early_end_shows_the_last_lines(tmp_path):
    program = Program("broken", ["sh", "-c", "echo the reason; exit 3"], tmp_path / "broken.log")
    program.start()
    with pytest.raises(NotStarted, match=r"broken ended before it was ready\.\n  the reason"):
        program.wait_ready(lambda: False, 5)
    program.stop()


def test_a_late_program_is_told_apart_from_a_broken_one(sleeper):
    with pytest.raises(NotStarted, match=r"sleeper was not ready within 0 s"):
        sleeper.wait_ready(lambda: False, 0.2)


def test_a_program_outlives_the_thread_that_started_it(tmp_path):
    program = Program("sleeper", SLEEPER, tmp_path / "sleeper.log")
    with ThreadPoolExecutor() as short:
        short.submit(program.start).result()
    time.sleep(0.3)
    assert program.running
    program.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_we_are_killed(tmp_path, number):
    command = [sys.executable, "-c", OF_A_PARENT, str(tmp_path / "child.log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.send_signal(number)
        parent.wait(5)
    assert gone(child)


def test_the_environment_is_what_was_given(tmp_path, monkeypatch):
    monkeypatch.setenv("username", "nobody should see this")
    program = Program("env", ["/usr/bin/env"], tmp_path / "env.log", env={"ONLY": "this"})
    program.start()
    program.wait_ready(lambda: not program.running, 5)
    assert program.last_lines().strip() == "ONLY=this"
