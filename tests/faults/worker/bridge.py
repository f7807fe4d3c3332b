"""Run a bridge of a test's own on the stack's real Keycloak, LDAP and mail, to be killed; never the stack's.

Its realm is `parents` under another name, so nobody else's worker looks at its parents, nor its at theirs.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any
from unittest import mock

from idp_bridge.app import make_house
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import Link, LinkState
from idp_bridge.domain.people import ParentId, SchoolCode, Student
from idp_bridge.outside.realms.applying import KeycloakRealms
from idp_bridge.outside.realms.declared import load as load_realm
from idp_bridge.outside.realms.server import AdminServer, Realm
from idp_bridge.services.house import House
from idp_bridge.services.journals import ProjectionRow
from idp_bridge.services.linking import SignedIn, arrive, request_link
from idp_bridge.services.refusing import revoke_link
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.services.wanting import wanted_for, wanted_for_all
from idp_bridge.settings import Settings, load
from idp_bridge.storage.sessions import SqlSessions
from idp_bridge.storage.store import SqlStore
from idp_bridge.web.session import _hash
from tests.conftest import IRIS, person_of
from tests.realms.conftest import first_links
from tests.realms.sample import REALM_CONFIG, under_another_name
from tests.realms.signing_in import App, Person
from tests.web.families import claim_for
from tools.stack.places import ROOT
from tools.stack.program import Program
from tools.stack.stack import Stack

OPERATOR = Actor(ActorKind.OPERATOR, "faults")
CLERK, SCHOOL = "jo.hathaway", SchoolCode("0552")
NORMAL = ("-m", "idp_bridge", "worker")
LOOK_EVERY_S = 0.05


@dataclass
class OwnRealm:
    """Realm `parents` under a name of its own, seen by its administrator."""

    stack: Stack
    realm: Realm

    @property
    def issuer(self) -> str:
        """Return the realm's issuer."""
        return f"{self.stack.keycloak.url}/realms/{self.realm.name}"

    def person(self) -> Person:
        """Make an account with a verified e-mail and a password."""
        person = Person(f"f{secrets.token_hex(5)}@mail.example", f"Tide-{secrets.token_hex(6)}")
        person.id = self.realm.post("users", person.representation(), "")
        first_links(self.realm, person.id)
        return person

    def stored(self, parent: str) -> tuple[str, ...]:
        """Return what the attribute holds: one value, if all is well."""
        user = self.realm.get(f"users/{parent}")
        return tuple(user.get("attributes", {}).get("student_links", ()))

    def all_stored(self) -> dict[str, tuple[str, ...]]:
        """Return what the attribute holds of everybody, by one request."""
        people = self.realm.get("users", briefRepresentation="false", max="5000")
        return {one["id"]: tuple(one.get("attributes", {}).get("student_links", ())) for one in people}

    def app(self, client: str) -> App:
        """Return a client of the realm that parents sign in to."""
        if client == "account-console":
            return App(self.issuer, client, "", f"{self.issuer}/account/")
        back = f"{self.stack.app_urls[client]}/callback/parents"
        return App(self.issuer, client, self.stack.secrets[client], back)


@contextmanager
def own_realm_of(stack: Stack) -> Iterator[OwnRealm]:
    """Apply the realm file under a name of its own; it is deleted afterwards."""
    keycloak = stack.keycloak
    server = AdminServer(keycloak.url, keycloak.admin_user, keycloak.admin_password)
    declared = load_realm(REALM_CONFIG / "parents.json", {**os.environ, **stack.realm_env()})
    realm = under_another_name(declared, f"parents-{secrets.token_hex(4)}")
    KeycloakRealms(server).bring(realm)
    yield OwnRealm(stack, Realm(server, realm.name))
    with server.patient():
        server.delete(realm.name)


