"""Realm `parents` in memory: what the contract tests prove equal to the real thing, plus faults on demand."""

from __future__ import annotations

from dataclasses import replace

from idp_bridge.domain.people import ParentId
from idp_bridge.services.failures import Gone
from idp_bridge.services.ports import Account


class FakeAccounts:
    """Accounts by id. `fail(call, failure)` makes a call raise until `mend()`."""

    def __init__(self) -> None:
        self._accounts: dict[ParentId, Account] = {}
        self._failures: dict[str, Exception] = {}
        self.calls: list[str] = []
        self.ended: list[ParentId] = []
        self.writes = 0
        self.swallow_writes = False

    def add(self, parent: ParentId, email: str, *, attributes: dict[str, tuple[str, ...]] | None = None) -> None:
        """Make an account, as registration would."""
        self._accounts[parent] = Account(parent, email, email, "A", "B", True, True, attributes or {})

    def put(self, parent: ParentId, name: str, values: tuple[str, ...]) -> None:
        """Set an attribute behind the bridge's back."""
        account = self._accounts[parent]
        self._accounts[parent] = replace(account, attributes={**account.attributes, name: values})

    def remove(self, parent: ParentId) -> None:
        """Delete the account."""
        del self._accounts[parent]

    def fail(self, call: str, failure: Exception) -> None:
        """Let `call` raise `failure` from now on."""
        self._failures[call] = failure

    def mend(self) -> None:
        """Let every call work again."""
        self._failures.clear()

    def get(self, parent: ParentId) -> Account:
        """Return the account."""
        self._called("get")
        if parent not in self._accounts:
            raise Gone("keycloak", "user")
        return self._accounts[parent]

    def write_links(self, account: Account, value: str) -> None:
        """Replace e-mail, names and attributes by those of `account`, with the one value."""
        self._called("write_links")
        if account.id not in self._accounts:
            raise Gone("keycloak", "user")
        self.writes += 1
        if not self.swallow_writes:
            attributes = {**account.attributes, "student_links": (value,)}
            self._accounts[account.id] = replace(account, attributes=attributes)

    def end_sessions(self, parent: ParentId) -> None:
        """Note that the sessions ended."""
        self._called("end_sessions")
        if parent not in self._accounts:
            raise Gone("keycloak", "user")
        self.ended.append(parent)

    def drop_offline_tokens(self, parent: ParentId) -> None:
        """Note the call."""
        self._called("drop_offline_tokens")
        if parent not in self._accounts:
            raise Gone("keycloak", "user")

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if call in self._failures:
            raise self._failures[call]
