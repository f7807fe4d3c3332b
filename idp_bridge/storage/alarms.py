"""Keep which alarms were seen, and by whom, and find what calls for one; never raises one: the audit does."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from idp_bridge.domain.people import ParentId
from idp_bridge.services.journals import Alarm
from idp_bridge.storage import journals, tables
from idp_bridge.storage.audit import OUT_OF_TURN, event_of

_rows = journals.alarms
_both = sa.select(journals.audit, _rows.c.seen_at, _rows.c.seen_by).join_from(_rows, journals.audit)


def _since(at: datetime, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what is true of the events `name` since `at`; by number, so that the index on both serves."""
    audit = journals.audit
    first = sa.select(audit.c.number).where(audit.c.at >= at).order_by(audit.c.at, audit.c.number).limit(1)
    bound = first.scalar_subquery() - OUT_OF_TURN
    return audit.c.name == name, audit.c.number >= bound, audit.c.at >= at


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

    def many_misses(self, since: datetime, least: int, limit: int) -> tuple[tuple[ParentId, int], ...]:
        """Return up to `limit` parents with `least` or more requests since `since` that match no student,
        and how many; without those about whom `alarm:unmatched-requests` was raised since then."""
        audit, links = journals.audit, tables.links
        told = sa.select(audit.c.parent).where(*_since(since, "alarm:unmatched-requests"))
        query = (
            sa.select(audit.c.parent, sa.func.count())
            .join_from(audit, links, links.c.id == audit.c.link)
            .where(*_since(since, "link:requested"), links.c.student.is_(None), audit.c.parent.not_in(told))
            .group_by(audit.c.parent)
            .having(sa.func.count() >= least)
            .order_by(audit.c.parent)
            .limit(limit)
        )
        return tuple((ParentId(parent), count) for parent, count in self._connection.execute(query))

    def see(self, number: int, staff: str, at: datetime) -> None:
        """Record who has dealt with an alarm."""
        change = sa.update(_rows).where(_rows.c.number == number).values(seen_at=at, seen_by=staff)
        self._connection.execute(change)

    def _read(self, query: sa.Select[tuple[object, ...]]) -> tuple[Alarm, ...]:
        found = self._connection.execute(query).mappings()
        return tuple(Alarm(row["number"], event_of(row), row["seen_at"], row["seen_by"]) for row in found)
