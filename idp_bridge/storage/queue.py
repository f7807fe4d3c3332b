"""Read the desk's lists and what its search looks up, no more than is shown; never writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.link import Link, LinkState, Visit
from idp_bridge.domain.people import Parent, SchoolCode, Student, StudentNumber
from idp_bridge.services.rows import Arriving, Found, QueueRow, Where
from idp_bridge.storage import tables
from idp_bridge.storage.links import read_link

_links, _visits, _parents, _students = tables.links, tables.visits, tables.parents, tables.students
_places, _projections = tables.waiting_places, tables.projections
_NAMES = {table: tuple(table.c.keys()) for table in (_links, _visits, _parents, _students)}
Schools = frozenset[SchoolCode] | None


class SqlQueue:
    """The desk's lists, over the indexes `tables.py` has for them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def page(self, where: Where, first: int, size: int) -> tuple[QueueRow, ...]:
        """Return some visits of a list, nearest last day first."""
        page = _visits_of(where, first + size).offset(first).limit(size).subquery()
        query = (
            sa.select(_visits, _parents, _links)
            .join_from(page, _visits, _visits.c.id == page.c.visit)
            .join(_parents, _parents.c.id == _visits.c.parent)
            .join(_links, _links.c.visit == _visits.c.id)
            .order_by(page.c.day, page.c.visit, _links.c.requested_at, _links.c.id)
        )
        read = ((_cut(row, _visits, _parents, _links)) for row in self._connection.execute(query))
        return tuple(_row(list(some)) for _, some in groupby(read, key=lambda parts: parts[0]["id"]))

    def arriving(self, schools: Schools, now: datetime, first: int, size: int) -> tuple[Arriving, ...]:
        """Return verified links to students of `schools` whose projection is due, longest due first."""
        query = (
            sa.select(_links, _parents, _students, _projections.c.due_since)
            .select_from(_due(_links))
            .join(_parents, _parents.c.id == _links.c.parent)
            .where(*_arrives(schools, now))
            .order_by(_projections.c.due_since, _links.c.id)
            .offset(first)
            .limit(size)
        )
        found = []
        for row in self._connection.execute(query):
            link, parent, student = _cut(row, _links, _parents, _students)
            found.append(Arriving(read_link(link), Parent(**parent), Student(**student), row.due_since))
        return tuple(found)

    def counts(
        self, parts: tuple[Where, ...], arriving: Schools, now: datetime, most: int
    ) -> tuple[int, ...]:
        """Count the visits of each part, then what arrives at the schools `arriving`; each up to `most`."""
        due = sa.select(_links.c.id).select_from(_due(_links)).where(*_arrives(arriving, now)).limit(most)
        counted = [_count(_visits_of(part, most).limit(most)) for part in parts]
        return tuple(self._connection.execute(sa.select(*counted, _count(due))).one())

    def decided_by(self, staff: str, since: datetime, limit: int) -> tuple[Link, ...]:
        """Return links this person decided last, changed at `since` or later, newest first."""
        query = (
            sa.select(_links)
            .where(_links.c.decided_by == staff, _links.c.changed_at >= since)
            .order_by(_links.c.changed_at.desc(), _links.c.id)
            .limit(limit)
        )
        return tuple(read_link(row) for row in self._connection.execute(query).mappings())

    def by_number(self, number: StudentNumber, schools: Schools, limit: int) -> tuple[Found, ...]:
        """Return links that ask for this number, or name the student who has it, newest first.

        Only those claimed at one of `schools`, or about a student there.
        """
        named = sa.select(_students.c.id).where(_students.c.number == number, _students.c.enrolled)
        ids = sa.union(
            sa.select(_links.c.id).where(_links.c.claimed_number == number),
            sa.select(_links.c.id).where(_links.c.corrected_number == number),
            sa.select(_links.c.id).where(_links.c.student.in_(named)),
        )
        return self._found(_links.c.id.in_(ids), schools, limit)

    def by_email(self, email: str, schools: Schools, limit: int) -> tuple[Found, ...]:
        """Return the links of the account with this e-mail, in any case, newest first; of `schools` only."""
        lower = sa.func.lower
        accounts = sa.select(_parents.c.id).where(lower(_parents.c.email) == lower(email))
        return self._found(_links.c.parent.in_(accounts), schools, limit)

    def _found(self, which: sa.ColumnElement[bool], schools: Schools, limit: int) -> tuple[Found, ...]:
        query = (
            sa.select(_links, _parents, _visits)
            .join_from(_links, _parents, _parents.c.id == _links.c.parent)
            .join(_visits, _visits.c.id == _links.c.visit)
            .outerjoin(_students, _students.c.id == _links.c.student)
            .where(which, _links.c.state != LinkState.CANCELLED, *_seen_at(schools))
            .order_by(_links.c.requested_at.desc(), _links.c.id)
            .limit(limit)
        )
        found = []
        for row in self._connection.execute(query):
            link, parent, visit = _cut(row, _links, _parents, _visits)
            found.append(Found(read_link(link), Parent(**parent), Visit(**visit)))
        return tuple(found)


def _visits_of(where: Where, most: int) -> sa.Select[Any]:
    """Return the query of (day, visit) of a list in its order.

    One school is one range of the primary key, and every school one range of `list, day, visit`: read from
    the front, no further than wanted. Several schools are as many ranges, each cut off at `most`.
    """
    ordered = (_places.c.day, _places.c.visit)
    query = sa.select(*ordered).where(_places.c.list == where.list.value).distinct().order_by(*ordered)
    if where.until is not None:
        query = query.where(_places.c.day <= where.until)
    if where.schools is None:
        return query
    ranges = [query.where(_places.c.school == school) for school in sorted(where.schools)]
    if len(ranges) < 2:
        return ranges[0] if ranges else query.where(sa.false())
    parts = (sa.select(*one.limit(most).subquery().c) for one in ranges)
    every = sa.union(*parts).subquery()
    return sa.select(every.c.day, every.c.visit).order_by(every.c.day, every.c.visit)


def _due(links: sa.Table) -> sa.Join:
    return (
        sa.join(_projections, links, links.c.parent == _projections.c.parent)
        .join(_students, _students.c.id == links.c.student)
    )  # fmt: skip


def _arrives(schools: Schools, now: datetime) -> Iterable[sa.ColumnElement[bool]]:
    """Yield what is true of a link on its way. `<= now` instead of IS NOT NULL: SQLite takes the index."""
    yield _projections.c.due_since <= now
    yield _links.c.state == LinkState.VERIFIED
    if schools is not None:
        yield _students.c.school.in_(sorted(schools))


def _seen_at(schools: Schools) -> Iterable[sa.ColumnElement[bool]]:
    """Yield what a clerk of `schools` may find: what was claimed there, and what is about their students.

    A claim stays to be found whatever became of it: else its going would tell that it fits a child elsewhere.
    """
    if schools is not None:
        codes = sorted(schools)
        yield sa.or_(_students.c.school.in_(codes), _links.c.claimed_school.in_(codes))


def _count(some: sa.Select[Any]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(some.subquery()).scalar_subquery()


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
