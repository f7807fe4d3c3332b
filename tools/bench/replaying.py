"""Take down the SQL a use case runs, and run it again as text on a bare connection; never builds SQL.

"Bare" is a connection of the same engine and nothing else: same driver, pool and transaction, no query
to build, no row turned into a value of ours. What is left between the two is what the house itself costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from idp_bridge.storage.store import SqlStore


@dataclass(frozen=True, slots=True)
class Replay:
    """The statements of one call of a use case, with their values."""

    store: SqlStore
    statements: tuple[tuple[str, Any], ...]

    def __call__(self) -> None:
        """Run the statements in one transaction and fetch every row."""
        with self.store.connection(write=False) as connection:
            for statement, values in self.statements:
                connection.exec_driver_sql(statement, values).fetchall()


def replay_of(store: SqlStore, call: Callable[[], object]) -> Replay:
    """Return what `call` asks of `store`, ready to be run raw."""
    taken: list[tuple[str, Any]] = []

    def take(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        taken.append((statement, values))

    sa.event.listen(store.engine, "before_cursor_execute", take)
    try:
        call()
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", take)
    return Replay(store, tuple(one for one in taken if not one[0].startswith("BEGIN")))
