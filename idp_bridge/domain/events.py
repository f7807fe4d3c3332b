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

EVENTS: dict[str, frozenset[str]] = {
    "link:requested": frozenset({"claimed_school", "relationship", "matched"}),
    "link:verified": frozenset({"evidence", "before", "after"}),
    "link:denied": frozenset({"reason", "before", "after"}),
    "link:cancelled": frozenset({"before", "after"}),
    "link:lapsed": frozenset({"before", "after"}),
    "link:revoked": frozenset({"reason", "before", "after"}),
    "link:suspended": frozenset({"restriction", "before", "after"}),
    "link:resumed": frozenset({"restriction", "before", "after"}),
    "restriction:placed": frozenset({"restriction", "access", "messages", "basis"}),
    "restriction:lift-asked": frozenset({"restriction"}),
    "restriction:lifted": frozenset({"restriction"}),
    "link:left": frozenset({"before", "after"}),
    "link:expired": frozenset({"before", "after"}),
    "link:came-of-age": frozenset({"before", "after"}),
    "identity:proven": frozenset({"kind"}),
    "verification:refused": frozenset({"reason"}),
    "projection:mismatch": frozenset({"wanted_rev", "what"}),
    "alarm:unmatched-requests": frozenset({"count"}),
    "roster:imported": frozenset({"schools", "students", "withdrawn", "source_digest"}),
}
"""Name of each event -> the fields it carries, exactly."""


class ActorKind(StrEnum):
    """Who did it: a person of a realm, a timer, or an operator at the command line."""

    PARENT = "parents"
    STAFF = "district"
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
        if set(self.fields or {}) != EVENTS[self.name]:
            raise ValueError(f"{self.name} carries {sorted(EVENTS[self.name])}")


def chained(before: str, event: Event) -> str:
    """Return the hash of `event` after the hash `before` (SHA-256 over canonical JSON, hex)."""
    body = json.dumps(
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
        ],
        separators=(",", ":"),
        sort_keys=True,
    )
    return hashlib.sha256(body.encode()).hexdigest()


FIRST_HASH = "0" * 64
