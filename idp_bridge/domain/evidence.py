"""List the kinds of identification and relationship evidence and which suffice; never sees a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from idp_bridge.domain.errors import BadInput, EvidenceRefused
from idp_bridge.domain.people import Relationship


class IdentityKind(StrEnum):
    """What staff saw to know the person."""

    DRIVER_LICENSE = "driver-license"
    PASSPORT = "passport"
    CONSULAR_ID = "consular-id"
    MILITARY_ID = "military-id"
    OTHER_PHOTO_ID = "other-photo-id"


class EvidenceKind(StrEnum):
    """What showed the relationship."""

    SCHOOL_RECORD = "school-record"
    BIRTH_CERTIFICATE = "birth-certificate"
    MARRIAGE_CERTIFICATE = "marriage-certificate"
    COURT_ORDER = "court-order"
    PLACEMENT_LETTER = "placement-letter"
    CAREGIVER_AFFIDAVIT = "caregiver-affidavit"
    AGENCY_LETTER = "agency-letter"
    OTHER_ACCEPTED = "other-accepted"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What suffices for one relationship, and what more it needs."""

    kinds: frozenset[EvidenceKind]
    second_person: frozenset[EvidenceKind] = frozenset()
    """Kinds on which a second person must agree before anything is linked."""
    referral: bool = False
    """True where the district office decides and the counter only hands it over."""
    end_date: bool = False
    """True where staff must enter the day the relationship ends."""


EvidencePolicy = Mapping[Relationship, Accepted]


def _accepted(*kinds: EvidenceKind, second: Iterable[EvidenceKind] = (), **more: bool) -> Accepted:
    return Accepted(frozenset(kinds), frozenset(second), **more)


DEFAULT_POLICY: EvidencePolicy = {
    Relationship.PARENT: _accepted(
        EvidenceKind.SCHOOL_RECORD,
        EvidenceKind.BIRTH_CERTIFICATE,
        EvidenceKind.COURT_ORDER,
        EvidenceKind.OTHER_ACCEPTED,
        second=[EvidenceKind.COURT_ORDER],
    ),
    Relationship.STEP_PARENT: _accepted(
        EvidenceKind.SCHOOL_RECORD, EvidenceKind.MARRIAGE_CERTIFICATE, EvidenceKind.OTHER_ACCEPTED
    ),
    Relationship.LEGAL_GUARDIAN: _accepted(
        EvidenceKind.SCHOOL_RECORD, EvidenceKind.COURT_ORDER, second=[EvidenceKind.COURT_ORDER]
    ),
    Relationship.FOSTER_PARENT: _accepted(EvidenceKind.PLACEMENT_LETTER, EvidenceKind.COURT_ORDER),
    Relationship.CAREGIVER: _accepted(
        EvidenceKind.CAREGIVER_AFFIDAVIT,
        EvidenceKind.SCHOOL_RECORD,
        second=[EvidenceKind.CAREGIVER_AFFIDAVIT],
    ),
    Relationship.CASEWORKER: _accepted(EvidenceKind.AGENCY_LETTER, EvidenceKind.COURT_ORDER, end_date=True),
    Relationship.SURROGATE: _accepted(EvidenceKind.AGENCY_LETTER, EvidenceKind.COURT_ORDER, referral=True),
}
"""What a district gets unless its settings say otherwise."""

FOR_A_TIME = frozenset({Relationship.FOSTER_PARENT, Relationship.CASEWORKER})
"""Relationships that are made for a time: the counter offers to enter the last day."""
LONGEST_YEARS = 5
"""A last day further away than this is a slip of the pen."""


def adapted(changes: Mapping[str, Mapping[str, Any]]) -> EvidencePolicy:
    """Return the default policy with what a district's settings say otherwise, part by part.

    Where only the kinds are set, a second person stays asked for those of them that asked for one before.
    """
    return {
        relationship: _changed(accepted, changes.get(relationship, {}))
        for relationship, accepted in DEFAULT_POLICY.items()
    }


def _changed(accepted: Accepted, said: Mapping[str, Any]) -> Accepted:
    kinds = frozenset(EvidenceKind(kind) for kind in said.get("kinds", accepted.kinds))
    second = frozenset(EvidenceKind(kind) for kind in said.get("second_person", accepted.second_person))
    return Accepted(
        kinds,
        second & kinds,
        said.get("referral", accepted.referral),
        said.get("end_date", accepted.end_date),
    )


def check_identity(kind: str) -> IdentityKind:
    """Return `kind` as an IdentityKind; raise BadInput when it is not one."""
    try:
        return IdentityKind(kind)
    except ValueError:
        raise BadInput({"identity": "choose"}) from None


def check_evidence(policy: EvidencePolicy, relationship: Relationship, kind: str) -> EvidenceKind:
    """Return `kind` if `policy` accepts it for `relationship`; raise BadInput or EvidenceRefused."""
    try:
        evidence = EvidenceKind(kind)
    except ValueError:
        raise BadInput({"evidence": "choose"}) from None
    if evidence not in policy[relationship].kinds:
        raise EvidenceRefused(f"{evidence} for {relationship}")
    return evidence


def check_until(accepted: Accepted, until: date | None, today: date) -> date | None:
    """Return the last day the link shall work; raise BadInput where it is missing, over, or too far away."""
    if until is None:
        if accepted.end_date:
            raise BadInput({"until": "enter"})
        return None
    if until <= today:
        raise BadInput({"until": "in-past"})
    if until > today + timedelta(days=366 * LONGEST_YEARS):
        raise BadInput({"until": "too-far"})
    return until
