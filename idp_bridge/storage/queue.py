"""Read the desk's lists and what its search looks up, no more than is shown; never writes.

Each query is built once, in `queue_queries.py`; only its values change: building costs more than running.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.link import Link, Visit
from idp_bridge.domain.people import Parent, Student, StudentNumber
from idp_bridge.services.rows import Arriving, Found, QueueRow, Where
from idp_bridge.storage import queue_queries as queries
from idp_bridge.storage import tables
from idp_bridge.storage.links import read_link
from idp_bridge.storage.queue_queries import Part, Schools

_NAMES = {
    table: tuple(table.c.keys()) for table in (tables.links, tables.visits, tables.parents, tables.students)
}


class SqlQueue:
    """The desk's lists, over the indexes `tables.py` has for them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def page(self, where: Where, first: int, size: int) -> tuple[QueueRow, ...]:
        """Return some visits of a list, nearest last day first."""
        part = Part.of(where)
        values = {**part.values(where), "first": first, "size": size, "most": first + size}
        found = self._connection.execute(queries.page(part), values)
        read = (_cut(row, tables.visits, tables.parents, tables.links) for row in found)
        return tuple(_row(list(some)) for _, some in groupby(read, key=lambda parts: parts[0]["id"]))

    def arriving(self, schools: Schools, now: datetime, first: int, size: int) -> tuple[Arriving, ...]:
        """Return verified links to students of `schools` whose projection is due, longest due first."""
        values = {**queries.codes(schools), "now": now, "first": first, "size": size}
        found = []
        for row in self._connection.execute(queries.arriving(queries.many(schools)), values):
            link, parent, student = _cut(row, tables.links, tables.parents, tables.students)
            found.append(Arriving(read_link(link), Parent(**parent), Student(**student), row.due_since))
        return tuple(found)

    def counts(
        self, parts: tuple[Where, ...], arriving: Schools, now: datetime, most: int
    ) -> tuple[int, ...]:
        """Count the visits of each part, then what arrives at the schools `arriving`; each up to `most`."""
        shapes = tuple(Part.of(where, f"part_{number}_") for number, where in enumerate(parts))
        values: dict[str, object] = {**queries.codes(arriving), "now": now, "most": most}
        for shape, where in zip(shapes, parts, strict=True):
            values |= shape.values(where)
        query = queries.counts(shapes, queries.many(arriving))
        return tuple(self._connection.execute(query, values).one())

    def decided_by(self, staff: str, since: datetime, limit: int) -> tuple[Link, ...]:
        """Return links this person decided last, changed at `since` or later, newest first."""
        values = {"staff": staff, "since": since, "most": limit}
        found = self._connection.execute(queries.DECIDED_BY, values)
        return tuple(read_link(row) for row in found.mappings())

    def by_number(self, number: StudentNumber, schools: Schools, limit: int) -> tuple[Found, ...]:
        """Return links that ask for this number, or name the student who has it, newest first.

        Only those claimed at one of `schools`, or about a student there.
        """
        return self._found(queries.by_number(queries.many(schools)), number, schools, limit)

    def by_email(self, email: str, schools: Schools, limit: int) -> tuple[Found, ...]:
        """Return the links of the account with this e-mail, in any case, newest first; of `schools` only."""
        return self._found(queries.by_email(queries.many(schools)), email, schools, limit)

    def _found(
        self, query: sa.Select[Any], looked_for: str, schools: Schools, limit: int
    ) -> tuple[Found, ...]:
        values = {**queries.codes(schools), "looked_for": looked_for, "most": limit}
        found = []
        for row in self._connection.execute(query, values):
            link, parent, visit = _cut(row, tables.links, tables.parents, tables.visits)
            found.append(Found(read_link(link), Parent(**parent), Visit(**visit)))
        return tuple(found)


def _cut(row: Sequence[Any], *parts: sa.Table) -> tuple[dict[str, Any], ...]:
    """Cut a row of several whole tables into one mapping of columns for each."""
    found, start = [], 0
    for table in parts:
        names = _NAMES[table]
        found.append(dict(zip(names, row[start : start + len(names)], strict=True)))
        start += len(names)
    return tuple(found)


def _row(parts: list[tuple[dict[str, Any], ...]]) -> QueueRow:
    visit, parent, _ = parts[0]
    return QueueRow(Visit(**visit), Parent(**parent), tuple(read_link(link) for _, _, link in parts))
