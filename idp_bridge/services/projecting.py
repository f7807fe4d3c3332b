"""Bring Keycloak to what the links say, one parent at a time; never decides about a link.

Wanted state, not steps: each run computes the whole attribute from all links now, reads the account, writes
only if it differs, reads back and compares (design 7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from idp_bridge.domain.claims import ATTRIBUTE, Shown, same, stored_revision, student_links
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import Link, opens_apps
from idp_bridge.domain.people import ParentId, Purpose, Student
from idp_bridge.services.failures import Gone, Mismatch, OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.journals import Lease
from idp_bridge.services.rows import Rows

LEASE = timedelta(seconds=60)
"""Longer than every time-out of one run together, so that a slow first writer is over before a second."""
FIRST_WAIT_S = 2
LONGEST_WAIT_S = 300
WORKER = Actor(ActorKind.SYSTEM, "worker")


class Outcome(StrEnum):
    """How one run ended."""

    NOT_DUE = "not due, or somebody else is writing"
    EQUAL = "Keycloak said it already"
    WRITTEN = "written and read back"
    GONE = "the parent deleted the account"
    FAILED = "will be tried again"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the parent's attribute must say, and the revision it says it at."""

    rev: int
    value: str


def project(house: House, parent: ParentId) -> Outcome:
    """Project one due parent. Failures are recorded with the time of the next try, never raised."""
    with house.store.transaction() as rows:
        now = house.clock.now()
        lease = rows.projections.take(parent, now, now + LEASE)
        if lease is None:
            return Outcome.NOT_DUE
        wanted = wanted_for(rows, parent, now)
    try:
        outcome = _bring(house, lease, wanted)
    except OutsideFailure as failure:
        _fail(house, lease, wanted, failure)
        return Outcome.FAILED
    with house.store.transaction() as rows:
        rows.projections.done(lease, wanted.rev, house.clock.now())
    return outcome


def sweep(house: House, now: datetime, limit: int = 500, *, dry_run: bool = False) -> int:
    """Project up to `limit` due parents that no wake-up reached; return how many were due."""
    with house.store.reading() as rows:
        due = rows.projections.due(now, limit)
    if not dry_run:
        for parent in due:
            project(house, parent)
    return len(due)


def wanted_for(rows: Rows, parent_id: ParentId, now: datetime) -> Wanted:
    """Return what `parent_id`'s attribute must say at `now`."""
    parent = rows.parents.get(parent_id)
    rev, asof = (parent.rev, parent.rev_at) if parent else (0, None)
    return Wanted(rev, student_links(rev, asof, _shown(rows, rows.links.of_parent(parent_id), now)))


def _shown(rows: Rows, links: Iterable[Link], now: datetime) -> tuple[Shown, ...]:
    open_links = {link.student: link for link in links if opens_apps(link, now) and link.student}
    students = rows.students.some(open_links)
    return tuple(_unrestricted(rows, open_links[student.id], student) for student in students.values())


def _unrestricted(rows: Rows, link: Link, student: Student) -> Shown:
    """Return the link without `messages` where a restriction says so; access is a matter of its state."""
    silenced = any(one.messages for one in rows.restrictions.against(link.parent, student.id))
    return Shown(replace(link, purposes=link.purposes - {Purpose.MESSAGES}) if silenced else link, student)


def _bring(house: House, lease: Lease, wanted: Wanted) -> Outcome:
    """Write, and end sessions after a loss. Who deleted their account is done once Keycloak knows it too."""
    try:
        outcome = _write(house, lease.parent, wanted)
        if lease.after_loss:
            _end_sessions(house, lease.parent)
    except Gone:
        if not _deleted(house, lease.parent):
            raise
        return Outcome.GONE
    return outcome


def _deleted(house: House, parent_id: ParentId) -> bool:
    with house.store.reading() as rows:
        parent = rows.parents.get(parent_id)
    return parent is not None and parent.deleted_at is not None


def _write(house: House, parent: ParentId, wanted: Wanted) -> Outcome:
    account = house.accounts.get(parent)
    stored = account.attributes.get(ATTRIBUTE, ())
    if same(wanted.value, stored):
        return Outcome.EQUAL
    if stored_revision(stored) > wanted.rev:
        raise Mismatch("keycloak", f"holds rev {stored_revision(stored)}, ours is {wanted.rev}")
    house.accounts.write_links(account, wanted.value)
    after = house.accounts.get(parent).attributes.get(ATTRIBUTE, ())
    if not same(wanted.value, after):
        raise Mismatch("keycloak", f"read back {len(after)} values, rev {stored_revision(after)}")
    return Outcome.WRITTEN


def _end_sessions(house: House, parent: ParentId) -> None:
    """End what still carries the old value; only after the new one was read back.

    A refresh that runs while a logout hangs carries what was PUT before, and an offline token issued in the
    same clock second survives the logout: both seen on Keycloak 26.7.4.
    """
    house.accounts.end_sessions(parent)
    house.accounts.drop_offline_tokens(parent)


def _fail(house: House, lease: Lease, wanted: Wanted, failure: OutsideFailure) -> None:
    now = house.clock.now()
    wait = min(FIRST_WAIT_S * 2**lease.attempts, LONGEST_WAIT_S)
    with house.store.transaction() as rows:
        rows.projections.failed(lease, f"{type(failure).__name__}: {failure}", now + timedelta(seconds=wait))
        if isinstance(failure, Mismatch) and lease.attempts == 0:
            rows.audit.append(
                Event(
                    "projection:mismatch",
                    now,
                    WORKER,
                    parent=lease.parent,
                    fields={"wanted_rev": wanted.rev, "what": str(failure)},
                )
            )
