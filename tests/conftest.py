"""Build the small house that most tests run in: real SQL, real pages, fakes for what has a contract test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser

from idp_bridge.domain.access import StaffMember, read_roles
from idp_bridge.domain.people import (
    GuardianHint,
    Parent,
    ParentId,
    School,
    SchoolCode,
    Student,
    StudentId,
    StudentNumber,
)
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.house import House, Rules
from idp_bridge.settings import District, Realm
from idp_bridge.storage import schema
from idp_bridge.storage.sessions import ParentSessions, SqlSessions
from idp_bridge.storage.store import SqlStore
from tests.fakes.accounts import FakeAccounts
from tests.fakes.clock import FixedClock
from tests.fakes.directory import FakeDirectory
from tests.fakes.mail import FakeMail
from tests.fakes.wakeup import FakeWakeup
from tools.walk import chromium as walked_by

pytest_plugins = ["tests.databases", "tests.stack_fixtures"]

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)

SCHOOLS = (
    School(SchoolCode("0552"), "Lakeside Elementary", "1200 Lakeside Drive, Heron Springs, FL 32999"),
    School(SchoolCode("0610"), "Heron Middle School", "9 River Road, Heron Springs, FL 32999"),
    School(SchoolCode("9001"), "Heron County District Office", "1 Main Street, Heron Springs, FL 32999"),
)
IRIS = Student(
    StudentId("s-iris"),
    StudentNumber("46554860"),
    "Iris",
    "Quintero-Bell",
    date(2016, 3, 9),
    SchoolCode("0552"),
    "4",
)
TEO = Student(
    StudentId("s-teo"),
    StudentNumber("46610927"),
    "Teo",
    "Quintero-Bell",
    date(2018, 7, 13),
    SchoolCode("0552"),
    "2",
)
MATEO = Student(
    StudentId("s-mateo"),
    StudentNumber("46127790"),
    "Mateo",
    "Quintero-Bell",
    date(2013, 5, 2),
    SchoolCode("0610"),
    "7",
)
AMARA = ParentId("11111111-1111-4111-8111-111111111111")
OTHER = ParentId("22222222-2222-4222-8222-222222222222")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run in two processes, one has the running stack, and a file stays in one piece."""
    for item in items:
        group = "stack" if "stack" in item.fixturenames else item.path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, one for the run: two Playwrights cannot live in one thread."""
    with walked_by() as running:
        yield running


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at NOW until a test moves it."""
    return FixedClock(NOW)


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> Path:
    """A migrated SQLite file with three schools, three students and their guardian hints, made once."""
    file = tmp_path_factory.mktemp("filled") / "bridge.db"
    store = SqlStore(f"sqlite:///{file}")
    schema.upgrade(store)
    fill(store)
    store.close()
    return file


@pytest.fixture
def sqlite_store(filled, tmp_path) -> Iterator[SqlStore]:
    """A database of the test's own, copied from `filled`: 2 ms instead of 200 for the migrations."""
    shutil.copy(filled, tmp_path / "bridge.db")
    store = SqlStore(f"sqlite:///{tmp_path}/bridge.db")
    yield store
    store.close()


@pytest.fixture
def store(sqlite_store) -> SqlStore:
    """The database of most tests. Folders about SQL and use cases say otherwise: `tests/databases.py`."""
    return sqlite_store


def fill(store: SqlStore) -> None:
    """Write three schools, three students and their guardian hints."""
    hints = {
        student.id: (
            GuardianHint(student.id, "g-amara", "Amara", "Quintero", "parent", "amara@mail.example"),
        )
        for student in (IRIS, TEO, MATEO)
    }
    with store.transaction() as rows:
        rows.roster.write(RosterChanges(schools=SCHOOLS, students=(IRIS, TEO, MATEO), hints=hints))


def staff(uid: str, *roles: str, **more: object) -> StaffMember:
    """Return an employee with `roles` such as `0552:office`."""
    given, _, family = uid.partition(".")
    person = {
        "given_name": given.title(),
        "family_name": family.title(),
        "mail": f"{uid}@district.example",
        "birth_date": None,
        **more,
    }
    return StaffMember(uid=uid, directory_id=f"entry-{uid}", roles=read_roles(roles), **person)


@pytest.fixture
def directory() -> FakeDirectory:
    """The small LDAP."""
    return small_directory()


def small_directory() -> FakeDirectory:
    """LDAP with clerks at 0552 and 0610, a principal, the district office, and a teacher without a duty."""
    people = (
        staff("jo.hathaway", "0552:office"),
        staff("sam.okafor", "0610:office"),
        staff("ana.ruiz", "0552:principal"),
        staff("dee.collins", "9001:district-office"),
        staff("ira.novak", "9001:identity-admin"),
        staff("tess.moore"),
    )
    return FakeDirectory({person.uid: person for person in people})


