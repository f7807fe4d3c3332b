"""Hash and judge the birth date on a person's identification; never keeps the date itself."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

from idp_bridge.domain.errors import BadInput

OLDEST_YEARS = 120


def birth_date_hash(key: bytes, born: date) -> str:
    """Return the keyed hash (HMAC-SHA-256, hex) of `born`: enough to compare, not to read it back."""
    return hmac.new(key, f"birth-date:{born.isoformat()}".encode(), hashlib.sha256).hexdigest()


def check_born(born: date | None, today: date) -> None:
    """Raise BadInput for a day on which nobody who stands at the counter was born."""
    if born is None:
        return
    if born > today:
        raise BadInput({"born": "in-future"})
    if born.year < today.year - OLDEST_YEARS:
        raise BadInput({"born": "too-long-ago"})
