"""Name this process among the workers, and tell which of those on this machine are dead; never ends one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable


def own_name() -> str:
    """Return `<host>:<process id>`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def dead(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of `names` that were a process of this machine and are none any more."""
    here = socket.gethostname()
    found = []
    for name in names:
        host, _, number = name.rpartition(":")
        if host == here and number.isdigit() and not _runs(int(number)):
            found.append(name)
    return tuple(found)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
