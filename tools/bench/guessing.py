"""Measure whether the time of an answer tells a hit from a miss; never looks at what the answer says.

`python -m tools.bench.guessing [SAMPLES [URL]]` sends requests of five kinds, in mixed turns, through the
real Flask app on a real database (a SQLite file unless URL names another), each by a parent account of its
own, and says how well a classifier that sees only the time tells a hit from each other kind: the area under
the ROC curve (AUC), 0.5 for one that must guess.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from idp_bridge.domain.limits import Limits
from idp_bridge.domain.link import Claimed, Link, LinkId, LinkState, Visit, VisitId, verified
from idp_bridge.domain.people import (
    Parent,
    ParentId,
    Relationship,
    School,
    SchoolCode,
    Student,
    StudentId,
    StudentNumber,
)
from idp_bridge.domain.restriction import Basis, Restriction, RestrictionId
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.house import House, Rules
from idp_bridge.settings import District, Realm
from idp_bridge.storage import journals, schema
from idp_bridge.storage.sessions import SqlSessions
from idp_bridge.storage.store import SqlRows, SqlStore
from idp_bridge.web.drafts import KEY
from idp_bridge.web.front_door import Options, build
from idp_bridge.web.session import COOKIE, Person, _hash
from tools.aims import between
from tools.bench.places import KINDS as DATABASES
from tools.bench.places import Bench
from tools.bench.rows import Figures, row

KINDS = ("miss", "wrong birth date", "already linked", "restricted")
"""What a hit is told from."""
LOWEST, HIGHEST = 0.45, 0.55
SAMPLES = 1500
Times = dict[str, tuple[list[float], list[float]]]
"""By kind, on the wall and on the processor."""
SCHOOL = School(SchoolCode("0552"), "Lakeside Elementary", "1200 Lakeside Drive, Heron Springs, FL 32999")
BORN = date(2016, 3, 9)
STUDENTS = 2000


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class _Nobody:
    """Stands for the worker and the systems no request of a parent reaches."""

    def projection_due(self, parent: ParentId) -> None:
        """Do nothing."""

    def get(self, parent: ParentId) -> None:
        """Be down: then the snapshot of the account decides, for each kind alike."""
        raise Unreachable("keycloak", "account")


class Guesser:
    """A district of its own, and one fresh account for each request."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        nobody = _Nobody()
        rules = Rules(
            b"k" * 32,
            ZoneInfo("America/New_York"),
            ("district.example",),
            limits=Limits(requests_per_number=10**6, accounts_per_number=10**6, requests_per_address=10**6),
        )
        self.house = House(self.store, nobody, nobody, nobody, nobody, _Clock(), rules)  # type: ignore[arg-type]
        self.sessions = SqlSessions(self.store)
        self.web = self._build()
        self.turn = 0
        with self.store.transaction() as rows:
            students = tuple(_student(number) for number in range(STUDENTS))
            rows.roster.write(RosterChanges(schools=(SCHOOL,), students=students))

    def _build(self) -> Flask:
        realm = Realm(issuer="http://localhost:1/realms/x", client_secret="unused")  # type: ignore[arg-type]  # noqa: S106
        district = District(name="Heron County Schools", email_domains=("district.example",), help_phone="1")
        realms = {"parents": realm, "district": realm}
        app = build(self.house, self.sessions, Options("http://localhost", "s" * 32, 8, district, realms, {}))
        app.config["WTF_CSRF_ENABLED"] = False
        return app

    def prepared(self, kinds: Sequence[str]) -> list[Ready]:
        """Make a parent with one verified link, signed in and with a form ready to be sent, for each kind."""
        now = self.house.clock.now()
        ready, sessions = [], []
        with self.store.transaction() as rows:
            for kind in kinds:
                self.turn += 1
                parent, child = self._family(rows, kind, now)
                sessions.append(self._session(parent, _draft(kind, child), now))
                client = self.web.test_client()
                client.set_cookie(COOKIE, parent)
                ready.append(Ready(kind, client))
        with self.store.connection(write=True) as connection:
            connection.execute(sa.insert(journals.sessions), sessions)
        return ready

    def _family(self, rows: SqlRows, kind: str, now: datetime) -> tuple[ParentId, Student]:
        """Write the parent, one verified link, and an order against the parent or against somebody else."""
        parent = ParentId(f"parent-{self.turn:08d}")
        rows.parents.save(Parent(parent, f"p{self.turn}@mail.example", "Amara", f"Q{self.turn}", "en", now))
        child, other = _student(2 * self.turn % STUDENTS), _student((2 * self.turn + 1) % STUDENTS)
        rows.restrictions.add(_order(self.turn, child, parent if kind == "restricted" else None))
        linked = child if kind == "already linked" else other
        visit = Visit(VisitId(f"v{self.turn}"), parent, f"f{self.turn}", 0, now, now.date(), now)
        claimed = Claimed(linked.number, linked.birth_date, linked.school, Relationship.PARENT)
        waiting = Link(
            LinkId(f"l{self.turn}"), parent, visit.id, claimed, linked.id, LinkState.AWAITING_VISIT, now, now
        )
        rows.visits.add(visit)
        rows.links.add(verified(waiting, linked, "school-record", SCHOOL.code, now, self.house.rules.zone))
        return parent, child

    def _session(self, parent: ParentId, draft: dict[str, str], now: datetime) -> dict[str, object]:
        issuer, ends = "http://localhost:1/realms/x", now + timedelta(hours=3)
        person = Person("parents", issuer, parent, parent, "parent", "a", "A Q", "a@mail.example", "e30")
        return {
            "id_hash": _hash(parent),
            "iss": issuer,
            "sub": parent,
            "sid": parent,
            "created_at": now,
            "expires_at": ends,
            "content": {"person": asdict(person), "ends": ends.isoformat(), KEY: [draft]},
        }


