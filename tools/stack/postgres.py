"""Run a private PostgreSQL cluster as an ordinary process for tests; never touches the system's clusters."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tools.stack.program import NotStarted, Program

USER = "postgres"
"""Debian's account; the server refuses to run as root."""
READY_WITHIN_S = 30
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")
"""The data is thrown away, so nothing has to survive a crash."""


def programs() -> Path:
    """Return the folder of the newest installed server programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise NotStarted("PostgreSQL is not installed: run tools/setup.sh")
    return found[-1].parent


class PostgresServer:
    """One cluster on loopback that trusts everybody there; its data goes when it stops."""

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port
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
        # SIGINT is the fast shutdown; SIGTERM would wait for every client.
        self._program = Program(
            "postgres", self._command(), self._log, cwd=self._data, user=self._user, ending=signal.SIGINT
        )
        self._program.start()
        self._program.wait_ready(self._ready, READY_WITHIN_S)

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
        settings = ("listen_addresses=127.0.0.1", f"unix_socket_directories={self._data}", *QUICK)
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
