"""Say what the services need from the database, row by row; never how it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from idp_bridge.domain.events import Event
from idp_bridge.domain.link import IdentityProof, Link, LinkId, Visit, VisitId
from idp_bridge.domain.notice import Notice
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

    def some(self, parents: Iterable[ParentId]) -> dict[ParentId, Parent]:
        """Return several parents in one query."""
        ...

    def save(self, parent: Parent) -> None:
        """Insert the parent or update e-mail, names and locale; never the revision."""
        ...

    def raise_revision(self, parent: ParentId, at: datetime, above: int = 0) -> int:
        """Raise the parent's revision by one, or to one more than `above`, and return it."""
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

    def holders_after(self, parent: ParentId | None, limit: int) -> tuple[ParentId, ...]:
        """Return up to `limit` parents with a verified link, by id, after `parent`."""
        ...

    def unmatched_since(self, parent: ParentId, since: datetime) -> int:
        """Count the parent's requests since `since` that matched no student."""
        ...


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One visit as the desk lists it."""

    visit: Visit
    parent: Parent
    links: tuple[Link, ...]


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

    def queue(self, schools: frozenset[SchoolCode], first: int, size: int) -> tuple[QueueRow, ...]:
        """Return open visits that claim a student at one of `schools`, nearest last day first."""
        ...

    def queue_length(self, schools: frozenset[SchoolCode]) -> int:
        """Count what `queue` would list."""
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


@dataclass(frozen=True, slots=True)
class Seen:
    """What Keycloak was read to hold: the revision in it, and SHA-256 (hex) over the value."""

    rev: int
    hash: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one parent until `until`; a write with an older `fence` is refused."""

    parent: ParentId
    fence: int
    attempts: int
    after_loss: bool
    """True when a link or purpose was lost since the last success: sessions must end too."""
    due_since: datetime | None = None
    seen: Seen | None = None
    """What was last read back from Keycloak; None before the first."""


@dataclass(frozen=True, slots=True)
class ProjectionRow:
    """Where a parent's projection stands."""

    parent: ParentId
    due_since: datetime | None
    attempts: int
    last_error: str | None
    done_rev: int
    done_at: datetime | None
    loss: bool = False
    step: str = ""
    """What waits to be done: `value`, `sessions`, `offline` or `own-sessions`; empty when nothing failed."""
    next_try: datetime | None = None
    seen_rev: int | None = None
    seen_at: datetime | None = None
    stopped_at: datetime | None = None
    """When it was stopped because Keycloak holds a higher revision than we; somebody must resolve it."""


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

    def failed(self, key: str, error: str, next_try: datetime) -> None:
        """Record that it was not taken, and when to try again."""
        ...


class Projections(Protocol):
    """Which parents' tokens do not say yet what they should."""

    def mark_due(self, parent: ParentId, at: datetime, *, loss: bool) -> None:
        """Mark the parent due; a loss is taken first and ends sessions after the write."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[ParentId, ...]:
        """Return up to `limit` due parents that nobody holds, losses first, oldest first."""
        ...

    def mark_checks(self, now: datetime) -> int:
        """Mark due whoever is to be looked at again by `now`; return how many."""
        ...

    def take(self, parent: ParentId, now: datetime, until: datetime, worker: str = "") -> Lease | None:
        """Lease a due parent, or return None if it is not due, stopped, or somebody else holds it."""
        ...

    def release(self, workers: Iterable[str]) -> int:
        """Give back the leases of `workers` that are dead; return how many."""
        ...

    def holders(self, now: datetime) -> tuple[str, ...]:
        """Return the names of workers that hold a lease."""
        ...

    def done(self, lease: Lease, rev: int, now: datetime, seen: Seen | None = None) -> bool:
        """Record that Keycloak says `rev`; clear the due mark if nothing newer came. False if fenced out."""
        ...

    def failed(
        self,
        lease: Lease,
        error: str,
        next_try: datetime,
        *,
        step: str = "value",
        check_at: datetime | None = None,
        counted: bool = True,
    ) -> None:
        """Give the lease back with the error, the step that waits, and when to try again.

        `check_at`: look at Keycloak again then, whatever happens until. Not `counted`: it was not asked.
        """
        ...

    def stop(self, lease: Lease, error: str, now: datetime, seen_rev: int) -> None:
        """Give the lease back and write no more until somebody resolves it."""
        ...

    def drop(self, parent: ParentId) -> None:
        """Clear the due mark of an account that is not there any more."""
        ...

    def resume(self, parent: ParentId) -> None:
        """Let a stopped parent be written again."""
        ...

    def get(self, parent: ParentId) -> ProjectionRow | None:
        """Return where one parent stands."""
        ...

    def behind(self, limit: int) -> tuple[ProjectionRow, ...]:
        """Return up to `limit` parents that are due or stopped: stopped first, then losses, oldest first."""
        ...

    def counts(self) -> ProjectionCounts:
        """Return how many are due and since when."""
        ...


@dataclass(frozen=True, slots=True)
class ProjectionCounts:
    """All projections in a few numbers."""

    due: int
    losses: int
    failing: int
    """Due with at least one failed attempt."""
    stopped: int
    oldest_due: datetime | None


class SeenEvents(Protocol):
    """Which events of Keycloak were dealt with."""

    def first_time(self, event: str, at: datetime) -> bool:
        """Remember an event; False if it was seen before."""
        ...

    def last_at(self) -> datetime | None:
        """Return the time of the newest event that was seen."""
        ...

    def forget(self, before: datetime) -> None:
        """Forget events that happened before a time nobody asks for any more."""
        ...


class Workers(Protocol):
    """Which workers run, by their last sign of life."""

    def beat(self, name: str, now: datetime) -> None:
        """Record that worker `name` is alive, and forget those silent for a day."""
        ...

    def last_beat(self) -> datetime | None:
        """Return the newest sign of life of any worker."""
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

    def count(self, name: str, since: datetime) -> int:
        """Count the events of this name since then."""
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

    def transaction(self) -> AbstractContextManager[Rows]:
        """Open a writing transaction: committed at the end, rolled back on any exception."""
        ...

    def reading(self) -> AbstractContextManager[Rows]:
        """Open a transaction that only reads."""
        ...
