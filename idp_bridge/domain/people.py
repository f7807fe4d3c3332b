"""Define who takes part: parents, students, schools and the words between them; never stores them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

ParentId = NewType("ParentId", str)
"""`sub` of an account in realm `parents`."""
StudentId = NewType("StudentId", str)
"""OneRoster `sourcedId` of a student: stable over a transfer, never shown."""
StudentNumber = NewType("StudentNumber", str)
"""OneRoster `identifier`, as apps and report cards print it: eight digits here."""
SchoolCode = NewType("SchoolCode", str)
"""OneRoster org `identifier`, for example `0552`."""

STUDENT_NUMBER_LENGTH = 8


class Population(StrEnum):
    """Which realm and kind of account signed in."""

    PARENT = "parent"
    EMPLOYEE = "employee"
    STUDENT = "student"


class Relationship(StrEnum):
    """What a parent says they are to the student (design 2)."""

    PARENT = "birth-or-adoptive-parent"
    STEP_PARENT = "step-parent"
    LEGAL_GUARDIAN = "legal-guardian"
    FOSTER_PARENT = "foster-parent"
    CAREGIVER = "caregiver"
    CASEWORKER = "caseworker"
    SURROGATE = "surrogate"


class Purpose(StrEnum):
    """What a link opens."""

    RECORDS = "records"
    TRANSPORT = "transport"
    CHOICE = "choice"
    MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class School:
    """A school where links are verified; address, hours and phone come from OneRoster `metadata.*`."""

    code: SchoolCode
    name: str
    address: str = ""
    office_hours: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Student:
    """A person in the roster. `enrolled` is False once a bulk bundle no longer holds the student."""

    id: StudentId
    number: StudentNumber
    given_name: str
    family_name: str
    birth_date: date
    school: SchoolCode
    grade: str = ""
    enrolled: bool = True
    left_on: date | None = None
    """Day of the import that no longer held the student; None while enrolled."""

    @property
    def name(self) -> str:
        """Return the name as staff and a linked parent see it."""
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(frozen=True, slots=True)
class GuardianHint:
    """What the roster says of a student's guardian: shown to staff beside the claim, never to parents."""

    student: StudentId
    sourced_id: str
    given_name: str
    family_name: str
    role: str
    """`parent`, `guardian` or `relative`: OneRoster's words."""
    email: str = ""
    phone: str = ""

    @property
    def name(self) -> str:
        """Return the guardian's name as the roster has it."""
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(frozen=True, slots=True)
class Parent:
    """A snapshot of an account in realm `parents`, taken at its last sign-in; `rev` is raised by us."""

    id: ParentId
    email: str
    given_name: str
    family_name: str
    locale: str
    first_seen_at: datetime
    rev: int = 0
    rev_at: datetime | None = None
    signed_in_at: datetime | None = None
    email_changed_at: datetime | None = None
    """When we learned that the account's e-mail is another one."""
    deleted_at: datetime | None = None
    """When the account was deleted, or found to be gone. The row stays for the audit's ids, without name and
    e-mail where the parent deleted it on our page; who signs in again has an account again."""

    @property
    def name(self) -> str:
        """Return the name on the account."""
        return f"{self.given_name} {self.family_name}".strip()


def read_student_number(text: str) -> StudentNumber | None:
    """Return the number typed in `text`, spaces and dashes taken out, or None if it is not one."""
    compact = "".join(ch for ch in text if not ch.isspace() and ch not in "-\u2010\u2011\u2013.")
    if len(compact) != STUDENT_NUMBER_LENGTH or not compact.isascii() or not compact.isdigit():
        return None
    return StudentNumber(compact)


def eighteenth_birthday(birth_date: date) -> date:
    """Return the day on which FERPA rights pass to the student (34 CFR 99.5, "eligible student").

    Somebody born on February 29 comes of age on March 1 of a year without that day.
    """
    try:
        return birth_date.replace(year=birth_date.year + 18)
    except ValueError:
        return date(birth_date.year + 18, 3, 1)


def latest_birth_date_of_age(today: date) -> date:
    """Return the latest date of birth whose 18th birthday is `today` or earlier."""
    try:
        return today.replace(year=today.year - 18)
    except ValueError:  # February 29, and 18 years ago had none
        return date(today.year - 18, 2, 28)


def in_district_domain(email: str, domains: tuple[str, ...]) -> bool:
    """Tell whether `email` lies in one of the district's `domains` or below it.

    Anything that is not plain ASCII counts as inside: `district。example` reaches the district's mailbox
    after IDN normalisation (seen on Keycloak 26.7.4), so only a plain address can be judged.
    """
    domain = email.rpartition("@")[2].strip().rstrip(".").lower()
    if not email.isascii() or not domain:
        return True
    return any(domain == d or domain.endswith("." + d) for d in domains)
