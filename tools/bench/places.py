"""Give rows a folder, sizes and databases to measure in; never measures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from idp_bridge.storage import schema
from idp_bridge.storage.store import SqlStore
from tools.stack.ports import Ports
from tools.stack.postgres import PostgresServer

if TYPE_CHECKING:
    from tools.bench.live import Live

KINDS = ("sqlite", "postgresql")


@dataclass
class Bench:
    """Where a run happens. Rows read it; what they open here is closed at the end."""

    folder: Path
    """Thrown away after the run."""
    sizes: tuple[int, int] = (20_000, 200_000)
    """How many links the small and the large database hold."""
    events: int = 200_000
    """Length of the audit's chain."""
    parents: int = 5_000
    """How many are projected and compared."""
    waiting: int = 20_000
    """Grants that wait while a revocation comes."""
    revocations: int = 100
    """How many are timed, each way."""
    sign_ins: int = 60
    """In each run and state of the bridge."""
    runs: int = 5
    """A figure is the median of this many."""
    calls: int = 100
    """Calls in each run."""
    _cluster: PostgresServer | None = None
    _live: Live | None = None
    _stores: dict[tuple[str, str], SqlStore] = field(default_factory=dict)

    def store(self, kind: str, name: str) -> tuple[SqlStore, bool]:
        """Return the migrated database `name` of `kind`, and whether it was made just now."""
        if known := self._stores.get((kind, name)):
            return known, False
        store = SqlStore(self._url(kind, name))
        schema.upgrade(store)
        self._stores[kind, name] = store
        return store, True

    def live(self) -> Live:
        """Return the running stack; started when a row first needs it."""
        if self._live is None:
            from tools.bench.live import Live

            self._live = Live(self.folder)
        return self._live

    def close(self) -> None:
        """Close every database, end the cluster and the stack."""
        if self._live:
            self._live.close()
        for store in self._stores.values():
            store.close()
        if self._cluster:
            self._cluster.stop()

    def _url(self, kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{self.folder}/{name}.db"
        if self._cluster is None:
            self._cluster = PostgresServer(self.folder, Ports.free().bridge)
            self._cluster.start()
        return self._cluster.create(name)


@contextmanager
def opened(bench: Bench) -> Iterator[Bench]:
    """Close `bench` at the end, whatever happens."""
    try:
        yield bench
    finally:
        bench.close()
