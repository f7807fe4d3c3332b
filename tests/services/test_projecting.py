"""Wanted state to Keycloak: written once, read back, retried, never backwards."""

from __future__ import annotations

import json

import pytest

from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.services.failures import Gone, Refused, Unreachable
from idp_bridge.services.projecting import Outcome, project, sweep
from idp_bridge.services.refusing import revoke_link
from tests.conftest import AMARA, IRIS
from tests.services.test_linking import _parents, settle  # noqa: F401  (autouse fixture)

OPERATOR = Actor(ActorKind.OPERATOR, "cli")


@pytest.fixture
def accounts(house):
    house.accounts.add(AMARA, "amara@mail.example", attributes={"locale": ("en",)})
    return house.accounts


def stored(accounts) -> dict:
    (text,) = accounts.get(AMARA).attributes["student_links"]
    return json.loads(text)


def row(house):
    with house.store.reading() as rows:
        return rows.projections.get(AMARA)


def test_a_verified_link_arrives_and_the_second_run_writes_nothing(house, accounts):
    settle(house)
    assert house.wakeup.woken == [AMARA]
    assert project(house, AMARA) is Outcome.WRITTEN
    assert [link["id"] for link in stored(accounts)["links"]] == [IRIS.number]
    assert stored(accounts)["rev"] == row(house).done_rev == 1
    assert accounts.get(AMARA).attributes["locale"] == ("en",)
    assert project(house, AMARA) is Outcome.NOT_DUE
    assert accounts.ended == []


def test_what_keycloak_says_already_is_not_written_again(house, accounts):
    settle(house)
    project(house, AMARA)
    with house.store.transaction() as rows:
        rows.projections.mark_due(AMARA, house.clock.now(), loss=False)
    writes = accounts.writes
    assert project(house, AMARA) is Outcome.EQUAL
    assert accounts.writes == writes


def test_a_revoked_link_goes_and_sessions_end_after_the_value_was_read_back(house, accounts):
    link = settle(house)
    project(house, AMARA)
    revoke_link(house, OPERATOR, link.id, "court-order")
    assert project(house, AMARA) is Outcome.WRITTEN
    assert accounts.calls[-4:] == ["write_links", "get", "end_sessions", "drop_offline_tokens"]
    assert accounts.ended == [AMARA]
    assert stored(accounts) == {**stored(accounts), "rev": 2, "links": []}


@pytest.mark.parametrize("failure", [Unreachable("keycloak"), Refused("keycloak", "403"), Gone("keycloak")])
@pytest.mark.parametrize("call", ["get", "write_links", "end_sessions", "drop_offline_tokens"])
def test_a_failure_at_any_step_is_kept_and_tried_again(house, accounts, clock, call, failure):
    link = settle(house)
    project(house, AMARA)
    revoke_link(house, OPERATOR, link.id, "court-order")
    accounts.fail(call, failure)
    assert project(house, AMARA) is Outcome.FAILED
    assert row(house).due_since is not None
    assert type(failure).__name__ in row(house).last_error
    assert project(house, AMARA) is Outcome.NOT_DUE  # it waits
    accounts.mend()
    clock.advance(seconds=3)
    assert project(house, AMARA) in (Outcome.WRITTEN, Outcome.EQUAL)
    assert accounts.ended[-1] == AMARA
    assert stored(accounts)["links"] == []
    assert row(house).due_since is None


def test_the_waiting_grows_to_five_minutes_and_no_further(house, accounts, clock):
    settle(house)
    accounts.fail("get", Unreachable("keycloak"))
    waits = []
    for _ in range(10):
        assert project(house, AMARA) is Outcome.FAILED
        with house.store.connection(write=False) as connection:
            from idp_bridge.storage.journals import projections

            next_try = connection.execute(projections.select()).mappings().one()["next_try"]
        waits.append((next_try - clock.now()).total_seconds())
        clock.at = next_try
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_write_that_is_lost_is_a_mismatch_and_is_audited_once(house, accounts, clock):
    settle(house)
    accounts.swallow_writes = True
    for _ in range(2):
        assert project(house, AMARA) is Outcome.FAILED
        clock.advance(seconds=10)
    assert "Mismatch" in row(house).last_error
    with house.store.connection(write=False) as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM audit WHERE name = 'projection:mismatch'")
        assert count.scalar_one() == 1


def test_a_higher_revision_in_keycloak_is_never_lowered(house, accounts):
    settle(house)
    ahead = '{"v":1,"rev":9,"asof":1,"links":[]}'
    accounts.put(AMARA, "student_links", (ahead,))
    assert project(house, AMARA) is Outcome.FAILED
    assert accounts.get(AMARA).attributes["student_links"] == (ahead,)
    assert "holds rev 9" in row(house).last_error


@pytest.mark.parametrize(
    "planted", [("{}", "{}"), ("not json",), ('{"v":1,"rev":1,"asof":0,"links":[{"id":"1"}]}',)]
)
def test_duplicated_or_foreign_values_are_repaired(house, accounts, planted):
    settle(house)
    accounts.put(AMARA, "student_links", planted)
    assert project(house, AMARA) is Outcome.WRITTEN
    assert [link["id"] for link in stored(accounts)["links"]] == [IRIS.number]


def test_the_sweep_finds_what_a_lost_wake_up_left(house, accounts, clock):
    settle(house)
    assert sweep(house, clock.now(), dry_run=True) == 1
    assert sweep(house, clock.now()) == 1
    assert stored(accounts)["links"]
    assert sweep(house, clock.now()) == 0


def test_an_expired_link_is_not_shown(house, accounts, clock):
    settle(house)
    clock.advance(days=3650)
    project(house, AMARA)
    assert stored(accounts)["links"] == []
