"""Serve the school desk with sample visits, for the eye and for axe; needs no Keycloak and no LDAP.

`python -m tests.web.serve_desk [PORT]` prints the addresses. A cookie `idp_bridge=jo.hathaway` signs in a
clerk with several pages of visits, `sam.okafor` one of another school, `lee.brandt` one nobody waits for,
`dee.collins` the district office, and `ana.ruiz` the principal.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask

from idp_bridge.domain.access import StaffMember, read_roles
from idp_bridge.domain.link import Claimed, LinkId, VisitId
from idp_bridge.domain.matching import plain_name
from idp_bridge.domain.people import ParentId, Relationship, SchoolCode, Student, StudentNumber
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.house import House, Rules
from idp_bridge.services.linking import SignedIn, arrive, request_link
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.sampling import STAFF, sample_district
from idp_bridge.services.verifying import record_identity, verify_link
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

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
CLERKS = ("jo.hathaway", "sam.okafor", "lee.brandt", "dee.collins", "ana.ruiz")
WAITING = """
Salomé Abernathy-Ruiz | Lucia, Diego | 14
Kofi Brandt-Osei | Ama, Yaw | 13
Lan Vo-Castellan | Minh | 12
Teodora Whitlock | Jonah | 7
Idris Marchetti-Cole | Sofia | 6
Ximena Farrow | June, Beau | 5
Odile Pereira-Hunt | Rui | 4
Mona Haddad | Layla | 4
Aye Thant | Zaw | 3
Paula Oliveira | Bruno, Clara | 3
Thuy Nguyen | An, Bao | 2
Irina Petrov | Lev | 2
Thandi Mbeki | Sipho | 1
Bartholomew Nakagawa-Fitzsimmons-Abernathy | Ida | 1
"""
"""Parent | students asked for | days ago."""
MARRIED = {"Kofi Brandt-Osei": Relationship.LEGAL_GUARDIAN, "Teodora Whitlock": Relationship.FOSTER_PARENT}


def staff_of_the_sample() -> FakeDirectory:
    """Return the employees of the invented district."""
    return FakeDirectory(
        {
            one.uid: StaffMember(
                uid=one.uid,
                directory_id=f"entry-{one.uid}",
                given_name=one.given_name,
                family_name=one.family_name,
                mail=f"{one.uid}@district.example",
                birth_date=one.birth_date,
                roles=read_roles(one.roles),
            )
            for one in STAFF
        }
    )


class Desk:
    """A house with the invented district, and how its visits come to be."""

    def __init__(self, folder: Path) -> None:
        store = SqlStore(f"sqlite:///{folder}/desk.db")
        schema.upgrade(store)
        self.district = sample_district()
        with store.transaction() as rows:
            rows.roster.write(
                RosterChanges(
                    schools=self.district.schools, students=self.district.students, hints=self.district.hints
                )
            )
        self.clock = FixedClock(NOW)
        self.house = House(
            store=store,
            accounts=FakeAccounts(store),
            directory=staff_of_the_sample(),
            mail=FakeMail(),
            wakeup=FakeWakeup(),
            clock=self.clock,
            rules=Rules(
                code_key=b"k" * 32, zone=ZoneInfo("America/New_York"), email_domains=("district.example",)
            ),
        )

    def student(self, name: str) -> Student:
        """Return the first student with this given name."""
        return next(one for one in self.district.students if one.given_name == name)

    def visit(
        self,
        name: str,
        children: list[Student | Claimed],
        days_ago: int,
        relationship: Relationship = Relationship.PARENT,
    ) -> VisitId:
        """Let a parent ask for `children` some days ago; return the visit."""
        given, _, family = name.partition(" ")
        mail = plain_name(name).replace(" ", ".")
        parent = ParentId(mail)
        self.clock.at = NOW - timedelta(days=days_ago)
        arrive(self.house, SignedIn(parent, f"{mail}@mail.example", given, family, "en"))
        visits = []
        for child in children:
            claimed = child if isinstance(child, Claimed) else _claim(child, relationship)
            visits.append(request_link(self.house, parent, claimed))
            self.clock.advance(seconds=1)
        self.clock.at = NOW
        return visits[-1]

    def links(self, visit: VisitId) -> list[str]:
        """Return the ids of the visit's links, in the order of the page."""
        with self.house.store.reading() as rows:
            return [link.id for link in rows.links.of_visit(visit)]


def _claim(student: Student, relationship: Relationship) -> Claimed:
    return Claimed(student.number, student.birth_date, student.school, relationship)


def fill(desk: Desk) -> dict[str, VisitId]:
    """Make the sample visits; return those with a page worth looking at, by name."""
    for line in WAITING.strip().splitlines():
        name, children, days = (part.strip() for part in line.split("|"))
        desk.visit(
            name,
            [desk.student(one) for one in children.split(", ")],
            int(days),
            MARRIED.get(name, Relationship.PARENT),
        )
    iris, noa, mateo = (desk.student(one) for one in ("Iris", "Noa", "Mateo"))
    return {
        "nothing": desk.visit("Amara Quintero-Bell", [iris, noa, mateo], 3),
        "proven": _proven(desk, desk.visit("Tomas Bell", [iris, noa], 2)),
        "differs": _proven(desk, _mistyped(desk)),
        "finished": _finished(desk),
        "held": _held(desk),
        "over": desk.visit("Mads Sorensen", [desk.student("Ida")], 16),
        "second": _second(desk),
        "more": _more(desk),
        "before": _before(desk),
    }


