"""Nothing around it holds a revocation up: an app that never answers its logout, a mail server that hangs.

And a worker that is told to end finishes the write that runs.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest

from idp_bridge.domain.claims import stored_revision
from idp_bridge.domain.people import ParentId
from tests.faults.figures import LONG, within
from tests.faults.proxy import FaultyProxy, Mode
from tests.faults.worker.bridge import OwnBridge, OwnRealm, until
from tests.gates import port_of
from tests.realms.signing_in import App, Person, sign_in
from tools.aims import at_least, exactly

pytestmark = pytest.mark.live

ATTRIBUTE_S = 2
DONE_S = 40
OTHERS = 2
ENDS_S = 20
SLOW_S = 0.15


@dataclass
class Deaf:
    """A listener that takes connections and never says a word."""

    connections: int = 0
    _held: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Deaf:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._held:
            one.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                self._held.append(self._listener.accept()[0])
                self.connections += 1


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    with Deaf() as deaf:
        yield deaf


@pytest.fixture
def deaf_app(own_realm: OwnRealm, deaf: Deaf) -> Iterator[App]:
    """An app of the realm that asked for back-channel logout and does not answer it."""
    name, secret, back = f"deaf-{secrets.token_hex(3)}", secrets.token_hex(16), "http://localhost:18311/deaf"
    body = {
        "clientId": name,
        "secret": secret,
        "publicClient": False,
        "fullScopeAllowed": False,
        "redirectUris": [back],
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "backchannel.logout.url": f"http://127.0.0.1:{deaf.port}/logout",
            "backchannel.logout.session.required": "true",
        },
    }
    made = own_realm.realm.post("clients", body, "")
    yield App(own_realm.issuer, name, secret, back)
    own_realm.realm.delete(f"clients/{made}", "")


def linked(bridge: OwnBridge) -> Person:
    """Return a parent with a link that has arrived."""
    person = bridge.parent()
    bridge.link(person.id)
    assert until(lambda: bridge.settled(person.id), 30) < 30
    return person


def taken(bridge: OwnBridge, parent: str) -> bool:
    """Tell whether the attribute can be read back without the link."""
    (value,) = bridge.own.stored(parent)
    return '"links":[]' in value


def sessions(own: OwnRealm, parent: str) -> int:
    return len(own.realm.get(f"users/{parent}/sessions"))


@dataclass
class Watch:
    """Looks at several parents at once; keeps when each attribute was right, and each step that was seen."""

    bridge: OwnBridge
    parents: list[str]
    after_s: dict[str, float] = field(default_factory=dict)
    steps: set[str] = field(default_factory=set)
    tries: int = 0

    def run(self, began: float, within_s: float) -> float:
        """Look until the first parent is wholly settled; return after how many seconds, `inf` if never."""
        first = self.parents[0]
        while time.monotonic() - began < within_s:
            for parent in self.parents:
                if parent not in self.after_s and taken(self.bridge, parent):
                    self.after_s[parent] = time.monotonic() - began
            row = self.bridge.row(first)
            self.tries = max(self.tries, row.attempts)
            if row.step and row.last_error:
                self.steps.add(row.step)
            if row.due_since is None and len(self.after_s) == len(self.parents):
                return time.monotonic() - began
            time.sleep(0.05)
        return inf


@pytest.mark.parametrize("count", [1, 3, 6] if LONG else [4])
def test_an_app_that_never_answers_its_logout_holds_nobody_up(bridge, deaf, deaf_app, figure, count):
    """Keycloak tells the apps one after the other within our request: so many sessions, so many seconds."""
    own = bridge.own
    bridge.worker()
    person, *others = [linked(bridge) for _ in range(OTHERS + 1)]
    tokens = [sign_in(deaf_app, person.name, person.password) for _ in range(count)]
    assert sessions(own, person.id) == count
    watch = Watch(bridge, [person.id, *(one.id for one in others)])
    began = time.monotonic()
    for one in (person, *others):
        bridge.revoke(one.id)
    done = watch.run(began, within(DONE_S).high)
    about = f"{count} sessions of an app that never answers its logout"
    figure(f"{about}: seconds from decision to attribute", watch.after_s[person.id], within(ATTRIBUTE_S))
    others_s = max(watch.after_s[one.id] for one in others)
    figure(f"{about}: the same for other parents, s", others_s, within(ATTRIBUTE_S))
    figure(f"{about}: seconds until every step was done", done, within(DONE_S))
    figure(f"{about}: sessions left", sessions(own, person.id), exactly(0))
    refreshed = sum(deaf_app.refresh(one).status_code == 200 for one in tokens)
    figure(f"{about}: tokens that can still be refreshed", refreshed, exactly(0))
    figure(f"{about}: times the app was told", deaf.connections, at_least(count))
    figure(f"{about}: tries of the step that failed", watch.tries, at_least(1 if count > 3 else 0))
    if watch.tries:
        assert watch.steps == {"sessions"}


def test_what_keycloak_does_with_a_logout_that_hangs(own_realm, deaf, deaf_app, figure, times):
    """One call for each session; it goes on where we gave up, and ends the sessions all the same."""
    count = times(2, 6)
    person = own_realm.person()
    for _ in range(count):
        sign_in(deaf_app, person.name, person.password)
    began = time.monotonic()
    with own_realm.realm.server.patient():  # six take longer than a call usually may
        own_realm.realm.post(f"users/{person.id}/logout", None, "")
    took = time.monotonic() - began
    about = f"Keycloak's own logout, {count} sessions of apps that never answer"
    figure(f"{about}: seconds for each", took / count, within(1.6))
    figure(f"{about}: sessions left", sessions(own_realm, person.id), exactly(0))


def test_a_mail_server_that_hangs_holds_no_revocation_up(bridge, stack, figure, times):
    with FaultyProxy(stack.ports.smtp) as to_mail:
        mail = {"HOST": "127.0.0.1", "PORT": str(to_mail.port), "TIMEOUT_S": "5"}
        bridge.worker(**{f"IDP_BRIDGE_MAIL__{name}": value for name, value in mail.items()})
        people = [linked(bridge) for _ in range(times(1, 8))]
        to_mail.switch(Mode.BLACK_HOLE)
        for _ in range(times(4, 30)):
            bridge.ask(bridge.parent().id)
        time.sleep(3)  # the first mail hangs now
        after = []
        for one in people:
            bridge.revoke(one.id)
            after.append(until(lambda one=one: taken(bridge, one.id), 30))
        to_mail.mend()
    figure("mail server hangs: longest from revocation to attribute, s", max(after), within(ATTRIBUTE_S))


def test_a_worker_that_is_ended_finishes_the_write_that_runs(bridge, figure, times):
    rounds, parents = times(1, 5), times(36, 60)  # four threads of four each, and who waits
    half = wrong = left = 0
    took = []
    with FaultyProxy(port_of(bridge.own.stack.keycloak.url)) as wire:
        for _ in range(rounds):
            people = [bridge.parent() for _ in range(parents)]
            for one in people:
                bridge.link(one.id)
            wire.switch(Mode.DELAY, seconds=SLOW_S)
            worker = bridge.worker(keycloak_port=wire.port)
            until(lambda people=people: any(bridge.row(one.id).due_since is None for one in people), 30)
            time.sleep(SLOW_S)  # in the middle of the next
            os.kill(worker.pid, signal.SIGTERM)
            took.append(until(lambda worker=worker: not worker.running, 30))
            for one in people:
                half += leased(bridge, one.id)
                done = bridge.row(one.id).due_since is None
                wrong += done and stored_revision(bridge.own.stored(one.id)) != 1
                left += not done
    about = f"SIGTERM to a worker that writes, {rounds} times"
    figure(f"{about}: writes left half done", half, exactly(0))
    figure(f"{about}: marked done and not written", wrong, exactly(0))
    assert left  # it was in the middle
    figure(f"{about}: longest until it ended, s", max(took), within(ENDS_S))


def leased(bridge: OwnBridge, parent: str) -> bool:
    """Tell whether a worker still holds this parent."""
    with bridge.store.connection(write=False) as connection:
        query = "SELECT leased_until FROM projection WHERE parent = ?"
        found: Any = connection.exec_driver_sql(query, (ParentId(parent),)).scalar_one()
    return found is not None
