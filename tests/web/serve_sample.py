"""Serve every page of a parent with a sample family, for the eye and for axe; needs no Keycloak and no LDAP.

`python -m tests.web.serve_sample [PORT]` prints the addresses. A cookie `idp_bridge=family` signs in a parent
with a child in every state, `idp_bridge=nobody` one without a child, `idp_bridge=seven` one who asked for
seven children at four schools.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask

from idp_bridge.domain.link import Move
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
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.house import House, Rules
from idp_bridge.services.linking import request_links
from idp_bridge.settings import District, Realm
from idp_bridge.storage import schema
from idp_bridge.storage.sessions import SqlSessions
from idp_bridge.storage.store import SqlStore
from idp_bridge.web.front_door import Options, build
from idp_bridge.web.session import Person, _hash
from tests.fakes.accounts import FakeAccounts
from tests.fakes.clock import FixedClock
from tests.fakes.directory import FakeDirectory
from tests.fakes.mail import FakeMail
from tests.fakes.wakeup import FakeWakeup
from tests.web.families import after, asked, claim, claim_for, confirmed

NOW = datetime(2026, 11, 21, 14, 14, tzinfo=UTC)
FAMILY, NOBODY, SEVEN = ParentId("family"), ParentId("nobody"), ParentId("seven")
HOURS = "Front office, Monday to Friday, 7:30 to 3:30"
SCHOOLS = (
    School(
        SchoolCode("0552"),
        "Lakeside Elementary",
        "1200 Lakeside Drive, Heron Springs, FL 32999",
        HOURS,
        "(321) 555-0152",
    ),
    School(SchoolCode("0610"), "Heron Middle School", "9 River Road, Heron Springs, FL 32999", HOURS),
    School(SchoolCode("0731"), "Heron High School", "40 Bay Street, Heron Springs, FL 32999", HOURS),
    School(SchoolCode("9001"), "Heron County District Office", "1 Main Street, Heron Springs, FL 32999"),
)


def _student(number: str, given: str, born: date, school: str, grade: str) -> Student:
    return Student(
        StudentId(f"s-{given.lower()}"),
        StudentNumber(number),
        given,
        "Quintero-Bell",
        born,
        SchoolCode(school),
        grade,
    )


MATEO = _student("46127790", "Mateo", date(2013, 5, 2), "0610", "7")
NOA = _student("46703001", "Noa", date(2019, 8, 2), "0552", "1")
VERA = _student("45908812", "Vera", date(2008, 10, 14), "0731", "12")
IRIS = _student("46554860", "Iris", date(2016, 3, 9), "0552", "4")


def sample_house(folder: Path) -> House:
    """Return a house on a new SQLite file with four schools and four students."""
    store = SqlStore(f"sqlite:///{folder}/sample.db")
    schema.upgrade(store)
    with store.transaction() as rows:
        rows.roster.write(RosterChanges(schools=SCHOOLS, students=(MATEO, NOA, VERA, IRIS)))
        for parent in (FAMILY, NOBODY, SEVEN):
            rows.parents.save(Parent(parent, "amara@mail.example", "Amara", "Quintero-Bell", "en", NOW))
    zone = ZoneInfo("America/New_York")
    rules = Rules(code_key=b"k" * 32, zone=zone, email_domains=("district.example",))
    accounts = FakeAccounts(store)
    accounts.add(FAMILY, "amara@mail.example")
    for client, days in (("oneview", 1), ("mobile", 3), ("idp-bridge", 0)):
        accounts.used(FAMILY, client, NOW - timedelta(days=days, hours=2))
    return House(store, accounts, FakeDirectory(), FakeMail(), FakeWakeup(), FixedClock(NOW), rules)


def fill(house: House) -> None:
    """Give the family a child in every state."""
    clock = house.clock
    assert isinstance(clock, FixedClock)
    clock.at = NOW - timedelta(days=38)
    vera = confirmed(house, asked(house, FAMILY, claim_for(VERA)), VERA)
    after(house, vera, Move.COME_OF_AGE)
    after(house, asked(house, FAMILY, claim("46000017", school="0610")), Move.LAPSE)
    clock.at = NOW - timedelta(days=9)
    after(house, asked(house, FAMILY, claim("46703315")), Move.DENY, "relationship-not-shown")
    confirmed(house, asked(house, FAMILY, claim_for(MATEO)), MATEO)
    after(house, confirmed(house, asked(house, FAMILY, claim_for(NOA)), NOA), Move.SUSPEND)
    after(house, asked(house, FAMILY, claim("46301188", school="0731")), Move.ASK_SECOND)
    after(house, asked(house, FAMILY, claim("46309920", school="9001")), Move.REFER)
    with house.store.transaction() as rows:
        visit = rows.visits.open_of(FAMILY)
        assert visit
        rows.visits.save(replace(visit, closed_at=clock.now()))
    clock.at = NOW
    asked(house, FAMILY, claim_for(IRIS))
    asked(house, FAMILY, claim("46610927", date(2018, 7, 30), "0610", Relationship.FOSTER_PARENT))


def ask_for_seven(house: House) -> None:
    """Let a parent ask for seven children at four schools, as three kinds of relative."""
    kinds = (Relationship.PARENT, Relationship.STEP_PARENT, Relationship.FOSTER_PARENT)
    schools = ("0552", "0610", "0731", "9001")
    claims = [claim(f"4690000{at}", date(2015, 1, 1 + at), schools[at % 4], kinds[at % 3]) for at in range(7)]
    request_links(house, SEVEN, claims)


def sign_in(sessions: SqlSessions, parent: ParentId) -> None:
    """Plant a session under a cookie that is the parent's id."""
    person = Person(
        realm="parents",
        iss="http://localhost:1/realms/parents",
        sub=parent,
        sid="sid",
        population="parent",
        username="amara@mail.example",
        name="Amara Quintero-Bell",
        email="amara@mail.example",
        id_token="e30.e30.e30",
    )
    ends = NOW + timedelta(days=30)
    sessions.save(_hash(parent), {"person": asdict(person), "ends": ends.isoformat()}, NOW, ends)


def sample_web(folder: Path, url: str) -> Flask:
    """Return the bridge's pages with the sample family, both parents signed in."""
    house = sample_house(folder)
    fill(house)
    ask_for_seven(house)
    sessions = SqlSessions(house.store)
    sign_in(sessions, FAMILY)
    sign_in(sessions, NOBODY)
    sign_in(sessions, SEVEN)
    realms = {
        name: Realm(issuer=f"http://localhost:1/realms/{name}", client_secret="unused")
        for name in ("parents", "district")
    }
    district = District(
        name="Heron County Schools", email_domains=("district.example",), help_phone="(321) 555-0142"
    )
    return build(
        house,
        sessions,
        Options(
            url=url,
            secret_key="s" * 32,
            session_hours=8,
            district=district,
            realms=realms,
            apps={"oneview": "http://localhost:2", "focus": "http://localhost:3"},
        ),
    )


def main() -> None:
    """Serve until stopped."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18700
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://localhost:{port}"
        web = sample_web(Path(folder), url)
        print(f"{url}/children with the cookie idp_bridge=family or idp_bridge=nobody", flush=True)
        web.run("127.0.0.1", port, threaded=True)


if __name__ == "__main__":
    main()
