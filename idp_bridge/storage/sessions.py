"""Keep the sessions of the bridge's own pages; the cookie's opaque id is stored as a hash only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.people import ParentId
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.storage import journals
from idp_bridge.storage.store import SqlStore
from idp_bridge.storage.writing import insert_new, upsert

_rows = journals.sessions


@dataclass(frozen=True, slots=True)
class SqlSessions:
    """Sessions by the hash of their id. Each call is a transaction of its own."""

    store: SqlStore

    def load(self, id_hash: str, now: datetime) -> dict[str, Any] | None:
        """Return the content of a session that has not expired."""
        query = sa.select(_rows.c.content).where(_rows.c.id_hash == id_hash, _rows.c.expires_at > now)
        with self.store.connection(write=False) as connection:
            content: dict[str, Any] | None = connection.execute(query).scalar_one_or_none()
        return content

    @again_if_undone
    def save(self, id_hash: str, content: dict[str, Any], now: datetime, expires_at: datetime) -> None:
        """Insert or replace a session; `iss`, `sub`, `sid` are copied out of its `person`."""
        person = content.get("person") or {}
        row = {
            "id_hash": id_hash,
            "iss": person.get("iss"),
            "sub": person.get("sub"),
            "sid": person.get("sid"),
            "created_at": now,
            "expires_at": expires_at,
            "content": content,
        }
        with self.store.connection(write=True) as connection:
            upsert(connection, _rows, [row], keep=frozenset({"created_at"}))

    @again_if_undone
    def delete(self, id_hash: str) -> None:
        """Delete one session."""
        with self.store.connection(write=True) as connection:
            connection.execute(sa.delete(_rows).where(_rows.c.id_hash == id_hash))

    @again_if_undone
    def delete_of(self, iss: str, sub: str | None, sid: str | None) -> int:
        """Delete the sessions a back-channel logout names: one `sid`, or all of `sub`; return how many."""
        named = _rows.c.sid == sid if sid else _rows.c.sub == sub
        with self.store.connection(write=True) as connection:
            return connection.execute(sa.delete(_rows).where(_rows.c.iss == iss, named)).rowcount

    @again_if_undone
    def first_use(self, jti: str, expires_at: datetime, now: datetime) -> bool:
        """Remember a logout token's `jti` until `expires_at`; False if it was seen before."""
        seen = journals.logout_tokens
        with self.store.connection(write=True) as connection:
            connection.execute(sa.delete(seen).where(seen.c.expires_at < now))
            return insert_new(connection, seen, {"jti": jti, "expires_at": expires_at})

    @again_if_undone
    def sweep(self, now: datetime) -> int:
        """Delete expired sessions; return how many."""
        with self.store.connection(write=True) as connection:
            return connection.execute(sa.delete(_rows).where(_rows.c.expires_at <= now)).rowcount


@dataclass(frozen=True, slots=True)
class ParentSessions:
    """Sessions of those who signed in through realm `parents`, whose issuer is `iss`."""

    store: SqlStore
    iss: str

    def end_of(self, parent: ParentId) -> int:
        """Delete every session of `parent`; return how many. Raises Unreachable."""
        return SqlSessions(self.store).delete_of(self.iss, parent, None)
