"""Wake-ups through Redis: soon, each to one of two workers; a Redis that is away or hangs holds up nobody."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from idp_bridge.outside.queue import make_queue
from idp_bridge.settings import Worker
from tests.conftest import AMARA, OTHER
from tests.outside.test_postgres_queue import CONSUMER, running, taken_by_two, wakeup  # noqa: F401  (fixture)
from tools.stack.ports import Ports
from tools.stack.redis import RedisServer


@pytest.fixture(scope="module")
def redis(tmp_path_factory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), Ports.free().bridge)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def queue_url(redis) -> str:
    make_queue(Worker(queue_url=redis.url)).flush()
    return redis.url


@pytest.fixture
def database() -> str:
    """The consumer of these tests opens none."""
    return ""


def test_a_wake_up_arrives_within_a_second(queue_url, running):  # noqa: F811
    consumer = running(CONSUMER)
    time.sleep(1)  # long enough to be at its laziest
    wakeup(queue_url).projection_due(AMARA)
    assert consumer.wait_for(f"end {AMARA}", 5) < 1


def test_a_signal_ends_it_cleanly_within_seconds(running):  # noqa: F811
    consumer = running(CONSUMER)
    began = time.monotonic()
    assert consumer.end() == 0
    assert time.monotonic() - began < 5


def test_each_wake_up_is_taken_by_one_of_two(queue_url, running):  # noqa: F811
    taken, woken = taken_by_two(queue_url, running)
    assert taken == woken


def test_a_redis_that_hangs_or_is_gone_loses_the_wake_up_within_seconds(tmp_path, caplog):
    server = RedisServer(tmp_path, Ports.free().bridge)
    server.start()
    awake = wakeup(server.url)
    awake.projection_due(AMARA)
    server.program.send(signal.SIGSTOP)
    began = time.monotonic()
    awake.projection_due(OTHER)
    assert time.monotonic() - began < 4
    server.stop()
    awake.projection_due(OTHER)
    assert len([one for one in caplog.messages if "the sweep will find the parent" in one]) == 2
