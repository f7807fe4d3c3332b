"""Run a private PostgreSQL cluster as an ordinary process for tests; never touches the system's clusters."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tools.stack.program import NotStarted, Program

USER = "postgres"
"""Debian's account; the server refuses to run as root."""
READY_WITHIN_S = 30
SMALL = ("shared_buffers=32MB",)
"""As an operator runs it, but for its size: what it acknowledged lives through the end of its processes."""
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", *SMALL)
"""The data is thrown away, so nothing has to survive a crash."""
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
"""How to shut down: roll back and end every client, or drop everything and recover at the next start."""


def programs() -> Path:
    """Return the folder of the newest installed server programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise NotStarted("PostgreSQL is not installed: run tools/setup.sh")
    return found[-1].parent


class PostgresServer:
    """One cluster on loopback that trusts everybody there; its data goes when it stops."""

    def __init__(self, folder: Path, port: int, settings: tuple[str, ...] = QUICK) -> None:
        self._port = port
        self._settings = settings
        self._log = folder / "postgres.log"
        self._user = USER if os.geteuid() == 0 else None
        self._data: Path | None = None
        self._program: Program | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy URL of `database`."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Make the cluster and start it; raises NotStarted."""
        # Not in the run folder: the account `postgres` may not be let through the folders above it.
        self._data = Path(tempfile.mkdtemp(prefix="idp-bridge-postgres-"))
        if self._user:
            shutil.chown(self._data, self._user, self._user)
        self._run("initdb", "-D", str(self._data / "db"), "-U", USER, "-A", "trust", "--no-sync",
                  "-E", "UTF8", "--locale=C")  # fmt: skip
        self._program = Program(  # SIGTERM would wait for every client
            "postgres", self._command(), self._log, cwd=self._data, user=self._user, ending=FAST
        )
        self.go_on()

    def end(self, how: signal.Signals = FAST) -> None:
        """End the server and keep its data; `go_on` starts it again."""
        assert self._program is not None
        os.kill(self._program.pid, how)  # to the server itself: its processes are its own to end
        while self._program.running:
            time.sleep(0.01)

    def go_on(self) -> None:
        """Start the server on the data it has; raises NotStarted."""
        assert self._program is not None
        self._program.start()
        self._program.wait_ready(self._ready, READY_WITHIN_S)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server and its processes (SIGSTOP makes it hang)."""
        assert self._program is not None
        for process in (self._program.pid, *_children(self._program.pid)):
            os.kill(process, number)

    def create(self, database: str) -> str:
        """Make an empty database and return its URL."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", USER, database)
        return self.url(database)

    def stop(self) -> None:
        """End the server and throw its data away."""
        if self._program:
            self._program.stop()
            self._program = None
        if self._data:
            shutil.rmtree(self._data)
            self._data = None

    def _command(self) -> list[str]:
        settings = ("listen_addresses=127.0.0.1", f"unix_socket_directories={self._data}", *self._settings)
        command = [str(programs() / "postgres"), "-D", f"{self._data}/db", "-p", str(self._port)]
        return command + [part for setting in settings for part in ("-c", setting)]

    def _ready(self) -> bool:
        asked = ["-q", "-h", "127.0.0.1", "-p", str(self._port), "-U", USER]
        return subprocess.run([programs() / "pg_isready", *asked], check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs() / program, *arguments], cwd=self._data, user=self._user, group=self._user,
            extra_groups=[] if self._user else None, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NotStarted(f"{program}: {done.stderr.strip()}")


def _children(process: int) -> list[int]:
    """Return the processes a server forked; each is a session of its own."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in found.split()]
