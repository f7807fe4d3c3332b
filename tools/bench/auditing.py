"""Measure how long checking the audit chain takes, against a bare loop over its rows; never mends one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.events import FIRST_HASH, Actor, ActorKind, Event, chained
from idp_bridge.services.auditing import first_bad_row
from idp_bridge.storage import journals
from idp_bridge.storage.store import SqlStore
from tools.aims import at_least
from tools.bench.desk import house_on
from tools.bench.filling import NOW, chunks
from tools.bench.places import KINDS, Bench
from tools.bench.rows import Figures, row
from tools.bench.timing import in_turns

FETCHED = 1000
"""Rows the bare loop takes at once, as ours does."""
HASHED = (
    "SELECT name, at, actor_kind, actor, parent, student, link, school, fields, hash FROM audit "
    "ORDER BY number"
)


def fill(store: SqlStore, events: int) -> None:
    """Write a whole chain of `events` events."""
    with store.connection(write=True) as connection:
        for some in chunks(_rows(events)):
            connection.execute(sa.insert(journals.audit), some)


def _rows(events: int) -> Iterator[dict[str, object]]:
    before = FIRST_HASH
    for number in range(1, events + 1):
        event = _event(number)
        before = chained(before, event)
        yield {
            "number": number,
            "name": event.name,
            "at": event.at,
            "actor_kind": event.actor.kind,
            "actor": event.actor.id,
            "parent": event.parent,
            "student": event.student,
            "link": event.link,
            "school": event.school,
            "fields": event.fields,
            "hash": before,
        }


def _event(number: int) -> Event:
    return Event(
        "link:verified",
        NOW + timedelta(seconds=number, microseconds=number % 1000),
        Actor(ActorKind.STAFF, f"entry-{number % 60}"),
        parent=f"parent-{number // 2}",
        student=f"student-{number}",
        link=f"link-{number}",
        school=f"{number % 20:04}",
        fields={"evidence": "school-record", "before": "awaiting-visit", "after": "verified"},
    )


def bare(store: SqlStore) -> Callable[[], None]:
    """Return what an auditor would write: the driver's own cursor, the JSON that is hashed, and hashlib."""
    told = _told_by_sqlite if store.engine.dialect.name == "sqlite" else _told_by_postgresql

    def loop() -> None:
        before = FIRST_HASH
        with store.connection(write=False) as connection:
            for *row, stored in _fetched(connection):
                body = json.dumps([before, *told(row)], separators=(",", ":"), sort_keys=True)
                before = hashlib.sha256(body.encode()).hexdigest()
                if before != stored:
                    raise RuntimeError("the bare loop does not find the chain whole")

    return loop


def _fetched(connection: sa.Connection) -> Iterator[Any]:
    driver: Any = connection.connection.driver_connection
    named = {} if connection.dialect.name == "sqlite" else {"name": "bare"}  # read in pieces, as ours
    cursor = driver.cursor(**named)
    cursor.execute(HASHED)
    while some := cursor.fetchmany(FETCHED):
        yield from some
    cursor.close()


def _told_by_sqlite(row: list[Any]) -> list[Any]:
    name, at, *more, fields = row
    return [name, datetime.fromisoformat(f"{at}+00:00").isoformat(), *more, json.loads(fields)]


def _told_by_postgresql(row: list[Any]) -> list[Any]:
    name, at, *more = row
    return [name, at.isoformat(), *more]


@dataclass(frozen=True, slots=True)
class Chain:
    """Our check of the whole chain beside the bare loop, on one database."""

    kind: str

    def __call__(self, bench: Bench) -> Figures:
        """Measure; the ratio is bare to ours: 1 would be no cost of our own."""
        store, fresh = bench.store(self.kind, "audit")
        if fresh:
            fill(store, bench.events)
        house = house_on(store)

        def ours() -> None:
            if first_bad_row(house) is not None:
                raise RuntimeError("we do not find the chain whole")

        took, against = in_turns((ours, bare(store)), bench.runs, calls=1)
        return Figures(took.ms, against.ms, against.ms / took.ms, spread=took.spread)


for kind in KINDS:
    row(f"verify the audit chain, 200,000 events, {kind}: bare loop / ours", aim=at_least(0.6))(Chain(kind))
