"""Bring Keycloak to what the links say, one parent at a time; never decides about a link.

Wanted state, not steps: each run computes the whole attribute from all links now, reads the account, writes
only if it differs, reads back and compares (design 7).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp_bridge.domain.claims import ATTRIBUTE, same, stored_revision
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.people import ParentId
from idp_bridge.services.account_checking import note_emails
from idp_bridge.services.failures import CircuitOpen, Gone, Mismatch, OutsideFailure, Unreachable
from idp_bridge.services.house import House
from idp_bridge.services.journals import Lease, Seen
from idp_bridge.services.ports import Account
from idp_bridge.services.rows import Rows
from idp_bridge.services.signing_out import endings
from idp_bridge.services.vanishing import TRIES, vanished
from idp_bridge.services.wanting import Wanted, wanted_for_all

LEASE = timedelta(seconds=60)
"""Longer than every time-out of one run together, so that a slow first writer is over before a second."""
AT_ONCE = 4
"""Grants one thread leases together, for a transaction each would cost as much as Keycloak: GET, PUT and GET
of four, each at its time-out, are over within LEASE."""
FIRST_WAIT_S = 2
LONGEST_WAIT_S = 300
"""Where Keycloak answers and says no, or does not hold what it took: somebody must act, so do not hammer."""
LONGEST_OUTAGE_WAIT_S = 15
"""Where it does not answer: the circuit keeps calls from it, and everybody waits for its return."""
WAIT_OUT_S = 10
"""After a PUT that got no answer: two PUTs of one user at once leave two values (seen on 26.7.4), so the
first is waited out, then read, then decided."""
LOOK_AGAIN = timedelta(seconds=60)
"""A PUT that hung still longer shows then: it can only put an older value of ours back."""
WORKER = Actor(ActorKind.SYSTEM, "worker")


class Outcome(StrEnum):
    """How one run ended."""

    NOT_DUE = "not due, or somebody else is writing"
    EQUAL = "Keycloak said it already"
    WRITTEN = "written and read back"
    FAILED = "will be tried again"
    GONE = "Keycloak no longer has the account, and its links have ended"
    STOPPED = "Keycloak holds a higher revision: somebody must resolve it"


SAID = frozenset({Outcome.EQUAL, Outcome.WRITTEN})
SETTLED = SAID | {Outcome.GONE, Outcome.STOPPED}
"""After these the next parent can be taken at once; after a failure the system is given a moment."""


class Ahead(Exception):
    """Keycloak holds a higher revision than the database: a backup was restored, or somebody tampered."""

    def __init__(self, rev: int) -> None:
        super().__init__(f"holds rev {rev}")
        self.rev = rev


@dataclass(slots=True)
class _Run:
    """One run for one parent: what is wanted, and how far it came."""

    lease: Lease
    wanted: Wanted
    began: datetime
    step: str = "value"
    account: Account | None = None
    """As it was read last."""
    tampered: bool = False
    """True when Keycloak held something that neither is wanted nor was last written by us."""


def project(house: House, parent: ParentId) -> Outcome:
    """Project one due parent. Failures are recorded with the time of the next try, never raised."""
    with house.store.transaction() as rows:
        now = house.clock.now()
        lease = rows.projections.take(parent, now, now + LEASE, house.worker)
        runs = _runs(rows, (lease,) if lease else (), now)
    return next(iter(_projected(house, runs)), Outcome.NOT_DUE)


def project_most_urgent(house: House, most: int = AT_ONCE) -> tuple[Outcome, ...]:
    """Project who waits most urgently: one who lost something, or up to `most` others; empty for nobody.

    Some threads may do so at once. So a revocation passes 20,000 grants that are due: whichever thread is
    done with its few takes it. Who finds nobody has only read: idle threads are in nobody's way.
    """
    with house.store.reading() as rows:
        if not rows.projections.due(house.clock.now(), 1):
            return ()
    with house.store.transaction() as rows:
        now = house.clock.now()
        leases = rows.projections.take_most_urgent(now, now + LEASE, house.worker, most)
        runs = _runs(rows, leases, now)
    return _projected(house, runs)


def _runs(rows: Rows, leases: tuple[Lease, ...], now: datetime) -> tuple[_Run, ...]:
    wanted = wanted_for_all(rows, (lease.parent for lease in leases), now)
    return tuple(_Run(lease, wanted[lease.parent], now) for lease in leases)


def _projected(house: House, runs: tuple[_Run, ...]) -> tuple[Outcome, ...]:
    outcomes = tuple(_tried(house, run) for run in runs)
    _note(house, [run for run, outcome in zip(runs, outcomes, strict=True) if outcome in SAID])
    return outcomes


def _tried(house: House, run: _Run) -> Outcome:
    """Bring one account to what is wanted; what did not work is recorded here, the rest by the caller."""
    try:
        outcome = _write(house, run)
        if run.lease.after_loss:
            _end_sessions(house, run)
    except Ahead as ahead:
        return _stop(house, run, ahead)
    except OutsideFailure as failure:
        return _fail(house, run, failure)
    if outcome is Outcome.WRITTEN and run.lease.due_since:  # what was there already says nothing of the way
        house.meter.arrived((house.clock.now() - run.lease.due_since).total_seconds())
    return outcome


def _note(house: House, runs: list[_Run]) -> None:
    """Record that Keycloak says what is wanted. Lost in a crash, it costs one more look at each.

    Only an alarm would not come again: the look that raised it repaired what it saw.
    """
    if not runs:
        return
    with house.store.transaction(durable=any(run.tampered for run in runs)) as rows:
        now = house.clock.now()
        seen = {run.lease: Seen(run.wanted.rev, digest(run.wanted.value)) for run in runs}
        rows.projections.all_done(seen, now)
        for run in runs:
            if run.tampered:
                what = {"what": "attribute"}
                rows.audit.append(Event("alarm:tampered", now, WORKER, parent=run.lease.parent, fields=what))
        accounts = [run.account for run in runs if run.account]
        note_emails(rows, accounts, runs[0].began, now, house.rules.email_domains)


def take_over(house: House, dead: Callable[[tuple[str, ...]], tuple[str, ...]]) -> int:
    """Give back what workers held that are `dead`, so that nobody waits for it; return how many leases."""
    with house.store.transaction() as rows:
        return rows.projections.release(dead(rows.projections.holders(house.clock.now())))


def look_again(house: House, now: datetime) -> int:
    """Mark due whoever is to be looked at once more by `now`; return how many."""
    with house.store.transaction() as rows:
        return rows.projections.mark_checks(now)


def sweep(house: House, now: datetime, limit: int = 500, *, dry_run: bool = False) -> int:
    """Project up to `limit` due parents here and now, one after the other; return how many were due."""
    if not dry_run:
        look_again(house, now)
    with house.store.reading() as rows:
        due = rows.projections.due(now, limit)
    if not dry_run:
        for parent in due:
            project(house, parent)
    return len(due)


def digest(value: str) -> str:
    """Return SHA-256 (hex) over an attribute's value: to tell values apart, not to keep them."""
    return hashlib.sha256(value.encode()).hexdigest()


