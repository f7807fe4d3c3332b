"""Hold the real parts of a life: services on SQLite, fakes outside, a clock, and a machine that can die."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from idp_bridge.domain.link import Claimed, Link, LinkState, Visit
from idp_bridge.domain.people import Parent, ParentId, SchoolCode, Student, StudentId, StudentNumber
from idp_bridge.domain.roster import Roster, RosterChanges
from idp_bridge.services.house import House, Rules
from idp_bridge.services.linking import SignedIn, arrive
from idp_bridge.services.rostering import import_roster
from idp_bridge.services.wanting import wanted_for_all
from idp_bridge.storage import tables
from idp_bridge.storage.store import SqlStore
from tests.conftest import IRIS, MATEO, NOW, TEO, staff
from tests.fakes.accounts import FakeAccounts
from tests.fakes.clock import FixedClock
from tests.fakes.directory import FakeDirectory
from tests.fakes.mail import FakeMail
from tests.fakes.wakeup import FakeWakeup

ZONE = ZoneInfo("America/New_York")
RIVER = Student(
    StudentId("s-river"),
    StudentNumber("46300001"),
    "River",
    "Quintero-Bell",
    NOW.date().replace(year=2009, month=1, day=20),
    SchoolCode("0610"),
    "12",
)
"""Comes of age two months after the life begins."""
STUDENTS = {one.id: one for one in (IRIS, TEO, MATEO, RIVER)}
AMARA, BO, AMARA_TOO = (ParentId(f"p-{name}") for name in ("amara", "bo", "amara-2"))
NAMES = {AMARA: ("Amara", "Quintero-Bell"), BO: ("Bo", "Li"), AMARA_TOO: ("Amara", "Quintero-Bell")}
"""The third is the first one's new account, or a namesake: nobody can tell before the school has looked."""
CLERKS = {"0552": ("jo.hathaway", "kit.moss"), "0610": ("sam.okafor", "uma.reyes")}
PRINCIPAL = {"0552": "ana.ruiz", "0610": "omar.haddad"}
DISTRICT = ("dee.collins", "eli.frost")
NOT_PART = {"audit", "alarm", "session", "limit_counter", "logout_token"}
"""Tables that a refusal may write: who was refused, and how often somebody guessed."""
PART = [table.name for table in tables.metadata.sorted_tables if table.name not in NOT_PART]


class Died(BaseException):
    """The machine lost its power in the middle of a statement."""


@dataclass(frozen=True)
class Stored:
    """What a link's row says, as far as the model says it too."""

    parent: str
    student: str | None
    state: str
    reason: str | None
    purposes: frozenset[str]
    ends: datetime | None
    typed: Claimed
    meant: tuple[str, date]
    """Number and birth date after a correction at the counter; as typed where there was none."""


