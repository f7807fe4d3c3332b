"""Find in SQL what the clock has to do and has not done yet; never does it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.link import WAITING, Link, LinkState, Visit
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.storage import journals, tables
from idp_bridge.storage.links import read_link


class SqlDue:
    """What is due. A notice's key says what was told, so a job never finds the same rows every minute."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def ending(self, days: int, after: datetime, until: datetime, limit: int) -> tuple[Link, ...]:
        """Return verified links that end after `after` and not after `until` and were not told of."""
        rows = tables.links
        query = (
            sa.select(rows)
            .where(
                rows.c.state == LinkState.VERIFIED,
                rows.c.expires_at > after,
                rows.c.expires_at <= until,
                ~_told(f"{NoticeKind.ENDS_SOON}:{days}:", rows.c.id, rows.c.parent),
            )
            .order_by(rows.c.expires_at, rows.c.id)
            .limit(limit)
        )
        return self._links(query)

    def to_remind(self, days: int, first: date, last: date, limit: int) -> tuple[Visit, ...]:
        """Return open visits whose last day is from `first` to `last`, with a request, not reminded of."""
        rows = tables.visits
        query = (
            sa.select(rows)
            .where(
                rows.c.closed_at.is_(None),
                rows.c.visit_by.between(first, last),
                sa.exists().where(
                    tables.links.c.visit == rows.c.id, tables.links.c.state.in_(tuple(WAITING))
                ),
                ~_told(f"{NoticeKind.VISIT_REMINDER}:{days}:", rows.c.id, rows.c.parent),
            )
            .order_by(rows.c.visit_by, rows.c.id)
            .limit(limit)
        )
        return tuple(Visit(**row) for row in self._connection.execute(query).mappings())

    def of_gone(self, left_by: date, limit: int) -> tuple[Link, ...]:
        """Return verified and suspended links to students who left the roster on `left_by` or earlier."""
        rows, students = tables.links, tables.students
        query = (
            sa.select(rows)
            .join(students, students.c.id == rows.c.student)
            .where(
                students.c.left_on <= left_by,
                sa.not_(students.c.enrolled),
                rows.c.state.in_((LinkState.VERIFIED, LinkState.SUSPENDED)),
            )
            .order_by(students.c.left_on, rows.c.id)
            .limit(limit)
        )
        return self._links(query)

    def of_age(self, born_by: date, now: datetime, limit: int) -> tuple[Link, ...]:
        """Return verified and suspended links, with an end after `now`, to students born by `born_by`."""
        rows, students = tables.links, tables.students
        query = (
            sa.select(rows)
            .join(students, students.c.id == rows.c.student)
            .where(
                students.c.birth_date <= born_by,
                rows.c.expires_at > now,
                rows.c.state.in_((LinkState.VERIFIED, LinkState.SUSPENDED)),
            )
            .order_by(students.c.birth_date, rows.c.id)
            .limit(limit)
        )
        return self._links(query)

    def _links(self, query: sa.Select[Any]) -> tuple[Link, ...]:
        return tuple(read_link(row) for row in self._connection.execute(query).mappings())


def _told(start: str, about: sa.Column[Any], parent: sa.Column[Any]) -> sa.Exists:
    key = sa.literal(start) + about + sa.literal(":") + parent
    return sa.exists().where(journals.notices.c.key == key)
