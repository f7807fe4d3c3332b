"""Count in SQL, so that all web workers share a limit; never decides what a count means."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from idp_bridge.services.journals import Counter
from idp_bridge.storage import journals

_rows = journals.limit_counters


class SqlLimits:
    """Counters by keyed hash, in one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, key: str, amount: int, now: datetime, until: datetime) -> Counter:
        """Count `amount` more in one statement, so that no two lose a count to each other."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        fresh = dialect.insert(_rows).values(key=key, amount=amount, expires_at=until)
        over = _rows.c.expires_at <= sa.bindparam("now", now, _rows.c.expires_at.type)
        statement = fresh.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "amount": sa.case(
                    (over, fresh.excluded.amount), else_=_rows.c.amount + fresh.excluded.amount
                ),
                "expires_at": sa.case((over, fresh.excluded.expires_at), else_=_rows.c.expires_at),
            },
        ).returning(_rows.c.amount, _rows.c.expires_at)
        row = self._connection.execute(statement).one()
        return Counter(row.amount, row.expires_at)

    def get(self, key: str, now: datetime) -> Counter | None:
        """Return the counter if its window is not over."""
        query = sa.select(_rows.c.amount, _rows.c.expires_at).where(
            _rows.c.key == key, _rows.c.expires_at > now
        )
        row = self._connection.execute(query).first()
        return Counter(row.amount, row.expires_at) if row else None

    def sweep(self, now: datetime, limit: int) -> int:
        """Delete up to `limit` counters whose window is over; return how many."""
        over = sa.select(_rows.c.key).where(_rows.c.expires_at <= now).limit(limit)
        return self._connection.execute(sa.delete(_rows).where(_rows.c.key.in_(over))).rowcount

    def over(self, now: datetime, limit: int) -> int:
        """Count up to `limit` counters whose window is over."""
        some = sa.select(_rows.c.key).where(_rows.c.expires_at <= now).limit(limit).subquery()
        return self._connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()

    def amounts(self, now: datetime) -> dict[str, int]:
        """Return every counter whose window is not over, by its key."""
        query = sa.select(_rows.c.key, _rows.c.amount).where(_rows.c.expires_at > now)
        return {row.key: row.amount for row in self._connection.execute(query)}

    def forget(self, key: str) -> None:
        """Delete one counter."""
        self._connection.execute(sa.delete(_rows).where(_rows.c.key == key))
