"""Stand before a server on loopback and count who comes; never changes what passes."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType

CHUNK = 65536


class CountingDoor:
    """A TCP proxy in a thread of its own, from `port` to `server_port`; a context manager.

    It takes connections also while the server hangs or is not there: so it counts who wanted something of it,
    on new connections and on those kept open.
    """

    def __init__(self, port: int, server_port: int) -> None:
        self.calls = 0
        """Connections that were opened, and whatever came on them; 0 means that nobody wanted anything."""
        self._port, self._server_port = port, server_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="door", daemon=True)

    def __enter__(self) -> CountingDoor:
        self._thread.start()
        opening = asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._listener = asyncio.run_coroutine_threadsafe(opening, self._loop).result(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._listener.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.calls += 1
        with suppress(OSError):
            server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(client, to_server, asked=1))
                both.create_task(self._pump(server, to_client, asked=0))
        to_client.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, asked: int) -> None:
        with suppress(OSError):
            while chunk := await source.read(CHUNK):
                self.calls += asked
                target.write(chunk)
                await target.drain()
        target.close()
