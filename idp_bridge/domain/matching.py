"""Compare what a parent said with what the roster says; never decides what a difference means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import TypeVar

from idp_bridge.domain.claims import ROLE
from idp_bridge.domain.link import Claimed
from idp_bridge.domain.people import GuardianHint, Parent, Student

T = TypeVar("T")

SIMILAR = 0.75
"""Share of equal letters from which two names are similar: `Amara Quintero`, `Amara Quintero-Bell`."""


class Match(StrEnum):
    """How two values compare."""

    SAME = "same"
    SIMILAR = "similar"
    DIFFERS = "differs"
    NOT_ASKED = "not-asked"
    NOT_LISTED = "not-listed"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of the desk's table; `said` and `roster` are values to be formatted by the page."""

    topic: str
    said: object
    roster: object
    match: Match
    meant: object = None
    """What it was corrected to at the counter, which is what `match` judges; None where it was not."""


def fits(claimed: Claimed, student: Student) -> bool:
    """Tell whether the claim names this student: number and birth date, nothing else."""
    return claimed.student_number == student.number and claimed.birth_date == student.birth_date


def compare(
    claimed: Claimed,
    parent: Parent,
    student: Student,
    hints: tuple[GuardianHint, ...],
    asked: Claimed | None = None,
) -> tuple[Comparison, ...]:
    """Return the rows the clerk sees for one child, in the order of the page.

    What was typed is shown; what was `asked` for, after a correction at the counter, is judged.
    """
    hint = nearest(parent, hints)
    meant = asked or claimed
    return (
        _judged("student-number", claimed.student_number, meant.student_number, student.number),
        _judged("birth-date", claimed.birth_date, meant.birth_date, student.birth_date),
        _equal("school", claimed.school, student.school),
        _relationship(claimed, hint),
        _name(parent, hint),
        Comparison("student-name", None, student.name, Match.NOT_ASKED),
    )


def nearest(parent: Parent, hints: Iterable[GuardianHint]) -> GuardianHint | None:
    """Return the guardian in the roster whose e-mail or name is nearest to the parent's account."""
    ranked = sorted(hints, key=lambda hint: (_likeness(parent, hint), hint.sourced_id), reverse=True)
    if not ranked or _likeness(parent, ranked[0]) < SIMILAR:
        return None
    return ranked[0]


def _likeness(parent: Parent, hint: GuardianHint) -> float:
    if hint.email and hint.email.casefold() == parent.email.casefold():
        return 2.0
    return SequenceMatcher(None, plain_name(parent.name), plain_name(hint.name)).ratio()


def _equal(topic: str, said: object, roster: object) -> Comparison:
    return Comparison(topic, said, roster, Match.SAME if said == roster else Match.DIFFERS)


def _judged(topic: str, said: object, meant: object, roster: object) -> Comparison:
    match = Match.SAME if meant == roster else Match.DIFFERS
    return Comparison(topic, said, roster, match, None if meant == said else meant)


def _relationship(claimed: Claimed, hint: GuardianHint | None) -> Comparison:
    if hint is None:
        return Comparison("relationship", claimed.relationship, None, Match.NOT_LISTED)
    match = Match.SAME if hint.role == ROLE[claimed.relationship] else Match.DIFFERS
    return Comparison("relationship", claimed.relationship, hint.role, match)


def _name(parent: Parent, hint: GuardianHint | None) -> Comparison:
    if hint is None:
        return Comparison("parent-name", parent.name, None, Match.NOT_LISTED)
    match = Match.SAME if plain_name(parent.name) == plain_name(hint.name) else Match.SIMILAR
    return Comparison("parent-name", parent.name, hint.name, match)


def plain_name(name: str) -> str:
    """Return a name without accents, case and extra spaces, for comparing only."""
    if name.isascii():  # most are, and this is asked of every account
        return " ".join(name.lower().split())
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(ch for ch in decomposed if not unicodedata.combining(ch)).split())


def same_name(one: str, other: str) -> bool:
    """Tell whether two names may be one person's: accents, case, order and apostrophes do not matter, nor
    a middle or second family name that only one of them has. A single word is only ever itself."""
    return _one_person(_words(one), _words(other))


def namesakes(name: str, others: Iterable[tuple[T, str]]) -> Iterator[T]:
    """Yield the key of each of `others` (key, name) who may be the person called `name`: for many at once."""
    wanted = _words(name)
    return (key for key, other in others if _one_person(wanted, _words(other)))


def _one_person(one: frozenset[str], other: frozenset[str]) -> bool:
    fewer, more = (one, other) if len(one) <= len(other) else (other, one)
    return bool(fewer) and (fewer == more or (len(fewer) > 1 and fewer < more))


def _words(name: str) -> frozenset[str]:
    whole = plain_name(name).replace("'", "").replace("\u2019", "")  # O'Brien is one word, as OBrien is
    return frozenset(re.findall(r"\w+", whole))
