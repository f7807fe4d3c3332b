"""Keep which events of Keycloak were dealt with; never asks for one."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from idp_bridge.storage import journals
from idp_bridge.storage.writing import insert_new

_rows = journals.seen_events


class SqlSeenEvents:
    """Events by the id Keycloak gave them; times alone do not tell two apart."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def first_time(self, event: str, at: datetime) -> bool:
        """Remember an event; False if it was seen before."""
        return insert_new(self._connection, _rows, {"id": event, "at": at})

    def last_at(self) -> datetime | None:
        """Return the time of the newest event that was seen."""
        query = sa.select(_rows.c.at).order_by(_rows.c.at.desc()).limit(1)
        found: datetime | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def forget(self, before: datetime) -> None:
        """Forget events that happened before a time nobody asks for any more."""
        self._connection.execute(sa.delete(_rows).where(_rows.c.at < before))