def _write(house: House, run: _Run) -> Outcome:
    parent, wanted = run.lease.parent, run.wanted
    account = run.account = house.accounts.get(parent)
    stored = account.attributes.get(ATTRIBUTE, ())
    if same(wanted.value, stored):
        return Outcome.EQUAL
    if stored_revision(stored) > wanted.rev:
        raise Ahead(stored_revision(stored))
    run.tampered = _tampered(run, stored)
    run.step = "put"
    house.accounts.write_links(account, wanted.value)
    run.step = "value"
    run.account = house.accounts.get(parent)
    after = run.account.attributes.get(ATTRIBUTE, ())
    if not same(wanted.value, after):
        raise Mismatch("keycloak", f"read back {len(after)} values, rev {stored_revision(after)}")
    return Outcome.WRITTEN


def _tampered(run: _Run, stored: tuple[str, ...]) -> bool:
    """Tell whether somebody else wrote what is there: a value not read back last, and no newer one of ours.

    A PUT of ours that got no answer, or whose worker was killed before the mark, has a higher revision.
    """
    seen = run.lease.seen
    if seen is None or stored_revision(stored) > seen.rev:
        return False
    return [digest(value) for value in stored] != [seen.hash]


def _end_sessions(house: House, run: _Run) -> None:
    """End what still carries the old value; only after the new one was read back.

    A refresh that runs while a logout hangs carries what was PUT before (seen on Keycloak 26.7.4). Whatever
    fails is tried again from the start: each step may be done twice.
    """
    for run.step, end in endings(house):
        end(run.lease.parent)


def _stop(house: House, run: _Run, ahead: Ahead) -> Outcome:
    """Write nothing more: a restored backup of ours must not grant or take anything by itself."""
    now = house.clock.now()
    with house.store.transaction() as rows:
        rows.projections.stop(run.lease, f"holds rev {ahead.rev}, ours is {run.wanted.rev}", now, ahead.rev)
        fields = {"ours": run.wanted.rev, "theirs": ahead.rev}
        rows.audit.append(Event("alarm:revision-ahead", now, WORKER, parent=run.lease.parent, fields=fields))
    return Outcome.STOPPED


def _fail(house: House, run: _Run, failure: OutsideFailure) -> Outcome:
    now, lease = house.clock.now(), run.lease
    if isinstance(failure, Mismatch):
        house.meter.mismatch()
    if isinstance(failure, Gone) and _ended(house, lease, now):
        return Outcome.GONE
    hung = run.step == "put" and isinstance(failure, Unreachable)
    wait = timedelta(seconds=WAIT_OUT_S if hung else _wait_s(failure, lease.attempts))
    with house.store.transaction() as rows:
        rows.projections.failed(
            lease,
            f"{type(failure).__name__}: {failure}",
            now + wait,
            step="value" if run.step == "put" else run.step,
            check_at=now + LOOK_AGAIN if hung else None,
            counted=not isinstance(failure, CircuitOpen),
        )
        if isinstance(failure, Mismatch) and lease.attempts == 0:
            fields = {"wanted_rev": run.wanted.rev, "what": str(failure)}
            rows.audit.append(Event("projection:mismatch", now, WORKER, parent=lease.parent, fields=fields))
    return Outcome.FAILED


def _ended(house: House, lease: Lease, now: datetime) -> bool:
    """Be done with an account that is gone, and end its links; False where that is not believed yet.

    Who deleted the account on our page is believed at once: the links ended there.
    """
    with house.store.transaction() as rows:
        parent = rows.parents.get(lease.parent)
        expected = parent is not None and parent.deleted_at is not None
        if not expected and (lease.attempts + 1 < TRIES or not vanished(rows, lease.parent, now)):
            return False
        rows.projections.drop(lease.parent)
    house.sessions.end_of(lease.parent)
    return True


def _wait_s(failure: OutsideFailure, attempts: int) -> int:
    longest = LONGEST_OUTAGE_WAIT_S if isinstance(failure, Unreachable) else LONGEST_WAIT_S
    return min(FIRST_WAIT_S << min(attempts, 10), longest)
