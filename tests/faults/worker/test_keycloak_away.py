"""Keycloak hangs, resets, refuses, lies: the school goes on, nothing false is marked, all arrives after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from typing import Any

import pytest

from idp_bridge.app import FOLLOW_S, make_web
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import ParentId
from idp_bridge.outside.circuit import FAILURES, REST_S
from idp_bridge.outside.keycloak import LONGEST_S
from idp_bridge.services.projecting import FIRST_WAIT_S, LONGEST_OUTAGE_WAIT_S, LONGEST_WAIT_S, LOOK_AGAIN
from idp_bridge.web.session import COOKIE
from tests.conftest import TEO
from tests.faults.figures import LONG
from tests.faults.proxy import STORED, UNAVAILABLE, FaultyProxy, Mode
from tests.faults.worker.bridge import CLERK, OwnBridge, OwnRealm, until
from tests.gates import port_of
from tools.aims import Aim, at_most, exactly

pytestmark = pytest.mark.live

PAGE_WITHIN_S = 5
WAITING = 10
"""Parents who are due beside the one whose link is verified: a crowd that could hammer."""
ARRIVED_S = 2
"""A turn of the queue, and the writes themselves."""
GIVEN_UP_S = 400
HELD_S = 12
"""A PUT that lands so late was given up (3 s), waited out (10 s) and perhaps sent again meanwhile."""
LOOKED_AGAIN_S = LOOK_AGAIN.total_seconds() + 60 + ARRIVED_S
"""What a late PUT broke is seen when it is looked at again, and the sweep finds that."""
SETTLE_S = 60


@dataclass(frozen=True)
class Fault:
    """What is broken, and how long the longest wait after the mend and the most connections may be."""

    breaks: Callable[[Scene], None]
    answers: bool
    """True where Keycloak answers: the circuit stays closed, and the waits grow further."""

    def longest_after(self, lasts_s: float) -> Aim:
        """Return the aim of the seconds from the mend to all being right, as the code's waits make it."""
        turn = FOLLOW_S + ARRIVED_S
        if self.answers:
            return at_most(running_wait(lasts_s) + turn)
        return at_most(LONGEST_OUTAGE_WAIT_S + REST_S + LONGEST_S + turn)

    def most_connections(self, lasts_s: float) -> Aim:
        """Return the aim of the connections while it lasts.

        A circuit lets five calls fail and then one each time it has rested. Where Keycloak answers, each
        parent is tried as its waits say, and events are asked for every two seconds; a try opens up to two.
        """
        if not self.answers:
            return at_most(FAILURES + ceil(lasts_s / REST_S) + 1)
        return at_most(2 * ((WAITING + 1) * tries(lasts_s) + ceil(lasts_s / FOLLOW_S) + 1))


def running_wait(lasts_s: float) -> float:
    """Return the wait that runs when a fault of so many seconds is over."""
    return min(FIRST_WAIT_S << (tries(lasts_s) - 1), LONGEST_WAIT_S)


def tries(lasts_s: float) -> int:
    """Return how often one parent is tried in so many seconds: the waits double."""
    number, at = 0, 0.0
    while at <= lasts_s:
        at += min(FIRST_WAIT_S << number, LONGEST_WAIT_S)
        number += 1
    return number


@dataclass
class Scene:
    """A worker behind one proxy, the pages behind another, and who is verified while all is broken."""

    bridge: OwnBridge
    to_worker: FaultyProxy
    to_pages: FaultyProxy
    parent: str
    waiting: list[str]
    client: Any

    def wire(self, **how: Any) -> None:
        """Break both wires, or mend them."""
        for proxy in (self.to_worker, self.to_pages):
            proxy.switch(**how)

    @property
    def everybody(self) -> list[str]:
        """Return all parents who are due."""
        return [self.parent, *self.waiting]


# --- what is broken ------------------------------------------------------------------------------


def on_the_wire(**how: Any) -> Callable[[Scene], None]:
    """Return a fault between the bridge and Keycloak."""
    return lambda scene: scene.wire(**how)


def wrong_secret(scene: Scene) -> None:
    """Give the bridge's client another secret, and let no older token pass: 401."""
    own = scene.bridge.own
    change_client(own, {"secret": "another-secret", "notBefore": int(time.time()) + 1})


def change_client(own: OwnRealm, fields: dict[str, Any]) -> None:
    (client,) = own.realm.get("clients", clientId="idp-bridge")
    own.realm.put(f"clients/{client['id']}", client | fields, "")


def no_right(scene: Scene) -> None:
    """Take everybody out of the group the bridge may touch: 403."""
    group = scene.bridge.own.realm.get("group-by-path/parents")["id"]
    for parent in scene.everybody:
        scene.bridge.own.realm.delete(f"users/{parent}/groups/{group}", "")


def mend(scene: Scene) -> None:
    """Put everything right, whatever it was."""
    own = scene.bridge.own
    scene.wire(mode=Mode.PASS)
    change_client(own, {"secret": own.stack.secrets["bridge"], "notBefore": 0})
    group = own.realm.get("group-by-path/parents")["id"]
    for parent in scene.everybody:
        own.realm.put(f"users/{parent}/groups/{group}", None, "")


