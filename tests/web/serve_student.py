"""Serve the pages of students with sample families, for the eye and for axe; needs no Keycloak and no LDAP.

`python -m tests.web.serve_student [PORT]` prints the addresses. A cookie `idp_bridge=vera` signs in a student
of 18 with three parents, `idp_bridge=mateo` one of 13, `idp_bridge=new` one the roster does not know yet.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from flask import Flask

from idp_bridge.domain.link import Link, Move
from idp_bridge.domain.people import Parent, ParentId, Purpose, Relationship
from idp_bridge.services.granting import Owner, grant
from idp_bridge.services.house import House
from idp_bridge.settings import District, Realm
from idp_bridge.storage.sessions import SqlSessions
from idp_bridge.web.front_door import Options, build
from idp_bridge.web.session import Person, _hash
from tests.web.families import after, asked, claim_for, confirmed
from tests.web.serve_sample import MATEO, NOW, VERA, sample_house

STUDENTS = {"vera": VERA.number, "mateo": MATEO.number, "new": "46000001"}
PARENTS = {
    "amara": ("Amara", "Quintero-Bell", Relationship.PARENT),
    "tomas": ("Tomas", "Bell", Relationship.PARENT),
    "lucia": ("Lucia Fernanda", "Quintero-de la Vega", Relationship.STEP_PARENT),
}


def fill(house: House) -> dict[str, Link]:
    """Let three parents be linked to Vera until she is 18, one of whom she allows again; return the links."""
    links = {}
    for name, (given, family, relationship) in PARENTS.items():
        parent = ParentId(name)
        house.clock.at = NOW - timedelta(days=900)  # type: ignore[attr-defined]
        with house.store.transaction() as rows:
            rows.parents.save(Parent(parent, f"{name}@mail.example", given, family, "en", NOW))
        link = confirmed(house, asked(house, parent, claim_for(VERA, relationship)), VERA)
        house.clock.at = NOW - timedelta(days=38)  # type: ignore[attr-defined]
        links[name] = after(house, link, Move.COME_OF_AGE)
    house.clock.at = NOW  # type: ignore[attr-defined]
    chosen = {Purpose.RECORDS, Purpose.MESSAGES}
    links["lucia"] = grant(house, Owner(VERA.number, "sub-vera"), links["lucia"].id, chosen)
    return links


def sign_in(sessions: SqlSessions, name: str, number: str) -> None:
    """Plant a session under a cookie that is the student's name."""
    person = Person(
        realm="district",
        iss="http://localhost:1/realms/district",
        sub=f"sub-{name}",
        sid=f"sid-{name}",
        population="student",
        username=number,
        name=name.title(),
        email="",
        id_token="e30.e30.e30",
        student_number=number,
    )
    ends = NOW + timedelta(days=30)
    sessions.save(_hash(name), {"person": asdict(person), "ends": ends.isoformat()}, NOW, ends)


def student_web(folder: Path, url: str) -> Flask:
    """Return the bridge's pages with every student of STUDENTS signed in; `app.links` are Vera's."""
    house = sample_house(folder)
    links = fill(house)
    sessions = SqlSessions(house.store)
    for name, number in STUDENTS.items():
        sign_in(sessions, name, number)
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
    app = build(house, sessions, options)
    app.extensions["sample_links"] = {name: link.id for name, link in links.items()}
    return app


def main() -> None:
    """Serve until stopped."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18790
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://localhost:{port}"
        print(f"{url}/student with a cookie idp_bridge={'|'.join(STUDENTS)}", flush=True)
        student_web(Path(folder), url).run("127.0.0.1", port, threaded=True)


if __name__ == "__main__":
    main()