@pytest.fixture
def house(store, clock, directory) -> House:
    """A house on real SQL and fakes."""
    return small_house(store, clock, directory)


def small_house(store: SqlStore, clock: FixedClock, directory: FakeDirectory) -> House:
    """Return a house on real SQL and fakes."""
    return House(
        store=store,
        accounts=FakeAccounts(store, clock.now),
        directory=directory,
        mail=FakeMail(),
        wakeup=FakeWakeup(),
        sessions=ParentSessions(store, "http://localhost:1/realms/parents"),
        clock=clock,
        rules=Rules(
            code_key=b"k" * 32, zone=ZoneInfo("America/New_York"), email_domains=("district.example",)
        ),
    )


@pytest.fixture
def sessions(store) -> SqlSessions:
    """Rows of web sessions."""
    return SqlSessions(store)


def _realm(name: str) -> Realm:
    return Realm(issuer=f"http://localhost:1/realms/{name}", client_secret="not-used-in-web-tests")


@pytest.fixture
def web(house, sessions) -> Flask:
    """The Flask app on the small house."""
    return built_on(house, sessions)


def built_on(house: House, sessions: SqlSessions) -> Flask:
    """Return the Flask app on `house`."""
    from idp_bridge.web.front_door import Options, build

    app = build(
        house,
        sessions,
        Options(
            url="http://localhost",
            secret_key="s" * 32,
            session_hours=8,
            district=District(
                name="Heron County Schools", email_domains=("district.example",), help_phone="(321) 555-0142"
            ),
            realms={"parents": _realm("parents"), "district": _realm("district")},
            apps={"oneview": "http://localhost:2"},
        ),
    )
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def client(web) -> FlaskClient:
    """A browser nobody is signed in with."""
    return web.test_client()


def plant(sessions: SqlSessions, cookie: str, person: dict[str, str]) -> None:
    """Leave a session as the callback of a sign-in would, behind this cookie."""
    from idp_bridge.web.session import _hash

    ends = datetime(2026, 12, 24, tzinfo=UTC)
    content = {"person": person, "ends": ends.isoformat(), "csrf_token": "f" * 40}
    sessions.save(_hash(cookie), content, NOW, ends)


def _plant(sessions: SqlSessions, client: FlaskClient, person: dict[str, str]) -> None:
    from idp_bridge.web.session import COOKIE

    plant(sessions, person["sub"], person)
    client.set_cookie(COOKIE, person["sub"])


@pytest.fixture
def sign_in_parent(house, sessions, client) -> Callable[..., FlaskClient]:
    """Return a function that signs a parent in, as the callback would have left the session."""

    def sign_in(
        parent: ParentId = AMARA, email: str = "amara@mail.example", name: str = "Amara Quintero-Bell"
    ) -> FlaskClient:
        given, _, family = name.partition(" ")
        with house.store.transaction() as rows:
            rows.parents.save(Parent(parent, email, given, family, "en", NOW))
        person = person_of("parents", parent, "parent", email, name, email)
        _plant(sessions, client, person)
        return client

    return sign_in


@pytest.fixture
def sign_in_staff(sessions, client) -> Callable[..., FlaskClient]:
    """Return a function that signs an employee in."""

    def sign_in(uid: str = "jo.hathaway", population: str = "employee") -> FlaskClient:
        person = person_of("district", f"sub-{uid}", population, uid, uid.replace(".", " ").title(), "")
        _plant(sessions, client, person)
        return client

    return sign_in


@pytest.fixture
def sign_in_student(sessions, client) -> Callable[..., FlaskClient]:
    """Return a function that signs a student in through the district."""

    def sign_in(student: Student = IRIS) -> FlaskClient:
        person = person_of("district", f"sub-{student.id}", "student", student.number, student.name, "")
        _plant(sessions, client, person)
        return client

    return sign_in


def person_of(realm: str, sub: str, population: str, username: str, name: str, email: str) -> dict[str, str]:
    """Return what the session keeps of who signed in."""
    from idp_bridge.web.session import Person

    kept = asdict(
        Person(
            realm=realm,
            iss=f"http://localhost:1/realms/{realm}",
            sub=sub,
            sid=f"sid-{sub}",
            population=population,
            username=username,
            name=name,
            email=email,
            id_token="e30.e30.e30",
        )
    )
    if population == "student" and "student_number" in kept:
        kept["student_number"] = username
    return kept
