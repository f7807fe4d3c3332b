"""Say who signed in, from verified claims and their issuer; never trusts a claim of the wrong realm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from idp_bridge.rp.links import Reason, RevisionMemory, StudentLinks, read_student_links

PARENT, EMPLOYEE, STUDENT = "parent", "employee", "student"

_ROLE = re.compile(r"([A-Za-z0-9-]{1,32}):([a-z][a-z-]{0,31})")
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Issuer:
    """One realm this app accepts people from."""

    name: str
    """Short name in paths: `/signin/parents`."""
    url: str
    """The issuer identifier, exactly as in `iss`."""
    populations: frozenset[str]
    """Who may come from here; a token that says anything else is treated as nobody's."""
    scope: str = "openid profile"
    retry_refused_refresh: bool = False
    """District accounts: a refused refresh may only mean that LDAP was away for a moment."""

    @property
    def has_parents(self) -> bool:
        """Tell whether `student_links` counts when it comes from here."""
        return PARENT in self.populations


def parents_issuer(url: str) -> Issuer:
    """Return realm `parents` at `url`."""
    return Issuer("parents", url, frozenset({PARENT}))


def district_issuer(url: str) -> Issuer:
    """Return realm `district` at `url`: employees and students from LDAP."""
    return Issuer("district", url, frozenset({EMPLOYEE, STUDENT}), retry_refused_refresh=True)


@dataclass(frozen=True, slots=True)
class SchoolRole:
    """A duty at a school, as LDAP groups give it: `0552:office`."""

    school: str
    duty: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in. An account is `iss` and `sub` together; two accounts are never one person to an app."""

    iss: str
    sub: str
    population: str | None
    """`parent`, `employee`, `student`; None if the token does not say, or says what this realm may not."""
    name: str = ""
    given_name: str = ""
    links: StudentLinks = field(default=StudentLinks(Reason.ABSENT))
    school_roles: tuple[SchoolRole, ...] = ()
    student_number: str | None = None

    def schools(self) -> frozenset[str]:
        """Return the codes of the schools where this employee has a duty."""
        return frozenset(role.school for role in self.school_roles)


def read_person(
    issuer: Issuer, claims: Mapping[str, object], revisions: RevisionMemory | None = None
) -> Person:
    """Return the person of verified `claims` that came from `issuer`.

    Links count only from a realm with parents, duties only for employees, a student number only for students.
    """
    population = read_population(claims, issuer)
    links = StudentLinks(Reason.ABSENT)
    if issuer.has_parents and population == PARENT:
        links = read_student_links(claims, revisions)
    return Person(
        iss=issuer.url,
        sub=str(claims["sub"]),
        population=population,
        name=_text(claims, "name"),
        given_name=_text(claims, "given_name"),
        links=links,
        school_roles=read_school_roles(claims) if population == EMPLOYEE else (),
        student_number=read_student_number(claims) if population == STUDENT else None,
    )


def read_population(claims: Mapping[str, object], issuer: Issuer) -> str | None:
    """Return `population` if this issuer may say it, else None."""
    value = claims.get("population")
    return value if isinstance(value, str) and value in issuer.populations else None


def read_school_roles(claims: Mapping[str, object]) -> tuple[SchoolRole, ...]:
    """Return the duties in `school_roles`, sorted; entries that are not `code:duty` grant nothing."""
    value = claims.get("school_roles")
    entries = value if isinstance(value, list) else []
    found = {match.groups() for one in entries if isinstance(one, str) and (match := _ROLE.fullmatch(one))}
    return tuple(SchoolRole(school, duty) for school, duty in sorted(found))


def read_student_number(claims: Mapping[str, object]) -> str | None:
    """Return the student's own number, or None if there is none to trust."""
    value = claims.get("student_number")
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
