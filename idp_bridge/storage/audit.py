"""Keep the audit chain; only ever appends, the database refuses the rest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.events import FIRST_HASH, Actor, ActorKind, Event, chained, is_alarm
from idp_bridge.domain.link import LinkId
from idp_bridge.domain.people import StudentId
from idp_bridge.services.journals import AuditQuery, AuditRow
from idp_bridge.storage import journals

_rows = journals.audit
OUT_OF_TURN = 100
"""A range of days is a range of rows but for so many: writers read the clock before their turn comes."""


class SqlAudit:
    """The chain of events."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def append(self, event: Event) -> None:
        """Append one event to the chain; `SqlStore.transaction` lets in one writer at a time."""
        query = sa.select(_rows.c.number, _rows.c.hash).order_by(_rows.c.number.desc()).limit(1)
        last = self._connection.execute(query).first()
        number, before = (last.number, last.hash) if last else (0, FIRST_HASH)
        self._connection.execute(
            sa.insert(_rows).values(
                number=number + 1,
                name=event.name,
                at=event.at,
                actor_kind=event.actor.kind,
                actor=event.actor.id,
                parent=event.parent,
                student=event.student,
                link=event.link,
                school=event.school,
                fields=dict(event.fields or {}),
                hash=chained(before, event),
            )
        )
        if is_alarm(event.name):
            self._connection.execute(sa.insert(journals.alarms).values(number=number + 1))

    def of_link(self, link: LinkId) -> tuple[Event, ...]:
        """Return the events of one link, oldest first."""
        query = sa.select(_rows).where(_rows.c.link == link).order_by(_rows.c.number)
        return tuple(event_of(row) for row in self._connection.execute(query).mappings())

    def of_student(self, student: StudentId) -> tuple[Event, ...]:
        """Return the events about one student, oldest first."""
        query = sa.select(_rows).where(_rows.c.student == student).order_by(_rows.c.number)
        return tuple(event_of(row) for row in self._connection.execute(query).mappings())

    def count(self, name: str, since: datetime) -> int:
        """Count the events of this name since then."""
        query = sa.select(sa.func.count()).where(_rows.c.name == name, _rows.c.at >= since)
        return int(self._connection.execute(query).scalar_one())

    def first_bad(self, first: int = 1, limit: int | None = None) -> int | None:
        """Return the number of the first row whose hash does not fit, or None if the chain is whole."""
        before, expected = self._hash_before(first), first
        query = sa.select(_rows).where(_rows.c.number >= first).order_by(_rows.c.number).limit(limit)
        rows = self._connection.execution_options(yield_per=1000).execute(query)
        for row in rows.mappings():
            if row["number"] != expected or not _fits(row, before):
                return expected
            before, expected = row["hash"], expected + 1
        return None

    def _hash_before(self, first: int) -> str:
        query = sa.select(_rows.c.hash).where(_rows.c.number == first - 1)
        return self._connection.execute(query).scalar() or FIRST_HASH

    def length(self) -> int:
        """Return the number of the newest row, 0 if there is none."""
        return self._connection.execute(sa.select(sa.func.max(_rows.c.number))).scalar() or 0

    def search(self, query: AuditQuery, limit: int) -> tuple[AuditRow, ...]:
        """Return up to `limit` events that fit `query`, newest first."""
        wanted = sa.select(_rows).order_by(_rows.c.number.desc()).limit(limit)
        for column in (_rows.c.link, _rows.c.parent, _rows.c.student, _rows.c.actor, _rows.c.name):
            value = getattr(query, column.name)
            if value is not None:
                wanted = wanted.where(column == value)
        if query.since is not None:
            first = sa.select(_rows.c.number).where(_rows.c.at >= query.since)
            bound = first.order_by(_rows.c.at, _rows.c.number).limit(1).scalar_subquery()
            wanted = wanted.where(_rows.c.number >= bound - OUT_OF_TURN, _rows.c.at >= query.since)
        if query.until is not None:
            last = sa.select(_rows.c.number).where(_rows.c.at < query.until)
            bound = last.order_by(_rows.c.at.desc(), _rows.c.number.desc()).limit(1).scalar_subquery()
            wanted = wanted.where(_rows.c.number <= bound + OUT_OF_TURN, _rows.c.at < query.until)
        if query.before is not None:
            wanted = wanted.where(_rows.c.number < query.before)
        found = self._connection.execute(wanted).mappings()
        return tuple(AuditRow(row["number"], event_of(row)) for row in found)


def _fits(row: Any, before: str) -> bool:
    """Tell whether a row's hash covers it and the row before; a row that is no event of ours does not."""
    try:
        return bool(row["hash"] == chained(before, event_of(row)))
    except (KeyError, ValueError):
        return False


def event_of(row: Any) -> Event:
    """Return the event a row of the audit holds."""
    return Event(
        name=row["name"],
        at=row["at"],
        actor=Actor(ActorKind(row["actor_kind"]), row["actor"]),
        parent=row["parent"],
        student=row["student"],
        link=row["link"],
        school=row["school"],
        fields=row["fields"],
    )
