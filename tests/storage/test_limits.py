"""Counters are exact, whoever counts at the same time, forget by themselves, and name nobody."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.domain.limits import counter_key
from idp_bridge.storage import journals
from idp_bridge.storage.http_limits import SqlHttpLimits
from idp_bridge.storage.store import SqlStore
from tests.conftest import NOW

MINUTE = timedelta(minutes=1)
KEY = counter_key(b"k" * 32, "account", "somebody")


def _add(store, amount=1, now=NOW, until=NOW + MINUTE):
    with store.transaction() as rows:
        return rows.limits.add(KEY, amount, now, until)


def _get(store, now=NOW):
    with store.reading() as rows:
        return rows.limits.get(KEY, now)


def test_counts_add_up_within_one_window_that_does_not_move(store):
    assert _add(store, 2).amount == 2
    again = _add(store, 3, NOW + MINUTE / 2, NOW + 2 * MINUTE)
    assert (again.amount, again.expires_at) == (5, NOW + MINUTE)
    assert _get(store) == again


def test_a_window_that_is_over_starts_again(store):
    _add(store, 7)
    assert _get(store, NOW + MINUTE) is None
    later = _add(store, 1, NOW + MINUTE, NOW + 3 * MINUTE)
    assert (later.amount, later.expires_at) == (1, NOW + 3 * MINUTE)


def test_a_rolled_back_count_never_was(store):
    with pytest.raises(ZeroDivisionError), store.transaction() as rows:
        raise ZeroDivisionError(rows.limits.add(KEY, 1, NOW, NOW + MINUTE))
    assert _get(store) is None


def test_the_sweep_takes_only_what_is_over_and_no_more_than_it_may(store):
    with store.transaction() as rows:
        for number in range(5):
            rows.limits.add(f"old:{number}", 1, NOW, NOW + MINUTE)
        rows.limits.add("new", 1, NOW, NOW + 3 * MINUTE)
        assert rows.limits.sweep(NOW + MINUTE / 2, 100) == 0
        assert rows.limits.over(NOW + MINUTE, 100) == 5
        assert rows.limits.sweep(NOW + MINUTE, 3) == 3
        assert rows.limits.sweep(NOW + MINUTE, 3) == 2
        assert rows.limits.get("new", NOW + MINUTE)


def test_many_threads_lose_no_count(store):
    """Bare connections: nothing but the one statement keeps them apart on PostgreSQL."""
    from idp_bridge.storage.limits import SqlLimits

    def count(_):
        with store.connection(write=True) as connection:
            return SqlLimits(connection).add(KEY, 1, NOW, NOW + MINUTE).amount

    with ThreadPoolExecutor(12) as pool:
        seen = list(pool.map(count, range(120)))
    assert sorted(seen) == list(range(1, 121))


COUNTING = """
import sys
from datetime import timedelta
from idp_bridge.storage.store import SqlStore
from tests.conftest import NOW
from tests.storage.test_limits import _add
store = SqlStore(sys.argv[1])
print(*[_add(store).amount for _ in range(20)])
"""


def test_many_processes_lose_no_count(store):
    url = store.engine.url.render_as_string(hide_password=False)
    running = [
        subprocess.Popen([sys.executable, "-c", COUNTING, url], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    seen = [int(number) for one in running for number in one.communicate(timeout=60)[0].split()]
    assert sorted(seen) == list(range(1, 61))


# --- what Flask-Limiter counts in ------------------------------------------------------------------


@pytest.fixture
def http(store, clock) -> SqlHttpLimits:
    return SqlHttpLimits("x://", store=store, secret=b"k" * 32, now=clock.now)


def test_flask_limiters_storage_keeps_a_fixed_window(http, clock):
    assert [http.incr("10.0.0.1", 60) for _ in range(3)] == [1, 2, 3]
    clock.advance(seconds=59)
    assert http.incr("10.0.0.1", 60) == 4
    assert http.get_expiry("10.0.0.1") == (NOW + MINUTE).timestamp()
    assert (http.get("10.0.0.1"), http.get("10.0.0.2"), http.check()) == (4, 0, True)
    clock.advance(seconds=1)
    assert http.incr("10.0.0.1", 60) == 1
    http.clear("10.0.0.1")
    assert http.get("10.0.0.1") == 0


def test_it_refuses_to_wipe_a_table_that_others_count_in(http):
    with pytest.raises(NotImplementedError):
        http.reset()


def test_no_address_stands_in_the_table(http, store):
    http.incr("LIMITER/203.0.113.9/posts", 60)
    with store.connection(write=False) as connection:
        keys = connection.execute(sa.select(journals.limit_counters.c.key)).scalars().all()
    assert len(keys) == 1
    assert "203.0.113.9" not in keys[0]
    assert keys[0] == counter_key(b"k" * 32, "http", "LIMITER/203.0.113.9/posts")
    assert keys[0] != counter_key(b"x" * 32, "http", "LIMITER/203.0.113.9/posts")


def test_a_database_that_is_away_is_said(clock):
    away = SqlStore("postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert not SqlHttpLimits("x://", store=away, secret=b"k" * 32, now=clock.now).check()
