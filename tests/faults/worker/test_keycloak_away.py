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
from idp_bridge.outside.circuit import FAILURES, REST_S
from idp_bridge.outside.keycloak_connection import LONGEST_S
from idp_bridge.services.projecting import FIRST_WAIT_S, LONGEST_OUTAGE_WAIT_S, LONGEST_WAIT_S, LOOK_AGAIN
from idp_bridge.web.session import COOKIE
from tests.conftest import TEO
from tests.faults.figures import LONG, within
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
KEYCLOAK_TIMEOUT_S = 3
"""The setting's default: after this a PUT is given up."""
HELD_S = 12
"""A PUT that lands so late was given up (3 s), waited out (10 s) and perhaps sent again meanwhile."""
LOOKED_AGAIN_S = LOOK_AGAIN.total_seconds() + 60 + ARRIVED_S
"""What a late PUT broke is seen when it is looked at again, and the sweep finds that."""
SETTLE_S = 60


@dataclass(frozen=True)
class Fault:
    """What is broken, and what follows from the code's waits, by how many seconds it lasts."""

    breaks: Callable[[Scene], None]
    longest_after: Callable[[float], Aim]
    """The aim of the seconds from the mend to all being right."""
    most_connections: Callable[[float], Aim]
    """The aim of the worker's connections while it lasts."""


def outage_over(lasts_s: float) -> Aim:
    """Where Keycloak does not answer: the longest wait, a circuit that rests, a call that still hangs."""
    return within(ARRIVED_S, waits_s=LONGEST_OUTAGE_WAIT_S + REST_S + LONGEST_S + FOLLOW_S)


def circuit_open(lasts_s: float) -> Aim:
    """A circuit lets five calls fail, and then one each time it has rested."""
    return at_most(FAILURES + ceil(lasts_s / REST_S) + 1)


def hung_puts(lasts_s: float) -> Aim:
    """One at a time hangs until it is given up; the next try opens two, for the token and the call."""
    return at_most(2 * (ceil(lasts_s / KEYCLOAK_TIMEOUT_S) + 1))


def refusal_over(lasts_s: float) -> Aim:
    """Where Keycloak answers and nothing is stored: the wait that runs, which doubled each time."""
    return within(ARRIVED_S, waits_s=running_wait(lasts_s) + FOLLOW_S)


def each_tried(lasts_s: float) -> Aim:
    """Each parent as the waits say, events every two seconds; a try opens up to two connections."""
    return at_most(2 * ((WAITING + 1) * tries(lasts_s) + ceil(lasts_s / FOLLOW_S) + 1))


def silent(**how: Any) -> Fault:
    """Return a fault of the wire that gives no answer."""
    return Fault(lambda scene: scene.wire(**how), outage_over, circuit_open)


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
    "hangs": silent(mode=Mode.BLACK_HOLE),
    "resets": silent(mode=Mode.RESET),
    "says 503": silent(mode=Mode.ANSWER, reply=UNAVAILABLE),
    "takes 30 s for each answer": silent(mode=Mode.DELAY, seconds=30),
    "holds each PUT back for 12 s": Fault(
        lambda scene: scene.wire(mode=Mode.DELAY, seconds=HELD_S, only=b"PUT "), outage_over, hung_puts
    ),
    "says 401": Fault(wrong_secret, refusal_over, each_tried),
    "says 403": Fault(no_right, refusal_over, each_tried),
    "says 204 and stores nothing": Fault(
        lambda scene: scene.wire(mode=Mode.ANSWER, reply=STORED, only=b"PUT "), refusal_over, each_tried
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
        assert until(lambda: bridge.all_settled(waiting), SETTLE_S) < SETTLE_S
        assert until(lambda: not mails_due(bridge), SETTLE_S) < SETTLE_S  # the worker sends them in between
        yield Scene(bridge, to_worker, to_pages, parent, waiting, client)


@pytest.mark.parametrize("name", [name for name in FAULTS if LONG or name in IN_SHORT])
def test_keycloak_fails_and_the_school_goes_on(scene, figure, times, name):
    fault, bridge, lasts_s = FAULTS[name], scene.bridge, times(4, 30)
    link = bridge.ask(scene.parent, TEO)
    before = scene.to_worker.connections
    fault.breaks(scene)
    began = time.monotonic()
    bridge.say_anew(*scene.waiting)
    slowest, verified = decided(scene, link)
    false = 0
    while time.monotonic() - began < lasts_s:
        slowest = max(slowest, timed(lambda: scene.client.get(f"/desk/visits/{link.visit}"))[0])
        marked = [one for one in bridge.wrong(scene.everybody) if bridge.row(one).due_since is None]
        false += sum(not bridge.right(one) for one in marked)  # what arrived meanwhile is no false mark
        time.sleep(0.5)
    connections = scene.to_worker.connections - before
    mend(scene)
    took = until(lambda: bridge.all_settled(scene.everybody), GIVEN_UP_S)
    what = f"Keycloak {name} for {lasts_s} s"
    figure(f"{what}: decisions of the school that were taken", verified, exactly(1))
    figure(f"{what}: slowest page of the school, seconds", slowest, within(PAGE_WITHIN_S))
    figure(f"{what}: marked done and not there", false, exactly(0))
    figure(f"{what}: connections of the worker meanwhile", connections, fault.most_connections(lasts_s))
    figure(f"{what}: seconds from the mend to all {1 + WAITING} right", took, fault.longest_after(lasts_s))
    if "PUT back" in name:
        time.sleep(HELD_S)
        until(lambda: bridge.all_settled(scene.everybody), LOOKED_AGAIN_S)
        left = len(bridge.wrong(scene.everybody))
        figure(f"{what}: wrong after what was held back had landed", left, exactly(0))


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
