"""Realm `parents` in memory: what the contract tests prove equal to the real thing, plus faults on demand."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from idp_bridge.domain.claims import ATTRIBUTE, MAX_LENGTH
from idp_bridge.domain.people import ParentId
from idp_bridge.services.failures import Gone, Refused
from idp_bridge.services.ports import (
    Account,
    AccountChange,
    AccountEvent,
    AccountEventKind,
    AppUse,
    Author,
)
from idp_bridge.services.rows import Store

DECLARED = re.compile(r'\{"v":[0-9]{1,3},"rev":[0-9]{1,12},"asof":[0-9]{1,12},"links":\[.*\].*\}')
"""What the realm's user profile allows (`realm-config/parents.json`)."""
FIELDS = ("username", "email", "first_name", "last_name")


class FakeAccounts:
    """Accounts by id. `fail(call, failure)` makes a call raise until `mend()`.

    With a `store`, everybody the bridge has a snapshot of has an account that agrees with it, as after any
    sign-in, until a test says otherwise with `add`, `change` or `remove`. With `tells_own` it tells of our
    own newest write.
    """

    def __init__(
        self,
        store: Store | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        tells_own: bool = False,
    ) -> None:
        self._store = store
        self._now = now
        self._tells_own = tells_own
        self._own: AccountEvent | None = None
        self._by_hand: set[ParentId] = set()
        self._accounts: dict[ParentId, Account] = {}
        self._outside: set[ParentId] = set()
        self._failures: dict[str, Exception] = {}
        self.calls: list[str] = []
        self.ended: list[ParentId] = []
        self._uses: dict[ParentId, dict[str, datetime]] = {}
        self.writes = 0
        self.swallow_writes = False
        self.happened: list[AccountEvent] = []
        self._changed: list[tuple[ParentId, AccountChange]] = []

    def add(
        self,
        parent: ParentId,
        email: str,
        *,
        attributes: dict[str, tuple[str, ...]] | None = None,
        enabled: bool = True,
        outside: bool = False,
    ) -> None:
        """Make an account, as registration would; `outside` the group the service account may touch."""
        self._by_hand.add(parent)
        self._accounts[parent] = Account(parent, email, email, "A", "B", enabled, True, attributes or {})
        if outside:
            self._outside.add(parent)

    def change(self, parent: ParentId, **fields: Any) -> None:
        """Change fields behind the bridge's back."""
        self._follow_snapshot(parent)
        self._by_hand.add(parent)
        self._accounts[parent] = replace(self._accounts[parent], **fields)

    def edit(self, parent: ParentId, **fields: str) -> None:
        """Let the parent change their own account."""
        before = {name: str(getattr(self.stored(parent), name)) for name in fields}
        self.change(parent, **fields)
        self._note(parent, Author.PARENT, before, fields)

    def write_over(self, parent: ParentId, page: Account) -> None:
        """Let an administrator save a page as it was read, whenever that was."""
        self.change(parent, **{name: getattr(page, name) for name in (*FIELDS, "attributes")})
        self._note(parent, Author.SOMEBODY)

    def stored(self, parent: ParentId) -> Account:
        """Return the account as an administrator sees it."""
        self._follow_snapshot(parent)
        return self._accounts[parent]

    def put(self, parent: ParentId, name: str, values: tuple[str, ...]) -> None:
        """Set an attribute behind the bridge's back."""
        account = self._accounts[parent]
        self._accounts[parent] = replace(account, attributes={**account.attributes, name: values})

    def remove(self, parent: ParentId) -> None:
        """Delete the account."""
        self._by_hand.add(parent)
        self._accounts.pop(parent, None)

    def fail(self, call: str, failure: Exception) -> None:
        """Let `call` raise `failure` from now on."""
        self._failures[call] = failure

    def mend(self) -> None:
        """Let every call work again."""
        self._failures.clear()

    def get(self, parent: ParentId) -> Account:
        """Return the account."""
        self._called("get", parent)
        return self._accounts[parent]

    def get_all(self, parents: Collection[ParentId]) -> Mapping[ParentId, Account]:
        """Return those of these accounts that are there and may be seen."""
        self.calls.append("get_all")
        if "get_all" in self._failures:
            raise self._failures["get_all"]
        there = [self.stored(one) for one in parents if one in self._accounts and one not in self._outside]
        return {one.id: one for one in there}

    def tell(
        self, kind: AccountEventKind, parent: ParentId | None, at: datetime, what: str = "user"
    ) -> AccountEvent:
        """Let an event be told from now on."""
        event = AccountEvent(str(uuid.uuid4()), at, kind, parent, what)
        self.happened.append(event)
        return event

    def members(self, first: int, size: int) -> tuple[Account, ...]:
        """Return accounts by name, those outside the group left out."""
        self.calls.append("members")
        if "members" in self._failures:
            raise self._failures["members"]
        seen = [one for one in self._accounts.values() if one.id not in self._outside]
        return tuple(sorted(seen, key=lambda one: one.username)[first : first + size])

    def events(self, since: datetime) -> tuple[AccountEvent, ...]:
        """Return what a test put into `happened`, from `since` on."""
        self.calls.append("events")
        if "events" in self._failures:
            raise self._failures["events"]
        told = [*self.happened, *([self._own] if self._own else [])]
        return tuple(sorted((event for event in told if event.at >= since), key=lambda event: event.at))

    def changes(
        self, parents: Collection[ParentId], since: datetime
    ) -> Mapping[ParentId, tuple[AccountChange, ...]]:
        """Return the changes of those accounts whose parent made one of them."""
        self.calls.append("changes")
        if "changes" in self._failures:
            raise self._failures["changes"]
        found = {
            parent: tuple(one for whose, one in self._changed if whose == parent and one.at >= since)
            for parent in parents
        }
        return {
            parent: changes
            for parent, changes in found.items()
            if any(one.by is Author.PARENT for one in changes)
        }

    def write_links(self, account: Account, value: str) -> None:
        """Replace e-mail, names and attributes by those of `account`, with the one value."""
        self._called("write_links", account.id)
        if len(value) > MAX_LENGTH or not DECLARED.fullmatch(value):
            raise Refused("keycloak", f"400 {ATTRIBUTE}")
        self.writes += 1
        self._note(account.id, Author.BRIDGE)
        if self._tells_own:
            self._own = AccountEvent(str(uuid.uuid4()), self._now(), AccountEventKind.OURS, None)
        if not self.swallow_writes:
            kept = self._accounts[account.id]
            self._accounts[account.id] = replace(
                account,
                enabled=kept.enabled,
                email_verified=kept.email_verified,
                attributes={**account.attributes, ATTRIBUTE: (value,)},
            )

    def end_sessions(self, parent: ParentId) -> None:
        """Note that the sessions ended."""
        self._called("end_sessions", parent)
        self.ended.append(parent)

    def drop_offline_tokens(self, parent: ParentId) -> None:
        """Note the call."""
        self._called("drop_offline_tokens", parent)

    def used(self, parent: ParentId, client: str, at: datetime) -> None:
        """Let the parent sign in to an app."""
        self._uses.setdefault(parent, {})[client] = at

    def uses(self, parent: ParentId) -> tuple[AppUse, ...]:
        """Return each app's last sign-in, the latest first."""
        self._called("uses", parent)
        newest = sorted(self._uses.get(parent, {}).items(), key=lambda one: one[1], reverse=True)
        return tuple(AppUse(client, at) for client, at in newest)

    def _note(
        self,
        parent: ParentId,
        by: Author,
        before: dict[str, str] | None = None,
        after: dict[str, str] | None = None,
    ) -> None:
        change = AccountChange(str(uuid.uuid4()), self._now(), by, before or {}, after or {})
        self._changed.append((parent, change))

    def _called(self, call: str, parent: ParentId) -> None:
        self.calls.append(call)
        if call in self._failures:
            raise self._failures[call]
        self._follow_snapshot(parent)
        if parent not in self._accounts:
            raise Gone("keycloak", "no such user")
        if parent in self._outside:
            raise Refused("keycloak", "403")

    def _follow_snapshot(self, parent: ParentId) -> None:
        if self._store is None or parent in self._by_hand:
            return
        with self._store.reading() as rows:
            seen = rows.parents.get(parent)
        if seen:
            kept = self._accounts.get(parent)
            attributes = kept.attributes if kept else {}
            self._accounts[parent] = Account(
                parent, seen.email, seen.email, seen.given_name, seen.family_name, True, True, attributes
            )
