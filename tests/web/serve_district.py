"""Fill the sample desk with what the district looks at: alarms, an audit, accounts that are behind.

`python -m tests.web.serve_district [PORT]` serves it. A cookie `idp_bridge=ira.novak` signs in an identity
admin, `dee.collins` the district office.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from flask import Flask

from idp_bridge.domain.access import read_roles
from idp_bridge.domain.errors import CodeUnknown, TooManyGuesses
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.limits import Limits
from idp_bridge.domain.link import Claimed, LinkId
from idp_bridge.domain.people import Parent, ParentId, Relationship, SchoolCode, StudentNumber
from idp_bridge.services.linking import request_link
from idp_bridge.services.projecting import project
from idp_bridge.services.verifying import find_visit, record_identity, verify_link
from idp_bridge.services.watching import see
from idp_bridge.storage.sessions import SqlSessions
from tests.web.serve_desk import NOW, Desk, desk_web, sign_in

ADMIN, OFFICE = "ira.novak", "dee.collins"
LIMITS = Limits(accounts_per_number=3, wrong_codes=3, verifications_per_hour=1)
EARLIER = "0f" * 16
AHEAD = (
    '{"v":1,"rev":9,"asof":1795468790,"links":['
    '{"id":"46554860","rel":"parent","pur":["records"],"org":"0552","exp":1815131184},'
    '{"id":"46610927","rel":"parent","pur":["records"],"org":"0552","exp":1815131184}]}'
)


def district_desk(folder: Path) -> Desk:
    """Return a desk with low limits, an identity admin, and something of everything that can be looked at."""
    desk = Desk(folder)
    people = desk.house.directory.people
    people[ADMIN] = replace(
        people[OFFICE],
        uid=ADMIN,
        given_name="Ira",
        family_name="Novak",
        mail=f"{ADMIN}@district.example",
        directory_id="7d1c5a52-0b35-4d9c-9c59-1d8a7c40e0aa",
        roles=read_roles(["9001:identity-admin"]),
    )
    desk.house = replace(desk.house, rules=replace(desk.house.rules, limits=LIMITS))
    _alarms(desk)
    _behind(desk)
    _stopped(desk)
    return desk


def district_web(desk: Desk, url: str) -> Flask:
    """Return the pages, with the identity admin signed in too."""
    sign_in(SqlSessions(desk.house.store), ADMIN)
    return desk_web(desk, url)


def parent_of(number: int) -> ParentId:
    """Return the id an account has: a UUID, as Keycloak gives them."""
    return ParentId(f"{number:08d}-5555-4555-8555-555555555555")


def _alarms(desk: Desk) -> None:
    house, iris = desk.house, desk.student("Iris")
    for number in range(3):
        with house.store.transaction() as rows:
            parent = parent_of(number)
            rows.parents.save(Parent(parent, f"p{number}@mail.example", "Pat", f"Q{number}", "en", NOW))
        request_link(
            house,
            parent,
            Claimed(iris.number, iris.birth_date, iris.school, Relationship.PARENT),
            "203.0.113.9",
        )
    for day in range(1, 4):
        nobody = Claimed(
            StudentNumber(f"4699999{day}"), date(2016, 1, day), SchoolCode("0552"), Relationship.PARENT
        )
        request_link(house, parent_of(2), nobody, "203.0.113.9")
    for _ in range(4):
        try:
            find_visit(house, "jo.hathaway", "BCDF-GHJK")
        except (CodeUnknown, TooManyGuesses):
            desk.clock.advance(seconds=20)
    _verified(desk)
    staff = house.directory.people["jo.hathaway"].directory_id
    for name, fields in (("alarm:refusal-overruled", {"earlier": EARLIER}), ("alarm:wrong-child", {})):
        with house.store.transaction() as rows:
            kind = ActorKind.STAFF if fields else ActorKind.PARENT
            who = Actor(kind, staff if fields else parent_of(0))
            (link, *_) = rows.links.of_parent(parent_of(0))
            rows.audit.append(
                Event(name, house.clock.now(), who, parent_of(0), iris.id, link.id, "0552", fields)
            )
    see(house, ADMIN, _first_alarm(desk))


def _verified(desk: Desk) -> None:
    for number in range(2):
        with desk.house.store.reading() as rows:
            (link, *_) = rows.links.of_parent(parent_of(number))
        record_identity(desk.house, "jo.hathaway", link.visit, SchoolCode("0552"), "passport")
        verify_link(desk.house, "jo.hathaway", LinkId(link.id), "birth-certificate")


def _first_alarm(desk: Desk) -> int:
    with desk.house.store.reading() as rows:
        return rows.alarms.listed(seen=False, before=None, limit=100)[-1].number


def _behind(desk: Desk) -> None:
    """Let one account fail and leave the other due."""
    now = desk.house.clock.now()
    with desk.house.store.transaction() as rows:
        lease = rows.projections.take(parent_of(0), now, now + timedelta(minutes=1))
        assert lease
        rows.projections.failed(lease, "Unreachable: keycloak: users", now + timedelta(minutes=1))


def _stopped(desk: Desk) -> None:
    """Let Keycloak hold a later revision of one account, as after an old backup."""
    house, parent = desk.house, parent_of(1)
    house.accounts.change(parent, attributes={"student_links": (AHEAD,)})
    project(house, parent)


def main() -> None:
    """Serve until stopped."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18760
    with tempfile.TemporaryDirectory() as folder:
        web = district_web(district_desk(Path(folder)), f"http://localhost:{port}")
        print(
            f"http://localhost:{port}/desk/district/alarms with a cookie idp_bridge={ADMIN}|{OFFICE}",
            flush=True,
        )
        web.run("127.0.0.1", port, threaded=True)


if __name__ == "__main__":
    main()
