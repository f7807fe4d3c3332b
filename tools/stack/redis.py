"""Run a private Redis as an ordinary process for tests; keeps nothing on disk."""

from __future__ import annotations

from pathlib import Path

from tools.stack.ports import answers
from tools.stack.program import Program

READY_WITHIN_S = 10


class RedisServer:
    """One server on loopback; what it holds goes when it stops."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        command = [
            "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", str(folder),
        ]  # fmt: skip
        self.program = Program("redis", command, folder / "redis.log")
        self._port = port

    def start(self) -> None:
        """Start the server; raises NotStarted."""
        self.program.start()
        self.program.wait_ready(lambda: answers(self._port), READY_WITHIN_S)

    def stop(self) -> None:
        """End the server."""
        self.program.stop()
