"""Own the rules of a restriction: whom it stands against, on what basis, who may lift it; never stores one.

A restriction outranks every link, code and sync. It needs a legal basis: a court order, a state statute, or a
legally binding document that specifically revokes the right (34 CFR 99.4). Custody alone is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

from idp_bridge.domain.errors import BadInput, MoveRefused, SamePerson
from idp_bridge.domain.matching import plain_name
from idp_bridge.domain.people import Parent, ParentId, StudentId

RestrictionId = NewType("RestrictionId", str)
LONGEST_NOTE = 2000


class Basis(StrEnum):
    """The lawful reasons a parent's rights may be limited (34 CFR 99.4)."""

    COURT_ORDER = "court-order"
    STATE_STATUTE = "state-statute"
    BINDING_DOCUMENT = "binding-document"


@dataclass(frozen=True, slots=True)
class Restriction:
    """One person and one student. Access and messages are limited apart from each other."""

    id: RestrictionId
    student: StudentId
    given_name: str
    family_name: str
    birth_date: date | None
    """Of the person, where the paper says it: tells them from a namesake."""
    parent: ParentId | None
    """The person's account, where one is known; a later one is matched by name and birth date."""
    access: bool
    messages: bool
    basis: Basis
    note: str
    """Sealed: shown to principals and the district office only, never in audit or logs."""
    review_on: date
    placed_by: str
    placed_at: datetime
    lift_asked_by: str | None = None
    lifted_by: str | None = None
    lifted_at: datetime | None = None
    version: int = 0

    @property
    def stands(self) -> bool:
        """Tell whether the restriction is in force."""
        return self.lifted_at is None


def check(access: bool, messages: bool, basis: str, family_name: str, note: str) -> Basis:
    """Return the basis if a restriction with these parts can be placed; raise BadInput otherwise."""
    faults = {}
    if not (access or messages):
        faults["limits"] = "choose"
    if basis not in set(Basis):
        faults["basis"] = "choose"
    if not family_name.strip():
        faults["family_name"] = "enter"
    if len(note) > LONGEST_NOTE:
        faults["note"] = "too-long"
    if faults:
        raise BadInput(faults)
    return Basis(basis)


def against(restriction: Restriction, parent: Parent) -> bool:
    """Tell whether `restriction` stands against this account: by the account, or by the same name.

    A namesake is stopped too and sent to the principal: that costs a conversation, the other mistake a child.
    """
    if not restriction.stands:
        return False
    if restriction.parent is not None:
        return restriction.parent == parent.id
    names = (f"{restriction.given_name} {restriction.family_name}", parent.name)
    return plain_name(names[0]) == plain_name(names[1])


def lift_asked(restriction: Restriction, staff: str) -> Restriction:
    """Return `restriction` with the first of two persons asking to lift it; raise MoveRefused."""
    if not restriction.stands or restriction.lift_asked_by is not None:
        raise MoveRefused("not standing, or asked already")
    return replace(restriction, lift_asked_by=staff, version=restriction.version + 1)


def lifted(restriction: Restriction, staff: str, at: datetime) -> Restriction:
    """Return `restriction` lifted by the second person; raise MoveRefused, or SamePerson for the first."""
    if not restriction.stands or restriction.lift_asked_by is None:
        raise MoveRefused("nobody asked to lift it")
    if restriction.lift_asked_by == staff:
        raise SamePerson
    return replace(restriction, lifted_by=staff, lifted_at=at, version=restriction.version + 1)
