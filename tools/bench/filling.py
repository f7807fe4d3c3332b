"""Fill a database with as many links as asked, fast and the same each time; never through a use case.

A year in: of ten families one waits for its visit with two requests, the others were decided, some have a
second person to come. Twenty schools, so that each has a queue also in the small database.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from idp_bridge.domain.link import LinkState
from idp_bridge.storage import journals, tables
from idp_bridge.storage.postgres import without_hurry
from idp_bridge.storage.store import SqlStore
from idp_bridge.storage.waiting import COLUMNS, true_places

NOW = datetime(2026, 8, 12, 14, 0, tzinfo=UTC)
SCHOOLS = 20
CHILDREN = 2
"""Links of each family."""
CHUNK = 5_000
OPEN_EVERY, SECOND_EVERY, DENIED_EVERY = 10, 97, 13

Rows = Iterator[dict[str, object]]


def fill(store: SqlStore, links: int) -> None:
    """Write a district with `links` links and bring the database's own statistics up to date."""
    families = links // CHILDREN
    postgres = store.engine.dialect.name == "postgresql"
    with store.connection(write=True) as connection:
        if postgres:
            without_hurry(connection)
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")  # see below
            # Its triggers look for restrictions link by link, without statistics: minutes for 200,000.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table, rows in (
            (tables.schools, _schools()),
            (tables.students, (_student(n) for n in range(links))),
            (tables.parents, (_parent(n) for n in range(families))),
            (tables.visits, (_visit(n) for n in range(families))),
            (tables.links, (_link(n) for n in range(links))),
            (journals.projections, (_projection(n) for n in range(families))),
        ):
            for some in chunks(rows):
                connection.execute(sa.insert(table), some)
                if postgres:  # else its plans for triggers and joins stay those of an empty table: minutes
                    connection.exec_driver_sql(f"ANALYZE {table.name}")
        places = true_places(sa.true())
        connection.execute(sa.insert(tables.waiting_places).from_select(COLUMNS, places))
    if postgres:
        # Autovacuum does so within a minute; SQLite never. Where what was committed is not on disk yet, it
        # marks no page as seen by all, and what an index alone could answer is looked up in the table too.
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            without_hurry(connection)
            connection.exec_driver_sql("SET statement_timeout = 0")  # it is no transaction's
            connection.exec_driver_sql("SET synchronous_commit = on")
            connection.exec_driver_sql("VACUUM ANALYZE")


def school(number: int) -> str:
    """Return the code of a school."""
    return f"{number % SCHOOLS:04}"


def student_number(number: int) -> str:
    """Return the number of a student; of the same number of links as there are students."""
    return f"{40_000_000 + number:08}"


def email(family: int) -> str:
    """Return the address of a parent."""
    return f"parent.{family}@mail.example"


def chunks(rows: Rows) -> Iterator[list[dict[str, object]]]:
    """Yield `rows` in lists that go into one statement."""
    some: list[dict[str, object]] = []
    for row in rows:
        some.append(row)
        if len(some) == CHUNK:
            yield some
            some = []
    if some:
        yield some


def _schools() -> Rows:
    for number in range(SCHOOLS):
        code = school(number)
        yield {"code": code, "name": f"School {code}", "address": "", "office_hours": "", "phone": ""}


def _student(number: int) -> dict[str, object]:
    return {
        "id": f"student-{number}",
        "number": student_number(number),
        "given_name": f"Given{number}",
        "family_name": f"Family{number // CHILDREN}",
        "birth_date": date(2012, 1, 1) + timedelta(days=number % 3000),
        "school": school(number // CHILDREN),
        "grade": "4",
        "enrolled": True,
    }


def _parent(family: int) -> dict[str, object]:
    return {
        "id": f"parent-{family}",
        "email": email(family),
        "given_name": f"Parent{family}",
        "family_name": f"Family{family}",
        "locale": "en",
        "first_seen_at": NOW - timedelta(days=30),
        "rev": 1,
    }


def _waits(family: int) -> bool:
    return family % OPEN_EVERY == (family // SCHOOLS) % OPEN_EVERY  # over all schools


def _visit(family: int) -> dict[str, object]:
    ago = timedelta(days=family % 14, minutes=family % 600)
    return {
        "id": f"visit-{family}",
        "parent": f"parent-{family}",
        "code_fingerprint": f"code-{family}",
        "code_turn": 0,
        "opened_at": NOW - ago,
        "visit_by": (NOW - ago).date() + timedelta(days=14),
        "closed_at": None if _waits(family) else NOW - ago + timedelta(hours=3),
    }


def _state(number: int, family: int) -> LinkState:
    if _waits(family):
        return LinkState.AWAITING_VISIT
    if family % SECOND_EVERY == 0:
        return LinkState.AWAITING_SECOND
    return LinkState.DENIED if number % DENIED_EVERY == 0 else LinkState.VERIFIED


def _link(number: int) -> dict[str, object]:
    family = number // CHILDREN
    student, state = _student(number), _state(number, family)
    asked = NOW - timedelta(days=family % 14, minutes=family % 600)
    verified = state is LinkState.VERIFIED
    return {
        "id": f"link-{number}",
        "parent": f"parent-{family}",
        "visit": f"visit-{family}",
        "claimed_number": student["number"],
        "claimed_birth_date": student["birth_date"],
        "claimed_school": student["school"],
        "relationship": "birth-or-adoptive-parent",
        "student": student["id"],
        "state": state,
        "requested_at": asked,
        "changed_at": asked,
        "reason": "not-the-student" if state is LinkState.DENIED else None,
        "purposes": "choice messages records transport" if verified else "",
        "evidence": "school-record" if verified else None,
        "verified_at": asked if verified else None,
        "verified_school": student["school"] if verified else None,
        "decided_by": None if state is LinkState.AWAITING_VISIT else f"entry-{family % 60}",
        "version": 1,
    }


def _projection(family: int) -> dict[str, object]:
    due = NOW if family % 4000 == 0 else None
    return {
        "parent": f"parent-{family}",
        "due_since": due,
        "turn": 1,
        "loss": False,
        "fence": 1,
        "fence_turn": 1,
        "attempts": 0,
        "done_rev": 1,
    }
