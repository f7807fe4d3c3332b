"""Run the whole stack for the rows that need it, and fill it with parents; never measures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import sqlalchemy as sa

from idp_bridge.app import make_house, make_store
from idp_bridge.domain.claims import EMPTY
from idp_bridge.domain.link import LinkState
from idp_bridge.services.house import House
from idp_bridge.settings import Settings, load
from idp_bridge.storage import journals, tables
from idp_bridge.storage.store import SqlStore
from tools.bench.counting import CountingDoor
from tools.bench.filling import chunks
from tools.bench.line import App, Line
from tools.stack.ports import Ports
from tools.stack.stack import Stack

SCHOOL, PRINCIPAL = "0552", "ana.ruiz"
"""A school of the sample district, and who may end links there."""
PASSWORD = "Walk-in-the-park-2026"  # noqa: S105 - of invented parents on loopback
USERS = "/admin/realms/parents/users"
AT_ONCE = 250
"""Users Keycloak takes in one request."""
BORN = date(2016, 3, 9)


@dataclass(frozen=True, slots=True)
class Family:
    """A parent of ours with one verified link, and the numbers that name everything of theirs."""

    number: int
    parent: str
    link: str
    name: str


class Live:
    """The running stack, with a counting door before the bridge."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as opened:
            self.stack = Stack(folder / "stack", Ports.free())
            self.stack.bridge_port = Ports.free().bridge
            self.door = opened.enter_context(CountingDoor(self.stack.ports.bridge, self.stack.bridge_port))
            opened.enter_context(self.stack)
            self.settings = _settings(self.stack.bridge_env())
            self.store: SqlStore = make_store(self.settings)
            opened.callback(self.store.close)
            self.house: House = make_house(self.settings, self.store)
            self._opened = opened.pop_all()
        self._families: list[Family] = []
        self._can_sign_in: set[int] = set()

    def close(self) -> None:
        """End everything."""
        self._opened.close()

    # --- ways in ---------------------------------------------------------------------------------

    @contextmanager
    def line(self) -> Iterator[Line]:
        """Open a raw connection to Keycloak that says nobody's name."""
        with Line(self.stack.keycloak.url) as line:
            yield line

    @contextmanager
    def service(self) -> Iterator[Line]:
        """Open a raw connection with the bridge's own rights, for five minutes."""
        with self.line() as line:
            app = App("idp-bridge", self.stack.secrets["bridge"], "")
            line.bearer = _bearer(app.tokens(line, grant_type="client_credentials"))
            yield line

    @contextmanager
    def administrator(self) -> Iterator[Line]:
        """Open a raw connection with all rights, for one minute."""
        with self.line() as line:
            keycloak = self.stack.keycloak
            app = App("admin-cli", "", "", realm="/realms/master/protocol/openid-connect")
            who = {"username": keycloak.admin_user, "password": keycloak.admin_password}
            line.bearer = _bearer(app.tokens(line, grant_type="password", **who))
            yield line

    @property
    def oneview(self) -> App:
        """Return the app parents sign in to."""
        redirect = f"{self.stack.app_urls['oneview']}/callback/parents"
        return App("oneview", self.stack.secrets["oneview"], redirect)

    # --- people ----------------------------------------------------------------------------------

    def families(self, many: int) -> Sequence[Family]:
        """Return `many` families, the same each time; those that are missing are made."""
        if len(self._families) < many:
            with self._unwatched():
                for first in range(len(self._families), many, AT_ONCE):
                    self._families += self._made(range(first, min(first + AT_ONCE, many)))
        return self._families[:many]

    def password(self, families: Sequence[Family]) -> None:
        """Give each of `families` the one password; it costs Keycloak a slow hash each."""
        value = {"type": "password", "value": PASSWORD, "temporary": False}
        for family in families:
            if family.number not in self._can_sign_in:
                with self.administrator() as line:
                    line.put(f"{USERS}/{family.parent}/reset-password", value)
                self._can_sign_in.add(family.number)

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        """Stop the worker while accounts are made, and leave no event of it: it looks at each otherwise."""
        self.stack.worker.stop()
        yield
        with self.administrator() as line:
            line.delete("/admin/realms/parents/admin-events")
        self.stack.worker.start()

    def _made(self, numbers: range) -> list[Family]:
        users = {_name(number): _user(number) for number in numbers}
        with self.administrator() as line:
            body = {"ifResourceExists": "FAIL", "users": list(users.values())}
            done = line.post("/admin/realms/parents/partialImport", body)
        ids = {one["resourceName"]: one["id"] for one in done["results"]}
        families = [Family(one, ids[_name(one)], f"bench-{one}", _name(one)) for one in numbers]
        now = datetime.now(UTC)
        with self.store.connection(write=True) as connection:
            for table, row in (
                (tables.students, _student),
                (tables.parents, _parent),
                (tables.visits, _visit),
                (tables.links, _link),
                (journals.projections, _projection),
            ):
                for some in chunks(row(family, now) for family in families):
                    connection.execute(sa.insert(table), some)
        return families


