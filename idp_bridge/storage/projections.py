"""Keep which parents' tokens are behind, and who may write them now; never writes to Keycloak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.people import ParentId
from idp_bridge.services.journals import Lease, ProjectionCounts, ProjectionRow, Seen
from idp_bridge.storage import journals
from idp_bridge.storage.writing import chunks, upsert

_rows = journals.projections


class SqlProjections:
    """Due marks and leases. `turn` counts due marks, so one that arrives during a write is not lost."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def mark_due(self, parent: ParentId, at: datetime, *, loss: bool) -> None:
        """Mark the parent due; a loss is taken first and ends sessions after the write."""
        self.mark_all_due((parent,), at, loss=loss)

    def mark_all_due(self, parents: Iterable[ParentId], at: datetime, *, loss: bool) -> None:
        """Mark several parents due, in sets."""
        for some in chunks(parents):
            fresh = [{"parent": parent, **_FRESH} for parent in some]
            upsert(self._connection, _rows, fresh, keep=frozenset(_rows.c.keys()))
            self._connection.execute(
                sa.update(_rows)
                .where(_rows.c.parent.in_(some))
                .values(
                    due_since=_since(at),
                    turn=_rows.c.turn + 1,
                    loss=sa.or_(_rows.c.loss, sa.literal(loss)),
                    next_try=None,
                    attempts=0,
                )
            )

    def due(self, now: datetime, limit: int) -> tuple[ParentId, ...]:
        """Return up to `limit` due parents that nobody holds, losses first, oldest first.

        Losses and grants each by their part of an index: in one query all that are due were sorted each time.
        """
        losses = self._due(now, limit, loss=True)
        return losses + self._due(now, limit - len(losses), loss=False)

    def _due(self, now: datetime, limit: int, *, loss: bool) -> tuple[ParentId, ...]:
        if limit == 0:
            return ()
        found = self._connection.execute(_DUE, {"loss": loss, "now": now, "most": limit})
        return tuple(map(ParentId, found.scalars()))

    def mark_checks(self, now: datetime) -> int:
        """Mark due whoever is to be looked at again by `now`; return how many."""
        statement = (
            sa.update(_rows)
            .where(_rows.c.check_at <= now)
            .values(
                check_at=None,
                due_since=_since(now),
                turn=_rows.c.turn + 1,
            )
        )
        return self._connection.execute(statement).rowcount

    def take(self, parent: ParentId, now: datetime, until: datetime, worker: str = "") -> Lease | None:
        """Lease a due parent, or return None; one that was stopped only after a loss."""
        return next(iter(self._leased((parent,), now, until, worker)), None)

    def take_most_urgent(self, now: datetime, until: datetime, worker: str, most: int) -> tuple[Lease, ...]:
        """Lease who waits longest: one who lost something, or up to `most` who lost nothing."""
        picked = self._due(now, 1, loss=True) or self._due(now, most, loss=False)
        return self._leased(picked, now, until, worker) if picked else ()

    def _leased(
        self, parents: tuple[ParentId, ...], now: datetime, until: datetime, worker: str
    ) -> tuple[Lease, ...]:
        statement = (
            sa.update(_rows)
            .where(_rows.c.parent.in_(parents), _FREE)
            .values(fence=_rows.c.fence + 1, fence_turn=_rows.c.turn, leased_until=until, leased_by=worker)
            .returning(*(_rows.c[name] for name in _LEASED))
        )
        taken = {row.parent: _lease(row) for row in self._connection.execute(statement, {"now": now})}
        return tuple(taken[parent] for parent in parents if parent in taken)

    def release(self, workers: Iterable[str]) -> int:
        """Give back the leases of `workers` that are dead; return how many."""
        dead = sa.and_(_rows.c.leased_until.is_not(None), _rows.c.leased_by.in_(tuple(workers)))
        statement = sa.update(_rows).where(dead).values(leased_until=None, leased_by=None)
        return self._connection.execute(statement).rowcount

    def give_back(self, leases: Iterable[Lease]) -> None:
        """Give back what was not begun: it waits as it did before it was taken."""
        if held := [{"whose": lease.parent, "held": lease.fence} for lease in leases]:
            self._connection.execute(_GIVEN_BACK, held)

    def holders(self, now: datetime) -> tuple[str, ...]:
        """Return the names of workers that hold a lease."""
        query = sa.select(_rows.c.leased_by).distinct().where(_rows.c.leased_until >= now)
        return tuple(name for name in self._connection.execute(query).scalars() if name)

    def done(self, lease: Lease, rev: int, now: datetime, seen: Seen | None = None) -> bool:
        """Record that Keycloak says `rev`; clear the due mark if nothing newer came. False if fenced out."""
        statement = self._mine(lease).values(_done(rev, now))
        if seen:
            statement = statement.values(seen_rev=seen.rev, seen_hash=seen.hash, seen_at=now)
        return self._connection.execute(statement).rowcount == 1

    def all_done(self, seen: Mapping[Lease, Seen], now: datetime) -> None:
        """Record of several at once that Keycloak was read back and says what is `seen`, as `done` does."""
        rows = [
            {"whose": lease.parent, "held": lease.fence, "rev": one.rev, "read": one.hash, "now": now}
            for lease, one in seen.items()
        ]
        if rows:
            self._connection.execute(_ALL_DONE, rows)

    def failed(
        self,
        lease: Lease,
        error: str,
        next_try: datetime,
        *,
        step: str = "value",
        check_at: datetime | None = None,
        counted: bool = True,
    ) -> None:
        """Give the lease back with the error, the step that waits, and when to try again."""
        values = {"check_at": check_at} if check_at else {}
        statement = self._mine(lease).values(
            leased_until=None,
            leased_by=None,
            attempts=_rows.c.attempts + int(counted),
            next_try=next_try,
            last_error=error[:400],
            step=step,
            **values,
        )
        self._connection.execute(statement)

    def stop(self, lease: Lease, error: str, now: datetime, seen: Seen) -> None:
        """Give the lease back and write no more, but for losses that come, until somebody resolves it."""
        statement = self._mine(lease).values(
            loss=sa.case((self._newer(), _rows.c.loss), else_=sa.false()),
            leased_until=None,
            leased_by=None,
            attempts=_rows.c.attempts + 1,
            last_error=error[:400],
            step="value",
            stopped_at=sa.func.coalesce(_rows.c.stopped_at, sa.bindparam("at", now, _rows.c.stopped_at.type)),
            seen_rev=seen.rev,
            seen_hash=seen.hash,
            seen_at=now,
        )
        self._connection.execute(statement)

    def drop(self, parent: ParentId) -> None:
        """Clear the due mark of an account that is not there any more."""
        nothing = dict.fromkeys(("due_since", "leased_until", "leased_by", "check_at", "next_try"))
        words = {"step": "", "last_error": "the account is gone"}
        statement = sa.update(_rows).where(_rows.c.parent == parent).values(**nothing, **words, loss=False)
        self._connection.execute(statement)

    def resume(self, parent: ParentId) -> None:
        """Let a stopped parent be written again."""
        statement = sa.update(_rows).where(_rows.c.parent == parent).values(stopped_at=None, next_try=None)
        self._connection.execute(statement)

    def get(self, parent: ParentId) -> ProjectionRow | None:
        """Return where one parent stands."""
        query = sa.select(*_SHOWN).where(_rows.c.parent == parent)
        row = self._connection.execute(query).mappings().first()
        return ProjectionRow(**row) if row else None

    def behind(self, limit: int) -> tuple[ProjectionRow, ...]:
        """Return up to `limit` parents that are due or stopped: stopped first, then losses, oldest first."""
        query = (
            sa.select(*_SHOWN)
            .where(sa.or_(_rows.c.due_since.is_not(None), _rows.c.stopped_at.is_not(None)))
            .order_by(_rows.c.stopped_at.is_(None), _rows.c.loss.desc(), _rows.c.due_since, _rows.c.parent)
            .limit(limit)
        )
        return tuple(ProjectionRow(**row) for row in self._connection.execute(query).mappings())

    def counts(self) -> ProjectionCounts:
        """Return how many are due and since when."""
        due = _rows.c.due_since.is_not(None)
        count = sa.func.count
        query = sa.select(
            count().filter(due),
            count().filter(due, _rows.c.loss),
            count().filter(due, _rows.c.attempts > 0),
            count().filter(_rows.c.stopped_at.is_not(None)),
            sa.func.min(_rows.c.due_since),
        ).where(sa.or_(due, _rows.c.stopped_at.is_not(None)))
        return ProjectionCounts(*self._connection.execute(query).one())

    def _mine(self, lease: Lease) -> sa.Update:
        """Return an update of the row, as long as `lease` is the newest one."""
        return sa.update(_rows).where(_rows.c.parent == lease.parent, _rows.c.fence == lease.fence)

    def _newer(self) -> sa.ColumnElement[bool]:
        """Tell whether something was marked after the lease was taken."""
        return _rows.c.turn != _rows.c.fence_turn


