"""A database that is locked, gone or full: pages say so within 5 s, and nothing is half done."""

from __future__ import annotations

import sqlite3
import time

import pytest
import sqlalchemy as sa

from idp_bridge.services.failures import Unreachable
from idp_bridge.services.linking import request_link
from tests.conftest import AMARA, IRIS
from tests.web.families import asked, claim, claim_for, links_of
from tests.web.pages import ANSWERS, fill_in, text

LONGEST_S = 5


@pytest.fixture
def writer(store):
    """Somebody else holds the write lock."""
    other = sqlite3.connect(store.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def timed(do):
    began = time.monotonic()
    answer = do()
    return answer, time.monotonic() - began


def test_a_lock_held_for_too_long_is_said_and_the_draft_stays(sign_in_parent, house, request):
    client = sign_in_parent()
    fill_in(client, ANSWERS)
    other = request.getfixturevalue("writer")
    answer, took = timed(lambda: client.post("/children/add/check", data={"true": "y"}))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "We cannot do this right now" in text(answer.text)
    assert took < LONGEST_S
    other.execute("ROLLBACK")
    assert links_of(house, AMARA) == ()
    assert client.post("/children/add/check", data={"true": "y"}).location == "/visit"
    assert len(links_of(house, AMARA)) == 1


def test_pages_are_read_while_somebody_writes(sign_in_parent, house, request):
    client = sign_in_parent()
    asked(house, AMARA, claim_for(IRIS))
    request.getfixturevalue("writer")
    assert client.get("/children").status_code == 200


def test_a_full_database_is_said_and_nothing_is_half_done(sign_in_parent, store, house):
    sign_in_parent()

    def full(connection, _record):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    store.engine.dispose()
    sa.event.listen(store.engine, "connect", full)
    with pytest.raises(Unreachable, match="full"):
        ask_for_ever(house)
    counts = everything(store)
    sa.event.remove(store.engine, "connect", full)
    store.engine.dispose()
    assert counts["link"] == counts["audit"] > 0
    assert counts["notice"] == 1  # one mail for all requests of a visit
    request_link(house, AMARA, claim_for(IRIS))
    assert everything(store)["link"] == counts["link"] + 1


def ask_for_ever(house) -> None:
    for number in range(1000):
        request_link(house, AMARA, claim(f"{90_000_000 + number}"))


def everything(store) -> dict[str, int]:
    """Return how many requests there are, by each table that must know of one."""
    tables = {"link": "link", "audit": "audit WHERE name = 'link:requested'", "notice": "notice"}
    with store.connection(write=False) as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {rows}").scalar_one()
            for name, rows in tables.items()
        }


class Down:
    """Sessions whose database is away."""

    def load(self, *_):
        raise Unreachable("database")


def test_a_sign_in_whose_session_cannot_be_loaded_is_an_outage_not_a_stranger(sign_in_parent, web):
    client = sign_in_parent()
    web.session_interface._sessions = Down()
    answer = client.get("/children")
    assert (answer.status_code, "location" in answer.headers) == (503, False)


def test_a_form_whose_session_cannot_be_loaded_was_not_open_for_too_long(sign_in_parent, web):
    """Without a session every anti-forgery value is wrong: that must not be what the parent reads."""
    web.config["WTF_CSRF_ENABLED"] = True
    client = sign_in_parent()
    web.session_interface._sessions = Down()
    answer = client.post("/children/add/check", data={"true": "y", "csrf_token": "x"})
    assert answer.status_code == 503
    assert "We cannot do this right now" in text(answer.text)
