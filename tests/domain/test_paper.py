"""Which times of a paper log count."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from idp_bridge.domain.errors import BadInput
from idp_bridge.domain.link import Visit, VisitId
from idp_bridge.domain.paper import PaperSeen, check_time
from idp_bridge.domain.people import ParentId
from tests.conftest import staff

ZONE = ZoneInfo("America/New_York")
OPENED = datetime(2026, 11, 24, 15, 0, 40, tzinfo=UTC)
VISIT = Visit(VisitId("v"), ParentId("p"), "f", 0, OPENED, date(2026, 12, 8))
LAST = datetime(2026, 12, 9, 4, 59, tzinfo=UTC)
"""One minute before midnight of the last day in Florida."""


def fault(at: datetime, now: datetime) -> str | None:
    try:
        check_time(at, VISIT, now, ZONE)
    except BadInput as refusal:
        return refusal.fields["seen_on"]
    return None


@pytest.mark.parametrize(
    ("at", "now", "said"),
    [
        (OPENED.replace(second=0), OPENED, None),
        (OPENED - timedelta(minutes=1), OPENED, "before-the-request"),
        (OPENED + timedelta(minutes=1), OPENED, "in-future"),
        (LAST, LAST, None),
        (LAST, LAST + timedelta(days=20), None),
        (LAST + timedelta(minutes=1), LAST + timedelta(days=1), "after-the-last-day"),
        (LAST, LAST + timedelta(days=30), None),
        (LAST, LAST + timedelta(days=30, seconds=1), "too-long-ago"),
    ],
)
def test_which_times_count(at, now, said):
    assert fault(at, now) == said


def test_the_audit_gets_ids_only():
    seen = PaperSeen(OPENED, staff("jo.hathaway", "0552:office"))
    assert seen.fields == {"seen_at": "2026-11-24T15:00:40+00:00", "seen_by": "entry-jo.hathaway"}
