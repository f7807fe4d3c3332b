"""Keep which mails are to be sent and which were; never sends one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.link import LinkId
from idp_bridge.domain.notice import Notice, NoticeKind
from idp_bridge.domain.people import ParentId
from idp_bridge.services.journals import SentNotice
from idp_bridge.storage import journals

_rows = journals.notices
_NOTHING_TO_SAY = "nothing to say"
"""Stands as the error of a mail that was done with unsent."""


class SqlNotices:
    """Notices by key: one that is there already is not added again."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, notice: Notice) -> None:
        """Insert the notice unless its key is there already."""
        here = sa.select(_rows.c.key).where(_rows.c.key == notice.key)
        if self._connection.execute(here).first() is None:
            self._connection.execute(
                sa.insert(_rows).values(
                    key=notice.key,
                    kind=notice.kind,
                    parent=notice.parent,
                    link=notice.link,
                    address=notice.address,
                    due_at=notice.due_at,
                    attempts=0,
                )
            )

    def take(self, now: datetime, until: datetime, limit: int) -> tuple[Notice, ...]:
        """Lease up to `limit` due notices until `until`, oldest first."""
        free = sa.and_(
            _rows.c.sent_at.is_(None),
            _rows.c.due_at <= now,
            sa.or_(_rows.c.leased_until.is_(None), _rows.c.leased_until < now),
        )
        query = sa.select(_rows).where(free).order_by(_rows.c.due_at, _rows.c.key).limit(limit)
        if self._connection.dialect.name == "postgresql":
            query = query.with_for_update(skip_locked=True)
        found = [_notice(row) for row in self._connection.execute(query).mappings()]
        taken = sa.update(_rows).where(_rows.c.key.in_([notice.key for notice in found]))
        self._connection.execute(taken.values(leased_until=until))
        return tuple(found)

    def due(self, now: datetime, limit: int) -> int:
        """Count up to `limit` notices that are due."""
        some = sa.select(_rows.c.key).where(_rows.c.sent_at.is_(None), _rows.c.due_at <= now).limit(limit)
        return int(
            self._connection.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one()
        )

    def give_back(self, keys: Iterable[str]) -> None:
        """End the lease of notices that were not tried."""
        mine = sa.update(_rows).where(_rows.c.key.in_(tuple(keys)))
        self._connection.execute(mine.values(leased_until=None))

    def sent(self, key: str, now: datetime) -> None:
        """Record that the mail server took it."""
        self._change(key, sent_at=now, leased_until=None, last_error=None)

    def dropped(self, key: str, now: datetime) -> None:
        """Record that there was nothing to say any more; the row stays, so that it is not noted again."""
        self._change(key, sent_at=now, leased_until=None, last_error=_NOTHING_TO_SAY)

    def failed(self, key: str, error: str, next_try: datetime) -> None:
        """Record that it was not taken, and when to try again."""
        self._change(
            key, due_at=next_try, leased_until=None, last_error=error[:200], attempts=_rows.c.attempts + 1
        )

    def sent_to(self, parent: ParentId) -> tuple[SentNotice, ...]:
        """Return the mails that went out to a parent, oldest first."""
        query = (
            sa.select(_rows.c.kind, _rows.c.link, _rows.c.sent_at)
            .where(_rows.c.parent == parent, _rows.c.sent_at.is_not(None), _rows.c.last_error.is_(None))
            .order_by(_rows.c.sent_at, _rows.c.key)
        )
        found = self._connection.execute(query)
        return tuple(SentNotice(NoticeKind(row.kind), row.link, row.sent_at) for row in found)

    def drop_unsent(self, parent: ParentId) -> None:
        """Forget the mails to a parent that have not gone out."""
        self._connection.execute(sa.delete(_rows).where(_rows.c.parent == parent, _rows.c.sent_at.is_(None)))

    def withdraw(self, link: LinkId, turn: str) -> tuple[Notice, ...]:
        """Delete the mails of one turn of `link` that nobody has taken; return those that went or may have.

        One that was taken and not marked is in doubt: a worker is sending it, or died while it did.
        """
        these = sa.and_(_rows.c.link == link, _rows.c.key.contains(f":{turn}:", autoescape=True))
        waiting = sa.and_(_rows.c.sent_at.is_(None), _rows.c.leased_until.is_(None))
        self._connection.execute(sa.delete(_rows).where(these, waiting))
        left = sa.select(_rows).where(these, _went()).order_by(_rows.c.key)
        return tuple(_notice(row) for row in self._connection.execute(left).mappings())

    def went(self, key: str) -> bool:
        """Tell whether a mail went out, or may have: it was taken and not marked."""
        query = sa.select(_rows.c.key).where(_rows.c.key == key, _went())
        return self._connection.execute(query).first() is not None

    def _change(self, key: str, **values: Any) -> None:
        self._connection.execute(sa.update(_rows).where(_rows.c.key == key).values(**values))


def _went() -> sa.ColumnElement[bool]:
    marked = sa.and_(_rows.c.sent_at.is_not(None), _rows.c.last_error.is_(None))
    return sa.or_(marked, sa.and_(_rows.c.sent_at.is_(None), _rows.c.leased_until.is_not(None)))


def _notice(row: Any) -> Notice:
    return Notice(
        key=row["key"],
        kind=NoticeKind(row["kind"]),
        parent=row["parent"],
        link=row["link"],
        due_at=row["due_at"],
        attempts=row["attempts"],
        address=row["address"],
        doubt=row["sent_at"] is None and row["leased_until"] is not None,
    )
