"""Two workers, an administrator's old page and the parent's own edit at one account at the same time."""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from idp_bridge.domain.people import ParentId
from idp_bridge.services.journals import AuditQuery
from idp_bridge.storage import journals
from tests.faults.proxy import FaultyProxy, Mode
from tests.faults.worker.bridge import OwnBridge, OwnRealm, until
from tests.gates import port_of
from tests.realms.signing_in import Person, sign_in
from tools.aims import at_least, exactly

pytestmark = pytest.mark.live

WIRE_S = 0.03
"""What the wire between the workers and Keycloak adds to each chunk, either way, as between two sites: the
gap between GET and PUT is some 80 ms then. On loopback it is some 10 ms, and one race in fifty hits it."""
OURS_WITHIN_S, OTHERS_WITHIN_S = 0.15, 0.5
"""When our change begins, which the worker's poll (0.2 s) makes later, and when theirs do."""
LANES = 4
"""Accounts that race beside each other."""
SETTLED_WITHIN_S = 40
MANY = 10_000
TOKEN_FOR = 20
"""Races for which one token of the parent's is good enough."""


@dataclass
class Lane:
    """One parent, signed in to the account pages, with an administrator who has their page open."""

    own: OwnRealm
    bridge: OwnBridge
    person: Person
    random: random.Random
    ours: str
    """Keycloak's id of the bridge's client."""
    token: str = ""
    told: Counter[str] = field(default_factory=Counter)

    def sign_in(self) -> None:
        """Get the parent a token for Keycloak's account pages."""
        tokens = sign_in(self.own.app("account-console"), self.person.name, self.person.password)
        self.token = str(tokens["access_token"])

    def race(self) -> None:
        """Let all three act at once, wait until nothing moves, and count what became of it."""
        alarms = self._alarms()
        stale = self.own.realm.get(f"users/{self.person.id}")
        edited = f"Own {secrets.token_hex(4)}"
        typed = f"Typed {secrets.token_hex(4)}"
        with ThreadPoolExecutor(3) as actors:
            ours = actors.submit(self._later, OURS_WITHIN_S, self._decide)
            own = actors.submit(self._later, OTHERS_WITHIN_S, lambda: self._edit(edited))
            page = stale | {"lastName": typed}
            admin = actors.submit(self._later, OTHERS_WITHIN_S, lambda: self._save(page))
        ours.result()
        until(self._quiet, SETTLED_WITHIN_S)
        self._count(own.result(), admin.result(), edited, typed, self._alarms() > alarms)

    def _later(self, within_s: float, act: Any) -> Any:
        time.sleep(self.random.random() * within_s)
        return act()

    def _quiet(self) -> bool:
        """Tell whether the workers have dealt with all that happened to the account."""
        told = {one["id"] for one in (*self._edits()[:1], *self._pages())}
        with self.bridge.store.connection(write=False) as connection:
            seen = sa.select(journals.seen_events.c.id).where(journals.seen_events.c.id.in_(told))
            known = set(connection.execute(seen).scalars())
        return known == told and self.bridge.settled(self.person.id)

    def _edits(self) -> list[dict[str, Any]]:
        """Return the parent's edits, the newest first."""
        found = self.own.realm.get("events", user=self.person.id, type="UPDATE_PROFILE")
        return list(found)

    def _pages(self) -> list[dict[str, Any]]:
        """Return the newest writes of the account by somebody else than us."""
        path = f"users/{self.person.id}"
        found = self.own.realm.get("admin-events", resourcePath=path, operationTypes="UPDATE", max="20")
        return [one for one in found if one["authDetails"]["clientId"] != self.ours]

    def _decide(self) -> None:
        self.bridge.say_anew(self.person.id)
        self.bridge.house.wakeup.projection_due(ParentId(self.person.id))  # the other worker wakes, too

    def _edit(self, name: str) -> bool:
        """Change the first name as Keycloak's account page does; True where Keycloak took it."""
        url, headers = f"{self.own.issuer}/account", {"Authorization": f"Bearer {self.token}"}
        accept = headers | {"Accept": "application/json"}
        me = requests.get(url, headers=accept, timeout=10).json()
        me.pop("userProfileMetadata", None)
        answer = requests.post(url, headers=accept, json=me | {"firstName": name}, timeout=10)
        return bool(answer.status_code == 204)

    def _save(self, page: dict[str, Any]) -> bool:
        """Save the administrator's page as it was opened, with another last name."""
        try:
            self.own.realm.put(f"users/{self.person.id}", page, "")
        except Exception:  # Keycloak refuses any page while two values stand there
            return False
        return True

    def _count(self, edit_taken: bool, page_taken: bool, edited: str, typed: str, alarmed: bool) -> None:
        user = self.own.realm.get(f"users/{self.person.id}")
        values = self.own.stored(self.person.id)
        self.told["races"] += 1
        self.told["doubles"] += len(values) > 1
        self.told["ours lost"] += values != (self.bridge.wanted(self.person.id),)
        self.told["edits"] += edit_taken
        self.told["pages"] += page_taken
        self.told["typed lost"] += page_taken and user["lastName"] != typed
        if edit_taken and user["firstName"] != edited:
            by = "administrator" if self._page_came_after_the_edit() else "us"
            self.told[f"edit lost by {by}"] += 1
            self.told[f"edit lost by {by}, no alarm"] += not alarmed

    def _page_came_after_the_edit(self) -> bool:
        """Tell by Keycloak's own times whether somebody's write came after the parent's edit."""
        edit = self._edits()[0]
        return any(page["time"] >= edit["time"] for page in self._pages())

    def _alarms(self) -> int:
        """Count the alarms about the parent's edits."""
        with self.bridge.house.store.reading() as rows:
            asked = AuditQuery(parent=self.person.id, name="alarm:edit-undone")
            return len(rows.audit.search(asked, MANY))


