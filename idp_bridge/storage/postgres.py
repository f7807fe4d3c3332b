"""Open PostgreSQL so that nobody waits for it longer than a page may; never runs a statement of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

KEPT, MORE = 5, 10
"""Connections a process keeps open, and how many more it opens while many ask at once."""
CONNECT_S = 3
STATEMENT_S = 4
"""After this the server stops a statement; a lock or the turn to write is waited for less (`lock_s`)."""
ANSWER_S = 4.5
"""After this a server that says nothing at all is given up: its own limits end with it when it hangs."""
PING_S = 1
"""The same while a kept connection is tried, before a page has done anything."""
DEAD_NETWORK = {
    "tcp_user_timeout": 4000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}
"""A machine that is gone answers no packet: milliseconds, then seconds, seconds and how many."""
UNDONE = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the server rolled back for another's sake, and nothing was done."""
NO_RIGHT = "42501"
READ_ONLY = "25006"
"""A standby that was not promoted yet answers, and takes no write."""


def engine(url: sa.URL, lock_s: int) -> sa.Engine:
    """Return an engine with the limits of this file; a waiting writer gives up after `lock_s` seconds.

    Isolation is fixed, whatever the server's default: what a rule saw holds because writers take turns.
    """
    options = (
        "",
        f"lock_timeout={lock_s}s",
        f"statement_timeout={STATEMENT_S}s",
        "timezone=UTC",
        r"default_transaction_isolation=read\ committed",
    )
    made = sa.create_engine(
        url,
        pool_pre_ping=True,
        pool_size=KEPT,
        max_overflow=MORE,
        pool_timeout=lock_s,
        connect_args={"connect_timeout": CONNECT_S, "options": " -c ".join(options), **DEAD_NETWORK},
    )
    connect = _connecting()
    sa.event.listen(made, "do_connect", lambda _dialect, _record, args, named: connect(*args, **named))
    return made


def without_hurry(connection: sa.Connection) -> None:
    """Let the statements of this transaction take as long as they need: a migration of many rows does."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.connection.driver_connection.answer_s = None  # type: ignore[union-attr]
        connection.detach()  # closed after this transaction, so that nobody else waits without end


def undone(fault: DBAPIError) -> bool:
    """Tell whether the server rolled the transaction back only because of another one."""
    return _state(fault) in UNDONE


def refused(fault: DBAPIError) -> bool:
    """Tell whether the account we come with may not do this, which an operator has to mend."""
    return _state(fault) == NO_RIGHT


def away(fault: DBAPIError) -> bool:
    """Tell whether a fault that no one expects of a server is its being away: a cut wire, a standby."""
    return fault.connection_invalidated or _state(fault) == READ_ONLY


def _state(fault: DBAPIError) -> str | None:
    state: str | None = getattr(fault.orig, "sqlstate", None)
    return state


def _connecting() -> Callable[..., Any]:
    """Return what opens a connection that gives up; psycopg is an extra, imported only where it is used."""
    from psycopg import Connection
    from psycopg.errors import OperationalError, _WaitTimeout

    class GivesUp(Connection[Any]):
        answer_s: float | None = ANSWER_S

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            longest = PING_S if self.autocommit and self.answer_s else self.answer_s
            if timeout is not None:
                return super().wait(gen, interval, timeout)
            try:
                return super().wait(gen, interval, longest)
            except _WaitTimeout:
                self.pgconn.finish()  # what it was asked may be done or not, like any answer that is lost
                raise OperationalError("the server says nothing") from None

    return GivesUp.connect
