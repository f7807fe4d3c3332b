"""Keep the last sign of life of each worker; never starts or stops one."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from idp_bridge.storage import journals
from idp_bridge.storage.writing import upsert

_rows = journals.workers
FORGOTTEN_AFTER = timedelta(days=1)


class SqlWorkers:
    """Workers by name."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def beat(self, name: str, now: datetime) -> None:
        """Record that worker `name` is alive, and forget those silent for a day."""
        upsert(self._connection, _rows, [{"name": name, "beat_at": now}])
        self._connection.execute(sa.delete(_rows).where(_rows.c.beat_at < now - FORGOTTEN_AFTER))

    def last_beat(self) -> datetime | None:
        """Return the newest sign of life of any worker."""
        query = sa.select(_rows.c.beat_at).order_by(_rows.c.beat_at.desc()).limit(1)
        found: datetime | None = self._connection.execute(query).scalar_one_or_none()
        return found
