"""Sessions of the pages: found until they expire, ended one by one, by person or by the timer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.storage.journals import logout_tokens
from idp_bridge.storage.journals import sessions as table
from idp_bridge.storage.sessions import SqlSessions
from tests.conftest import NOW

PARENTS, DISTRICT = "http://localhost:1/realms/parents", "http://localhost:1/realms/district"
LATER = NOW + timedelta(hours=8)
SECOND = timedelta(seconds=1)


def person(sub="s1", sid="sid-1", iss=PARENTS):
    return {"iss": iss, "sub": sub, "sid": sid}


@pytest.fixture
def four(sessions):
    """Two sessions of one parent, one of another, and an employee's with the same `sub` and `sid`."""
    for id_hash, who in {
        "a": person(),
        "b": person(sid="sid-2"),
        "c": person(sub="s2", sid="sid-3"),
        "d": person(iss=DISTRICT),
    }.items():
        sessions.save(id_hash, {"person": who}, NOW, LATER)
    return sessions


def left(sessions):
    return {name for name in "abcd" if sessions.load(name, NOW)}


def test_what_was_saved_comes_back_whole(sessions):
    content = {"person": person(), "form": {"name": "Iris Ñandú 🦤", "numbers": [1, None, True]}}
    sessions.save("h", content, NOW, LATER)
    assert sessions.load("h", NOW) == content
    assert sessions.load("other", NOW) is None


def test_a_session_without_a_person_is_kept_and_no_logout_finds_it(sessions):
    sessions.save("a", {"state": "x"}, NOW, LATER)
    assert sessions.delete_of(PARENTS, "s1", None) == 0
    assert left(sessions) == {"a"}


def test_saving_again_replaces_the_content_and_keeps_when_it_began(sessions, store):
    sessions.save("h", {"person": person(), "n": 1}, NOW, LATER)
    sessions.save("h", {"person": person(sid="new")}, NOW + SECOND, LATER + SECOND)
    assert sessions.load("h", NOW) == {"person": person(sid="new")}
    with store.connection(write=False) as connection:
        row = connection.execute(sa.select(table)).one()
    assert (row.created_at, row.expires_at, row.sid) == (NOW, LATER + SECOND, "new")


def test_it_ends_at_its_second(sessions):
    sessions.save("h", {}, NOW, LATER)
    assert sessions.load("h", LATER - SECOND) == {}
    assert sessions.load("h", LATER) is None


def test_sweeping_takes_the_expired_only(sessions):
    sessions.save("a", {"n": 1}, NOW, NOW + SECOND)
    sessions.save("b", {"n": 2}, NOW, LATER)
    assert sessions.sweep(NOW + SECOND) == 1
    assert sessions.sweep(NOW + SECOND) == 0
    assert left(sessions) == {"b"}


def test_deleting_one(four):
    four.delete("a")
    four.delete("a")
    assert left(four) == {"b", "c", "d"}


@pytest.mark.parametrize(
    ("iss", "sub", "sid", "stay"),
    [
        (PARENTS, "s1", "sid-1", "bcd"),
        (PARENTS, None, "sid-1", "bcd"),
        (PARENTS, "s1", None, "cd"),
        (DISTRICT, "s1", None, "abc"),
        (PARENTS, "nobody", None, "abcd"),
        ("http://localhost:1/realms/other", "s1", "sid-1", "abcd"),
    ],
)
def test_a_logout_ends_what_it_names_in_its_realm(four, iss, sub, sid, stay):
    assert four.delete_of(iss, sub, sid) == 4 - len(stay)
    assert left(four) == set(stay)


def test_a_logout_token_is_used_once_until_it_expires(sessions, store):
    assert sessions.first_use("j", NOW + SECOND, NOW)
    assert not sessions.first_use("j", NOW + SECOND, NOW)
    assert sessions.first_use("k", LATER, NOW + 2 * SECOND)  # sweeps j on the way
    with store.connection(write=False) as connection:
        assert connection.execute(sa.select(logout_tokens.c.jti)).scalars().all() == ["k"]


def test_one_logout_token_at_two_doors_at_once_is_used_once(store):
    start = threading.Barrier(4)

    def use(number):
        start.wait()
        return [SqlSessions(store).first_use(f"j{n}", LATER, NOW) for n in range(10)]

    with ThreadPoolExecutor(4) as pool:
        rounds = zip(*pool.map(use, range(4)), strict=True)
    assert all(sum(one) == 1 for one in rounds)
