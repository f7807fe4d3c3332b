"""Keep the audit chain; only ever appends, the database refuses the rest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.events import FIRST_HASH, Actor, ActorKind, Event, chained
from idp_bridge.domain.link import LinkId
from idp_bridge.domain.people import StudentId
from idp_bridge.storage import tables

_rows = tables.audit


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

    def of_link(self, link: LinkId) -> tuple[Event, ...]:
        """Return the events of one link, oldest first."""
        query = sa.select(_rows).where(_rows.c.link == link).order_by(_rows.c.number)
        return tuple(_event(row) for row in self._connection.execute(query).mappings())

    def of_student(self, student: StudentId) -> tuple[Event, ...]:
        """Return the events about one student, oldest first."""
        query = sa.select(_rows).where(_rows.c.student == student).order_by(_rows.c.number)
        return tuple(_event(row) for row in self._connection.execute(query).mappings())

    def count(self, name: str, since: datetime) -> int:
        """Count the events of this name since then."""
        query = sa.select(sa.func.count()).where(_rows.c.name == name, _rows.c.at >= since)
        return int(self._connection.execute(query).scalar_one())

    def first_bad(self) -> int | None:
        """Return the number of the first row whose hash does not fit, or None if the chain is whole."""
        before, expected = FIRST_HASH, 1
        rows = self._connection.execution_options(yield_per=1000).execute(
            sa.select(_rows).order_by(_rows.c.number)
        )
        for row in rows.mappings():
            if row["number"] != expected or row["hash"] != chained(before, _event(row)):
                return expected
            before, expected = row["hash"], expected + 1
        return None


def _event(row: Any) -> Event:
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