_SHOWN = tuple(_rows.c[name] for name in ProjectionRow.__dataclass_fields__)
_NOW = sa.bindparam("now", type_=_rows.c.done_at.type)
_FREE = sa.and_(
    _rows.c.due_since.is_not(None),
    sa.or_(_rows.c.stopped_at.is_(None), _rows.c.loss),
    sa.or_(_rows.c.leased_until.is_(None), _rows.c.leased_until < _NOW),
    sa.or_(_rows.c.next_try.is_(None), _rows.c.next_try <= _NOW),
)
"""Nobody holds it, and it may be tried by now."""
_DUE = (
    sa.select(_rows.c.parent)
    .where(_rows.c.loss == sa.bindparam("loss", type_=sa.Boolean), _FREE)
    .order_by(_rows.c.due_since)
    .limit(sa.bindparam("most"))
)
"""Built once, for it is asked before each few parents."""
_LEASED = ("parent", "fence", "attempts", "loss", "due_since", "seen_rev", "seen_hash", "stopped_at")
_FRESH = {
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
    "step": "",
}


def _done(rev: Any, now: Any) -> dict[str, Any]:
    newer = _rows.c.turn != _rows.c.fence_turn
    return {
        "due_since": sa.case((newer, _rows.c.due_since), else_=None),
        "loss": sa.case((newer, _rows.c.loss), else_=sa.false()),
        "leased_until": None,
        "leased_by": None,
        "attempts": 0,
        "next_try": None,
        "last_error": None,
        "step": "",
        "done_rev": rev,
        "done_at": now,
    }


_HELD = sa.update(_rows).where(_rows.c.parent == sa.bindparam("whose"), _rows.c.fence == sa.bindparam("held"))
"""The rows of some leases, each as long as its lease is the newest one."""
_GIVEN_BACK = _HELD.values(leased_until=None, leased_by=None)
_ALL_DONE = _HELD.values(_done(sa.bindparam("rev"), _NOW)).values(
    seen_rev=sa.bindparam("rev"), seen_hash=sa.bindparam("read"), seen_at=_NOW
)


def _lease(row: sa.Row[Any]) -> Lease:
    seen = Seen(row.seen_rev, row.seen_hash) if row.seen_hash else None
    stopped = row.stopped_at is not None
    return Lease(ParentId(row.parent), row.fence, row.attempts, row.loss, row.due_since, seen, stopped)


def _since(at: datetime) -> sa.ColumnElement[datetime]:
    """Return since when a row is due that is marked at `at`: marked twice, it is due since the first."""
    return sa.func.coalesce(_rows.c.due_since, sa.bindparam("at", at, _rows.c.due_since.type))