@pytest.fixture
def racing(own_realm, postgres, tmp_path) -> Iterator[OwnBridge]:
    """A bridge on PostgreSQL with two workers, a slow wire between them and Keycloak."""
    with ExitStack() as ends:
        url = ends.enter_context(postgres.copied())
        queue = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        bridge = OwnBridge(own_realm, tmp_path / "racing", url, queue)
        wire = ends.enter_context(FaultyProxy(port_of(own_realm.stack.keycloak.url)))
        wire.switch(Mode.DELAY, seconds=WIRE_S)
        for _ in range(2):
            bridge.worker(keycloak_port=wire.port)
        ends.callback(bridge.stop)
        yield bridge


def test_nobody_loses_by_racing_with_us(racing, own_realm, figure, times):
    (client,) = own_realm.realm.get("clients", clientId="idp-bridge")
    lanes, ours = [], client["id"]
    for number in range(LANES):
        person = racing.parent()
        racing.link(person.id)
        lanes.append(Lane(own_realm, racing, person, random.Random(number), ours))
    rounds = times(2, 50)
    with ThreadPoolExecutor(LANES) as together:
        for one in [together.submit(run, lane, rounds) for lane in lanes]:
            one.result()
    told = sum((lane.told for lane in lanes), Counter[str]())
    given_back = undone_by_us(racing)
    what = f"{told['races']} races of two workers, an administrator's old page and the parent's edit"
    figure(f"{what}: duplicate values left", told["doubles"], exactly(0))
    figure(f"{what}: values of ours lost", told["ours lost"], exactly(0))
    figure(f"{what}: edits of the parent that Keycloak took", told["edits"], at_least(told["races"] * 0.8))
    figure(f"{what}: of these undone by us and given back", given_back, at_least(0))
    figure(f"{what}: of these undone by us and lost", told["edit lost by us"], exactly(0))
    figure(
        f"{what}: undone by the administrator's old page, which nobody may overrule",
        told["edit lost by administrator"],
        at_least(0),
    )
    silent = told["edit lost by us, no alarm"] + told["edit lost by administrator, no alarm"]
    figure(f"{what}: lost without an alarm", silent, exactly(0))
    figure(f"{what}: what the administrator typed, lost", told["typed lost"], at_least(0))


def run(lane: Lane, rounds: int) -> None:
    """Race so many times, with a fresh token now and then."""
    for number in range(rounds):
        if number % TOKEN_FOR == 0:
            lane.sign_in()
        lane.race()


def undone_by_us(bridge: OwnBridge) -> int:
    """Count the edits that we undid and gave back."""
    with bridge.house.store.reading() as rows:
        found = rows.audit.search(AuditQuery(name="alarm:edit-undone"), MANY)
    fields = [row.event.fields or {} for row in found]
    return sum(one["by"] == "bridge" and bool(one["given_back"]) for one in fields)
