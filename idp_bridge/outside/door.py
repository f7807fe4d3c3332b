"""Let nobody new in before granian ends, so that no request is cut off; never ends or serves anything itself.

Told to end, granian closes at once every connection on which nothing was read yet: whoever connected a moment
before sends a form to nobody (seen: 11 of 16,000 requests in 15 restarts). So its worker process hears of the
signal a moment later: first the door is closed, then who is inside is served.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

LINGER_S = 1.0
"""How long who is inside has to send what they connected for, and kept connections to be used once more."""
ENDING = (signal.SIGTERM, signal.SIGINT)
SO_ATTACH_FILTER = 26
NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""Classic BPF on a TCP header: take byte 13, drop the packet if SYN is set, else let it through. A caller
whose SYN is dropped asks again after a second, by then perhaps the process that comes after this one."""

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Door:
    """Around a WSGI app: once it is closing, every answer says that its connection ends."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self.closing = False

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the app does."""
        if not self.closing:
            return self._app(environ, start_response)

        def last(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("Connection", "close")], *rest)

        return self._app(environ, last)

    def watch(self) -> None:
        """Take the signals to end before granian does, where this is one of its worker processes."""
        if multiprocessing.parent_process() is None or "granian" not in sys.modules:
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # for every thread that granian starts from here
        threading.Thread(target=self._wait, name="door", daemon=True).start()

    def _wait(self) -> None:
        number = signal.sigwait(ENDING)
        self.closing = True
        close_listeners()
        time.sleep(LINGER_S)
        end = signal.getsignal(number)
        if callable(end):
            end(number, None)  # granian's own: it only tells the server
        else:
            os._exit(128 + number)  # told to end before granian listened


def close_listeners() -> int:
    """Let no new connection into any listening socket of this process; return how many there were."""
    closed = 0
    for listener in _listeners():
        with listener:
            try:
                close_listener(listener)
                closed += 1
            except OSError as fault:  # not Linux as we know it: then it is as it was
                log.warning("the door stays open: %s", fault)
    return closed


def close_listener(listener: socket.socket) -> None:
    """Let no new connection in; who is in, or waits to be accepted, stays. Raises OSError."""
    program = b"".join(struct.pack("HBBI", *step) for step in NO_SYN)
    memory = ctypes.create_string_buffer(program, len(program))
    how = struct.pack("HP", len(NO_SYN), ctypes.addressof(memory))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, how)


def _listeners() -> Iterable[socket.socket]:
    for name in os.listdir("/proc/self/fd") if sys.platform == "linux" else ():
        with suppress(OSError, ValueError):
            found = socket.socket(fileno=os.dup(int(name)))
            inet = found.family in (socket.AF_INET, socket.AF_INET6)
            if inet and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield found
            else:
                found.close()
