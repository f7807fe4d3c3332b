"""Say how the bridge's pages are served: one command for demo, tests and images; never starts it."""

from __future__ import annotations

import sys

APP = "idp_bridge.wsgi:app"
OPTIONS = ("--interface", "wsgi", "--no-ws")
"""`tests/stack/test_compose.py` keeps the Dockerfile and docs/commands.md in step."""


def served(port: int, *more: str) -> list[str]:
    """Return the command that serves the bridge's pages on `port` of loopback with four threads."""
    return [
        sys.executable, "-m", "granian", *OPTIONS, "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--blocking-threads", "4", *more, APP,
    ]  # fmt: skip
