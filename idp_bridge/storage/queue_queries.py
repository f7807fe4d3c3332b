"""Build the queries behind the desk's lists and search, each once; never runs one.

Every query is read from the front of an index and stops when the page is full, so that it costs the same with
200,000 links as with 20. `tests/storage/test_queue_plans.py` asks both databases whether they see it so.

How far a list is read stands in its query as a number. PostgreSQL takes a LIMIT it does not know for a tenth
of the rows. So with many it thought a kept plan dear and planned each page anew: 0.4 of 1.2 ms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import SchoolCode
from idp_bridge.services.rows import DeskList, Where
from idp_bridge.storage import journals, tables

_links, _visits, _parents, _students = tables.links, tables.visits, tables.parents, tables.students
_places, _projections = tables.waiting_places, journals.projections
Schools = frozenset[SchoolCode] | None

_MOST = sa.bindparam("most", type_=sa.Integer)
_LOOKED_FOR = sa.bindparam("looked_for", type_=sa.String)


@dataclass(frozen=True, slots=True)
class Part:
    """The shape of a `Where`: what a query depends on, without the values."""

    list: DeskList
    schools: int | None
    """How many; None for every school."""
    until: bool
    prefix: str = ""
    """Tells its values from those of other parts in the same query."""

    @classmethod
    def of(cls, where: Where, prefix: str = "") -> Part:
        """Return the shape of `where`."""
        return cls(where.list, many(where.schools), where.until is not None, prefix)

    def values(self, where: Where) -> dict[str, object]:
        """Return the values of `where` for this shape."""
        until = {f"{self.prefix}until": where.until} if self.until else {}
        return {**codes(where.schools, self.prefix), **until}


def many(schools: Schools) -> int | None:
    """Return how many schools; None for every one."""
    return None if schools is None else len(schools)


def codes(schools: Schools, prefix: str = "") -> dict[str, object]:
    """Return the values that name the schools."""
    return {f"{prefix}school_{number}": code for number, code in enumerate(sorted(schools or ()))}


@lru_cache(maxsize=256)
def page(part: Part, first: int, size: int) -> sa.Select[Any]:
    """Return the query of some visits of a list, each row a visit, its parent and one of its links."""
    some = _visits_of(part, first + size).offset(_number(first)).limit(_number(size)).subquery()
    return (
        sa.select(_visits, _parents, _links)
        .join_from(some, _visits, _visits.c.id == some.c.visit)
        .join(_parents, _parents.c.id == _visits.c.parent)
        .join(_links, _links.c.visit == _visits.c.id)
        .order_by(some.c.day, some.c.visit, _links.c.requested_at, _links.c.id)
    )


@lru_cache(maxsize=256)
def counts(parts: tuple[Part, ...], arriving_at: int | None, most: tuple[int, ...]) -> sa.Select[Any]:
    """Return the query of how many visits each part has, and how many links arrive; each up to a `most`."""
    *limits, last = most
    due = sa.select(_links.c.id).select_from(_due()).where(*_arrives(arriving_at))
    visits = [_visits_of(part, far).limit(_number(far)) for part, far in zip(parts, limits, strict=True)]
    counted: list[Any] = [_count(some) for some in (*visits, due.limit(_number(last)))]
    return sa.select(*counted)


@lru_cache(maxsize=256)
def arriving(schools: int | None, first: int, size: int) -> sa.Select[Any]:
    """Return the query of verified links whose projection is due, each with its parent and student."""
    return (
        sa.select(_links, _parents, _students, _projections.c.due_since)
        .select_from(_due())
        .join(_parents, _parents.c.id == _links.c.parent)
        .where(*_arrives(schools))
        .order_by(_projections.c.due_since, _links.c.id)
        .offset(_number(first))
        .limit(_number(size))
    )


@lru_cache(maxsize=256)
def by_number(schools: int | None) -> sa.Select[Any]:
    """Return the query of links that ask for a number, or name the student who has it."""
    named = sa.select(_students.c.id).where(_students.c.number == _LOOKED_FOR, tables.ENROLLED)
    ids = sa.union(
        sa.select(_links.c.id).where(_links.c.claimed_number == _LOOKED_FOR),
        sa.select(_links.c.id).where(_links.c.corrected_number == _LOOKED_FOR),
        sa.select(_links.c.id).where(_links.c.student.in_(named)),
    )
    return _found(_links.c.id.in_(ids), schools)


@lru_cache(maxsize=256)
def by_email(schools: int | None) -> sa.Select[Any]:
    """Return the query of the links of the account with an e-mail."""
    lower = sa.func.lower
    accounts = sa.select(_parents.c.id).where(lower(_parents.c.email) == lower(_LOOKED_FOR))
    return _found(_links.c.parent.in_(accounts), schools)


DECIDED_BY = (
    sa.select(_links)
    .where(
        _links.c.decided_by == sa.bindparam("staff"),
        _links.c.changed_at >= sa.bindparam("since", type_=_links.c.changed_at.type),
    )
    .order_by(_links.c.changed_at.desc(), _links.c.id)
    .limit(_MOST)
)


def _visits_of(part: Part, most: int) -> sa.Select[Any]:
    """Return the query of (day, visit) of a list in its order.

    One school is one range of the primary key, and every school one range of `list, day, visit`: read from
    the front, no further than wanted. Several schools are as many ranges, each cut off at `most`.
    """
    ordered = (_places.c.day, _places.c.visit)
    query = sa.select(*ordered).where(_places.c.list == part.list.value).distinct().order_by(*ordered)
    if part.until:
        query = query.where(_places.c.day <= sa.bindparam(f"{part.prefix}until", type_=sa.Date))
    if part.schools is None:
        return query
    ranges = [query.where(_places.c.school == code) for code in _named(part.schools, part.prefix)]
    if len(ranges) < 2:
        return ranges[0] if ranges else query.where(sa.false())
    every = sa.union(*(sa.select(*one.limit(_number(most)).subquery().c) for one in ranges)).subquery()
    return sa.select(every.c.day, every.c.visit).order_by(every.c.day, every.c.visit)


def _number(known: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(int(known)), sa.Integer)


def _due() -> sa.Join:
    """Return due projections with their links and students.

    A column with nothing added to it is looked up by no index. So SQLite, which has no count of how few are
    due, goes from the projections to the links of each, and not through every verified link to ask of each
    whether its projection is due (6.8 ms at 20,000 links).
    """
    asked = _links.c.parent == _projections.c.parent + ""
    return sa.join(_projections, _links, asked).join(_students, _students.c.id == _links.c.student)


def _arrives(schools: int | None) -> Iterable[sa.ColumnElement[bool]]:
    """Yield what is true of a link on its way. `<= now` and not IS NOT NULL: SQLite has an index for that."""
    yield _projections.c.due_since <= sa.bindparam("now", type_=_projections.c.due_since.type)
    yield _links.c.state + "" == LinkState.VERIFIED.value  # see `_due`
    if schools is not None:
        yield _students.c.school.in_(_named(schools))


def _found(which: sa.ColumnElement[bool], schools: int | None) -> sa.Select[Any]:
    return (
        sa.select(_links, _parents, _visits)
        .join_from(_links, _parents, _parents.c.id == _links.c.parent)
        .join(_visits, _visits.c.id == _links.c.visit)
        .outerjoin(_students, _students.c.id == _links.c.student)
        .where(which, _links.c.state != LinkState.CANCELLED.value, *_seen_at(schools))
        .order_by(_links.c.requested_at.desc(), _links.c.id)
        .limit(_MOST)
    )


def _seen_at(schools: int | None) -> Iterable[sa.ColumnElement[bool]]:
    """Yield what a clerk of `schools` may find: what was claimed there, and what is about their students.

    A claim stays to be found whatever became of it: else its going would tell that it fits a child elsewhere.
    """
    if schools is not None:
        here = _named(schools)
        yield sa.or_(_students.c.school.in_(here), _links.c.claimed_school.in_(here))


def _named(schools: int, prefix: str = "") -> list[sa.BindParameter[str]]:
    return [sa.bindparam(f"{prefix}school_{number}", type_=sa.String) for number in range(schools)]


def _count(some: sa.Select[Any]) -> sa.ScalarSelect[int]:
    """Count rows; which of them come first is no matter, and not to sort saves SQLite a third."""
    return sa.select(sa.func.count()).select_from(some.order_by(None).subquery()).scalar_subquery()
