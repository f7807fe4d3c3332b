"""List why a request may be refused or a link ended, and on what ground; never says it in words.

A refusal needs a lawful reason. Custody alone is none: a parent has full rights unless a court order, a
state statute or a legally binding document specifically revokes them (34 CFR 99.4). That is a restriction,
which the counter never names: `not-entitled` covers it, and is the same for who is no parent at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from idp_bridge.domain.errors import BadInput


class Ground(StrEnum):
    """What a reason rests on."""

    LEGAL = "legal"
    PRACTICAL = "practical"


class Asked(StrEnum):
    """Who can tell the parent more, and looks at it again."""

    SCHOOL = "school"
    DISTRICT = "district"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of the list."""

    ground: Ground
    source: str
    """The rule of law, or the fact of the counter, it rests on."""
    final: bool
    """True where it was decided on the merits: the same two are linked later only by who may overrule."""
    ask: Asked = Asked.SCHOOL


DENIAL_REASONS: Mapping[str, Reason] = {
    "identity-not-shown": Reason(Ground.LEGAL, "34 CFR 99.31(c)", final=False),
    "relationship-not-shown": Reason(Ground.LEGAL, "34 CFR 99.3 (“parent”), 99.10(a)", final=False),
    "not-the-student": Reason(Ground.PRACTICAL, "the answers name another student or none", final=False),
    "request-by-mistake": Reason(Ground.PRACTICAL, "the parent says so", final=False),
    "student-is-18": Reason(Ground.LEGAL, "34 CFR 99.5(a)", final=False),
    "papers-not-genuine": Reason(Ground.PRACTICAL, "who issued the papers does not confirm them", final=True),
    "not-entitled": Reason(Ground.LEGAL, "34 CFR 99.3 (“parent”), 99.4", final=True, ask=Asked.DISTRICT),
}
"""Codes a refusal may carry; words for staff and parents are in the pages."""

REVOCATION_REASONS: Mapping[str, Reason] = {
    "court-order": Reason(Ground.LEGAL, "34 CFR 99.4", final=True, ask=Asked.DISTRICT),
    "verified-by-mistake": Reason(Ground.PRACTICAL, "the papers did not show it", final=False),
    "parent-asked": Reason(Ground.PRACTICAL, "the parent says so", final=False),
    "account-misused": Reason(Ground.LEGAL, "34 CFR 99.31(c)", final=True),
    "other-lawful-reason": Reason(Ground.LEGAL, "34 CFR 99.3, 99.4", final=True, ask=Asked.DISTRICT),
}
"""Codes a revocation may carry."""


def check_reason(reason: str, known: Collection[str]) -> str:
    """Return `reason` if it is one of the `known` codes; raise BadInput otherwise."""
    if reason not in known:
        raise BadInput({"reason": "choose"})
    return reason


def is_final(reason: str | None, known: Mapping[str, Reason]) -> bool:
    """Tell whether `reason` was a decision on the merits; a reason of no list counts as one."""
    found = known.get(reason or "")
    return found is None or found.final
