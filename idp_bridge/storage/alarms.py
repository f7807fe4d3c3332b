"""Keep which alarms of the audit were seen, and by whom; never raises one: the audit's append does."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from idp_bridge.services.journals import Alarm
from idp_bridge.storage import journals
from idp_bridge.storage.audit import event_of

_rows = journals.alarms
_both = sa.select(journals.audit, _rows.c.seen_at, _rows.c.seen_by).join_from(_rows, journals.audit)


class SqlAlarms:
    """Alarms, read through the audit."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, number: int) -> Alarm | None:
        """Return one alarm."""
        found = self._read(_both.where(_rows.c.number == number))
        return found[0] if found else None

    def listed(self, *, seen: bool, before: int | None, limit: int) -> tuple[Alarm, ...]:
        """Return up to `limit` alarms before row `before`, newest first."""
        wanted = _rows.c.seen_at.is_not(None) if seen else _rows.c.seen_at.is_(None)
        query = _both.where(wanted).order_by(_rows.c.number.desc()).limit(limit)
        return self._read(query if before is None else query.where(_rows.c.number < before))

    def unseen(self) -> int:
        """Count the alarms nobody has dealt with."""
        query = sa.select(sa.func.count()).select_from(_rows).where(_rows.c.seen_at.is_(None))
        return self._connection.execute(query).scalar_one()

    def see(self, number: int, staff: str, at: datetime) -> None:
        """Record who has dealt with an alarm."""
        change = sa.update(_rows).where(_rows.c.number == number).values(seen_at=at, seen_by=staff)
        self._connection.execute(change)

    def _read(self, query: sa.Select[tuple[object, ...]]) -> tuple[Alarm, ...]:
        found = self._connection.execute(query).mappings()
        return tuple(Alarm(row["number"], event_of(row), row["seen_at"], row["seen_by"]) for row in found)
