"""Keep restrictions in SQL; never decides whom one stands against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from idp_bridge.domain.errors import ChangedMeanwhile, Restricted
from idp_bridge.domain.people import ParentId, SchoolCode, StudentId
from idp_bridge.domain.restriction import Basis, Namesake, Restriction, RestrictionId
from idp_bridge.storage import tables
from idp_bridge.storage.writing import insert_new, outranked

_rows, _stands, _namesakes = tables.restrictions, tables.restricted, tables.namesakes


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

    def of_student(self, student: StudentId) -> tuple[Restriction, ...]:
        """Return every restriction of a student, lifted ones too, oldest first."""
        query = sa.select(_rows).where(_rows.c.student == student)
        return self._select(query.order_by(_rows.c.placed_at, _rows.c.id))

    def standing(self) -> tuple[Restriction, ...]:
        """Return every restriction in force, for a new account or name."""
        return self._select(sa.select(_rows).where(_rows.c.lifted_at.is_(None)).order_by(_rows.c.id))

    def against(self, parent: ParentId, student: StudentId | None = None) -> tuple[Restriction, ...]:
        """Return the restrictions that stand against this account, for one student or for any."""
        query = (
            sa.select(_rows)
            .join(_stands, _stands.c.restriction == _rows.c.id)
            .where(_stands.c.parent == parent, _rows.c.lifted_at.is_(None))
        )
        if student is not None:
            query = query.where(_rows.c.student == student)
        return self._select(query.order_by(_rows.c.placed_at, _rows.c.id))

    def silenced(self, parents: Iterable[ParentId]) -> frozenset[tuple[ParentId, StudentId]]:
        """Return which of `parents` may get no messages about which student."""
        query = (
            sa.select(_stands.c.parent, _rows.c.student)
            .join(_stands, _stands.c.restriction == _rows.c.id)
            .where(_stands.c.parent.in_(tuple(parents)), _rows.c.lifted_at.is_(None), _rows.c.messages)
        )
        return frozenset((row.parent, row.student) for row in self._connection.execute(query))

    def accounts(self, restriction: RestrictionId) -> tuple[ParentId, ...]:
        """Return the accounts a restriction stands against."""
        query = sa.select(_stands.c.parent).where(_stands.c.restriction == restriction)
        return tuple(self._connection.execute(query.order_by(_stands.c.since, _stands.c.parent)).scalars())

    def stand(self, restriction: RestrictionId, parent: ParentId, since: datetime) -> None:
        """Let it stand against the account; raise Restricted while a link under it is verified."""
        row = {"restriction": restriction, "parent": parent, "since": since}
        try:
            insert_new(self._connection, _stands, row)
        except IntegrityError as fault:
            raise (Restricted() if outranked(fault) else fault) from fault

    def stand_no_more(self, restriction: RestrictionId, parent: ParentId) -> None:
        """Let it stand against the account no more."""
        where = (_stands.c.restriction == restriction, _stands.c.parent == parent)
        self._connection.execute(sa.delete(_stands).where(*where))

    def clear(self, namesake: Namesake) -> None:
        """Insert that the account is another person's."""
        insert_new(self._connection, _namesakes, asdict(namesake))

    def namesakes(self, restriction: RestrictionId) -> tuple[Namesake, ...]:
        """Return the accounts found to be another person's."""
        query = sa.select(_namesakes).where(_namesakes.c.restriction == restriction)
        rows = self._connection.execute(query.order_by(_namesakes.c.cleared_at)).mappings()
        return tuple(Namesake(**row) for row in rows)

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
