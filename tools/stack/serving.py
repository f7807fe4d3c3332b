"""Say how the bridge's pages are served: one command for demo, tests and images; never starts it."""

from __future__ import annotations

import sys

APP = "idp_bridge.wsgi:app"
OPTIONS = ("--interface", "wsgi", "--no-ws", "--workers-kill-timeout", "20")
"""Ended, it serves who is inside (`idp_bridge/outside/door.py`), but for no caller longer than 20 s.
`tests/stack/test_compose.py` keeps the Dockerfile and docs/commands.md in step."""


def served(port: int, *more: str) -> list[str]:
    """Return the command that serves the bridge's pages on `port` of loopback with four threads."""
    return [
        sys.executable, "-m", "granian", *OPTIONS, "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--blocking-threads", "4", *more, APP,
    ]  # fmt: skip