@dataclass
class OwnBridge:
    """A database and a queue, a house that decides in this process, and programs to start and kill."""

    own: OwnRealm
    folder: Path
    database_url: str
    queue_url: str = ""
    programs: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.open()

    def open(self) -> None:
        """Open the database, also again after it was replaced."""
        self.store = SqlStore(self.database_url)
        self.house: House = make_house(self.settings(), self.store)

    def stop(self) -> None:
        """End every program and close the database."""
        for program in self.programs:
            program.stop(wait_s=5)
        self.programs.clear()
        self.store.close()

    # --- programs ------------------------------------------------------------------------------------

    def env(self, keycloak_port: int | None = None, **more: str) -> dict[str, str]:
        """Return the settings; Keycloak behind a proxy where a port is named."""
        url = f"http://localhost:{keycloak_port}" if keycloak_port else self.own.stack.keycloak.url
        queue = {"IDP_BRIDGE_WORKER__QUEUE_URL": self.queue_url} if self.queue_url else {}
        return self.own.stack.bridge_env() | {
            "IDP_BRIDGE_DATABASE__URL": self.database_url,
            "IDP_BRIDGE_KEYCLOAK__URL": url,
            "IDP_BRIDGE_KEYCLOAK__REALM": self.own.realm.name,
            "IDP_BRIDGE_PARENTS_REALM__ISSUER": self.own.issuer,
            "IDP_BRIDGE_WORKER__QUEUE_FILE": str(self.folder / "queue.db"),
            "IDP_BRIDGE_LIMITS__ACCOUNTS_PER_NUMBER": "100000",
            "IDP_BRIDGE_LIMITS__REQUESTS_PER_NUMBER": "100000",
            **queue,
            **more,
        }

    def settings(self, keycloak_port: int | None = None) -> Settings:
        """Return the settings as a program reads them."""
        with mock.patch.dict(os.environ, self.env(keycloak_port)):
            return load()

    def worker(self, *start: str, keycloak_port: int | None = None, **env: str) -> Program:
        """Start a worker, the real one unless `start` says otherwise."""
        return self.program("worker", start or NORMAL, self.env(keycloak_port, **env))

    def program(self, name: str, arguments: tuple[str, ...], env: dict[str, str]) -> Program:
        """Start a Python program; it ends with the test."""
        log = self.folder / f"{name}-{len(self.programs)}.log"
        program = Program(name, [sys.executable, *arguments], log, env=env, cwd=ROOT)
        program.start()
        self.programs.append(program)
        return program

    # --- decisions -----------------------------------------------------------------------------------

    def parent(self) -> Person:
        """Make an account that has been to the bridge."""
        person = self.own.person()
        arrive(self.house, SignedIn(ParentId(person.id), person.name, "Amara", "Quintero", "en"))
        return person

    def ask(self, parent: str, student: Student = IRIS) -> Link:
        """Ask for a link and have the person's identity seen: all but the verification."""
        visit = request_link(self.house, ParentId(parent), claim_for(student))
        record_identity(self.house, CLERK, visit, SCHOOL, "passport")
        return next(one for one in self.links(parent) if one.state is LinkState.AWAITING_VISIT)

    def link(self, parent: str, student: Student = IRIS) -> Link:
        """Have a clerk verify a link: a grant."""
        return verify_link(self.house, CLERK, self.ask(parent, student).id, "school-record")

    def revoke(self, parent: str) -> Link:
        """Have the parent's one verified link end: a loss."""
        (link,) = (one for one in self.links(parent) if one.state is LinkState.VERIFIED)
        return revoke_link(self.house, OPERATOR, link.id, "court-order")

    def say_anew(self, *parents: str) -> None:
        """Let these tokens say something new, as an import of the roster does: nothing lost, all audited."""
        now, ids = self.house.clock.now(), [ParentId(one) for one in parents]
        fields = {"schools": 0, "students": 1, "withdrawn": 0, "source_digest": "faults"}
        with self.house.store.transaction() as rows:
            rows.audit.append(Event("roster:imported", now, OPERATOR, fields=fields))
            rows.parents.raise_revisions(ids, now)
            rows.projections.mark_all_due(ids, now, loss=False)
        for one in ids:
            self.house.wakeup.projection_due(one)

    def links(self, parent: str) -> tuple[Link, ...]:
        """Return all links of a parent."""
        with self.house.store.reading() as rows:
            return rows.links.of_parent(ParentId(parent))

    def plant(self, who: str) -> None:
        """Leave a session of an employee, as the callback of a sign-in would; its cookie is the name."""
        now = self.house.clock.now()
        person = person_of("district", f"sub-{who}", "employee", who, who, "")
        ends = now + timedelta(hours=8)
        content = {"person": person, "ends": ends.isoformat(), "csrf_token": "f" * 40}
        SqlSessions(self.store).save(_hash(who), content, now, ends)

    # --- what is so ----------------------------------------------------------------------------------

    def wanted(self, parent: str) -> str:
        """Return what the attribute must say."""
        with self.house.store.reading() as rows:
            return wanted_for(rows, ParentId(parent), self.house.clock.now()).value

    def row(self, parent: str) -> ProjectionRow:
        """Return where the projection stands."""
        with self.house.store.reading() as rows:
            row = rows.projections.get(ParentId(parent))
        assert row is not None
        return row

    def right(self, parent: str) -> bool:
        """Tell whether Keycloak says what it must, once."""
        return self.own.stored(parent) == (self.wanted(parent),)

    def settled(self, parent: str) -> bool:
        """Tell whether nothing is to be done any more, and Keycloak is right."""
        return self.row(parent).due_since is None and self.right(parent)

    def wrong(self, people: Iterable[str]) -> list[str]:
        """Return of whom Keycloak does not say what it must; one request, however many they are."""
        asked, stored = [ParentId(one) for one in people], self.own.all_stored()
        with self.house.store.reading() as rows:
            wanted = wanted_for_all(rows, asked, self.house.clock.now())
        return [one for one in asked if stored.get(one) != (wanted[one].value,)]

    def all_settled(self, people: Iterable[str]) -> bool:
        """Tell whether nothing is to be done for any of them, and Keycloak is right."""
        asked = list(people)
        return all(self.row(one).due_since is None for one in asked) and not self.wrong(asked)

    def audited(self, name: str) -> int:
        """Count the audit's events of this name."""
        with self.house.store.reading() as rows:
            return rows.audit.count(name, datetime(2000, 1, 1, tzinfo=UTC))


def until(holds: Callable[[], Any], within_s: float, every_s: float = LOOK_EVERY_S) -> float:
    """Wait until `holds()` and return after how many seconds; `inf` where it did not within `within_s`."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > within_s:
            return inf
        time.sleep(every_s)
    return time.monotonic() - began
