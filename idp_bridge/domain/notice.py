"""List the mails a parent gets and what each is about; never writes or sends one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from idp_bridge.domain.link import Link, LinkId, Visit
from idp_bridge.domain.people import Parent, ParentId


class NoticeKind(StrEnum):
    """Why a parent is written to."""

    REQUEST_RECEIVED = "request-received"
    VISIT_REMINDER = "visit-reminder"
    VERIFIED = "verified"
    REFUSED = "refused"
    LAPSED = "lapsed"
    ENDS_SOON = "ends-soon"
    ENDED = "ended"
    MOVED = "moved"
    """The links went to a new account of the same person; told to both."""
    EMAIL_CHANGED = "email-changed"
    """Told to the old address."""
    ANOTHER_GUARDIAN = "another-guardian"
    """Another guardian of the same student was linked: that it happened, and nothing else (design 4)."""
    TAKEN_BACK = "taken-back"
    """A decision that was told by mail was undone; told to whom that mail went, or may have gone."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail to one parent, mostly about one link. `key` is what makes it happen once."""

    key: str
    kind: NoticeKind
    parent: ParentId
    link: LinkId | None
    due_at: datetime
    attempts: int = 0
    address: str = ""
    """Where to send it if not to the account's own e-mail: an address the account no longer has."""
    doubt: bool = False
    """True where it was taken before and nobody said what became of it: it may have gone."""


WARN_DAYS = (90, 30, 7)
"""Days before the end of a link on which the parent is told (design 4)."""
REMIND_DAYS = (3, 0)
"""Days before the last day of a visit on which the parent is reminded."""

OF_A_VISIT = frozenset({NoticeKind.REQUEST_RECEIVED, NoticeKind.VISIT_REMINDER})
"""Mails about all of a parent's open requests, which share one visit and one code."""


def about(kind: NoticeKind, link: Link, now: datetime, parent: ParentId | None = None) -> Notice:
    """Return the notice of `kind` about `link` for its parent, or for another one.

    Its key makes it go once for each time the link comes to a state, once for what is sent or moved together.
    """
    to = parent or link.parent
    turn = turn_of(link)
    if kind in OF_A_VISIT:
        turn = f"{link.visit}:{now:%Y%m%d%H%M}"
    elif kind is NoticeKind.MOVED:
        turn = f"{now:%Y%m%d%H%M}"
    return Notice(f"{kind}:{turn}:{to}", kind, to, link.id, now)


def turn_of(link: Link) -> str:
    """Return what the keys of all mails have in common that one change of `link` writes."""
    return f"{link.id}:{link.version}"


def taken_back(told: Notice, at: datetime) -> Notice:
    """Return the notice that what `told` said was undone. Its key holds the other's: one for each mail."""
    kind = NoticeKind.TAKEN_BACK
    return Notice(f"{kind}:{told.key}", kind, told.parent, told.link, at)


def corrected_by(notice: Notice) -> str:
    """Return the key of the mail that a TAKEN_BACK corrects."""
    return notice.key.removeprefix(f"{NoticeKind.TAKEN_BACK}:")


def reminder(visit: Visit, link: Link, days: int, now: datetime) -> Notice:
    """Return the notice that the last day of `visit` is `days` away; `link` is one that still waits."""
    kind = NoticeKind.VISIT_REMINDER
    return Notice(f"{kind}:{days}:{visit.id}:{visit.parent}", kind, visit.parent, link.id, now)


def ends_soon(link: Link, days: int, now: datetime) -> Notice:
    """Return the notice that `link` ends in `days` or less."""
    kind = NoticeKind.ENDS_SOON
    return Notice(f"{kind}:{days}:{link.id}:{link.parent}", kind, link.parent, link.id, now)


def email_changed(before: Parent, now: datetime) -> Notice:
    """Return the notice to the address that `before` had until `now`; each change is told once."""
    kind = NoticeKind.EMAIL_CHANGED
    return Notice(f"{kind}:{before.id}:{now.isoformat()}", kind, before.id, None, now, address=before.email)
