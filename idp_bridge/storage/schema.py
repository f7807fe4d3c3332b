"""Bring a database to the schema this version needs, and say whether it is there; never touches rows."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from idp_bridge.storage.postgres import without_hurry
from idp_bridge.storage.store import SqlStore


def upgrade(store: SqlStore, revision: str = "head") -> None:
    """Apply every migration that is missing, in one transaction, however long it takes."""
    with store.connection(write=True) as connection:
        without_hurry(connection)
        command.upgrade(_config(connection), revision)


def downgrade(store: SqlStore, revision: str) -> None:
    """Undo migrations down to `revision` (`base` for all), in one transaction, however long it takes."""
    with store.connection(write=True) as connection:
        without_hurry(connection)
        command.downgrade(_config(connection), revision)


def current(store: SqlStore) -> tuple[str | None, str]:
    """Return the revision the database is at and the one this version needs."""
    with store.connection(write=False) as connection:
        at = MigrationContext.configure(connection).get_current_revision()
        return at, str(ScriptDirectory.from_config(_config(connection)).get_current_head())


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
