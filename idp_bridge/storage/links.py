"""Keep links and visits in SQL; never decides whether a link may change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from idp_bridge.domain.errors import AlreadyAsked, ChangedMeanwhile, Restricted
from idp_bridge.domain.link import Claimed, Link, LinkId, LinkState, Visit, VisitId
from idp_bridge.domain.people import (
    ParentId,
    Purpose,
    Relationship,
    StudentId,
)
from idp_bridge.storage import tables
from idp_bridge.storage.waiting import follow_link, follow_visit
from idp_bridge.storage.writing import chunks, outranked

_STATES = {state.value: state for state in LinkState}
_RELATIONSHIPS = {relationship.value: relationship for relationship in Relationship}


class SqlLinks:
    """Links by id, parent, visit and student."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, link: LinkId) -> Link | None:
        """Return one link."""
        return next(iter(self._select(tables.links.c.id == link)), None)

    def of_parent(self, parent: ParentId) -> tuple[Link, ...]:
        """Return all links of a parent, newest first."""
        return self._select(tables.links.c.parent == parent, newest_first=True)

    def of_visit(self, visit: VisitId) -> tuple[Link, ...]:
        """Return the links of a visit, oldest first."""
        return self._select(tables.links.c.visit == visit)

    def of_student(self, student: StudentId) -> tuple[Link, ...]:
        """Return all links to a student, oldest first."""
        return self._select(tables.links.c.student == student)

    def add(self, link: Link) -> None:
        """Insert; raise AlreadyAsked when a live link of the two is there already, Restricted under one."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(sa.insert(tables.links).values(**_columns(link)))
        except IntegrityError as fault:
            raise (Restricted if outranked(fault) else AlreadyAsked) from fault
        follow_link(self._connection, link)

    def save(self, link: Link) -> None:
        """Update; raise ChangedMeanwhile unless the stored version is one lower, Restricted under one."""
        rows = tables.links
        statement = (
            sa.update(rows)
            .where(rows.c.id == link.id, rows.c.version == link.version - 1)
            .values(**_columns(link))
        )
        try:
            found = self._connection.execute(statement).rowcount
        except IntegrityError as fault:
            raise (Restricted() if outranked(fault) else fault) from fault
        if found != 1:
            raise ChangedMeanwhile
        follow_link(self._connection, link)

    def expired(self, now: datetime, limit: int) -> tuple[Link, ...]:
        """Return up to `limit` verified or suspended links whose end is not after `now`."""
        rows = tables.links
        query = (
            sa.select(rows)
            .where(rows.c.state.in_((LinkState.VERIFIED, LinkState.SUSPENDED)), rows.c.expires_at <= now)
            .order_by(rows.c.expires_at, rows.c.id)
            .limit(limit)
        )
        return tuple(read_link(row) for row in self._connection.execute(query).mappings())

    def verified_of(self, parents: Iterable[ParentId]) -> tuple[Link, ...]:
        """Return the verified links of several parents in one query."""
        rows = tables.links
        return self._select(rows.c.parent.in_(tuple(parents)), rows.c.state == LinkState.VERIFIED)

    def holders_of(self, students: Iterable[StudentId]) -> tuple[ParentId, ...]:
        """Return every parent with a verified link to one of `students`, each once, by id."""
        rows, found = tables.links, set[ParentId]()
        for some in chunks(students):
            query = sa.select(rows.c.parent).where(
                rows.c.student.in_(some), rows.c.state == LinkState.VERIFIED
            )
            found.update(map(ParentId, self._connection.execute(query).scalars()))
        return tuple(sorted(found))

    def holders_after(self, parent: ParentId | None, limit: int) -> tuple[ParentId, ...]:
        """Return up to `limit` parents with a verified link, by id, after `parent`."""
        rows = tables.links
        query = sa.select(rows.c.parent).distinct().where(rows.c.state == LinkState.VERIFIED)
        if parent is not None:
            query = query.where(rows.c.parent > parent)
        found = self._connection.execute(query.order_by(rows.c.parent).limit(limit)).scalars()
        return tuple(ParentId(one) for one in found)

    def _select(self, *where: sa.ColumnElement[bool], newest_first: bool = False) -> tuple[Link, ...]:
        rows = tables.links
        order = (rows.c.requested_at, rows.c.id)
        query = (
            sa.select(rows)
            .where(*where)
            .order_by(*(column.desc() for column in order) if newest_first else order)
        )
        return tuple(read_link(row) for row in self._connection.execute(query).mappings())


class SqlVisits:
    """Visits by id, code and parent."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, visit: VisitId) -> Visit | None:
        """Return one visit."""
        return self._one(tables.visits.c.id == visit)

    def by_fingerprint(self, fingerprint: str) -> Visit | None:
        """Return the visit whose code has this keyed hash, open or not."""
        return self._one(tables.visits.c.code_fingerprint == fingerprint)

    def open_of(self, parent: ParentId) -> Visit | None:
        """Return the parent's open visit."""
        return self._one(tables.visits.c.parent == parent, tables.visits.c.closed_at.is_(None))

    def add(self, visit: Visit) -> None:
        """Insert a visit; raise AlreadyAsked when the parent has an open one already."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(sa.insert(tables.visits).values(**asdict(visit)))
        except IntegrityError as fault:
            raise AlreadyAsked from fault

    def save(self, visit: Visit) -> None:
        """Update the last day and the closing time."""
        statement = (
            sa.update(tables.visits)
            .where(tables.visits.c.id == visit.id)
            .values(visit_by=visit.visit_by, closed_at=visit.closed_at)
        )
        self._connection.execute(statement)
        follow_visit(self._connection, visit.id)

    def overdue(self, day: date, limit: int) -> tuple[Visit, ...]:
        """Return up to `limit` open visits whose last day is before `day`."""
        rows = tables.visits
        query = (
            sa.select(rows)
            .where(rows.c.closed_at.is_(None), rows.c.visit_by < day)
            .order_by(rows.c.visit_by, rows.c.id)
            .limit(limit)
        )
        return tuple(Visit(**row) for row in self._connection.execute(query).mappings())

    def _one(self, *where: sa.ColumnElement[bool]) -> Visit | None:
        row = self._connection.execute(sa.select(tables.visits).where(*where)).mappings().first()
        return Visit(**row) if row else None


@lru_cache(maxsize=64)
def _purposes(words: str) -> frozenset[Purpose]:
    return frozenset(Purpose(word) for word in words.split())


def _columns(link: Link) -> dict[str, object]:
    return {
        "id": link.id,
        "parent": link.parent,
        "visit": link.visit,
        "claimed_number": link.claimed.student_number,
        "claimed_birth_date": link.claimed.birth_date,
        "claimed_school": link.claimed.school,
        "relationship": link.claimed.relationship,
        "student": link.student,
        "state": link.state,
        "requested_at": link.requested_at,
        "changed_at": link.changed_at,
        "reason": link.reason,
        "purposes": " ".join(sorted(link.purposes)),
        "evidence": link.evidence,
        "verified_at": link.verified_at,
        "verified_school": link.verified_school,
        "expires_at": link.expires_at,
        "corrected_number": link.corrected_number,
        "corrected_birth_date": link.corrected_birth_date,
        "first_staff": link.first_staff,
        "decided_by": link.decided_by,
        "paper_seen_at": link.paper_seen_at,
        "paper_seen_by": link.paper_seen_by,
        "version": link.version,
    }


def read_link(row: Any) -> Link:
    """Return the link in a row that has its columns by name."""
    return Link(
        id=row["id"],
        parent=row["parent"],
        visit=row["visit"],
        claimed=Claimed(
            student_number=row["claimed_number"],
            birth_date=row["claimed_birth_date"],
            school=row["claimed_school"],
            relationship=_RELATIONSHIPS[row["relationship"]],
        ),
        student=row["student"],
        state=_STATES[row["state"]],
        requested_at=row["requested_at"],
        changed_at=row["changed_at"],
        reason=row["reason"],
        purposes=_purposes(row["purposes"]),
        evidence=row["evidence"],
        verified_at=row["verified_at"],
        verified_school=row["verified_school"],
        expires_at=row["expires_at"],
        corrected_number=row["corrected_number"],
        corrected_birth_date=row["corrected_birth_date"],
        first_staff=row["first_staff"],
        decided_by=row["decided_by"],
        paper_seen_at=row["paper_seen_at"],
        paper_seen_by=row["paper_seen_by"],
        version=row["version"],
    )
