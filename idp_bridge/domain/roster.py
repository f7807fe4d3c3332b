"""Say what a roster is and what an import of it changes; never reads a file or a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from idp_bridge.domain.people import GuardianHint, School, SchoolCode, Student, StudentId


@dataclass(frozen=True, slots=True)
class Roster:
    """All schools and enrolled students at one moment, and whom the roster names as guardians."""

    schools: tuple[School, ...]
    students: tuple[Student, ...]
    hints: Mapping[StudentId, tuple[GuardianHint, ...]]


@dataclass(frozen=True, slots=True)
class RosterChanges:
    """What turns the stored roster into the new one; everything not named stays."""

    schools: tuple[School, ...] = ()
    students: tuple[Student, ...] = ()
    withdrawn: tuple[StudentId, ...] = ()
    """Enrolled before and absent now: kept, but no longer enrolled."""
    left_on: date | None = None
    """Day from which on the withdrawn count as gone."""
    hints: Mapping[StudentId, tuple[GuardianHint, ...]] = field(default_factory=dict)
    """Student -> all hints this student has from now on."""

    def __bool__(self) -> bool:
        """Tell whether anything changes."""
        return bool(self.schools or self.students or self.withdrawn or self.hints)


def changes(
    schools: Mapping[SchoolCode, School],
    students: Mapping[StudentId, Student],
    hints: Mapping[StudentId, tuple[GuardianHint, ...]],
    roster: Roster,
    today: date,
) -> RosterChanges:
    """Return what importing the bulk `roster` changes in what is stored; no school is taken away."""
    coming = {student.id: student for student in roster.students}
    gone = (old for old in students.values() if old.enrolled and old.id not in coming)
    return RosterChanges(
        schools=tuple(school for school in roster.schools if schools.get(school.code) != school),
        students=tuple(student for student in roster.students if students.get(student.id) != student),
        withdrawn=tuple(sorted(old.id for old in gone)),
        left_on=today,
        hints={
            student: sorted_hints(roster.hints.get(student, ()))
            for student in coming
            if hints.get(student, ()) != sorted_hints(roster.hints.get(student, ()))
        },
    )


def sorted_hints(hints: tuple[GuardianHint, ...]) -> tuple[GuardianHint, ...]:
    """Return `hints` in the order storage gives them back."""
    return tuple(sorted(hints, key=lambda hint: hint.sourced_id))


def shown_otherwise(
    before: Mapping[StudentId, Student], coming: tuple[Student, ...]
) -> tuple[frozenset[StudentId], frozenset[StudentId]]:
    """Return whom tokens name otherwise from now on: students with another number, and the rest.

    A number that was taken away may be given to somebody else, also that of a student who left: a token that
    still names it is a loss.
    """
    known = [(before[student.id], student) for student in coming if student.id in before]
    given = {student.number: student.id for student in coming}
    handed_on = {old.id for old in before.values() if given.get(old.number, old.id) != old.id}
    numbers = frozenset(new.id for old, new in known if old.number != new.number) | handed_on
    return numbers, frozenset(new.id for old, new in known if old.school != new.school) - numbers
