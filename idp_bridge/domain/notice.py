"""List the mails a parent gets and what each is about; never writes or sends one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from idp_bridge.domain.link import Link, LinkId
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


def about(kind: NoticeKind, link: Link, now: datetime, parent: ParentId | None = None) -> Notice:
    """Return the notice of `kind` about `link` for its parent, or for another one; its key says it once."""
    to = parent or link.parent
    return Notice(f"{kind}:{link.id}:{to}", kind, to, link.id, now)


def email_changed(before: Parent, now: datetime) -> Notice:
    """Return the notice to the address that `before` had until `now`; each change is told once."""
    kind = NoticeKind.EMAIL_CHANGED
    return Notice(f"{kind}:{before.id}:{now.isoformat()}", kind, before.id, None, now, address=before.email)
