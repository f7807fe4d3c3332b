"""A clock that tests move by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class FixedClock:
    """Stands still until `advance` is called."""

    at: datetime

    def now(self) -> datetime:
        """Return the time it stands at."""
        return self.at

    def advance(self, **delta: float) -> None:
        """Move forward by a timedelta's keyword arguments."""
        self.at += timedelta(**delta)
