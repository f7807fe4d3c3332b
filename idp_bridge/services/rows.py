"""Say what the services need from the database, row by row; never how it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from idp_bridge.domain.link import IdentityProof, Link, LinkId, Visit, VisitId
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
from idp_bridge.domain.restriction import Namesake, Restriction, RestrictionId
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.due_rows import DueRows
from idp_bridge.services.journals import Alarms, Audit, Limits, Notices, Projections, SeenEvents, Workers


class Schools(Protocol):
    """Schools by code."""

    def all(self) -> tuple[School, ...]:
        """Return every school, sorted by name."""
        ...

    def get(self, code: SchoolCode) -> School | None:
        """Return one school."""
        ...


class Students(Protocol):
    """Students and what the roster says of their guardians."""

    def get(self, student: StudentId) -> Student | None:
        """Return one student, enrolled or not."""
        ...

    def some(self, students: Iterable[StudentId]) -> dict[StudentId, Student]:
        """Return several students in one query."""
        ...

    def taken(self, numbers: Iterable[StudentNumber]) -> frozenset[StudentNumber]:
        """Return which of `numbers` an enrolled student bears."""
        ...

    def by_number(self, number: StudentNumber) -> Student | None:
        """Return the enrolled student with this number."""
        ...

    def hints(self, student: StudentId) -> tuple[GuardianHint, ...]:
        """Return the guardians the roster names for a student."""
        ...


class Rosters(Protocol):
    """The roster as a whole, for the import."""

    def schools(self) -> dict[SchoolCode, School]:
        """Return every school."""
        ...

    def students(self) -> dict[StudentId, Student]:
        """Return every student, enrolled or not."""
        ...

    def hints(self) -> dict[StudentId, tuple[GuardianHint, ...]]:
        """Return every hint, sorted by `sourced_id`."""
        ...

    def write(self, changes: RosterChanges) -> None:
        """Insert or update what `changes` names."""
        ...


class Parents(Protocol):
    """Snapshots of parent accounts, and their revisions."""

    def get(self, parent: ParentId) -> Parent | None:
        """Return one parent."""
        ...

    def names(self) -> Iterable[tuple[ParentId, str]]:
        """Return every account with its name, one by one."""
        ...

    def some(self, parents: Iterable[ParentId]) -> dict[ParentId, Parent]:
        """Return several parents in one query."""
        ...

    def save(self, parent: Parent) -> None:
        """Insert the parent or update e-mail, names and locale; never the revision."""
        ...

    def raise_revision(self, parent: ParentId, at: datetime, above: int = 0) -> int:
        """Raise the parent's revision by one, or to one more than `above`, and return it."""
        ...

    def raise_revisions(self, parents: Iterable[ParentId], at: datetime) -> None:
        """Raise the revision of several parents by one, in sets."""
        ...


class Links(Protocol):
    """Links by id, parent, visit and student."""

    def get(self, link: LinkId) -> Link | None:
        """Return one link."""
        ...

    def of_parent(self, parent: ParentId) -> tuple[Link, ...]:
        """Return all links of a parent, newest first."""
        ...

    def of_visit(self, visit: VisitId) -> tuple[Link, ...]:
        """Return the links of a visit, oldest first."""
        ...

    def of_student(self, student: StudentId) -> tuple[Link, ...]:
        """Return all links to a student, oldest first."""
        ...

    def add(self, link: Link) -> None:
        """Insert; raise AlreadyAsked when a live link of this parent and student is there already."""
        ...

    def save(self, link: Link) -> None:
        """Update; raise ChangedMeanwhile unless the stored version is `link.version - 1`."""
        ...

    def expired(self, now: datetime, limit: int) -> tuple[Link, ...]:
        """Return up to `limit` verified or suspended links whose end is not after `now`."""
        ...

    def verified_of(self, parents: Iterable[ParentId]) -> tuple[Link, ...]:
        """Return the verified links of several parents in one query."""
        ...

    def holders_of(self, students: Iterable[StudentId]) -> tuple[ParentId, ...]:
        """Return every parent with a verified link to one of `students`, each once, by id."""
        ...

    def holders_after(self, parent: ParentId | None, limit: int) -> tuple[ParentId, ...]:
        """Return up to `limit` parents with a verified link, by id, after `parent`."""
        ...


class Visits(Protocol):
    """Visits by id, code and parent."""

    def get(self, visit: VisitId) -> Visit | None:
        """Return one visit."""
        ...

    def by_fingerprint(self, fingerprint: str) -> Visit | None:
        """Return the visit whose code has this keyed hash, open or not."""
        ...

    def open_of(self, parent: ParentId) -> Visit | None:
        """Return the parent's open visit."""
        ...

    def add(self, visit: Visit) -> None:
        """Insert a visit."""
        ...

    def save(self, visit: Visit) -> None:
        """Update the last day and the closing time."""
        ...

    def overdue(self, day: date, limit: int) -> tuple[Visit, ...]:
        """Return up to `limit` open visits whose last day is before `day`."""
        ...


class DeskList(StrEnum):
    """The lists of the desk that are kept in order: what waits, and for what."""

    VISITS = "visits"
    SECOND = "second"
    REFERRED = "referred"


@dataclass(frozen=True, slots=True)
class Where:
    """A part of one of the desk's lists."""

    list: DeskList
    schools: frozenset[SchoolCode] | None
    """None stands for every school there is."""
    until: date | None = None
    """The latest last day; None for all."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One visit as the desk lists it, with all its links."""

    visit: Visit
    parent: Parent
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Arriving:
    """A verified link whose parent's token may not say so yet."""

    link: Link
    parent: Parent
    student: Student
    since: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """One link as the desk's search lists it."""

    link: Link
    parent: Parent
    visit: Visit


