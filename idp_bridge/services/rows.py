"""Say what the services need from the database, row by row; never how it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from idp_bridge.domain.events import Event
from idp_bridge.domain.link import IdentityProof, Link, LinkId, Visit, VisitId
from idp_bridge.domain.notice import Notice, NoticeKind
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

    def save(self, parent: Parent) -> None:
        """Insert the parent or update e-mail, names and locale; never the revision."""
        ...

    def raise_revision(self, parent: ParentId, at: datetime) -> int:
        """Raise the parent's revision by one and return it."""
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

    def unmatched_since(self, parent: ParentId, since: datetime) -> int:
        """Count the parent's requests since `since` that matched no student."""
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


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one parent until `until`; a write with an older `fence` is refused."""

    parent: ParentId
    fence: int
    attempts: int
    after_loss: bool
    """True when a link or purpose was lost since the last success: sessions must end too."""


@dataclass(frozen=True, slots=True)
class ProjectionRow:
    """Where a parent's projection stands."""

    parent: ParentId
    due_since: datetime | None
    attempts: int
    last_error: str | None
    done_rev: int
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProjectionState:
    """How far Keycloak is behind."""

    due: int
    oldest: datetime | None
    behind: tuple[ProjectionRow, ...]
    """Those that were tried and did not arrive, waiting longest first."""


@dataclass(frozen=True, slots=True)
class SentNotice:
    """A mail that went out."""

    kind: NoticeKind
    link: LinkId | None
    sent_at: datetime


class Notices(Protocol):
    """Mails to be sent, by key."""

    def add(self, notice: Notice) -> None:
        """Insert the notice unless its key is there already."""
        ...

    def take(self, now: datetime, until: datetime, limit: int) -> tuple[Notice, ...]:
        """Lease up to `limit` due notices until `until`, oldest first."""
        ...

    def due(self, now: datetime, limit: int) -> int:
        """Count up to `limit` notices that are due."""
        ...

    def sent(self, key: str, now: datetime) -> None:
        """Record that the mail server took it."""
        ...

    def withdraw(self, link: LinkId, kinds: Iterable[NoticeKind], at: datetime) -> None:
        """Let no mail of `kinds` about `link` go out that has not yet; the same may be noted anew."""
        ...

    def failed(self, key: str, error: str, next_try: datetime) -> None:
        """Record that it was not taken, and when to try again."""
        ...

    def sent_to(self, parent: ParentId) -> tuple[SentNotice, ...]:
        """Return the mails that went out to a parent, oldest first."""
        ...

    def drop_unsent(self, parent: ParentId) -> None:
        """Forget the mails to a parent that have not gone out."""
        ...


class Projections(Protocol):
    """Which parents' tokens do not say yet what they should."""

    def mark_due(self, parent: ParentId, at: datetime, *, loss: bool) -> None:
        """Mark the parent due; a loss is taken first and ends sessions after the write."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[ParentId, ...]:
        """Return up to `limit` due parents that nobody holds, losses first, oldest first."""
        ...

    def take(self, parent: ParentId, now: datetime, until: datetime) -> Lease | None:
        """Lease a due parent, or return None if it is not due or somebody else holds it."""
        ...

    def done(self, lease: Lease, rev: int, now: datetime) -> bool:
        """Record that Keycloak says `rev`; clear the due mark if nothing newer came. False if fenced out."""
        ...

    def failed(self, lease: Lease, error: str, next_try: datetime) -> None:
        """Give the lease back with the error and when to try again."""
        ...

    def get(self, parent: ParentId) -> ProjectionRow | None:
        """Return where one parent stands."""
        ...

    def state(self, limit: int) -> ProjectionState:
        """Return how many are due, since when, and up to `limit` that were tried without success."""
        ...


@dataclass(frozen=True, slots=True)
class Counter:
    """How often something was counted in its window, and when the window ends."""

    amount: int
    expires_at: datetime


class Limits(Protocol):
    """Counters by keyed hash; each forgets by itself when its window is over."""

    def add(self, key: str, amount: int, now: datetime, until: datetime) -> Counter:
        """Count `amount` more; a counter that is new or over starts again and lasts until `until`."""
        ...

    def get(self, key: str, now: datetime) -> Counter | None:
        """Return the counter if its window is not over."""
        ...

    def sweep(self, now: datetime, limit: int) -> int:
        """Delete up to `limit` counters whose window is over; return how many."""
        ...

    def over(self, now: datetime, limit: int) -> int:
        """Count up to `limit` counters whose window is over."""
        ...


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One event with its number in the chain."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to look for; every part that is given must fit. `before` is the number to go on from."""

    link: str | None = None
    parent: str | None = None
    student: str | None = None
    actor: str | None = None
    name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of the audit, and who has dealt with it."""

    number: int
    event: Event
    seen_at: datetime | None
    seen_by: str | None


class Alarms(Protocol):
    """Which alarms of the audit somebody has dealt with."""

    def get(self, number: int) -> Alarm | None:
        """Return one alarm."""
        ...

    def listed(self, *, seen: bool, before: int | None, limit: int) -> tuple[Alarm, ...]:
        """Return up to `limit` alarms before row `before`, newest first."""
        ...

    def unseen(self) -> int:
        """Count the alarms nobody has dealt with."""
        ...

    def see(self, number: int, staff: str, at: datetime) -> None:
        """Record who has dealt with an alarm."""
        ...


class Audit(Protocol):
    """The chain of events; there is no update and no delete."""

    def append(self, event: Event) -> None:
        """Append one event to the chain."""
        ...

    def of_link(self, link: LinkId) -> tuple[Event, ...]:
        """Return the events of one link, oldest first."""
        ...

    def of_student(self, student: StudentId) -> tuple[Event, ...]:
        """Return the events about one student, oldest first."""
        ...

    def first_bad(self, first: int = 1, limit: int | None = None) -> int | None:
        """Return the number of the first row whose hash does not fit, or None if the chain is whole.

        `first` and `limit` check a piece: the rows from `first` on, at most `limit` of them.
        """
        ...

    def length(self) -> int:
        """Return the number of the newest row, 0 if there is none."""
        ...

    def search(self, query: AuditQuery, limit: int) -> tuple[AuditRow, ...]:
        """Return up to `limit` events that fit `query`, newest first."""
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
    def audit(self) -> Audit: ...  # noqa: D102
    @property
    def alarms(self) -> Alarms: ...  # noqa: D102
    @property
    def limits(self) -> Limits: ...  # noqa: D102


class Store(Protocol):
    """The database."""

    def transaction(self) -> AbstractContextManager[Rows]:
        """Open a writing transaction: committed at the end, rolled back on any exception."""
        ...

    def reading(self) -> AbstractContextManager[Rows]:
        """Open a transaction that only reads."""
        ...
