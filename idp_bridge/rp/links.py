"""Read `student_links`, version 1, and answer "may this person, for this student, now?"; never fetches it."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

CLAIM = "student_links"
VERSION = 1
RELATIONS = frozenset({"parent", "guardian", "relative"})
MAX_SECONDS = 253_402_300_799
"""The last second of the year 9999: anything later is a mistake, not a date."""

_STUDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_WORD = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SCHOOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")


class Reason(StrEnum):
    """Why `StudentLinks` holds what it holds. Only LINKED can open anything."""

    LINKED = "linked"
    """At least one link is in the claim (it may have expired since: ask `may`)."""
    EMPTY = "empty"
    """The bridge says: no verified link."""
    NEVER_PROJECTED = "never-projected"
    """A new account: the bridge has not written anything yet (`rev` 0)."""
    ABSENT = "absent"
    """No claim at all: this app was not granted the scope `student_links`."""
    MALFORMED = "malformed"
    """Not the shape of version 1: refused as a whole."""
    UNKNOWN_VERSION = "unknown-version"
    """A version this reader does not know: refused as a whole."""
    STALE = "stale"
    """A lower `rev` than this app has already seen for the same account: refused as a whole."""


class ClaimRefused(Exception):
    """The claim cannot be used; `reason` says why, the text names the member."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class RevisionMemory(Protocol):
    """Remembers the highest `rev` seen for each account. Keep it in a database that all processes share."""

    def advance(self, iss: str, sub: str, rev: int) -> bool:
        """Remember `rev` if it is not lower than the one seen before; tell whether it may be used."""
        ...


class RevisionsInMemory:
    """A `RevisionMemory` for one process; forgets at a restart."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def advance(self, iss: str, sub: str, rev: int) -> bool:
        """Remember `rev` if it is not lower than the one seen before; tell whether it may be used."""
        with self._lock:
            if rev < self._seen.get((iss, sub), 0):
                return False
            self._seen[iss, sub] = rev
            return True


@dataclass(frozen=True, slots=True)
class StudentLink:
    """One student this account may act for."""

    student_number: str
    relation: str
    """`parent`, `guardian` or `relative`."""
    purposes: frozenset[str]
    school: str
    """Code of the school of enrolment."""
    expires_at: int | None = None
    """Seconds since 1970, UTC; None where the link has no end date."""

    def live(self, at: datetime) -> bool:
        """Tell whether the link still holds at `at` (aware), however fresh the token is."""
        return self.expires_at is None or _seconds(at) < self.expires_at


@dataclass(frozen=True, slots=True)
class StudentLinks:
    """What the claim says, read and checked. Without LINKED it holds nothing and allows nothing."""

    reason: Reason
    revision: int = 0
    as_of: int = 0
    """Seconds since 1970, UTC: when the bridge computed the value."""
    all: tuple[StudentLink, ...] = ()
    more: bool = False
    """More links exist than fit: ask the bridge's API for the rest."""

    def live(self, at: datetime) -> tuple[StudentLink, ...]:
        """Return the links that still hold at `at` (aware), in the order of the claim."""
        return tuple(link for link in self.all if link.live(at))

    def link(self, student_number: str, at: datetime) -> StudentLink | None:
        """Return the live link to this student, or None."""
        return next((one for one in self.live(at) if one.student_number == student_number), None)

    def may(self, student_number: str, purpose: str, at: datetime) -> bool:
        """Tell whether this account may act for the student for `purpose` at `at` (aware UTC)."""
        link = self.link(student_number, at)
        return link is not None and purpose in link.purposes


def read_student_links(claims: Mapping[str, object], revisions: RevisionMemory | None = None) -> StudentLinks:
    """Return the links of verified `claims`; never raises for what the claim holds, the reason tells.

    `claims` must come from `tokens.py`: this function checks no signature. With `revisions`, a `rev` lower
    than one seen before for the same `iss` and `sub` is refused as STALE.
    """
    if CLAIM not in claims:
        return StudentLinks(Reason.ABSENT)
    try:
        links = parse_student_links(claims[CLAIM])
    except ClaimRefused as refused:
        return StudentLinks(refused.reason)
    if revisions is None or revisions.advance(str(claims["iss"]), str(claims["sub"]), links.revision):
        return links
    return StudentLinks(Reason.STALE, links.revision, links.as_of)


def parse_student_links(value: object) -> StudentLinks:
    """Return the claim's `value` (decoded JSON) as `StudentLinks`, or raise ClaimRefused."""
    claim = _object(value, CLAIM)
    version = _integer(claim, "v")
    if version != VERSION:
        raise ClaimRefused(Reason.UNKNOWN_VERSION, f"v is {version}")
    revision = _integer(claim, "rev")
    links = _links(claim.get("links"))
    more = claim.get("more", False)
    if not isinstance(more, bool):
        raise _malformed("more is not true or false")
    return StudentLinks(_reason(revision, links), revision, _integer(claim, "asof"), links, more)


def _reason(revision: int, links: tuple[StudentLink, ...]) -> Reason:
    if links:
        return Reason.LINKED
    return Reason.EMPTY if revision else Reason.NEVER_PROJECTED


def _links(value: object) -> tuple[StudentLink, ...]:
    if not isinstance(value, list):
        raise _malformed("links is not a list")
    links = tuple(_link(one) for one in value)
    if len({link.student_number for link in links}) != len(links):
        raise _malformed("the same student twice")
    return links


def _link(value: object) -> StudentLink:
    entry = _object(value, "a link")
    relation = _text(entry, "rel", _WORD)
    if relation not in RELATIONS:
        raise _malformed("rel is not parent, guardian or relative")
    return StudentLink(
        student_number=_text(entry, "id", _STUDENT),
        relation=relation,
        purposes=_purposes(entry.get("pur")),
        school=_text(entry, "org", _SCHOOL),
        expires_at=_integer(entry, "exp") if "exp" in entry else None,
    )


def _purposes(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) and _WORD.fullmatch(one) for one in value):
        raise _malformed("pur is not a list of words")
    return frozenset(value)


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _malformed(f"{what} is not an object")
    return value


def _integer(claim: Mapping[str, object], name: str) -> int:
    value = claim.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SECONDS:
        raise _malformed(f"{name} is not a whole number from 0")
    return value


def _text(entry: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _malformed(f"{name} is not the text it must be")
    return value


def _malformed(detail: str) -> ClaimRefused:
    return ClaimRefused(Reason.MALFORMED, detail)


def _seconds(at: datetime) -> float:
    if at.tzinfo is None:
        raise ValueError("a time must know its zone: pass datetime.now(UTC)")
    return at.timestamp()
