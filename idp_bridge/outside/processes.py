"""Name this process among the workers, and tell which of those on this machine are dead; never ends one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path


def own_name() -> str:
    """Return `<host>:<process id>:<start>`: in a container that starts again the number is the same one."""
    number = os.getpid()
    return f"{socket.gethostname()}:{number}:{_started(number)}"


def dead(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of `names` that were a process of this machine and are none any more."""
    here = socket.gethostname()
    found = []
    for name in names:
        host, _, process = name.partition(":")
        number, _, started = process.partition(":")
        if host == here and number.isdigit() and not _runs(int(number), started):
            found.append(name)
    return tuple(found)


def _runs(number: int, started: str) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not started or _started(number) in ("", started)


def _started(number: int) -> str:
    """Return when a process began, in clock ticks of this machine's life; empty where nothing says so."""
    try:
        about = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return ""
    return about.rpartition(")")[2].split()[19]  # its name, which may hold spaces, stands in parentheses
