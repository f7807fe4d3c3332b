"""Own the rules of a restriction: whom it stands against, on what basis, who may lift it; never stores one.

A restriction outranks every link, code and sync. It needs a legal basis: a court order, a state statute, or a
legally binding document that specifically revokes the right (34 CFR 99.4). Custody alone is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

from idp_bridge.domain import matching
from idp_bridge.domain.birth_date import birth_date_hash
from idp_bridge.domain.errors import BadInput, MoveRefused, SamePerson
from idp_bridge.domain.people import Parent, ParentId, StudentId

RestrictionId = NewType("RestrictionId", str)
LONGEST_NOTE = 2000
LONGEST_NAME = 200
LONGEST_REVIEW_YEARS = 3
"""An order nobody has looked at for longer may have been changed by the court long since."""


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

    @property
    def name(self) -> str:
        """Return the person's name as the paper has it."""
        return f"{self.given_name} {self.family_name}".strip()

    def overdue(self, today: date) -> bool:
        """Tell whether it should have been looked at; it stands all the same until two persons lift it."""
        return self.stands and self.review_on <= today


@dataclass(frozen=True, slots=True)
class Namesake:
    """That somebody with the duty found an account of the same name to be another person's."""

    restriction: RestrictionId
    parent: ParentId
    cleared_by: str
    cleared_at: datetime


def check(access: bool, messages: bool, basis: str, given_name: str, family_name: str, note: str) -> Basis:
    """Return the basis if a restriction with these parts can be placed; raise BadInput otherwise."""
    faults = {}
    if not (access or messages):
        faults["limits"] = "choose"
    if basis not in set(Basis):
        faults["basis"] = "choose"
    for field, name in (("given_name", given_name), ("family_name", family_name)):
        if not name.strip():
            faults[field] = "enter"
        elif len(name.strip()) > LONGEST_NAME:
            faults[field] = "too-long"
    if len(note) > LONGEST_NOTE:
        faults["note"] = "too-long"
    if faults:
        raise BadInput(faults)
    return Basis(basis)


def same_name(restriction: Restriction, parent: Parent) -> bool:
    """Tell whether the account may be the named person's, by its name alone."""
    return matching.same_name(restriction.name, parent.name)


def other_birth_date(restriction: Restriction, proof_hash: str | None, key: bytes) -> bool:
    """Tell whether both birth dates are known and differ: then it is a namesake. `key` is `code_key`."""
    if restriction.birth_date is None or proof_hash is None:
        return False
    return birth_date_hash(key, restriction.birth_date) != proof_hash


def against(restriction: Restriction, parent: Parent, proof_hash: str | None, key: bytes) -> bool:
    """Tell whether `restriction` stands against this account: by the account, or by name and birth date.

    Where a birth date is not known on both sides, a namesake is stopped too and sent to the principal: that
    costs a conversation, the other mistake a child.
    """
    if not restriction.stands:
        return False
    if restriction.parent == parent.id:
        return True
    return same_name(restriction, parent) and not other_birth_date(restriction, proof_hash, key)


def reviewed(restriction: Restriction, review_on: date, today: date) -> Restriction:
    """Return `restriction` looked at, with the next day to do so. Raise MoveRefused or BadInput."""
    if not restriction.stands:
        raise MoveRefused("lifted")
    check_review(review_on, today)
    return replace(restriction, review_on=review_on, version=restriction.version + 1)


def check_review(review_on: date, today: date) -> None:
    """Raise BadInput unless the day is to come, and not later than anybody would remember."""
    if review_on <= today:
        raise BadInput({"review_on": "in-past"})
    if review_on.year > today.year + LONGEST_REVIEW_YEARS:
        raise BadInput({"review_on": "too-far"})


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
