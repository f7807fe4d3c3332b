"""Hand the table one app on one database, put back to a stage before each cell that may change it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect, Rule
from werkzeug.test import TestResponse

import tests.protection.forms_of_rules
import tests.protection.stages_of_rules  # noqa: F401
from idp_bridge.storage.sessions import SqlSessions
from idp_bridge.storage.store import SqlStore
from tests.conftest import AMARA, IRIS, NOW, OTHER, built_on, person_of, plant, small_directory, small_house
from tests.fakes.clock import FixedClock
from tests.protection.forms import FORMS, SCHOOL
from tests.protection.stages import PARENTS, STAGES, UNLINKED, Ids, ids

STRANGER = "0" * 32
"""An id of the right form that nothing has, also where the form is a number."""
WHO_PARENT = {"unlinked": UNLINKED, "parent": AMARA, "other": OTHER}
WHO_STAFF = {
    "elsewhere": "sam.okafor",
    "clerk": "jo.hathaway",
    "principal": "ana.ruiz",
    "district": "dee.collins",
    "admin": "ira.novak",
}


class Place:
    """The app, and a database that can be put back to any stage in a few milliseconds."""

    def __init__(self, filled: Path, folder: Path) -> None:
        self.filled, self.folder = filled, folder
        self.file = folder / "bridge.db"
        shutil.copy(filled, self.file)
        self.store = SqlStore(f"sqlite:///{self.file}")
        self.house = small_house(self.store, FixedClock(NOW), small_directory())
        self.web = built_on(self.house, SqlSessions(self.store))
        self.made: dict[str, Ids] = {}
        self.stands = ""

    def put_back(self, stage: str) -> Ids:
        """Bring the database to `stage`, made at first use, and return the ids in it."""
        kept = self.folder / f"{stage}.db"
        for parent, (email, *_) in PARENTS.items():
            self.house.accounts.add(parent, email)
        if stage not in self.made:
            self._over(self.filled)
            STAGES[stage](self.house)
            self._sign_everybody_in()
            self.made[stage] = ids(self.house)
            self.store.close()
            with suppress(FileNotFoundError):  # the last connection that closes writes the WAL home
                Path(f"{self.file}-wal").unlink()
            shutil.copy(self.file, kept)
        self._over(kept)
        self.stands = stage
        return self.made[stage]

    def answer(self, who: str, method: str, path: str, known: Ids) -> TestResponse:
        """Send the request as `who`, with a form that would do it."""
        client = self.web.test_client()
        if who != "nobody":
            client.set_cookie("idp_bridge", who)
        known = {**known, "school": SCHOOL.get(who, IRIS.school)}
        form = {name.format(**known): value.format(**known) for name, value in FORMS.get(path, {}).items()}
        sent: dict[str, Any] = {"data": form} if method != "GET" else {}
        return client.open(path.format(**known), method=method, **sent)

    def rule(self, method: str, path: str) -> Rule | None:
        """Return the app's rule for this path, or None where it has none."""
        known = dict.fromkeys(
            ("link", "visit", "code", "parent", "student", "restriction", "alarm", "number"), STRANGER
        )
        where = path.partition("?")[0].format(**known)
        adapter = self.web.url_map.bind("localhost")
        with suppress(NotFound, MethodNotAllowed, RequestRedirect):
            return adapter.match(where, method, return_rule=True)[0]
        return None

    def _over(self, file: Path) -> None:
        self.store.close()
        for old in self.folder.glob("bridge.db-*"):
            old.unlink()
        shutil.copy(file, self.file)

    def _sign_everybody_in(self) -> None:
        sessions = SqlSessions(self.store)
        for who, parent in WHO_PARENT.items():
            email, given, family = PARENTS[parent]
            person = person_of("parents", parent, "parent", email, f"{given} {family}", email)
            plant(sessions, who, person)
        for who, uid in WHO_STAFF.items():
            plant(sessions, who, person_of("district", f"sub-{uid}", "employee", uid, uid, ""))
        iris = person_of("district", "sub-iris", "student", IRIS.number, IRIS.name, "")
        plant(sessions, "student", iris)


@pytest.fixture(scope="module")
def place(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The app of this file's tests."""
    made = Place(filled, tmp_path_factory.mktemp("protection"))
    yield made
    made.store.close()
