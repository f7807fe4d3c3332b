"""Start one program, keep its log, and make sure that it ends with us; never knows what it serves."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

FORKING = ThreadPoolExecutor(1, "forking")
"""One thread that lives as long as we do. To the kernel the parent is the *thread* that forked: a program
started from a short-lived one would be ended with it."""
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
STOP_WAIT_S = 15
LAST_LINES = 25


class NotStarted(Exception):
    """A program ended or did not get ready in time; the message has the last lines of its log."""


class Program:
    """One child process in a group of its own.

    `user` runs it as somebody else (root only). `ending` is the signal that asks it to end, also sent by the
    kernel when we are killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        ending: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self.command = list(command)
        self._env = dict(env) if env is not None else None
        self._cwd = cwd
        self._user = user
        self._ending = ending
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the running program."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether the program runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Return how the program ended, a signal as its negative number; None while it runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start the program; its output goes to `log`."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = FORKING.submit(self._fork).result()

    def wait_ready(self, ready: Callable[[], bool], within_s: float) -> None:
        """Wait until `ready()`; raise NotStarted when the program ends or takes longer than `within_s`."""
        deadline = time.monotonic() + within_s
        while not ready():
            if not self.running:
                raise NotStarted(f"{self.name} ended before it was ready.\n{self.last_lines()}")
            if time.monotonic() > deadline:
                raise NotStarted(f"{self.name} was not ready within {within_s:.0f} s.\n{self.last_lines()}")
            time.sleep(0.1)

    def stop(self, wait_s: float = STOP_WAIT_S) -> None:
        """End the program and its children: asked first (also when it hangs), SIGKILL after `wait_s`."""
        process = self._process
        if process is None:
            return
        _signal_group(process.pid, self._ending)
        _signal_group(process.pid, signal.SIGCONT)
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait(STOP_WAIT_S)
        _signal_group(process.pid, signal.SIGKILL)
        self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program and its children (SIGSTOP makes it hang)."""
        _signal_group(self.pid, number)

    def last_lines(self) -> str:
        """Return the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"  {line}" for line in lines[-LAST_LINES:])

    def _fork(self) -> subprocess.Popen[bytes]:
        as_user: dict[str, Any] = {"user": self._user, "group": self._user, "extra_groups": []}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
                preexec_fn=partial(_end_with_parent, os.getpid(), self._ending),
                **(as_user if self._user else {}),
            )


def _end_with_parent(parent: int, ending: signal.Signals) -> None:
    """Ask the kernel for a signal when the parent dies, so that kill -9 of the demo leaves nothing."""
    LIBC.prctl(PR_SET_PDEATHSIG, ending)
    if os.getppid() != parent:
        os._exit(1)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
