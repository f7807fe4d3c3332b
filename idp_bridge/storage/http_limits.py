"""Give Flask-Limiter a storage in our database, shared by all web workers; never knows a page or a limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from limits.storage import Storage
from sqlalchemy.exc import SQLAlchemyError

from idp_bridge.domain.limits import counter_key
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.storage.limits import SqlLimits
from idp_bridge.storage.store import SqlStore

SCHEME = "idp-bridge-sql"


class SqlHttpLimits(Storage):
    """Counters of the fixed-window strategy. Each count is a short transaction of its own.

    Keys name network addresses, so only their keyed hash is stored.
    """

    STORAGE_SCHEME = [SCHEME]

    def __init__(
        self,
        uri: str | None = None,
        *,
        store: SqlStore,
        secret: bytes,
        now: Callable[[], datetime],
        wrap_exceptions: bool = False,
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._store = store
        self._secret = secret
        self._now = now

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Name what the database raises."""
        return (Unreachable, SQLAlchemyError)

    @again_if_undone
    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` more for `key` in a window of `expiry` seconds."""
        now = self._now()
        with self._store.connection(write=True) as connection:
            until = now + timedelta(seconds=expiry)
            return SqlLimits(connection).add(self._hashed(key), amount, now, until).amount

    def get(self, key: str) -> int:
        """Return what was counted in the window that runs."""
        with self._store.connection(write=False) as connection:
            counter = SqlLimits(connection).get(self._hashed(key), self._now())
        return counter.amount if counter else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window ends, in seconds since 1970."""
        now = self._now()
        with self._store.connection(write=False) as connection:
            counter = SqlLimits(connection).get(self._hashed(key), now)
        return (counter.expires_at if counter else now).timestamp()

    def check(self) -> bool:
        """Tell whether the database answers."""
        try:
            self.get("check")
        except (Unreachable, SQLAlchemyError):
            return False
        return True

    def reset(self) -> int | None:
        """Refuse: other counters live in the same table."""
        raise NotImplementedError

    def clear(self, key: str) -> None:
        """Forget what was counted for `key`."""
        with self._store.connection(write=True) as connection:
            SqlLimits(connection).forget(self._hashed(key))

    def _hashed(self, key: str) -> str:
        return counter_key(self._secret, "http", key)
