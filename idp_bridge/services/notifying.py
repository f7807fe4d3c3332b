"""Write to parents what happened to a link; never in the transaction that changed it, only noted there.

A notice is a row of that transaction, so that none is lost and none is sent for what was rolled back. The
worker sends it; a crash between sending and marking may send it again with the same Message-ID.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from idp_bridge.domain.link import WAITING, Link, LinkState
from idp_bridge.domain.notice import Notice, NoticeKind, about
from idp_bridge.domain.visit_code import make
from idp_bridge.services.failures import OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.ports import Letter
from idp_bridge.services.rows import Rows

LEASE = timedelta(minutes=2)
FIRST_WAIT_S = 30
LONGEST_WAIT_S = 3600
REMIND_DAYS = 3
"""Days before the last day of a visit on which the parent is reminded."""

TOLD = {
    LinkState.AWAITING_VISIT: NoticeKind.REQUEST_RECEIVED,
    LinkState.VERIFIED: NoticeKind.VERIFIED,
    LinkState.DENIED: NoticeKind.REFUSED,
    LinkState.LAPSED: NoticeKind.LAPSED,
    LinkState.ENDED: NoticeKind.ENDED,
}
"""What a parent hears when a link comes to a state. A suspended link says nothing by mail: the reason may be
a restriction, and nobody but the named duties may learn that one exists."""


def tell(rows: Rows, link: Link, now: datetime) -> None:
    """Note the mail about the state `link` has come to, inside the caller's transaction."""
    kind = TOLD.get(link.state)
    if kind:
        rows.notices.add(about(kind, link, now))
    if link.state is LinkState.VERIFIED and link.student:
        others = {
            other.parent for other in rows.links.of_student(link.student) if other.state is LinkState.VERIFIED
        }
        for parent in sorted(others - {link.parent}):
            rows.notices.add(about(NoticeKind.ANOTHER_GUARDIAN, link, now, parent))


def remind(house: House, now: datetime, limit: int = 500, *, dry_run: bool = False) -> int:
    """Note a reminder for requests whose visit ends in REMIND_DAYS or less; each once. Return how many."""
    last = now.astimezone(house.rules.zone).date() + timedelta(days=REMIND_DAYS)
    with house.store.transaction() as rows:
        visits = rows.visits.overdue(last + timedelta(days=1), limit)
        links = [one for visit in visits for one in rows.links.of_visit(visit.id) if one.state in WAITING]
        if not dry_run:
            for link in links:
                rows.notices.add(about(NoticeKind.VISIT_REMINDER, link, now))
    return len(links)


def send_due(house: House, now: datetime, limit: int = 100, *, dry_run: bool = False) -> int:
    """Send up to `limit` mails that are due; return how many were. Failures are kept and tried again."""
    if dry_run:
        with house.store.reading() as rows:
            return rows.notices.due(now, limit)
    with house.store.transaction() as rows:
        taken = rows.notices.take(now, now + LEASE, limit)
    for notice in taken:
        _send(house, notice)
    return len(taken)


def _send(house: House, notice: Notice) -> None:
    with house.store.reading() as rows:
        letter = _letter(house, rows, notice)
    try:
        if letter:
            house.mail.send(letter)
    except OutsideFailure as failure:
        wait = min(FIRST_WAIT_S * 2**notice.attempts, LONGEST_WAIT_S)
        with house.store.transaction() as rows:
            next_try = house.clock.now() + timedelta(seconds=wait)
            rows.notices.failed(notice.key, type(failure).__name__, next_try)
        return
    with house.store.transaction() as rows:
        rows.notices.sent(notice.key, house.clock.now())


def _letter(house: House, rows: Rows, notice: Notice) -> Letter | None:
    """Return the mail, or None where there is nothing to say any more (a reminder for a settled request)."""
    link = rows.links.get(notice.link) if notice.link else None
    parent = rows.parents.get(notice.parent)
    if link is None or parent is None or not parent.email:
        return None
    if notice.kind is NoticeKind.VISIT_REMINDER and link.state not in WAITING:
        return None
    visit = rows.visits.get(link.visit)
    student = rows.students.get(link.student) if link.student and link.verified_at else None
    school = rows.schools.get(student.school if student else link.claimed.school)
    waits = visit is not None and link.state in WAITING
    return Letter(
        id=notice.key,
        to=parent.email,
        language=parent.locale,
        kind=notice.kind,
        reason=(link.reason or "") if link.state is not LinkState.SUSPENDED else "",
        school=school.name if school else "",
        visit_by=visit.visit_by if visit and waits else None,
        code=make(house.rules.code_key, visit.id, visit.code_turn) if visit and waits else "",
    )