def _proven(desk: Desk, visit: VisitId) -> VisitId:
    record_identity(desk.house, "jo.hathaway", visit, SchoolCode("0552"), "driver-license")
    return visit


def _mistyped(desk: Desk) -> VisitId:
    iris = desk.student("Clara")
    wrong = replace(_claim(iris, Relationship.STEP_PARENT), birth_date=iris.birth_date - timedelta(days=17))
    nobody = Claimed(StudentNumber("46999999"), date(2017, 2, 3), SchoolCode("0552"), Relationship.PARENT)
    return desk.visit("Andre Oliveira", [wrong, nobody], 1)


def _finished(desk: Desk) -> VisitId:
    visit = _proven(desk, desk.visit("Jun Bautista", [desk.student("Kiko"), desk.student("Deniz")], 6))
    first, second = desk.links(visit)
    verify_link(desk.house, "jo.hathaway", first, "birth-certificate")
    refuse_link(desk.house, "jo.hathaway", second, "relationship-not-shown")
    return visit


def _held(desk: Desk) -> VisitId:
    sky = desk.student("Xochi")
    order = Order(sky.number, "Vito", "Ibarra", True, True, "court-order", date(2027, 6, 1))
    place(desk.house, "ana.ruiz", order)
    return _proven(desk, desk.visit("Vito Ibarra", [sky], 2))


def _second(desk: Desk) -> VisitId:
    """Return a visit whose court order the principal saw: the clerk is the second person."""
    visit = _proven(desk, desk.visit("Rosa Haddad", [desk.student("Layla")], 2, Relationship.LEGAL_GUARDIAN))
    verify_link(desk.house, "ana.ruiz", LinkId(desk.links(visit)[0]), "court-order", date(2027, 6, 30))
    return visit


def _more(desk: Desk) -> VisitId:
    """Return a visit of one person with a caseworker's, a surrogate's and a parent's request."""
    asked = (
        (Relationship.CASEWORKER, "Sipho"),
        (Relationship.SURROGATE, "Zaw"),
        (Relationship.PARENT, "Jonah"),
    )
    claims = [_claim(desk.student(name), relationship) for relationship, name in asked]
    return _proven(desk, desk.visit("Grace Mbeki", list(claims), 1))


def _before(desk: Desk) -> VisitId:
    """Return a visit after a refusal on the merits, beside another account of the same name."""
    first = _proven(desk, desk.visit("Nils Sorensen", [desk.student("Ida")], 9))
    refuse_link(desk.house, "ana.ruiz", LinkId(desk.links(first)[0]), "papers-not-genuine")
    desk.visit("Nils Marius Sorensen", [desk.student("Ida")], 3)
    with desk.house.store.transaction() as rows:  # the same name, from another mailbox
        twin = rows.parents.get(ParentId("nils.marius.sorensen"))
        rows.parents.save(replace(twin, given_name="Nils", family_name="Sorensen"))
    return desk.visit("Nils Sorensen", [desk.student("Ida")], 1)


def sign_in(sessions: SqlSessions, uid: str) -> None:
    """Plant a session under a cookie that is the clerk's uid."""
    person = Person(
        realm="district",
        iss="http://localhost:1/realms/district",
        sub=f"sub-{uid}",
        sid=f"sid-{uid}",
        population="employee",
        username=uid,
        name=uid.replace(".", " ").title(),
        email="",
        id_token="e30.e30.e30",
    )
    ends = NOW + timedelta(days=30)
    sessions.save(_hash(uid), {"person": asdict(person), "ends": ends.isoformat()}, NOW, ends)


def desk_web(desk: Desk, url: str) -> Flask:
    """Return the bridge's pages with every clerk of CLERKS signed in."""
    sessions = SqlSessions(desk.house.store)
    for uid in CLERKS:
        sign_in(sessions, uid)
    realms = {
        name: Realm(issuer=f"http://localhost:1/realms/{name}", client_secret="unused")
        for name in ("parents", "district")
    }
    district = District(
        name="Heron County Schools", email_domains=("district.example",), help_phone="(321) 555-0142"
    )
    options = Options(
        url=url,
        secret_key="s" * 32,
        session_hours=8,
        district=district,
        realms=realms,
        apps={"oneview": "http://localhost:2"},
    )
    return build(desk.house, sessions, options)


def main() -> None:
    """Serve until stopped."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18750
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        url = f"http://localhost:{port}"
        for name, visit in fill(desk).items():
            print(f"{name}: {url}/desk/visits/{visit}", flush=True)
        print(f"{url}/desk with a cookie idp_bridge={'|'.join(CLERKS)}", flush=True)
        desk_web(desk, url).run("127.0.0.1", port, threaded=True)


if __name__ == "__main__":
    main()
