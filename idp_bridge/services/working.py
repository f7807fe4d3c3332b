"""Give a worker's sign of life and say how far all projections are; never does the work itself."""

from __future__ import annotations

from datetime import datetime

from idp_bridge.services.house import House
from idp_bridge.services.journals import ProjectionCounts, ProjectionRow


def beat(house: House, now: datetime) -> None:
    """Record that this worker is alive."""
    with house.store.transaction() as rows:
        rows.workers.beat(house.worker or "worker", now)


def waiting(house: House) -> tuple[ProjectionCounts, float]:
    """Return how many parents are behind, and for how many seconds the oldest is."""
    with house.store.reading() as rows:
        counts = rows.projections.counts()
    age = (house.clock.now() - counts.oldest_due).total_seconds() if counts.oldest_due else 0.0
    return counts, age


def behind(house: House, limit: int = 50) -> tuple[ProjectionRow, ...]:
    """Return up to `limit` parents whose token is behind: stopped ones first, then losses, oldest first."""
    with house.store.reading() as rows:
        return rows.projections.behind(limit)
