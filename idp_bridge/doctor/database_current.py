"""Check that the database has this version's schema and guards its audit; never leaves or takes a row."""

from __future__ import annotations

import sqlalchemy as sa

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds
from idp_bridge.storage import journals, schema

OLDEST_POSTGRESQL = 15


def look(here: Installation) -> Finding:
    """Compare schema revisions, try to delete an audit row in a transaction that is rolled back."""
    at, needed = schema.current(here.store)
    if at != needed:
        return broken(f"schema {at or 'none'}, {needed} is needed", "Run idp-bridge db upgrade.")
    engine = here.store.engine
    if engine.dialect.name == "postgresql":
        with here.store.connection(write=False) as connection:
            version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10000
        if version < OLDEST_POSTGRESQL:
            return broken(f"PostgreSQL {version}", f"Use PostgreSQL {OLDEST_POSTGRESQL} or later.")
    if not _audit_is_guarded(here):
        return broken("audit rows can be deleted", "Restore the triggers: see the first migration.")
    return holds(f"{engine.dialect.name}, schema {needed}")


def _audit_is_guarded(here: Installation) -> bool:
    """Tell whether the database refuses to delete audit rows; where there is none, nothing can be lost."""
    with here.store.engine.connect() as connection, connection.begin() as change:
        try:
            if connection.execute(sa.select(journals.audit.c.number).limit(1)).first() is None:
                return True
            connection.execute(sa.delete(journals.audit))
            return False
        except sa.exc.DatabaseError:
            return True
        finally:
            change.rollback()


CHECK = Check("database_current", "The database is this version's and guards its audit", look)