def _settings(env: dict[str, str]) -> Settings:
    with patch.dict(os.environ, env):
        return load()


def _bearer(tokens: dict[str, str] | None) -> dict[str, str]:
    if tokens is None:
        raise RuntimeError("Keycloak gives us no token")
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def _name(number: int) -> str:
    return f"bench.{number}@mail.example"


def _user(number: int) -> dict[str, object]:
    """Return what registration would have left: an import skips the default group, role and workflow."""
    return {
        "username": _name(number),
        "email": _name(number),
        "firstName": f"Parent{number}",
        "lastName": f"Bench{number}",
        "enabled": True,
        "emailVerified": True,
        "attributes": {"student_links": [EMPTY], "locale": ["en"]},
        "groups": ["/parents"],
        "realmRoles": ["default-roles-parents"],
    }


def _student(family: Family, _now: datetime) -> dict[str, object]:
    return {
        "id": family.link,
        "number": f"{70_000_000 + family.number}",
        "given_name": f"Child{family.number}",
        "family_name": f"Bench{family.number}",
        "birth_date": BORN,
        "school": SCHOOL,
        "grade": "4",
        "enrolled": True,
    }


def _parent(family: Family, now: datetime) -> dict[str, object]:
    return {
        "id": family.parent,
        "email": family.name,
        "given_name": f"Parent{family.number}",
        "family_name": f"Bench{family.number}",
        "locale": "en",
        "first_seen_at": now,
        "rev": 1,
        "rev_at": now,
    }


def _visit(family: Family, now: datetime) -> dict[str, object]:
    return {
        "id": family.link,
        "parent": family.parent,
        "code_fingerprint": family.link,
        "code_turn": 0,
        "opened_at": now,
        "visit_by": now.date() + timedelta(days=14),
        "closed_at": now,
    }


def _link(family: Family, now: datetime) -> dict[str, object]:
    student = _student(family, now)
    return {
        "id": family.link,
        "parent": family.parent,
        "visit": family.link,
        "claimed_number": student["number"],
        "claimed_birth_date": BORN,
        "claimed_school": SCHOOL,
        "relationship": "birth-or-adoptive-parent",
        "student": student["id"],
        "state": LinkState.VERIFIED,
        "requested_at": now,
        "changed_at": now,
        "purposes": "choice messages records transport",
        "evidence": "school-record",
        "verified_at": now,
        "verified_school": SCHOOL,
        "expires_at": now + timedelta(days=365),
        "version": 1,
    }


def _projection(family: Family, now: datetime) -> dict[str, object]:
    return {
        "parent": family.parent, "due_since": None, "turn": 0, "loss": False, "fence": 0, "fence_turn": 0,
        "attempts": 0, "done_rev": 0,
    }  # fmt: skip
