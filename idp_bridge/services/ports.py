"""Say what the services need from systems we do not own and from the clock; never how it is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from idp_bridge.domain.access import StaffMember
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.domain.people import ParentId


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Return now, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """A user of realm `parents` as Keycloak shows it; all attributes, for a PUT replaces them all."""

    id: ParentId
    username: str
    email: str
    first_name: str
    last_name: str
    enabled: bool
    email_verified: bool
    attributes: Mapping[str, tuple[str, ...]]
    created_at: datetime | None = None


class AccountEventKind(StrEnum):
    """What Keycloak says has happened; a hint to look, never the truth."""

    EMAIL_CHANGED = "email-changed"
    PROFILE_CHANGED = "profile-changed"
    DELETED = "deleted"
    CHANGED_BY_SOMEBODY = "changed-by-somebody"
    """An administrator other than us changed, made or deleted the user."""
    PASSWORD_SET_BY_US = "password-set-by-us"  # noqa: S105 - a kind of event
    """The bridge never does: whoever did it has our key."""
    REALM_CHANGED = "realm-changed"
    """A mapper, client, group, profile or permission was changed by somebody."""
    OURS = "ours"
    """The bridge wrote. Only the newest is told: what happened before it need not be asked for again."""


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """One event of realm `parents`; `parent` is None where it is about the realm."""

    id: str
    at: datetime
    kind: AccountEventKind
    parent: ParentId | None
    what: str = ""
    """Kind of thing in the realm that changed."""


class Author(StrEnum):
    """Who changed an account."""

    PARENT = "parent"
    BRIDGE = "bridge"
    SOMEBODY = "administrator"


@dataclass(frozen=True, slots=True)
class AccountChange:
    """One change of an account. Only of the parent's own edits it is known what they changed."""

    id: str
    at: datetime
    """By Keycloak's clock: changes of one account can be compared with each other."""
    by: Author
    before: Mapping[str, str] = field(default_factory=dict)
    """`username`, `email`, `first_name`, `last_name` or an attribute -> what it was; what was not there is
    left out."""
    after: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AppUse:
    """An app a parent signed in to, and when it was last seen."""

    client: str
    last_at: datetime


class ParentAccounts(Protocol):
    """Realm `parents` seen by the service account `idp-bridge`. Every call raises OutsideFailure kinds:
    Unreachable (down, hanging, 5xx), Refused (401, 403, 400), Gone (404)."""

    def get(self, parent: ParentId) -> Account:
        """Return the account, read now."""
        ...

    def get_all(self, parents: Collection[ParentId]) -> Mapping[ParentId, Account]:
        """Return these accounts, read now; whoever is gone or not ours to see is left out."""
        ...

    def members(self, first: int, size: int) -> tuple[Account, ...]:
        """Return up to `size` accounts from place `first` on, in a fixed order, with their attributes."""
        ...

    def events(self, since: datetime) -> tuple[AccountEvent, ...]:
        """Return what happened to accounts and realm since then, oldest first; of our writes the newest."""
        ...

    def changes(
        self, parents: Collection[ParentId], since: datetime
    ) -> Mapping[ParentId, tuple[AccountChange, ...]]:
        """Return what changed in these accounts since then, by whomever, each account's oldest first.

        Only accounts whose parent changed something, whatever others did.
        """
        ...

    def write_links(self, account: Account, value: str) -> None:
        """PUT `account` with attribute `student_links` set to the one `value`; all else as `account` says."""
        ...

    def end_sessions(self, parent: ParentId) -> None:
        """End all online sessions and refuse refresh tokens issued before this second."""
        ...

    def drop_offline_tokens(self, parent: ParentId) -> None:
        """Refuse offline tokens of every client that holds one (the same-second survivors)."""
        ...

    def uses(self, parent: ParentId) -> tuple[AppUse, ...]:
        """Return each app the parent used as far back as the realm remembers, the latest first."""
        ...


class OwnSessions(Protocol):
    """Sessions of parents at the bridge's own pages."""

    def end_of(self, parent: ParentId) -> int:
        """End every session of `parent`; return how many. Raises Unreachable."""
        ...


class Sessionless:
    """For a house without pages."""

    def end_of(self, parent: ParentId) -> int:
        """Return that there was none."""
        return 0


class Directory(Protocol):
    """The district's LDAP."""

    def staff(self, uid: str) -> StaffMember | None:
        """Return the employee with this uid as LDAP says now; None if there is none or it is locked.

        Raises Unreachable when LDAP is down, does not answer within its time-out, or not wholly.
        """
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail before it is put into words."""

    id: str
    """Becomes the Message-ID: a mail that is sent twice after a crash is seen as one."""
    to: str
    language: str
    kind: NoticeKind
    reason: str
    """Code of a refusal or an end, or why a link works; empty where there is none."""
    school: str
    visit_by: date | None
    code: str
    """Visit code while a visit is open, else empty."""
    schools: tuple[str, ...] = ()
    """Every school of an open visit; `school` is the first."""
    phone: str = ""
    """Of the school, where it is known."""
    ending: str = ""
    """Last digits of the student number: which child it is about, and never a name."""
    day: date | None = None
    """When a link ends: the 18th birthday, or the last day it works."""


class Mail(Protocol):
    """The district's mail server."""

    def send(self, letter: Letter) -> None:
        """Put the letter into words and hand it over. Raises Unreachable (perhaps it was taken), Refused and
        NotNow."""
        ...


class Wakeup(Protocol):
    """Tells the worker that a parent is due; losing a call is harmless, it looks by itself, too."""

    def projection_due(self, parent: ParentId) -> None:
        """Wake the worker, which takes whoever is due: once will do for many. Never raises."""
        ...

    def comparison_due(self) -> None:
        """Have the worker compare all parents now; never raises. A lost call is made up for by the hour."""
        ...


class Meter(Protocol):
    """Counts what operators want to see; never changes what happens."""

    def arrived(self, seconds: float) -> None:
        """Count one decision that reached the token after `seconds`."""
        ...

    def mismatch(self) -> None:
        """Count one value that was read back otherwise than written."""
        ...


class Unmetered:
    """Counts nothing: for processes that nobody watches."""

    def arrived(self, seconds: float) -> None:
        """Ignore it."""

    def mismatch(self) -> None:
        """Ignore it."""
