"""Read the desk's lists and what its search looks up, no more than is shown; never writes.

Each query is built once, in `queue_queries.py`; only its values change: building costs more than running.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.link import Link, Visit
from idp_bridge.domain.people import Parent, Student, StudentNumber
from idp_bridge.services.rows import Arriving, Found, QueueRow, Where
from idp_bridge.storage import queue_queries as queries
from idp_bridge.storage import tables
from idp_bridge.storage.links import read_link
from idp_bridge.storage.queue_queries import Part, Schools

Reader = Callable[[Sequence[Any]], Any]


def _reader(kind: type[Any], table: sa.Table, start: int) -> tuple[Reader, int]:
    """Return what makes a `kind` of a row in which the columns of `table` begin at `start`, and their end."""
    names = table.c.keys()
    take = itemgetter(*(start + names.index(name) for name in kind.__dataclass_fields__))
    return (lambda row: kind(*take(row))), start + len(names)


def _link_reader(start: int) -> tuple[Reader, int]:
    names = tables.links.c.keys()
    end = start + len(names)
    return (lambda row: read_link(dict(zip(names, row[start:end], strict=True)))), end


# The tables in a row, in the order `queue_queries.py` selects them.
_visit, _end = _reader(Visit, tables.visits, 0)
_visit_parent, _end = _reader(Parent, tables.parents, _end)
_visit_link, _end = _link_reader(_end)

_link, _end = _link_reader(0)
_link_parent, _end = _reader(Parent, tables.parents, _end)
_found_visit, _arriving_student = (
    _reader(kind, table, _end)[0] for kind, table in ((Visit, tables.visits), (Student, tables.students))
)


class SqlQueue:
    """The desk's lists, over the indexes `tables.py` has for them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def page(self, where: Where, first: int, size: int) -> tuple[QueueRow, ...]:
        """Return some visits of a list, nearest last day first."""
        part = Part.of(where)
        found = self._connection.execute(queries.page(part, first, size), part.values(where))
        return tuple(_visit_row(list(some)) for _, some in groupby(found.all(), key=itemgetter(0)))

    def arriving(self, schools: Schools, now: datetime, first: int, size: int) -> tuple[Arriving, ...]:
        """Return verified links to students of `schools` whose projection is due, longest due first."""
        query = queries.arriving(queries.many(schools), first, size)
        found = self._connection.execute(query, {**queries.codes(schools), "now": now})
        return tuple(
            Arriving(_link(row), _link_parent(row), _arriving_student(row), row.due_since) for row in found
        )

    def counts(
        self, parts: tuple[Where, ...], arriving: Schools, now: datetime, most: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Count the visits of each part, then what arrives at the schools `arriving`; each up to a `most`."""
        shapes = tuple(Part.of(where, f"part_{number}_") for number, where in enumerate(parts))
        values: dict[str, object] = {**queries.codes(arriving), "now": now}
        for shape, where in zip(shapes, parts, strict=True):
            values |= shape.values(where)
        query = queries.counts(shapes, queries.many(arriving), most)
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
        found = self._connection.execute(query, values)
        return tuple(Found(_link(row), _link_parent(row), _found_visit(row)) for row in found)


def _visit_row(rows: list[sa.Row[Any]]) -> QueueRow:
    """Return one visit of the list; it stands in as many rows as it has links."""
    return QueueRow(_visit(rows[0]), _visit_parent(rows[0]), tuple(_visit_link(row) for row in rows))
