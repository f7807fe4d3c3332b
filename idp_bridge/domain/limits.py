"""Say how much is too much, and in which time; never counts.

The page gives a guesser no information, so the numbers guard the desk's queue and the district's peace, not a
secret: they are wide enough for a family with seven children and for a library full of families.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
CODE_WINDOW = timedelta(minutes=15)

OWN_SHARE = 8
"""Requests of one account in an hour that no address limit refuses: seven children and one typing mistake.

So what strangers do in the same library, or behind the same guest network, never keeps a family out.
"""


UNMATCHED_ALARM = 3
"""Requests of one account in a day that matched no student: so many are an alarm (design 4)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is allowed; the settings `IDP_BRIDGE_LIMITS__…` bring other numbers."""

    requests_per_account: int = 20
    """An hour. Seven children, each asked for twice, and some to spare."""
    requests_per_address: int = 100
    """An hour. Some thirty families in one library; an account's first OWN_SHARE always pass."""
    requests_per_number: int = 10
    """A day. More raise an alarm and mark the child at the desk; nobody is refused."""
    accounts_per_number: int = 5
    """A week. Two parents and two step-parents are four: the fifth account raises an alarm."""
    wrong_codes: int = 20
    """In fifteen minutes, of one employee. A scanner never mistypes, a person rarely twenty times."""
    verifications_per_hour: int = 80
    """Of one employee; more raise an alarm. A visit takes a minute at best."""
    verifications_per_day: int = 300
    """Of one employee; more raise an alarm."""
    sign_ins_per_address: int = 600
    """Sign-ins started in ten minutes; a whole school may sit behind one address."""
    posts_per_address: int = 1200
    """Forms sent in ten minutes by people who are not staff."""


def counter_key(secret: bytes, kind: str, value: str) -> str:
    """Return the keyed hash under which `value` is counted: no address, account or number in clear."""
    digest = hmac.new(secret, f"limit:{kind}:{value}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}:{digest}"
