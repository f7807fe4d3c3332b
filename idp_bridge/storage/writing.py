"""Insert-or-update in the words of each database; never knows what a row means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

OUTRANKED = "a restriction outranks this link"
"""What the triggers of migration 0005 say."""


CHUNK = 500
"""Bound values per statement stay far below SQLite's limit of 32,766."""


def chunks(items: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield `items` in pieces that fit into one statement each."""
    rest = iter(items)
    while piece := tuple(islice(rest, CHUNK)):
        yield piece


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[dict[str, Any]],
    keep: frozenset[str] = frozenset(),
) -> None:
    """Insert `rows`, or update those whose primary key is there already, leaving columns in `keep` as is."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    key = [column.name for column in table.primary_key]
    changed = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if column.name not in key and column.name not in keep
    }
    if changed:
        statement = insert.on_conflict_do_update(index_elements=key, set_=changed)
    else:
        statement = insert.on_conflict_do_nothing(index_elements=key)
    connection.execute(statement, list(rows))


def insert_new(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert `row`; return False, and change nothing, if its primary key is there already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key)).first() is not None


def outranked(fault: IntegrityError) -> bool:
    """Tell whether the database refused a verified link under a restriction."""
    return OUTRANKED in str(fault.orig)
