"""Stand between the bridge and a server on loopback and break the wire on demand; never reads what passes."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any

CHUNK = 65536
ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends RST instead of a polite end."""
UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 12\r\n"
    b"Connection: close\r\n\r\n<p>Busy.</p>"
)
STORED = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
"""What Keycloak says when it has stored something."""
GARBAGE = b"\x00\xffSo sorry, wrong number.\r\n\r\n" * 3
NOT_JSON = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n"
    b"Connection: close\r\n\r\n<p>Welcome</p>"
)


class Mode(StrEnum):
    """What happens to every chunk from now on, on old and new connections."""

    PASS = "pass"
    DELAY = "delay"
    """Each chunk waits `seconds`."""
    BLACK_HOLE = "black hole"
    """Connections open and nothing ever comes back."""
    RESET = "reset"
    """The first chunk is answered by RST."""
    REFUSE = "refuse"
    """Nobody listens."""
    CUT = "cut"
    """The connection ends after `after_bytes` of answer."""
    ANSWER = "answer"
    """`reply` is what every client gets, whatever it says; then the connection ends."""


@dataclass(eq=False)
class _Wire:
    """One client's connection and ours to the server."""

    task: asyncio.Task[Any]
    writers: list[asyncio.StreamWriter]
    answered: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def abort(self) -> None:
        """End both sides by RST; whoever waits on this wire goes on."""
        self.over.set()
        for writer in self.writers:
            if not writer.is_closing():
                ours = writer.get_extra_info("socket")
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                writer.transport.abort()


class _Over(Exception):
    """This connection has had what the mode gives it."""


@dataclass
class _How:
    """The mode in force and its numbers."""

    mode: Mode = Mode.PASS
    seconds: float = 0.0
    after_bytes: int = 0
    reply: bytes = b""
    only: bytes = b""


@dataclass
class FaultyProxy:
    """A TCP proxy on loopback in a thread of its own; a context manager.

    Start with PASS; `switch` changes what happens while it runs, also to connections that are open.
    """

    server_port: int
    port: int = 0
    """Where it listens; 0 takes a free port at the start and keeps it."""
    connections: int = 0
    """How many were accepted so far."""
    _how: _How = field(default_factory=_How)
    _wires: set[_Wire] = field(default_factory=set)
    _listener: asyncio.Server | None = None

    def __enter__(self) -> FaultyProxy:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def switch(
        self,
        mode: Mode,
        *,
        seconds: float = 0.0,
        after_bytes: int = 0,
        reply: bytes = UNAVAILABLE,
        only: bytes = b"",
    ) -> None:
        """Break the wire as `mode` says, or mend it (PASS), from this moment on.

        `only`: ANSWER and DELAY are for requests that begin so, and the rest passes.
        """
        self._run(self._switch(_How(mode, seconds, after_bytes, reply, only)))

    def mend(self) -> None:
        """Let everything pass again."""
        self.switch(Mode.PASS)

    # --- inside the thread -----------------------------------------------------------------------

    def _run(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(5)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _switch(self, how: _How) -> None:
        before, self._how = self._how.mode, how
        if how.mode in (Mode.RESET, Mode.REFUSE) or before is Mode.BLACK_HOLE:
            self._abort_all()  # what a black hole swallowed does not come out again
        for wire in self._wires:
            wire.answered = 0
        if how.mode is Mode.REFUSE:
            self._stop_listening()
        elif self._listener is None:
            await self._listen()

    async def _close(self) -> None:
        self._stop_listening()
        tasks = [wire.task for wire in self._wires]
        self._abort_all()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _abort_all(self) -> None:
        for wire in self._wires:
            wire.abort()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        wire = _Wire(task, [to_client])
        self._wires.add(wire)
        self.connections += 1
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
            wire.writers.append(to_server)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(client, to_server, self._asked, wire))
                both.create_task(self._pump(server, to_client, self._answered, wire))
        except* (OSError, _Over):
            pass  # one side ended, as sides do
        finally:
            self._wires.discard(wire)
            for writer in wire.writers:
                writer.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        allow: Callable[[_Wire, bytes], Awaitable[bytes]],
        wire: _Wire,
    ) -> None:
        while chunk := await source.read(CHUNK):
            target.write(await allow(wire, chunk))
            await target.drain()
        if target.can_write_eof():
            target.write_eof()

    async def _asked(self, wire: _Wire, chunk: bytes) -> bytes:
        """Return what of the client's chunk goes on to the server; also when the client waits no more."""
        if chunk.startswith(self._how.only):
            await self._held(wire)
        if self._how.mode is Mode.RESET:
            wire.abort()
            raise _Over
        if self._how.mode is Mode.ANSWER and chunk.startswith(self._how.only):
            await self._last_words(wire, self._how.reply)
        return chunk

    async def _answered(self, wire: _Wire, chunk: bytes) -> bytes:
        """Return what of the server's chunk goes on to the client."""
        if not self._how.only:
            await self._held(wire)
        if self._how.mode is Mode.CUT:
            left = self._how.after_bytes - wire.answered
            wire.answered += len(chunk)
            if len(chunk) >= left:
                await self._last_words(wire, chunk[:left])
        return chunk

    async def _last_words(self, wire: _Wire, words: bytes) -> None:
        wire.writers[0].write(words)
        await wire.writers[0].drain()
        raise _Over

    async def _held(self, wire: _Wire) -> None:
        """Keep a chunk as long as the mode says."""
        how = self._how
        if how.mode in (Mode.DELAY, Mode.BLACK_HOLE):
            for_s = how.seconds if how.mode is Mode.DELAY else None
            with suppress(TimeoutError):
                await asyncio.wait_for(wire.over.wait(), for_s)
                raise _Over
