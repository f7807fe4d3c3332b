"""Keep schools, students, guardian hints, parents and identity proofs in SQL; never decides about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from idp_bridge.domain.link import IdentityProof
from idp_bridge.domain.people import (
    GuardianHint,
    Parent,
    ParentId,
    School,
    SchoolCode,
    Student,
    StudentId,
    StudentNumber,
)
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.storage import tables
from idp_bridge.storage.waiting import follow_students
from idp_bridge.storage.writing import chunks, upsert

_SCHOOL = sa.select(tables.schools).where(tables.schools.c.code == sa.bindparam("wanted"))


class SqlSchools:
    """Schools by code."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> tuple[School, ...]:
        """Return every school, sorted by name."""
        rows = self._connection.execute(sa.select(tables.schools).order_by(tables.schools.c.name))
        return tuple(School(**row) for row in rows.mappings())

    def get(self, code: SchoolCode) -> School | None:
        """Return one school."""
        row = self._connection.execute(_SCHOOL, {"wanted": code}).mappings().first()
        return School(**row) if row else None


class SqlStudents:
    """Students and what the roster says of their guardians."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, student: StudentId) -> Student | None:
        """Return one student, enrolled or not."""
        return self.some((student,)).get(student)

    def some(self, students: Iterable[StudentId]) -> dict[StudentId, Student]:
        """Return several students in one query."""
        query = sa.select(tables.students).where(tables.students.c.id.in_(tuple(students)))
        return {row["id"]: Student(**row) for row in self._connection.execute(query).mappings()}

    def taken(self, numbers: Iterable[StudentNumber]) -> frozenset[StudentNumber]:
        """Return which of `numbers` an enrolled student bears."""
        rows = tables.students
        query = sa.select(rows.c.number).where(rows.c.number.in_(tuple(numbers)), tables.ENROLLED)
        return frozenset(self._connection.execute(query).scalars())

    def by_number(self, number: StudentNumber) -> Student | None:
        """Return the enrolled student with this number."""
        query = sa.select(tables.students).where(tables.students.c.number == number, tables.ENROLLED)
        row = self._connection.execute(query).mappings().first()
        return Student(**row) if row else None

    def hints(self, student: StudentId) -> tuple[GuardianHint, ...]:
        """Return the guardians the roster names for a student."""
        hints = tables.guardian_hints
        query = sa.select(hints).where(hints.c.student == student).order_by(hints.c.sourced_id)
        return tuple(GuardianHint(**row) for row in self._connection.execute(query).mappings())


class SqlRoster:
    """The roster as a whole, for the import."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def schools(self) -> dict[SchoolCode, School]:
        """Return every school."""
        return {school.code: school for school in SqlSchools(self._connection).all()}

    def students(self) -> dict[StudentId, Student]:
        """Return every student, enrolled or not."""
        rows = self._connection.execute(sa.select(tables.students)).mappings()
        return {row["id"]: Student(**row) for row in rows}

    def hints(self) -> dict[StudentId, tuple[GuardianHint, ...]]:
        """Return every hint, sorted by `sourced_id`."""
        hints = tables.guardian_hints
        rows = self._connection.execute(sa.select(hints).order_by(hints.c.student, hints.c.sourced_id))
        every = (GuardianHint(**row) for row in rows.mappings())
        return {student: tuple(some) for student, some in groupby(every, key=lambda hint: hint.student)}

    def write(self, changes: RosterChanges) -> None:
        """Insert or update what `changes` names. Withdrawals go first: a freed number may be given again."""
        students = tables.students
        for some in chunks(changes.withdrawn):
            gone = sa.update(students).where(students.c.id.in_(some))
            self._connection.execute(gone.values(enrolled=False, left_on=changes.left_on))
        upsert(self._connection, tables.schools, [asdict(school) for school in changes.schools])
        self._free_numbers(changes.students)
        upsert(self._connection, students, [asdict(student) for student in changes.students])
        for some in chunks(tuple(student.id for student in changes.students)):
            follow_students(self._connection, some)
        self._replace_hints(changes)

    def _free_numbers(self, coming: tuple[Student, ...]) -> None:
        """Take the unique numbers away from rows about to be rewritten, so two may swap theirs."""
        students = tables.students
        for some in chunks(tuple(student.id for student in coming)):
            self._connection.execute(
                sa.update(students).where(students.c.id.in_(some)).values(enrolled=False)
            )

    def _replace_hints(self, changes: RosterChanges) -> None:
        hints = tables.guardian_hints
        for some in chunks(tuple(changes.hints)):
            self._connection.execute(sa.delete(hints).where(hints.c.student.in_(some)))
        rows = [asdict(hint) for some in changes.hints.values() for hint in some]
        if rows:
            self._connection.execute(sa.insert(hints), rows)


class SqlParents:
    """Snapshots of parent accounts, and their revisions."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, parent: ParentId) -> Parent | None:
        """Return one parent."""
        query = sa.select(tables.parents).where(tables.parents.c.id == parent)
        row = self._connection.execute(query).mappings().first()
        return Parent(**row) if row else None

    def names(self) -> Iterable[tuple[ParentId, str]]:
        """Return every account with its name, one by one."""
        rows = tables.parents
        query = sa.select(rows.c.id, rows.c.given_name, rows.c.family_name)
        found = self._connection.execute(query)
        return ((ParentId(id), f"{given} {family}") for id, given, family in found)

    def some(self, parents: Iterable[ParentId]) -> dict[ParentId, Parent]:
        """Return several parents in one query."""
        query = sa.select(tables.parents).where(tables.parents.c.id.in_(tuple(parents)))
        return {row["id"]: Parent(**row) for row in self._connection.execute(query).mappings()}

    def save(self, parent: Parent) -> None:
        """Insert the parent or update e-mail, names and locale; never the revision."""
        upsert(
            self._connection,
            tables.parents,
            [asdict(parent)],
            keep=frozenset({"first_seen_at", "rev", "rev_at"}),
        )

    def raise_revision(self, parent: ParentId, at: datetime, above: int = 0) -> int:
        """Raise the parent's revision by one, or to one more than `above`, and return it."""
        rows = tables.parents
        statement = (
            sa.update(rows)
            .where(rows.c.id == parent)
            .values(rev=sa.case((rows.c.rev > above, rows.c.rev), else_=above) + 1, rev_at=at)
            .returning(rows.c.rev)
        )
        return int(self._connection.execute(statement).scalar_one())

    def raise_revisions(self, parents: Iterable[ParentId], at: datetime) -> None:
        """Raise the revision of several parents by one, in sets."""
        rows = tables.parents
        for some in chunks(parents):
            raised = sa.update(rows).where(rows.c.id.in_(some)).values(rev=rows.c.rev + 1, rev_at=at)
            self._connection.execute(raised)


class SqlProofs:
    """Identity proofs, one per parent."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, parent: ParentId) -> IdentityProof | None:
        """Return the proof."""
        query = sa.select(tables.identity_proofs).where(tables.identity_proofs.c.parent == parent)
        row = self._connection.execute(query).mappings().first()
        return IdentityProof(**row) if row else None

    def add(self, proof: IdentityProof) -> None:
        """Insert the proof; a second one for the same parent replaces the first."""
        upsert(self._connection, tables.identity_proofs, [asdict(proof)])

    def remove(self, parent: ParentId) -> None:
        """Delete the proof of a parent who deleted the account."""
        rows = tables.identity_proofs
        self._connection.execute(sa.delete(rows).where(rows.c.parent == parent))
