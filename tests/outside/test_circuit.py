"""A server that does not answer is left alone for a while, and asked again by one call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep

import pytest

from idp_bridge.outside.circuit import CircuitAccounts
from idp_bridge.outside.metrics import Metrics
from idp_bridge.services.failures import CircuitOpen, Gone, Refused, Unreachable
from tests.conftest import AMARA
from tests.fakes.accounts import FakeAccounts

REST_S = 0.2


@pytest.fixture
def inner():
    accounts = FakeAccounts()
    accounts.add(AMARA, "amara@mail.example")
    return accounts


@pytest.fixture
def accounts(inner):
    return CircuitAccounts(inner, rest_s=REST_S, failures=3)


def failed(accounts, kind, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(kind):
            accounts.get(AMARA)


def test_it_opens_after_some_calls_without_an_answer_and_then_asks_nobody(inner, accounts):
    inner.fail("get", Unreachable("keycloak"))
    failed(accounts, Unreachable, 3)
    assert not accounts.closed
    asked = len(inner.calls)
    failed(accounts, CircuitOpen, 5)
    assert len(inner.calls) == asked


def test_after_a_rest_one_call_tries_and_closes_it(inner, accounts):
    inner.fail("get", Unreachable("keycloak"))
    failed(accounts, Unreachable, 3)
    inner.mend()
    sleep(REST_S)
    assert accounts.get(AMARA).id == AMARA
    assert accounts.closed


def test_a_try_that_fails_rests_again(inner, accounts):
    inner.fail("get", Unreachable("keycloak"))
    failed(accounts, Unreachable, 3)
    sleep(REST_S)
    failed(accounts, Unreachable)
    failed(accounts, CircuitOpen)


def test_of_many_threads_one_tries(inner, accounts, monkeypatch):
    inner.fail("get", Unreachable("keycloak"))
    failed(accounts, Unreachable, 3)
    sleep(REST_S)
    inside, go_on, asked = Event(), Event(), []

    def hang(parent):
        asked.append(parent)
        inside.set()
        assert go_on.wait(5)
        raise Unreachable("keycloak")

    monkeypatch.setattr(accounts, "_accounts", FakeAccounts())
    monkeypatch.setattr(accounts._accounts, "get", hang)
    with ThreadPoolExecutor(1) as threads:
        trial = threads.submit(accounts.get, AMARA)
        assert inside.wait(5)
        failed(accounts, CircuitOpen, 7)
        go_on.set()
        assert isinstance(trial.exception(), Unreachable)
    failed(accounts, CircuitOpen)
    assert asked == [AMARA]


@pytest.mark.parametrize("answer", [Refused("keycloak", "403"), Gone("keycloak")])
def test_an_answer_that_says_no_is_an_answer(inner, accounts, answer):
    inner.fail("get", answer)
    failed(accounts, type(answer), 10)
    assert accounts.closed


def test_an_answer_in_between_starts_the_count_again(inner, accounts):
    for _ in range(3):
        inner.fail("get", Unreachable("keycloak"))
        failed(accounts, Unreachable, 2)
        inner.mend()
        accounts.get(AMARA)
    assert accounts.closed


def test_every_call_is_timed_whether_it_answers_or_not(inner):
    metrics = Metrics()
    accounts = CircuitAccounts(inner, metrics)
    accounts.get(AMARA)
    inner.fail("end_sessions", Unreachable("keycloak"))
    with pytest.raises(Unreachable):
        accounts.end_sessions(AMARA)
    for call in ("get", "end_sessions"):
        assert metrics.registry.get_sample_value("idp_bridge_keycloak_seconds_count", {"call": call}) == 1
