"""List every audit event and chain them by hash; never writes one down.

An event carries ids only: no name, birth date, e-mail or visit code (design 4, FERPA 99.32 asks who had
access to what and why, which ids answer).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_MOVE = frozenset({"before", "after"})

EVENTS: dict[str, frozenset[str]] = {
    "link:requested": frozenset({"claimed_school", "relationship", "matched"}),
    "link:corrected": frozenset({"what"}),
    "link:second-person-asked": _MOVE | {"evidence"},
    "link:referred": _MOVE,
    "link:verified": _MOVE | {"evidence"},
    "link:denied": _MOVE | {"reason"},
    "link:undone": _MOVE,
    "link:reopened": _MOVE,
    "link:cancelled": _MOVE,
    "link:lapsed": _MOVE,
    "link:revoked": _MOVE | {"reason"},
    "link:suspended": _MOVE | {"restriction"},
    "link:resumed": _MOVE | {"restriction"},
    "link:disputed": _MOVE,
    "link:dispute-settled": _MOVE,
    "link:left": _MOVE,
    "link:expired": _MOVE,
    "link:came-of-age": _MOVE,
    "link:withdrawn": _MOVE,
    "link:merged": _MOVE | {"into"},
    "link:moved": frozenset({"from_link", "after"}),
    "link:granted": frozenset({"from_link", "purposes", "after"}),
    "link:grant-withdrawn": _MOVE,
    "restriction:placed": frozenset({"restriction", "access", "messages", "basis"}),
    "restriction:reviewed": frozenset({"restriction", "review_on"}),
    "restriction:note-read": frozenset({"restriction"}),
    "restriction:namesake-cleared": frozenset({"restriction"}),
    "restriction:lift-asked": frozenset({"restriction"}),
    "restriction:lifted": frozenset({"restriction"}),
    "identity:proven": frozenset({"kind"}),
    "verification:refused": frozenset({"reason"}),
    "parent:email-changed": frozenset(),
    "parent:signed-out-everywhere": frozenset(),
    "parent:data-downloaded": frozenset(),
    "parent:deleted": frozenset(),
    "parent:gone": frozenset(),
    "projection:mismatch": frozenset({"wanted_rev", "what"}),
    "alarm:unmatched-requests": frozenset({"count"}),
    "alarm:requests-for-one-student": frozenset({"count"}),
    "alarm:verifications-by-one-person": frozenset({"count"}),
    "alarm:refusal-overruled": frozenset({"earlier"}),
    "alarm:wrong-child": frozenset(),
    "alarm:guessing": frozenset({"by", "count"}),
    "alarm:accounts-gone": frozenset({"count"}),
    "alarm:tampered": frozenset({"what"}),
    "alarm:district-address": frozenset(),
    "alarm:edit-undone": frozenset({"by", "what", "given_back"}),
    "alarm:revision-ahead": frozenset({"ours", "theirs"}),
    "projection:narrowed": frozenset({"ours", "theirs"}),
    "projection:resolved": frozenset({"kept", "ours", "theirs"}),
    "alarm:restriction-namesake": frozenset({"restriction"}),
    "alarm:seen": frozenset({"number"}),
    "roster:imported": frozenset({"schools", "students", "withdrawn", "source_digest"}),
}
"""Name of each event -> the fields it always carries."""

_PAPER = frozenset({"seen_at", "seen_by"})

OPTIONAL: dict[str, frozenset[str]] = {
    "link:second-person-asked": _PAPER | {"until"},
    "link:verified": _PAPER | {"until", "first", "overrules"},
    "link:denied": _PAPER,
    "link:cancelled": frozenset({"reason"}),
    "link:left": frozenset({"reason"}),
    "link:merged": frozenset({"reason"}),
    "identity:proven": _PAPER,
}
"""Name of an event -> fields it carries where there is something to say."""


def is_alarm(name: str) -> bool:
    """Tell whether the district must look at an event of this name."""
    return name.startswith("alarm:") and name != "alarm:seen"


class ActorKind(StrEnum):
    """Who did it: a person of a realm, a timer, or an operator at the command line."""

    PARENT = "parents"
    STAFF = "district"
    STUDENT = "student"
    """A student of 18 or more, through realm `district`."""
    SYSTEM = "system"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: the realm and the `sub` there (for staff the LDAP entryUUID, which outlives a `sub`)."""

    kind: ActorKind
    id: str


@dataclass(frozen=True, slots=True)
class Event:
    """One change, as the audit keeps it."""

    name: str
    at: datetime
    actor: Actor
    parent: str | None = None
    student: str | None = None
    link: str | None = None
    school: str | None = None
    fields: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        carried, always = set(self.fields or {}), EVENTS[self.name]
        if not always <= carried <= always | OPTIONAL.get(self.name, frozenset()):
            raise ValueError(f"{self.name} carries {sorted(always)}")


def chained(before: str, event: Event) -> str:
    """Return the hash of `event` after the hash `before` (SHA-256 over canonical JSON, hex)."""
    body = _CANONICAL.encode(
        [
            before,
            event.name,
            event.at.isoformat(),
            event.actor.kind,
            event.actor.id,
            event.parent,
            event.student,
            event.link,
            event.school,
            dict(event.fields or {}),
        ]
    )
    return hashlib.sha256(body.encode()).hexdigest()


FIRST_HASH = "0" * 64
_CANONICAL = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
"""Made once: `json.dumps` makes one each time, a tenth of what checking a chain costs."""