class Queue(Protocol):
    """The lists of the desk, and what its search looks up. What it costs grows with what is shown alone."""

    def page(self, where: Where, first: int, size: int) -> tuple[QueueRow, ...]:
        """Return some visits of a list, nearest last day first."""
        ...

    def arriving(
        self, schools: frozenset[SchoolCode] | None, now: datetime, first: int, size: int
    ) -> tuple[Arriving, ...]:
        """Return verified links to students of `schools` whose projection is due, longest due first."""
        ...

    def counts(
        self,
        parts: tuple[Where, ...],
        arriving: frozenset[SchoolCode] | None,
        now: datetime,
        most: tuple[int, ...],
    ) -> tuple[int, ...]:
        """Count the visits of each part, then what arrives at the schools `arriving`; each up to a `most`."""
        ...

    def decided_by(self, staff: str, since: datetime, limit: int) -> tuple[Link, ...]:
        """Return links this person decided last, changed at `since` or later, newest first."""
        ...

    def by_number(
        self, number: StudentNumber, schools: frozenset[SchoolCode] | None, limit: int
    ) -> tuple[Found, ...]:
        """Return links that ask for this number, or name the student who has it, newest first.

        Only those claimed at one of `schools`, or about a student there.
        """
        ...

    def by_email(self, email: str, schools: frozenset[SchoolCode] | None, limit: int) -> tuple[Found, ...]:
        """Return the links of the account with this e-mail, in any case, newest first; of `schools` only."""
        ...


class Restrictions(Protocol):
    """Restrictions by id, student and place."""

    def get(self, restriction: RestrictionId) -> Restriction | None:
        """Return one restriction."""
        ...

    def standing_for(self, student: StudentId) -> tuple[Restriction, ...]:
        """Return the restrictions in force for a student, oldest first."""
        ...

    def at(self, schools: frozenset[SchoolCode]) -> tuple[Restriction, ...]:
        """Return the restrictions in force for students of `schools`, nearest review first."""
        ...

    def of_student(self, student: StudentId) -> tuple[Restriction, ...]:
        """Return every restriction of a student, lifted ones too, oldest first."""
        ...

    def standing(self) -> tuple[Restriction, ...]:
        """Return every restriction in force, for a new account or name."""
        ...

    def against(self, parent: ParentId, student: StudentId | None = None) -> tuple[Restriction, ...]:
        """Return the restrictions that stand against this account, for one student or for any."""
        ...

    def accounts(self, restriction: RestrictionId) -> tuple[ParentId, ...]:
        """Return the accounts a restriction stands against."""
        ...

    def stand(self, restriction: RestrictionId, parent: ParentId, since: datetime) -> None:
        """Let it stand against the account; raise Restricted while a link under it is verified."""
        ...

    def stand_no_more(self, restriction: RestrictionId, parent: ParentId) -> None:
        """Let it stand against the account no more."""
        ...

    def clear(self, namesake: Namesake) -> None:
        """Insert that the account is another person's."""
        ...

    def namesakes(self, restriction: RestrictionId) -> tuple[Namesake, ...]:
        """Return the accounts found to be another person's."""
        ...

    def silenced(self, parents: Iterable[ParentId]) -> frozenset[tuple[ParentId, StudentId]]:
        """Return which of `parents` may get no messages about which student."""
        ...

    def add(self, restriction: Restriction) -> None:
        """Insert a restriction."""
        ...

    def save(self, restriction: Restriction) -> None:
        """Update; raise ChangedMeanwhile unless the stored version is one lower."""
        ...


class Proofs(Protocol):
    """Identity proofs, one per parent."""

    def get(self, parent: ParentId) -> IdentityProof | None:
        """Return the proof."""
        ...

    def add(self, proof: IdentityProof) -> None:
        """Insert the proof; a second one for the same parent replaces the first."""
        ...

    def remove(self, parent: ParentId) -> None:
        """Delete the proof of a parent who deleted the account."""
        ...


class Rows(Protocol):
    """All rows, inside one transaction."""

    @property
    def schools(self) -> Schools: ...  # noqa: D102 - named as its class
    @property
    def students(self) -> Students: ...  # noqa: D102
    @property
    def roster(self) -> Rosters: ...  # noqa: D102
    @property
    def parents(self) -> Parents: ...  # noqa: D102
    @property
    def links(self) -> Links: ...  # noqa: D102
    @property
    def visits(self) -> Visits: ...  # noqa: D102
    @property
    def due(self) -> DueRows: ...  # noqa: D102
    @property
    def queue(self) -> Queue: ...  # noqa: D102
    @property
    def proofs(self) -> Proofs: ...  # noqa: D102
    @property
    def restrictions(self) -> Restrictions: ...  # noqa: D102
    @property
    def notices(self) -> Notices: ...  # noqa: D102
    @property
    def projections(self) -> Projections: ...  # noqa: D102
    @property
    def seen_events(self) -> SeenEvents: ...  # noqa: D102
    @property
    def workers(self) -> Workers: ...  # noqa: D102
    @property
    def audit(self) -> Audit: ...  # noqa: D102
    @property
    def alarms(self) -> Alarms: ...  # noqa: D102
    @property
    def limits(self) -> Limits: ...  # noqa: D102


class Store(Protocol):
    """The database."""

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[Rows]:
        """Open a writing transaction: committed at the end, rolled back on any exception.

        One that is not `durable` may be lost when the database's machine stops, whole: only for what is then
        done again by itself.
        """
        ...

    def reading(self) -> AbstractContextManager[Rows]:
        """Open a transaction that only reads."""
        ...