class World:
    """Everything real, with one hand on the power switch."""

    def __init__(self, filled: Path, store: SqlStore) -> None:
        """Begin on a copy of `filled`; `store` is one for all lives: it knows their statements by then."""
        file = Path(store.engine.url.database)
        for old in file.parent.glob(f"{file.name}*"):
            old.unlink()
        shutil.copy(filled, file)
        self.store = store
        self.eye = sqlite3.connect(file, isolation_level=None)
        self.eye.row_factory = sqlite3.Row
        self.clock = FixedClock(NOW)
        self.accounts = FakeAccounts()
        self.directory = FakeDirectory({one.uid: one for one in _people()})
        numbers = count()  # ids must not be random: hypothesis replays a run
        self.house = House(
            store=self.store,
            accounts=self.accounts,
            directory=self.directory,
            mail=FakeMail(),
            wakeup=FakeWakeup(),
            clock=self.clock,
            rules=Rules(code_key=b"k" * 32, zone=ZONE, email_domains=("district.example",)),
            new_id=lambda: f"{next(numbers):06}",
        )
        with self.store.transaction() as rows:
            rows.roster.write(RosterChanges(students=(RIVER,)))
        for parent in NAMES:
            self.accounts.add(parent, f"{parent}@mail.example")
            self.sign_in(parent)
        self.statements_left: int | None = None
        self.transactions_left = 1
        sa.event.listen(store.engine, "before_cursor_execute", self._count)

    def close(self) -> None:
        """Take it down."""
        sa.event.remove(self.store.engine, "before_cursor_execute", self._count)
        self.eye.close()
        self.store.close()

    def sign_in(self, parent: ParentId) -> Parent:
        """Let a parent sign in, as the callback does."""
        return arrive(self.house, SignedIn(parent, f"{parent}@mail.example", *NAMES[parent], "en"))

    def import_students(self, students: Iterable[Student]) -> None:
        """Import a bulk roster that holds these students and nobody else."""
        with self.store.reading() as rows:
            schools, hints = rows.roster.schools(), rows.roster.hints()
        roster = Roster(tuple(schools.values()), tuple(students), hints)
        import_roster(self.house, roster, "digest")

    def dies_after(self, statements: int | None) -> None:
        """Let the power go at the n-th statement from now, and before a second transaction that writes.

        Nothing is done in two transactions; only that somebody was refused is written down in one of its own.
        None: the power stays.
        """
        self.statements_left = statements
        self.transactions_left = 1

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self.statements_left is None:
            return
        self.statements_left -= 1
        self.transactions_left -= statement == "BEGIN IMMEDIATE"
        if min(self.statements_left, self.transactions_left) < 0:
            self.statements_left = None
            raise Died

    # --- what can be seen ------------------------------------------------------------------------

    def moment(self) -> tuple[Any, ...]:
        """Return what is another once anything was committed or written to an account, or time passed."""
        (version,) = self.eye.execute("PRAGMA data_version").fetchone()
        return version, self.clock.now(), self.accounts.writes

    def link(self, id: str) -> Link:
        """Return one stored link."""
        with self.store.reading() as rows:
            return rows.links.get(id)

    def visit(self, id: str) -> Visit:
        """Return the visit of a link."""
        with self.store.reading() as rows:
            return rows.visits.get(rows.links.get(id).visit)

    def links(self) -> dict[str, Stored]:
        """Return every stored link, in the order they were made."""
        found = self._look("SELECT * FROM link ORDER BY requested_at, id")
        return {row["id"]: _stored(row) for row in found}

    def versions(self) -> dict[str, tuple[LinkState, int]]:
        """Return the state and version of every stored link."""
        found = self._look("SELECT id, state, version FROM link")
        return {row["id"]: (LinkState(row["state"]), row["version"]) for row in found}

    def visits_with(self, states: Iterable[LinkState]) -> set[str]:
        """Return the visits that have a link in one of `states`."""
        among = ", ".join(f"'{state}'" for state in states)
        return {row["visit"] for row in self._look(f"SELECT visit FROM link WHERE state IN ({among})")}

    def open_visits(self) -> set[str]:
        """Return the visits that are not closed."""
        return {row["id"] for row in self._look("SELECT id FROM visit WHERE closed_at IS NULL")}

    def standing(self) -> dict[str, bool]:
        """Return which restrictions stand."""
        found = self._look("SELECT id, lifted_at IS NULL AS stands FROM restriction")
        return {row["id"]: bool(row["stands"]) for row in found}

    def due(self) -> dict[str, bool]:
        """Return whose token is to be written again, and whether something is lost by it."""
        found = self._look("SELECT parent, loss FROM projection WHERE due_since IS NOT NULL")
        return {row["parent"]: bool(row["loss"]) for row in found}

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row that a refused or broken-off act must leave as it was."""
        return {name: [tuple(row) for row in self._look(f"SELECT * FROM {name}")] for name in PART}

    def audit_after(self, number: int) -> list[dict[str, Any]]:
        """Return the audit's rows after `number`, oldest first."""
        found = self._look(f"SELECT * FROM audit WHERE number > {number} ORDER BY number")
        return [{**dict(row), "fields": json.loads(row["fields"])} for row in found]

    def held(self) -> set[tuple[str, str]]:
        """Return which restriction is kept against which account."""
        return {(row["restriction"], row["parent"]) for row in self._look("SELECT * FROM restricted")}

    def _look(self, query: str) -> list[sqlite3.Row]:
        """Read what is committed, beside the services and without their layers: this is done at each step."""
        return self.eye.execute(query).fetchall()

    def first_bad(self) -> int | None:
        """Return the first row that breaks the audit's chain."""
        with self.store.reading() as rows:
            return rows.audit.first_bad()

    def wanted(self) -> dict[ParentId, dict[str, Any]]:
        """Return the value each parent's token should have now."""
        with self.store.reading() as rows:
            wanted = wanted_for_all(rows, NAMES, self.clock.now())
        return {parent: json.loads(one.value) for parent, one in wanted.items()}

    def token(self, parent: ParentId) -> list[dict[str, Any]]:
        """Return what the parent's account says now, without what is over by its own date."""
        values = self.accounts.stored(parent).attributes.get("student_links", ())
        assert len(values) <= 1
        return [link for text in values for link in json.loads(text)["links"] if self.lasts(link)]

    def lasts(self, entry: dict[str, Any]) -> bool:
        """Tell whether an entry of a token still counts: an app drops it after its date."""
        return entry.get("exp", float("inf")) > self.clock.now().timestamp()


def purposes(entries: Iterable[dict[str, Any]]) -> dict[str, frozenset[str]]:
    """Return for what a token opens which student, by number."""
    return {entry["id"]: frozenset(entry["pur"]) for entry in entries}


def _stored(row: sqlite3.Row) -> Stored:
    typed = Claimed(
        StudentNumber(row["claimed_number"]),
        date.fromisoformat(row["claimed_birth_date"]),
        SchoolCode(row["claimed_school"]),
        row["relationship"],
    )
    born = row["corrected_birth_date"]
    return Stored(
        parent=row["parent"],
        student=row["student"],
        state=row["state"],
        reason=row["reason"],
        purposes=frozenset(row["purposes"].split()),
        ends=datetime.fromisoformat(row["expires_at"]).replace(tzinfo=UTC) if row["expires_at"] else None,
        typed=typed,
        meant=(
            row["corrected_number"] or typed.student_number,
            date.fromisoformat(born) if born else typed.birth_date,
        ),
    )


def store_in(folder: Path) -> SqlStore:
    """Return a store that does not wait for the disk: what dies here is a process, not the machine."""
    store = SqlStore(f"sqlite:///{folder}/bridge.db")
    sa.event.listen(store.engine, "connect", lambda one, _: one.execute("PRAGMA synchronous=OFF"))
    return store


def _people() -> list[Any]:
    return [
        *(staff(uid, f"{school}:office") for school, both in CLERKS.items() for uid in both),
        *(staff(uid, f"{school}:principal") for school, uid in PRINCIPAL.items()),
        *(staff(uid, "9001:district-office") for uid in DISTRICT),
        staff("tess.moore"),
    ]
