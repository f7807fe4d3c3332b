"""Own what may be entered later from a paper log sheet: which times count; never reads a sheet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from idp_bridge.domain.access import StaffMember
from idp_bridge.domain.errors import BadInput
from idp_bridge.domain.link import Visit

LONGEST_AGO = timedelta(days=30)
"""An outage is over long before; what is older is seen again."""


@dataclass(frozen=True, slots=True)
class PaperSeen:
    """Who saw the papers, and when, where it is entered later by somebody."""

    at: datetime
    by: StaffMember

    @property
    def fields(self) -> dict[str, str]:
        """Return what the audit keeps of it."""
        return {"seen_at": self.at.isoformat(), "seen_by": self.by.directory_id}


def check_time(at: datetime, visit: Visit, now: datetime, zone: ZoneInfo) -> None:
    """Raise BadInput unless the papers of `visit` can have been seen `at` this minute.

    A visit that has lapsed meanwhile counts if the parent came in time.
    """
    if at > now:
        raise BadInput({"seen_on": "in-future"})
    if now - at > LONGEST_AGO:
        raise BadInput({"seen_on": "too-long-ago"})
    if at < visit.opened_at.replace(second=0, microsecond=0):
        raise BadInput({"seen_on": "before-the-request"})
    if at.astimezone(zone).date() > visit.visit_by:
        raise BadInput({"seen_on": "after-the-last-day"})
