"""Bring Keycloak to what the links say, one parent at a time; never decides about a link.

Wanted state, not steps: each run computes the whole attribute from all links now, reads the account, writes
only if it differs, reads back and compares (design 7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp_bridge.domain.claims import ATTRIBUTE, narrowed, same, stored_revision
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.people import ParentId
from idp_bridge.services.account_checking import note_emails
from idp_bridge.services.failures import (
    CircuitOpen,
    Gone,
    Mismatch,
    OutsideFailure,
    Refused,
    Unreachable,
)
from idp_bridge.services.giving_back import Undone, note_undone, recent_changes, restored, undone_edits
from idp_bridge.services.house import House
from idp_bridge.services.journals import Lease
from idp_bridge.services.lineage import ahead, seen_of
from idp_bridge.services.ports import Account, AccountChange, Author
from idp_bridge.services.rows import Rows
from idp_bridge.services.signing_out import endings
from idp_bridge.services.vanishing import TRIES, vanished
from idp_bridge.services.wanting import Wanted, wanted_for_all

LEASE = timedelta(seconds=150)
"""Longer than every time-out of one turn together, so that a slow first writer is over before a second."""
AT_ONCE = 8
"""Grants one thread leases together, for a transaction and a look for edits each would cost as much as
Keycloak. All calls for them, each at its time-out, end within LEASE."""
AT_ONCE_FOR = timedelta(seconds=0.5)
"""After this none of them is begun any more: a revocation that comes meanwhile waits for a free thread."""
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
    NARROWED = "what was lost is taken away there; the rest waits until somebody resolves it"


SAID = frozenset({Outcome.EQUAL, Outcome.WRITTEN})
SETTLED = SAID | {Outcome.GONE, Outcome.STOPPED, Outcome.NARROWED}
"""After these the next parent can be taken at once; after a failure the system is given a moment."""


@dataclass(slots=True)
class _Run:
    """One run for one parent: what is wanted, and how far it came."""

    lease: Lease
    wanted: Wanted
    began: datetime
    value: str
    """What the account must say after it: what is wanted, or the part of it that may be written now."""
    step: str = "value"
    account: Account | None = None
    """As it was read last."""
    put: bool = False
    """True from a PUT until what it left was read back."""
    ahead: int | None = None
    """Keycloak's revision, where it knows days we do not: a backup was restored, or somebody tampered."""
    tampered: bool = False
    """True when Keycloak held something that neither is wanted nor was last written by us."""
    undone: tuple[Undone, ...] = ()
    """What of the parent's own edits was written over."""
    outcome: Outcome = Outcome.FAILED
    failure: OutsideFailure | None = None
    """Why it ended early."""
    took: timedelta = timedelta()
    """From the decision until Keycloak said it and, after a loss, nothing carried the old value."""


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
    return tuple(_Run(lease, wanted[lease.parent], now, wanted[lease.parent].value) for lease in leases)


def _projected(house: House, runs: tuple[_Run, ...]) -> tuple[Outcome, ...]:
    """Bring each account to what is wanted, then look once at all for what that undid, then record it."""
    begun: list[_Run] = []
    for run in runs:
        if begun and house.clock.now() - run.began > AT_ONCE_FOR:
            break
        begun.append(run)
        with _ending(run):
            _bring(house, run)
    _read_back_all(house, [run for run in begun if run.put and not run.failure])
    _give_back(house, [run for run in begun if not run.failure and run.outcome is not Outcome.STOPPED])
    outcomes = tuple(_recorded(house, run) for run in begun)
    said = [run for run, outcome in zip(begun, outcomes, strict=True) if outcome in SAID]
    _note_said(house, said, left=[run.lease for run in runs[len(begun) :]])
    return outcomes


@contextmanager
def _ending(*runs: _Run) -> Iterator[None]:
    """Let a failure end these runs and no other."""
    try:
        yield
    except OutsideFailure as failure:
        for run in runs:
            run.failure = failure


def _bring(house: House, run: _Run) -> None:
    """Bring one account to what is wanted and, after a loss, end what still carries the old value.

    Grants are read back together, by the caller: the second look at each was a third of their cost.
    """
    run.outcome = _write(house, run)
    if run.lease.after_loss:
        if run.put:
            _read_back(run, house.accounts.get(run.lease.parent))
        _end_sessions(house, run)
    _stop_watch(house, run)


def _stop_watch(house: House, run: _Run) -> None:
    run.took = house.clock.now() - (run.lease.due_since or run.began)


def _read_back_all(house: House, runs: list[_Run]) -> None:
    """Read back what was PUT for all of `runs`; whoever is not there any more shows at the next try."""
    if not runs:
        return
    with _ending(*runs):
        found = house.accounts.get_all([run.lease.parent for run in runs])
        for run in runs:
            with _ending(run):
                _read_back(run, found.get(run.lease.parent))
                _stop_watch(house, run)


def _recorded(house: House, run: _Run) -> Outcome:
    """Record what did not work; what Keycloak says now is recorded of all together, by the caller."""
    if run.failure:
        return _fail(house, run, run.failure)
    if run.ahead is not None:
        return _stop(house, run, run.outcome)
    if run.outcome is Outcome.WRITTEN:  # what was there already says nothing of the way
        house.meter.arrived(run.took.total_seconds())
    return run.outcome


