"""Keep restrictions in SQL; never decides whom one stands against."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.errors import ChangedMeanwhile
from idp_bridge.domain.people import SchoolCode, StudentId
from idp_bridge.domain.restriction import Basis, Restriction, RestrictionId
from idp_bridge.storage import tables

_rows = tables.restrictions


class SqlRestrictions:
    """Restrictions by id, student and place."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, restriction: RestrictionId) -> Restriction | None:
        """Return one restriction."""
        return next(iter(self._select(sa.select(_rows).where(_rows.c.id == restriction))), None)

    def standing_for(self, student: StudentId) -> tuple[Restriction, ...]:
        """Return the restrictions in force for a student, oldest first."""
        query = sa.select(_rows).where(_rows.c.student == student, _rows.c.lifted_at.is_(None))
        return self._select(query.order_by(_rows.c.placed_at, _rows.c.id))

    def at(self, schools: frozenset[SchoolCode]) -> tuple[Restriction, ...]:
        """Return the restrictions in force for students of `schools`, nearest review first."""
        students = tables.students
        query = (
            sa.select(_rows)
            .join(students, students.c.id == _rows.c.student)
            .where(_rows.c.lifted_at.is_(None), students.c.school.in_(tuple(schools)))
        )
        return self._select(query.order_by(_rows.c.review_on, _rows.c.id))

    def add(self, restriction: Restriction) -> None:
        """Insert a restriction."""
        self._connection.execute(sa.insert(_rows).values(**asdict(restriction)))

    def save(self, restriction: Restriction) -> None:
        """Update; raise ChangedMeanwhile unless the stored version is one lower."""
        statement = (
            sa.update(_rows)
            .where(_rows.c.id == restriction.id, _rows.c.version == restriction.version - 1)
            .values(**asdict(restriction))
        )
        if self._connection.execute(statement).rowcount != 1:
            raise ChangedMeanwhile

    def _select(self, query: sa.Select[Any]) -> tuple[Restriction, ...]:
        rows = self._connection.execute(query).mappings()
        return tuple(Restriction(**{**row, "basis": Basis(row["basis"])}) for row in rows)
