"""Start the real worker so that it kills itself with signal 9 at one moment of its first write; nothing else.

`python -m tests.faults.worker.deadly_worker MOMENT`. No exception is raised and nothing is cleaned up: the
kernel ends the process where it stands.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

from idp_bridge.app import run_worker
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.settings import load


def die(*_: Any) -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(call: str, which: int = 1) -> None:
    """Die right after the answer to the `which`th call of this name."""
    original, number = getattr(KeycloakAccounts, call), count(1)

    def deadly(self: KeycloakAccounts, *arguments: Any) -> Any:
        answer = original(self, *arguments)
        if next(number) == which:
            die()
        return answer

    setattr(KeycloakAccounts, call, deadly)


def once_sent() -> None:
    """Die when the PUT is on its way and nothing has come back."""
    begin, answer = http.client.HTTPConnection.putrequest, http.client.HTTPConnection.getresponse

    def begun(self: Any, method: str, *arguments: Any, **named: Any) -> None:
        self.method_of_ours = method
        begin(self, method, *arguments, **named)

    def awaited(self: Any, *arguments: Any, **named: Any) -> Any:
        if self.method_of_ours == "PUT":
            die()
        return answer(self, *arguments, **named)

    http.client.HTTPConnection.putrequest = begun  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = awaited  # type: ignore[method-assign]


MOMENTS: dict[str, Callable[[], None]] = {
    "put sent": once_sent,
    "put answered": lambda: after("write_links"),
    "read back": lambda: after("get", which=2),
    "sessions ended": lambda: after("end_sessions"),
    "about to mark": lambda: after("changes"),
}
"""Each between the PUT and the mark that it is done."""

if __name__ == "__main__":
    MOMENTS[sys.argv[1]]()
    run_worker(load())
