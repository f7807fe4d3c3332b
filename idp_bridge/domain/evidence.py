"""List the kinds of identification and relationship evidence and which suffice; never sees a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    """What suffices for one relationship."""

    kinds: frozenset[EvidenceKind]


EvidencePolicy = Mapping[Relationship, Accepted]


def _accepted(*kinds: EvidenceKind) -> Accepted:
    return Accepted(frozenset(kinds))


DEFAULT_POLICY: EvidencePolicy = {
    Relationship.PARENT: _accepted(
        EvidenceKind.SCHOOL_RECORD,
        EvidenceKind.BIRTH_CERTIFICATE,
        EvidenceKind.COURT_ORDER,
        EvidenceKind.OTHER_ACCEPTED,
    ),
    Relationship.STEP_PARENT: _accepted(
        EvidenceKind.SCHOOL_RECORD, EvidenceKind.MARRIAGE_CERTIFICATE, EvidenceKind.OTHER_ACCEPTED
    ),
    Relationship.LEGAL_GUARDIAN: _accepted(EvidenceKind.SCHOOL_RECORD, EvidenceKind.COURT_ORDER),
    Relationship.FOSTER_PARENT: _accepted(EvidenceKind.PLACEMENT_LETTER, EvidenceKind.COURT_ORDER),
    Relationship.CAREGIVER: _accepted(EvidenceKind.CAREGIVER_AFFIDAVIT, EvidenceKind.SCHOOL_RECORD),
    Relationship.CASEWORKER: _accepted(EvidenceKind.AGENCY_LETTER, EvidenceKind.COURT_ORDER),
    Relationship.SURROGATE: _accepted(EvidenceKind.AGENCY_LETTER, EvidenceKind.COURT_ORDER),
}
"""What a district gets unless its settings say otherwise."""

DENIAL_REASONS = (
    "identity-not-shown",
    "relationship-not-shown",
    "not-the-student",
    "request-by-mistake",
    "ask-district-office",
)
"""Codes a refusal may carry; words for parents are in the pages. Custody alone is none (FERPA 99.4)."""

REVOCATION_REASONS = (
    "court-order",
    "verified-by-mistake",
    "parent-asked",
    "account-misused",
    "other-lawful-reason",
)
"""Codes a revocation may carry."""


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


def check_reason(reason: str, known: tuple[str, ...]) -> str:
    """Return `reason` if it is one of the `known` codes; raise BadInput otherwise."""
    if reason not in known:
        raise BadInput({"reason": "choose"})
    return reason
