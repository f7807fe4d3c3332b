"""Say what the services need of what was written down and what is to be done; never how it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from idp_bridge.domain.events import Event
from idp_bridge.domain.link import LinkId
from idp_bridge.domain.notice import Notice, NoticeKind
from idp_bridge.domain.people import (
    ParentId,
    StudentId,
)


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
    stopped: bool = False
    """True where Keycloak holds a higher revision: only what was lost may be written."""


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

    def give_back(self, keys: Iterable[str]) -> None:
        """End the lease of notices that were not tried."""
        ...

    def sent(self, key: str, now: datetime) -> None:
        """Record that the mail server took it."""
        ...

    def dropped(self, key: str, now: datetime) -> None:
        """Record that there was nothing to say any more: it never goes."""
        ...

    def withdraw(self, link: LinkId, turn: str) -> tuple[Notice, ...]:
        """Let no mail of one turn of `link` go that nobody has taken; return those that went or may have."""
        ...

    def went(self, key: str) -> bool:
        """Tell whether a mail went out, or may have."""
        ...

    def sent_to(self, parent: ParentId) -> tuple[SentNotice, ...]:
        """Return the mails that went out to a parent, oldest first."""
        ...

    def drop_unsent(self, parent: ParentId) -> None:
        """Forget the mails to a parent that have not gone out."""
        ...

    def failed(self, key: str, error: str, next_try: datetime) -> None:
        """Record that it was not taken, and when to try again."""
        ...


class Projections(Protocol):
    """Which parents' tokens do not say yet what they should."""

    def mark_due(self, parent: ParentId, at: datetime, *, loss: bool) -> None:
        """Mark the parent due; a loss is taken first and ends sessions after the write."""
        ...

    def mark_all_due(self, parents: Iterable[ParentId], at: datetime, *, loss: bool) -> None:
        """Mark several parents due, in sets."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[ParentId, ...]:
        """Return up to `limit` due parents that nobody holds, losses first, oldest first."""
        ...

    def mark_checks(self, now: datetime) -> int:
        """Mark due whoever is to be looked at again by `now`; return how many."""
        ...

    def take(self, parent: ParentId, now: datetime, until: datetime, worker: str = "") -> Lease | None:
        """Lease a due parent, or return None if it is not due, or somebody else holds it.

        One that was stopped is leased only after a loss.
        """
        ...

    def take_most_urgent(self, now: datetime, until: datetime, worker: str, most: int) -> tuple[Lease, ...]:
        """Lease who waits longest: one who lost something, or up to `most` who lost nothing."""
        ...

    def release(self, workers: Iterable[str]) -> int:
        """Give back the leases of `workers` that are dead; return how many."""
        ...

    def give_back(self, leases: Iterable[Lease]) -> None:
        """Give back what was not begun: it waits as it did before it was taken."""
        ...

    def holders(self, now: datetime) -> tuple[str, ...]:
        """Return the names of workers that hold a lease."""
        ...

    def done(self, lease: Lease, rev: int, now: datetime, seen: Seen | None = None) -> bool:
        """Record that Keycloak says `rev`; clear the due mark if nothing newer came. False if fenced out."""
        ...

    def all_done(self, seen: Mapping[Lease, Seen], now: datetime) -> None:
        """Record of several at once that Keycloak was read back and says what is `seen`, as `done` does."""
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

    def stop(self, lease: Lease, error: str, now: datetime, seen: Seen) -> None:
        """Give the lease back and write no more, but for losses that come, until somebody resolves it.

        `seen` is what Keycloak holds now; a loss that was known at the lease is done with.
        """
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

    def many_misses(self, since: datetime, least: int, limit: int) -> tuple[tuple[ParentId, int], ...]:
        """Return up to `limit` parents with `least` or more requests since `since` that match no student,
        and how many; without those about whom `alarm:unmatched-requests` was raised since then."""
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