@dataclass(frozen=True, slots=True)
class Ready:
    """A browser one click away from sending a request of `kind`."""

    kind: str
    client: FlaskClient

    def send(self) -> tuple[float, float]:
        """Send it; return how long the answer took, on the wall and on the processor."""
        wall, cpu = time.perf_counter(), time.process_time()
        answer = self.client.post("/children/add/check", data={"true": "y"})
        took = time.perf_counter() - wall, time.process_time() - cpu
        if (answer.status_code, answer.location) != (302, "/visit"):
            raise RuntimeError(f"{self.kind}: {answer.status} {answer.location}")
        return took


def _draft(kind: str, child: Student) -> dict[str, str]:
    return {
        "number": "49999999" if kind == "miss" else child.number,
        "birth-date": (BORN - timedelta(days=kind == "wrong birth date")).isoformat(),
        "school": SCHOOL.code,
        "relationship": Relationship.PARENT.value,
    }


def _student(number: int) -> Student:
    return Student(
        StudentId(f"s-{number}"),
        StudentNumber(str(46000000 + number)),
        "Iris",
        f"F{number}",
        BORN,
        SCHOOL.code,
        "4",
    )


def _order(turn: int, child: Student, parent: ParentId | None) -> Restriction:
    return Restriction(
        RestrictionId(f"r-{turn}"),
        child.id,
        "Amara",
        f"Q{turn}" if parent else "Somebody Else",
        None,
        parent,
        access=True,
        messages=False,
        basis=next(iter(Basis)),
        note="",
        review_on=date(2027, 6, 1),
        placed_by="p",
        placed_at=datetime.now(UTC),
    )


def auc(these: list[float], those: list[float]) -> float:
    """Return how often a time of `those` is longer than one of `these` (Mann-Whitney, ties count half)."""
    ranked = sorted([(one, 0) for one in these] + [(one, 1) for one in those])
    total, place = 0.0, 0
    while place < len(ranked):
        end = place
        while end < len(ranked) and ranked[end][0] == ranked[place][0]:
            end += 1
        rank = (place + 1 + end) / 2
        total += rank * sum(kind for _, kind in ranked[place:end])
        place = end
    return (total - len(those) * (len(those) + 1) / 2) / (len(these) * len(those))


def measure(store: SqlStore, samples: int = SAMPLES) -> Times:
    """Return the times of `samples` requests of each kind, sent in mixed turns on the migrated `store`."""
    kinds = ("hit", *KINDS)
    times: Times = {kind: ([], []) for kind in kinds}
    turns = [kind for _ in range(samples) for kind in random.sample(kinds, len(kinds))]
    guesser = Guesser(store)
    for one in guesser.prepared(kinds * 5):  # imports, templates and compiled statements
        one.send()
    for one in guesser.prepared(turns):
        wall, cpu = one.send()
        times[one.kind][0].append(wall)
        times[one.kind][1].append(cpu)
    return times


@dataclass(frozen=True, slots=True)
class Told:
    """How well the time alone tells a hit from `kind`, on one database."""

    database: str
    kind: str

    def __call__(self, bench: Bench) -> Figures:
        """Measure, once a run for all kinds; the ratio is the AUC itself."""
        store, fresh = bench.store(self.database, "guessing")
        if fresh:
            _taken[self.database] = measure(store, bench.runs * bench.calls * 3)
        times = _taken[self.database]
        found = auc(times["hit"][0], times[self.kind][0])
        return Figures(found, 0.5, found, unit="AUC")


_taken: dict[str, Times] = {}
"""Of this run, by database: the kinds are sent in mixed turns, so they are measured together."""

for database in DATABASES:
    for kind in KINDS:
        row(f"time tells hit from {kind} (AUC), {database}", aim=between(LOWEST, HIGHEST))(
            Told(database, kind)
        )


def main() -> None:
    """Print a line for each kind; the processor's time, which is less noisy, beside the wall's."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/bench.db")
        schema.upgrade(store)
        times = measure(store, samples)
        store.close()
    for kind in KINDS:
        wall, cpu = (auc(times["hit"][clock], times[kind][clock]) for clock in (0, 1))
        middle = sorted(times[kind][0])[len(times[kind][0]) // 2]
        print(f"{kind:18} AUC {wall:.3f} (processor {cpu:.3f}), median {middle * 1000:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
