"""Both databases read the desk's lists and search from indexes, whatever the size: asked by EXPLAIN."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from idp_bridge.services.queueing import Tab, queue, search
from tests.conftest import staff

CALLS = {
    "all": lambda house, who: queue(house, who, Tab.ALL, 90, 10),
    "second": lambda house, who: queue(house, who, Tab.SECOND, 0, 10),
    "apps": lambda house, who: queue(house, who, Tab.APPS, 0, 10),
    "number": lambda house, who: search(house, who, "46554860"),
    "e-mail": lambda house, who: search(house, who, "amara@mail.example"),
}
ROLES = {
    "one school": ("0552:office",),
    "two schools": ("0552:office", "0610:office"),
    "every": ("9001:district-office",),
}
SMALL = {"school", "constant"}
"""Read whole: a district has some hundred schools."""


def scanned(house, call) -> set[str]:
    """Return the tables that one of the statements of `call` reads from end to end."""
    plan = plans(house, call)
    postgres = house.store.engine.dialect.name == "postgresql"
    found = {name.lower() for name in re.findall(r"Seq Scan on (\w+)" if postgres else r"SCAN (\w+)", plan)}
    return {name for name in found if not name.startswith("anon_")} - SMALL


def plans(house, call) -> str:
    """Return how the database would run each statement of `call`."""
    taken = []
    listen = ("before_cursor_execute", lambda *args: taken.append((args[2], args[3])))
    sa.event.listen(house.store.engine, *listen)
    try:
        call()
    finally:
        sa.event.remove(house.store.engine, *listen)
    with house.store.connection(write=False) as connection:
        if connection.dialect.name == "postgresql":
            # So small a table is read whole unless that is forbidden; then only what cannot be otherwise is.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        word = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        return "\n".join(
            str(line[-1])
            for statement, values in taken
            if statement.startswith("SELECT")
            for line in connection.exec_driver_sql(f"{word} {statement}", values).fetchall()
        )


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("role", ROLES)
def test_no_table_is_read_from_end_to_end(house, call, role):
    house.directory.people["x.y"] = who = staff("x.y", *ROLES[role])
    assert scanned(house, lambda: CALLS[call](house, who)) == set()


@pytest.mark.parametrize("call", ["all", "apps"])
def test_what_has_not_arrived_is_not_looked_for_among_all_verified_links(house, call):
    """It was, after another index had come: 6.8 ms at 20,000 links, and ten times that at 200,000."""
    house.directory.people["x.y"] = who = staff("x.y", *ROLES["one school"])
    used = plans(house, lambda: CALLS[call](house, who))
    assert "projection" in used
    assert "ix_link_state" not in used


def test_a_query_without_an_index_would_be_noticed(house):
    def all_links_with_evidence():
        with house.store.connection(write=False) as connection:
            connection.exec_driver_sql("SELECT id FROM link WHERE evidence = 'passport'").fetchall()

    assert scanned(house, all_links_with_evidence) == {"link"}


def test_the_parent_s_links_and_a_number_are_looked_up_by_index(house):
    """Both are asked at every request for a link."""

    def call():
        with house.store.reading() as rows:
            rows.links.of_parent("p")
            rows.students.by_number("46554860")

    assert scanned(house, call) == set()


def test_who_is_due_most_urgently_is_read_from_the_front_of_an_index(house):
    """Several threads ask for it all the time: each read all parents and sorted those that are due."""

    def call():
        with house.store.reading() as rows:
            rows.projections.due(house.clock.now(), 1)

    plan = plans(house, call)
    assert scanned(house, call) == set()
    assert plan.count("ix_projection_") == 2
    if (
        house.store.engine.dialect.name == "sqlite"
    ):  # which index a small table is read by is PostgreSQL's whim
        assert plan.count("ix_projection_urgent") == 2
    assert "TEMP B-TREE" not in plan
