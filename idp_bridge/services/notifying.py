"""Write to parents what happened to a link; never in the transaction that changed it, only noted there.

A notice is a row of that transaction, so that none is lost and none is sent for what was rolled back. The
worker sends it; a crash between sending and marking may send it again with the same Message-ID.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from idp_bridge.domain.link import CONSENT, WAITING, Link, LinkState
from idp_bridge.domain.notice import (
    REMIND_DAYS,
    WARN_DAYS,
    Notice,
    NoticeKind,
    about,
    ends_soon,
    reminder,
    taken_back,
    turn_of,
)
from idp_bridge.services.failures import NotNow, OutsideFailure, Unreachable
from idp_bridge.services.house import House
from idp_bridge.services.lettering import letter_of
from idp_bridge.services.rows import Rows

LEASE = timedelta(minutes=2)
WAITS_S: dict[type[OutsideFailure], tuple[int, int]] = {
    Unreachable: (2, 15),
    NotNow: (5, 300),
    OutsideFailure: (30, 3600),
}
"""Failure -> first and longest wait; each try doubles it. A server that is back gets its mails at once, one
that asks for patience soon, and one that refuses a mail is not pestered."""

TOLD = {
    LinkState.AWAITING_VISIT: NoticeKind.REQUEST_RECEIVED,
    LinkState.VERIFIED: NoticeKind.VERIFIED,
    LinkState.DENIED: NoticeKind.REFUSED,
    LinkState.LAPSED: NoticeKind.LAPSED,
    LinkState.ENDED: NoticeKind.ENDED,
}
"""What a parent hears when a link comes to a state. A suspended link says nothing by mail: the reason may be
a restriction, and nobody but the named duties may learn that one exists."""

SILENT = frozenset(
    {
        "link:undone",
        "link:suspended",
        "link:resumed",
        "link:disputed",
        "link:dispute-settled",
        "link:merged",
    }
)
"""Changes that write no mail of the new state: a hold and its end, undoing (see `untell`), and joining
(`moved` is told instead)."""


def tell(rows: Rows, link: Link, now: datetime) -> None:
    """Note the mail about the state `link` has come to, inside the caller's transaction."""
    kind = TOLD.get(link.state)
    if kind:
        rows.notices.add(about(kind, link, now))
    if link.state is LinkState.VERIFIED and link.student and link.evidence != CONSENT:
        others = {
            other.parent for other in rows.links.of_student(link.student) if other.state is LinkState.VERIFIED
        }
        for parent in sorted(others - {link.parent}):
            rows.notices.add(about(NoticeKind.ANOTHER_GUARDIAN, link, now, parent))


def untell(rows: Rows, link: Link, now: datetime) -> None:
    """Take back the mails of the decision that made `link` what it is, inside the caller's transaction.

    Those that wait do not go. Whom one reached, or may have, is told that it holds no more: at once, or when
    it is known what became of a mail that somebody took.
    """
    for told in rows.notices.withdraw(link.id, turn_of(link)):
        rows.notices.add(taken_back(told, now + LEASE if told.doubt else now))


def remind(house: House, now: datetime, limit: int = 500, *, dry_run: bool = False) -> int:
    """Note a reminder for visits whose last day is near or today; each once. Return how many."""
    today = now.astimezone(house.rules.zone).date()
    count, first = 0, today
    with house.store.transaction() as rows:
        for days in sorted(REMIND_DAYS):
            last = today + timedelta(days=days)
            for visit in rows.due.to_remind(days, first, last, limit - count):
                waiting = [link for link in rows.links.of_visit(visit.id) if link.state in WAITING]
                count += bool(waiting)
                if waiting and not dry_run:
                    rows.notices.add(reminder(visit, waiting[0], days, now))
            first = last + timedelta(days=1)
    return count


def warn_ends(house: House, now: datetime, limit: int = 200, *, dry_run: bool = False) -> int:
    """Note for links that end in 90, 30 or 7 days that they do; each once. Return how many.

    A link whose end is nearer than that from the start is told of at once, and at the steps still to come.
    """
    today = now.astimezone(house.rules.zone).date()
    count, after = 0, now
    with house.store.transaction() as rows:
        for days in sorted(WARN_DAYS):
            until = datetime.combine(today + timedelta(days=days), time.max, house.rules.zone)
            links = rows.due.ending(days, after, until, limit - count)
            count += len(links)
            if not dry_run:
                for link in links:
                    rows.notices.add(ends_soon(link, days, now))
            after = until
    return count


@dataclass(slots=True)
class Outbox:
    """What a worker holds and could not write down because the database was away; its next turn does."""

    sent: set[str] = field(default_factory=set)
    """Keys of mails the server took: sent again, parents would get them twice."""
    held: set[str] = field(default_factory=set)
    """Keys of mails on lease that nobody is sending."""
    more: bool = False
    """Whether the last turn was full and the server took what it got: the next need not wait."""


def send_due(
    house: House, now: datetime, limit: int = 100, *, dry_run: bool = False, outbox: Outbox | None = None
) -> int:
    """Send up to `limit` mails that are due; return how many were. Failures are kept and tried again.

    A server that does not answer ends the turn: the rest is given back untried, and no mail waits longer
    because another hung. So does half a lease that is over: somebody else may take what is left. Raises
    Unreachable where the database is away; `outbox` keeps for the next turn what could not be written down.
    """
    if dry_run:
        with house.store.reading() as rows:
            return rows.notices.due(now, limit)
    mine = outbox or Outbox()
    mine.more = False
    _write_down(house, mine, now)
    with house.store.transaction() as rows:
        taken = rows.notices.take(now, now + LEASE, limit)
    mine.held |= {notice.key for notice in taken}
    mine.more = len(taken) == limit
    for notice in taken:
        if not _send(house, notice, mine) or house.clock.now() - now > LEASE / 2:
            mine.more = False
            break
    _write_down(house, mine, now)
    return len(taken)


def _write_down(house: House, mine: Outbox, now: datetime) -> None:
    if not (mine.sent or mine.held):
        return
    with house.store.transaction() as rows:
        for key in mine.sent:
            rows.notices.sent(key, now)
        rows.notices.give_back(mine.held)
    mine.sent.clear()
    mine.held.clear()


def _send(house: House, notice: Notice, mine: Outbox) -> bool:
    """Send one mail, if it still has something to say; return False where the server does not answer."""
    with house.store.reading() as rows:
        letter = letter_of(house, rows, notice)
    try:
        if letter:
            house.mail.send(letter)
    except OutsideFailure as failure:
        with house.store.transaction() as rows:
            next_try = house.clock.now() + _wait(failure, notice.attempts)
            rows.notices.failed(notice.key, type(failure).__name__, next_try)
        mine.held.discard(notice.key)
        return not isinstance(failure, Unreachable)
    if letter or notice.doubt:
        mine.held.discard(notice.key)
        mine.sent.add(notice.key)
    with house.store.transaction() as rows:
        note = rows.notices.sent if notice.key in mine.sent else rows.notices.dropped
        note(notice.key, house.clock.now())
    mine.sent.discard(notice.key)
    mine.held.discard(notice.key)
    return True


def _wait(failure: OutsideFailure, attempts: int) -> timedelta:
    first, longest = next(times for kind, times in WAITS_S.items() if isinstance(failure, kind))
    return timedelta(seconds=min(first << min(attempts, 12), longest))
