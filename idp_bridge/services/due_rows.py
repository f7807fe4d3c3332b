"""Say what the timed jobs need from the database: what is due and was not done yet; never how it is found."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from idp_bridge.domain.link import Link, Visit


class DueRows(Protocol):
    """What the clock has to do, each query by an index and at most `limit` rows."""

    def ending(self, days: int, after: datetime, until: datetime, limit: int) -> tuple[Link, ...]:
        """Return verified links that end after `after` and not after `until`, the first end first.

        Those whose parent was told so already, `days` before, are left out.
        """
        ...

    def to_remind(self, days: int, first: date, last: date, limit: int) -> tuple[Visit, ...]:
        """Return open visits with a request and a last day from `first` to `last`, the first day first.

        Those whose parent was reminded already, `days` before, are left out.
        """
        ...

    def of_gone(self, left_by: date, limit: int) -> tuple[Link, ...]:
        """Return verified and suspended links to students who left the roster on `left_by` or earlier."""
        ...

    def of_age(self, born_by: date, now: datetime, limit: int) -> tuple[Link, ...]:
        """Return verified and suspended links, with an end after `now`, to students born by `born_by`."""
        ...
