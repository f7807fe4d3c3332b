"""PostgreSQL restarts under the real processes, or says nothing: outage in words, nothing lost, back alone.

A cluster of the test's own that keeps what it acknowledged (`fsync` and `synchronous_commit` on, as operators
run it). What dies is the server, fast or at once; the machine under it does not.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from idp_bridge.storage import schema
from idp_bridge.storage.store import SqlStore
from tests.conftest import fill
from tests.faults.figures import LONG, within
from tests.faults.proxy import FaultyProxy, Mode
from tests.faults.running import Bridge, Crowd, Family, chain_is_whole, linked, stored, tried, until
from tests.web.pages import text
from tools.aims import at_least, exactly
from tools.stack.ports import Ports
from tools.stack.postgres import FAST, IMMEDIATE, SMALL, PostgresServer

PAGE_S, BACK_S = 5, 5
AWAY_S = 0.5


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    cluster = PostgresServer(tmp_path_factory.mktemp("durable"), Ports.free().bridge, SMALL)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def wire(cluster: PostgresServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(sa.make_url(cluster.url()).port) as wire:
        yield wire


@pytest.fixture(scope="module")
def bridge(
    cluster: PostgresServer, wire: FaultyProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bridge]:
    """Both processes, database and queue on the cluster; the test itself looks around the wire."""
    url = cluster.create("bridge")
    store = SqlStore(url)
    schema.upgrade(store)
    fill(store)
    store.close()
    through = sa.make_url(url).set(port=wire.port)
    queue = through.set(drivername="postgresql")
    env = {
        "IDP_BRIDGE_DATABASE__URL": through.render_as_string(hide_password=False),
        "IDP_BRIDGE_WORKER__QUEUE_URL": queue.render_as_string(hide_password=False),
    }
    bridge = Bridge(tmp_path_factory.mktemp("bridge"), url, env)
    yield bridge.start()
    bridge.stop()


@pytest.fixture(scope="module")
def leavers(bridge: Bridge) -> Iterator[tuple[Family, str]]:
    """Families with a verified link, one after the other, each with the address that ends it."""
    families = bridge.families(40)
    links = linked(bridge, families)
    return iter([(one, f"/children/{links[one.id]}/leave") for one in families])


def woken(bridge: Bridge, leaver: tuple[Family, str]) -> float:
    """End a link and return how many seconds it took until the worker took the parent up."""
    family, leave = leaver
    assert family.post(leave).status == 302
    return until(lambda: tried(bridge, family), 30)


@pytest.mark.parametrize("how", [FAST, IMMEDIATE], ids=["fast", "immediate"])
def test_a_restart_under_load_loses_nothing(bridge, cluster, leavers, figure, times, how):
    rounds, posts = times(1, 6), times(60, 300)
    said, took, back, worker = Counter[str](), [], [], []
    lost = half = put_off = 0
    pids = (bridge.web.pid, bridge.worker.pid)
    for _ in range(rounds):
        families = bridge.families(posts)
        probe, *families = families
        with Crowd(families, at_once=8) as crowd:
            until(lambda: crowd.sent >= posts // 3, 60, 0.005)
            cluster.end(how)
            bridge.store.close()
            time.sleep(AWAY_S)
            cluster.go_on()
            back.append(until(lambda probe=probe: probe.send().status == 302, 30))
        worker.append(woken(bridge, next(leavers)))
        found = stored(bridge, families)
        said += crowd.counted()
        put_off += len(crowd.put_off)
        took.append(crowd.slowest_s)
        lost += len(crowd.acknowledged - found.whole)
        half += len(found.half)
        assert all("We cannot do this right now" in text(one.text) for one in crowd.put_off)
    kind = "fast" if how is FAST else "immediate"
    about = f"PostgreSQL restarted ({kind}), {rounds} times under {rounds * (posts - 1)} forms"
    figure(f"{about}: pages that said so (503)", put_off, at_least(rounds))
    figure(f"{about}: other answers", rounds * (posts - 1) - said["302"], exactly(0))
    figure(f"{about}: acknowledged and not stored", lost, exactly(0))
    figure(f"{about}: half done", half, exactly(0))
    figure(f"{about}: slowest page, s", max(took), within(PAGE_S))
    figure(f"{about}: longest until a form works again, s", max(back), within(BACK_S))
    figure(f"{about}: longest from the next decision to the worker, s", max(worker), within(BACK_S))
    assert chain_is_whole(bridge)
    assert (bridge.web.running, bridge.worker.running) == (True, True)
    assert (bridge.web.pid, bridge.worker.pid) == pids


@pytest.mark.parametrize("name", ["is cut off", "is stopped"] if LONG else ["is cut off"])
def test_a_database_that_says_nothing_holds_no_page_longer_than_it_may(
    bridge, cluster, wire, leavers, figure, times, name
):
    """No answer and no refusal: on connections that are kept, and on new ones."""
    probe, *families = bridge.families(times(5, 41))
    assert families[0].get("/children").status == 200
    bridge.store.close()
    if name == "is stopped":
        cluster.send(signal.SIGSTOP)
    else:
        wire.switch(Mode.BLACK_HOLE)
    try:
        with Crowd(families, at_once=4, patient=False) as crowd:
            pass
    finally:
        cluster.send(signal.SIGCONT)
        wire.mend()
    back = until(lambda: probe.send().status == 302, 30)
    about = f"PostgreSQL {name} and says nothing, {len(families)} forms"
    figure(f"{about}: other answers than 503", len(families) - crowd.counted()["503"], exactly(0))
    figure(f"{about}: slowest page, s", crowd.slowest_s, within(PAGE_S))
    figure(f"{about}: seconds until a form works again", back, within(BACK_S))
    worker = woken(bridge, next(leavers))
    figure(f"{about}: seconds from the next decision to the worker", worker, within(10))
    figure(f"{about}: half done", len(stored(bridge, families).half), exactly(0))
    assert chain_is_whole(bridge)
