"""Serve an example app with granian on loopback; never anywhere else."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from granian.constants import Interfaces
from granian.server import Server


def serve(target: str, url_variable: str) -> None:
    """Serve the WSGI object `target` (`module:name`) at the port of the URL in `url_variable`.

    One process: the sign-ins of the example are kept in memory.
    """
    port = urlsplit(os.environ[url_variable]).port or 80
    Server(
        target, address="127.0.0.1", port=port, interface=Interfaces.WSGI, workers=1, blocking_threads=4,
        websockets=False,
    ).serve()  # fmt: skip