FAULTS = {
    "hangs": Fault(on_the_wire(mode=Mode.BLACK_HOLE), answers=False),
    "resets": Fault(on_the_wire(mode=Mode.RESET), answers=False),
    "says 503": Fault(on_the_wire(mode=Mode.ANSWER, reply=UNAVAILABLE), answers=False),
    "takes 30 s for each answer": Fault(on_the_wire(mode=Mode.DELAY, seconds=30), answers=False),
    "holds each PUT back for 12 s": Fault(
        on_the_wire(mode=Mode.DELAY, seconds=HELD_S, only=b"PUT "), answers=False
    ),
    "says 401": Fault(wrong_secret, answers=True),
    "says 403": Fault(no_right, answers=True),
    "says 204 and stores nothing": Fault(
        on_the_wire(mode=Mode.ANSWER, reply=STORED, only=b"PUT "), answers=True
    ),
}
IN_SHORT = ("says 503",)


# --- the test ------------------------------------------------------------------------------------


@pytest.fixture
def scene(bridge: OwnBridge) -> Iterator[Scene]:
    """Everything running and settled."""
    port = port_of(bridge.own.stack.keycloak.url)
    with ExitStack() as ends:
        to_worker, to_pages = (ends.enter_context(FaultyProxy(port)) for _ in range(2))
        waiting = [bridge.parent().id for _ in range(WAITING)]
        parent = bridge.parent().id
        bridge.worker(keycloak_port=to_worker.port)
        web = make_web(bridge.settings(to_pages.port))
        web.config["WTF_CSRF_ENABLED"] = False
        bridge.plant(CLERK)
        client = web.test_client()
        client.set_cookie(COOKIE, CLERK)
        for one in waiting:
            bridge.link(one)
        assert until(lambda: all(bridge.settled(one) for one in waiting), SETTLE_S) < SETTLE_S
        assert until(lambda: not mails_due(bridge), SETTLE_S) < SETTLE_S  # the worker sends them in between
        yield Scene(bridge, to_worker, to_pages, parent, waiting, client)


@pytest.mark.parametrize("name", [name for name in FAULTS if LONG or name in IN_SHORT])
def test_keycloak_fails_and_the_school_goes_on(scene, figure, times, name):
    fault, bridge, lasts_s = FAULTS[name], scene.bridge, times(4, 30)
    link = bridge.ask(scene.parent, TEO)
    before = scene.to_worker.connections
    fault.breaks(scene)
    began = time.monotonic()
    crowd_is_due(bridge, scene.waiting)
    slowest, verified = decided(scene, link)
    false = 0
    while time.monotonic() - began < lasts_s:
        slowest = max(slowest, timed(lambda: scene.client.get(f"/desk/visits/{link.visit}"))[0])
        false += sum(bridge.row(one).due_since is None and not bridge.right(one) for one in scene.everybody)
        time.sleep(0.5)
    connections = scene.to_worker.connections - before
    mend(scene)
    took = until(lambda: all(bridge.settled(one) for one in scene.everybody), GIVEN_UP_S)
    what = f"Keycloak {name} for {lasts_s} s"
    figure(f"{what}: decisions of the school that were taken", verified, exactly(1))
    figure(f"{what}: slowest page of the school, seconds", slowest, at_most(PAGE_WITHIN_S))
    figure(f"{what}: marked done and not there", false, exactly(0))
    figure(f"{what}: connections of the worker meanwhile", connections, fault.most_connections(lasts_s))
    figure(f"{what}: seconds from the mend to all {1 + WAITING} right", took, fault.longest_after(lasts_s))
    if "PUT back" in name:
        time.sleep(HELD_S)
        until(lambda: all(bridge.settled(one) for one in scene.everybody), LOOKED_AGAIN_S)
        wrong = sum(not bridge.settled(one) for one in scene.everybody)
        figure(f"{what}: wrong after what was held back had landed", wrong, exactly(0))


def crowd_is_due(bridge: OwnBridge, parents: list[str]) -> None:
    """Let every token say something new, as after an import, and wake the worker for each."""
    now, ids = bridge.house.clock.now(), [ParentId(one) for one in parents]
    with bridge.house.store.transaction() as rows:
        rows.parents.raise_revisions(ids, now)
        rows.projections.mark_all_due(ids, now, loss=False)
    for one in ids:
        bridge.house.wakeup.projection_due(one)


def mails_due(bridge: OwnBridge) -> int:
    with bridge.house.store.reading() as rows:
        return rows.notices.due(bridge.house.clock.now(), 1)


def decided(scene: Scene, link: Any) -> tuple[float, bool]:
    """Verify the link on the page; return the seconds it took, and whether the link is verified."""
    form = {f"{link.id}-evidence": "school-record"}
    took, answer = timed(lambda: scene.client.post(f"/desk/links/{link.id}/verify", data=form))
    (now,) = (one for one in scene.bridge.links(scene.parent) if one.id == link.id)
    return took, answer.status_code == 302 and now.state is LinkState.VERIFIED


def timed(do: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    answer = do()
    return time.monotonic() - began, answer