def _note_said(house: House, runs: list[_Run], left: list[Lease]) -> None:
    """Record that Keycloak says what is wanted, and who is `left` to whoever is free next.

    Lost in a crash, it costs one more look at each. Only an alarm would not come again: the look that raised
    it repaired what it saw.
    """
    if not runs and not left:
        return
    with house.store.transaction(durable=any(run.tampered or run.undone for run in runs)) as rows:
        now = house.clock.now()
        rows.projections.give_back(left)
        rows.projections.all_done({run.lease: seen_of((run.value,)) for run in runs}, now)
        for run in runs:
            if run.tampered:
                what = {"what": "attribute"}
                rows.audit.append(Event("alarm:tampered", now, WORKER, parent=run.lease.parent, fields=what))
        if runs:
            _note(house, rows, runs, now)


def _note(house: House, rows: Rows, runs: list[_Run], now: datetime) -> None:
    """Write down what was seen of the accounts themselves."""
    accounts = [run.account for run in runs if run.account]
    note_emails(rows, accounts, runs[0].began, now, house.rules.email_domains)
    for run in runs:
        if run.account:
            note_undone(rows, run.account, run.undone, now, WORKER)


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


def _write(house: House, run: _Run) -> Outcome:
    """Bring the account to what is wanted, or to what of it Keycloak holds where that is ahead of us."""
    account = run.account = house.accounts.get(run.lease.parent)
    stored = account.attributes.get(ATTRIBUTE, ())
    if same(run.value, stored):
        return Outcome.EQUAL
    if not ahead(house, run.lease, run.wanted, stored):
        run.tampered = _tampered(run, stored)
        _put(house, run, account)
        return Outcome.WRITTEN
    run.ahead = stored_revision(stored)
    if not run.lease.after_loss:
        return Outcome.STOPPED
    run.value = narrowed(stored, run.value, run.began)
    if same(run.value, stored):
        return Outcome.STOPPED
    _put(house, run, account)
    return Outcome.NARROWED


def _put(house: House, run: _Run, account: Account) -> None:
    """Write the one value; it counts once it was read back."""
    run.step = "put"
    house.accounts.write_links(account, run.value)
    run.step, run.put = "value", True


def _read_back(run: _Run, account: Account | None) -> None:
    """Compare what the account holds after a PUT with what was written; None is nothing."""
    run.account, run.put = account, False
    after = account.attributes.get(ATTRIBUTE, ()) if account else ()
    if not same(run.value, after):
        raise Mismatch("keycloak", f"read back {len(after)} values, rev {stored_revision(after)}")


def _give_back(house: House, runs: list[_Run]) -> None:
    """Set again what the parents changed between a GET and a PUT of ours."""
    changes: Mapping[ParentId, tuple[AccountChange, ...]] = {}
    with _ending(*runs), suppress(Refused):  # we may not see events
        changes = recent_changes(house, [run.lease.parent for run in runs]) if runs else {}
    for run in runs:
        if edited := changes.get(run.lease.parent):
            with _ending(run):
                _give_back_to(house, run, edited)


def _give_back_to(house: House, run: _Run, changes: tuple[AccountChange, ...]) -> None:
    """Give back what one parent changed.

    That is a PUT like any other, and an edit that meets it has an event that makes us look once more.
    """
    account = run.account = house.accounts.get(run.lease.parent)
    run.undone = undone_edits(account, changes)
    ours = [one for one in run.undone if one.by is Author.BRIDGE]
    try:
        if ours:
            _put(house, run, restored(account, ours))
            _read_back(run, house.accounts.get(account.id))
    except Refused:  # somebody else has the e-mail by now: what was seen is alarmed
        run.step = "value"


def _tampered(run: _Run, stored: tuple[str, ...]) -> bool:
    """Tell whether somebody else wrote what is there: a value not read back last, and no newer one of ours.

    A PUT of ours that got no answer, or whose worker was killed before the mark, has a higher revision.
    """
    seen = run.lease.seen
    if seen is None or stored_revision(stored) > seen.rev:
        return False
    return seen_of(stored).hash != seen.hash


def _end_sessions(house: House, run: _Run) -> None:
    """End what still carries the old value; only after the new one was read back.

    A refresh that runs while a logout hangs carries what was PUT before (seen on Keycloak 26.7.4). Whatever
    fails is tried again from the start: each step may be done twice.
    """
    for run.step, end in endings(house):
        end(run.lease.parent)


def _stop(house: House, run: _Run, outcome: Outcome) -> Outcome:
    """Write nothing more: a restored backup of ours must not grant or take anything by itself."""
    now, lease, fields = house.clock.now(), run.lease, {"ours": run.wanted.rev, "theirs": run.ahead}
    held = run.account.attributes.get(ATTRIBUTE, ()) if run.account else ()
    with house.store.transaction() as rows:
        why = f"holds rev {stored_revision(held)}, ours is {run.wanted.rev}"
        rows.projections.stop(lease, why, now, seen_of(held))
        _note(house, rows, [run], now)
        if not lease.stopped:
            rows.audit.append(Event("alarm:revision-ahead", now, WORKER, parent=lease.parent, fields=fields))
        if outcome is Outcome.NARROWED:
            rows.audit.append(Event("projection:narrowed", now, WORKER, parent=lease.parent, fields=fields))
    return outcome


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
