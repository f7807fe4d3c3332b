"""Keep which parents' tokens are behind, and who may write them now; never writes to Keycloak."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from idp_bridge.domain.people import ParentId
from idp_bridge.services.journals import Lease, ProjectionRow, ProjectionState
from idp_bridge.storage import journals
from idp_bridge.storage.writing import upsert

_rows = journals.projections


class SqlProjections:
    """Due marks and leases. `turn` counts due marks, so one that arrives during a write is not lost."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def mark_due(self, parent: ParentId, at: datetime, *, loss: bool) -> None:
        """Mark the parent due; a loss is taken first and ends sessions after the write."""
        if not self._mark(parent, at, loss=loss):
            fresh = {
                "parent": parent,
                "due_since": None,
                "turn": 0,
                "loss": False,
                "fence": 0,
                "fence_turn": 0,
                "leased_until": None,
                "attempts": 0,
                "next_try": None,
                "last_error": None,
                "done_rev": 0,
                "done_at": None,
            }
            upsert(self._connection, _rows, [fresh], keep=frozenset(fresh))
            self._mark(parent, at, loss=loss)

    def _mark(self, parent: ParentId, at: datetime, *, loss: bool) -> bool:
        statement = (
            sa.update(_rows)
            .where(_rows.c.parent == parent)
            .values(
                due_since=sa.func.coalesce(_rows.c.due_since, sa.bindparam("at", at, _rows.c.due_since.type)),
                turn=_rows.c.turn + 1,
                loss=sa.or_(_rows.c.loss, sa.literal(loss)),
                next_try=None,
                attempts=0,
            )
        )
        return self._connection.execute(statement).rowcount == 1

    def due(self, now: datetime, limit: int) -> tuple[ParentId, ...]:
        """Return up to `limit` due parents that nobody holds, losses first, oldest first."""
        query = (
            sa.select(_rows.c.parent)
            .where(self._free(now))
            .order_by(_rows.c.loss.desc(), _rows.c.due_since)
            .limit(limit)
        )
        return tuple(ParentId(parent) for parent in self._connection.execute(query).scalars())

    def take(self, parent: ParentId, now: datetime, until: datetime) -> Lease | None:
        """Lease a due parent, or return None if it is not due or somebody else holds it."""
        statement = (
            sa.update(_rows)
            .where(_rows.c.parent == parent, self._free(now))
            .values(fence=_rows.c.fence + 1, fence_turn=_rows.c.turn, leased_until=until)
            .returning(_rows.c.fence, _rows.c.attempts, _rows.c.loss)
        )
        row = self._connection.execute(statement).first()
        return Lease(parent, row.fence, row.attempts, row.loss) if row else None

    def done(self, lease: Lease, rev: int, now: datetime) -> bool:
        """Record that Keycloak says `rev`; clear the due mark if nothing newer came. False if fenced out."""
        newer = _rows.c.turn != _rows.c.fence_turn
        statement = (
            sa.update(_rows)
            .where(_rows.c.parent == lease.parent, _rows.c.fence == lease.fence)
            .values(
                due_since=sa.case((newer, _rows.c.due_since), else_=None),
                loss=sa.case((newer, _rows.c.loss), else_=sa.false()),
                leased_until=None,
                attempts=0,
                next_try=None,
                last_error=None,
                done_rev=rev,
                done_at=now,
            )
        )
        return self._connection.execute(statement).rowcount == 1

    def failed(self, lease: Lease, error: str, next_try: datetime) -> None:
        """Give the lease back with the error and when to try again."""
        statement = (
            sa.update(_rows)
            .where(_rows.c.parent == lease.parent, _rows.c.fence == lease.fence)
            .values(
                leased_until=None,
                attempts=_rows.c.attempts + 1,
                next_try=next_try,
                last_error=error[:400],
            )
        )
        self._connection.execute(statement)

    def get(self, parent: ParentId) -> ProjectionRow | None:
        """Return where one parent stands."""
        columns = (getattr(_rows.c, name) for name in ProjectionRow.__dataclass_fields__)
        row = self._connection.execute(sa.select(*columns).where(_rows.c.parent == parent)).mappings().first()
        return ProjectionRow(**row) if row else None

    def state(self, limit: int) -> ProjectionState:
        """Return how many are due, since when, and up to `limit` that were tried without success."""
        due = _rows.c.due_since.is_not(None)
        counted = sa.select(sa.func.count(), sa.func.min(_rows.c.due_since)).where(due)
        number, oldest = self._connection.execute(counted).one()
        columns = (getattr(_rows.c, name) for name in ProjectionRow.__dataclass_fields__)
        behind = (
            sa.select(*columns)
            .where(due, _rows.c.last_error.is_not(None))
            .order_by(_rows.c.due_since)
            .limit(limit)
        )
        found = self._connection.execute(behind).mappings()
        return ProjectionState(number, oldest, tuple(ProjectionRow(**row) for row in found))

    def _free(self, now: datetime) -> sa.ColumnElement[bool]:
        return sa.and_(
            _rows.c.due_since.is_not(None),
            sa.or_(_rows.c.leased_until.is_(None), _rows.c.leased_until < now),
            sa.or_(_rows.c.next_try.is_(None), _rows.c.next_try <= now),
        )
