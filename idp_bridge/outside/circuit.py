"""Stop asking a Keycloak that does not answer, and try again by itself; never decides what to ask."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from circuitbreaker import CircuitBreaker

from idp_bridge.domain.people import ParentId
from idp_bridge.outside.errors import CircuitOpen, Unreachable
from idp_bridge.outside.metrics import Metrics
from idp_bridge.services.ports import Account, AccountChange, AccountEvent, AppUse, ParentAccounts

SYSTEM = "keycloak"
FAILURES = 5
"""Calls in a row without an answer before the circuit opens: some 15 s of a server that hangs."""
REST_S = 5
"""How long an open circuit rests before one call tries again: what a recovery waits at the most."""

Answer = TypeVar("Answer")


class CircuitAccounts:
    """`ParentAccounts` behind a circuit breaker, one for each process.

    Only a server that does not answer opens it: a refusal (401, 403, 400) or a missing user is an answer.
    """

    def __init__(
        self,
        accounts: ParentAccounts,
        metrics: Metrics | None = None,
        rest_s: float = REST_S,
        failures: int = FAILURES,
    ) -> None:
        self._accounts = accounts
        self._metrics = metrics or Metrics()
        self._breaker = CircuitBreaker(failures, rest_s, Unreachable, SYSTEM)
        self._trial = Lock()

    @property
    def closed(self) -> bool:
        """Tell whether calls go through."""
        return bool(self._breaker.closed)

    def get(self, parent: ParentId) -> Account:
        """Return the account, read now."""
        return self._call(self._accounts.get, parent)

    def get_all(self, parents: Collection[ParentId]) -> Mapping[ParentId, Account]:
        """Return those of these accounts that are there, read now."""
        return self._call(self._accounts.get_all, parents)

    def members(self, first: int, size: int) -> tuple[Account, ...]:
        """Return a page of accounts."""
        return self._call(self._accounts.members, first, size)

    def events(self, since: datetime) -> tuple[AccountEvent, ...]:
        """Return what happened since then."""
        return self._call(self._accounts.events, since)

    def changes(
        self, parents: Collection[ParentId], since: datetime
    ) -> Mapping[ParentId, tuple[AccountChange, ...]]:
        """Return what changed in these accounts since then."""
        return self._call(self._accounts.changes, parents, since)

    def write_links(self, account: Account, value: str) -> None:
        """PUT the account with the one `value`."""
        self._call(self._accounts.write_links, account, value)

    def end_sessions(self, parent: ParentId) -> None:
        """End all online sessions."""
        self._call(self._accounts.end_sessions, parent)

    def drop_offline_tokens(self, parent: ParentId) -> None:
        """Refuse offline tokens."""
        self._call(self._accounts.drop_offline_tokens, parent)

    def uses(self, parent: ParentId) -> tuple[AppUse, ...]:
        """Return each app the parent used."""
        return self._call(self._accounts.uses, parent)

    def _call(self, ask: Callable[..., Answer], *arguments: Any) -> Answer:
        with self._turn(), self._metrics.asking(ask.__name__):
            answer: Answer = self._breaker.call(ask, *arguments)
        return answer

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let everybody through while the circuit is closed, and one at a time once it has rested.

        The library lets all threads through then, each with a connection to a server that is down.
        """
        if self._breaker.closed:
            yield
            return
        if not self._trial.acquire(blocking=False):
            raise CircuitOpen(SYSTEM, "being tried")
        try:
            if self._breaker.opened:
                raise CircuitOpen(SYSTEM, "resting")
            yield
        finally:
            self._trial.release()
