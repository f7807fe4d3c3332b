"""Wanted state to Keycloak: written once, read back, retried, never backwards."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.outside.keycloak_connection import LONGEST_S
from idp_bridge.services.failures import CircuitOpen, Gone, Refused, Unreachable
from idp_bridge.services.projecting import (
    AT_ONCE,
    AT_ONCE_FOR,
    LEASE,
    LOOK_AGAIN,
    SETTLED,
    WAIT_OUT_S,
    Outcome,
    project,
    project_most_urgent,
    sweep,
)
from idp_bridge.services.refusing import revoke_link
from idp_bridge.storage import journals
from tests.conftest import AMARA, IRIS, TEO
from tests.services.test_linking import _parents, settle  # noqa: F401  (autouse fixture)
from tests.services.test_signing_out import open_page, pages_of
from tests.web.families import claim_for

STEPS = {"end_sessions": "sessions", "drop_offline_tokens": "offline"}
"""Call that fails -> the step that then waits; the value itself for all others."""
OPERATOR = Actor(ActorKind.OPERATOR, "cli")


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
    steps = ["write_links", "get", "end_sessions", "drop_offline_tokens", "changes"]
    assert accounts.calls[-len(steps) :] == steps
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
    assert row(house).step == STEPS.get(call, "value")
    assert project(house, AMARA) is Outcome.NOT_DUE  # it waits
    accounts.mend()
    clock.advance(seconds=WAIT_OUT_S)
    assert project(house, AMARA) in (Outcome.WRITTEN, Outcome.EQUAL)
    assert accounts.ended[-1] == AMARA
    assert stored(accounts)["links"] == []
    assert row(house).due_since is None


def test_the_own_pages_sessions_end_last_and_only_after_a_loss(house, accounts):
    link = settle(house)
    open_page(house, AMARA)
    project(house, AMARA)
    assert pages_of(house, AMARA) == 1
    revoke_link(house, OPERATOR, link.id, "court-order")
    accounts.fail("drop_offline_tokens", Unreachable("keycloak"))
    project(house, AMARA)
    assert pages_of(house, AMARA) == 1
    accounts.mend()
    house.clock.advance(seconds=WAIT_OUT_S)
    project(house, AMARA)
    assert pages_of(house, AMARA) == 0


def test_own_sessions_that_could_not_end_are_a_step_that_is_tried_again(house, accounts, clock):
    link = settle(house)
    open_page(house, AMARA)
    project(house, AMARA)
    revoke_link(house, OPERATOR, link.id, "court-order")
    assert project(replace(house, sessions=Stuck()), AMARA) is Outcome.FAILED
    assert (row(house).step, row(house).last_error) == ("own-sessions", "Unreachable: database")
    assert row(house).due_since is not None
    clock.advance(seconds=WAIT_OUT_S)
    assert project(house, AMARA) is Outcome.EQUAL
    assert (row(house).step, row(house).due_since) == ("", None)
    assert pages_of(house, AMARA) == 0


class Stuck:
    def end_of(self, parent: ParentId) -> int:
        raise Unreachable("database")


def test_a_decisions_way_to_the_token_is_measured_once(house, accounts, clock):
    seconds: list[float] = []
    meter = SimpleNamespace(arrived=seconds.append, mismatch=lambda: None)
    settle(house)
    clock.advance(seconds=3)
    project(replace(house, meter=meter), AMARA)
    with house.store.transaction() as rows:
        rows.projections.mark_due(AMARA, clock.now(), loss=False)
    project(replace(house, meter=meter), AMARA)
    assert seconds == [3.0]


def waits_of(house, accounts, clock, failure) -> list[float]:
    """Let Keycloak fail ten times and return how long each wait for the next try is."""
    settle(house)
    accounts.fail("get", failure)
    waits = []
    for _ in range(10):
        assert project(house, AMARA) is Outcome.FAILED
        next_try = row(house).next_try
        waits.append((next_try - clock.now()).total_seconds())
        clock.at = next_try
    return waits


def test_where_keycloak_says_no_the_waiting_grows_to_five_minutes(house, accounts, clock):
    waits = waits_of(house, accounts, clock, Refused("keycloak", "403"))
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_where_keycloak_does_not_answer_everybody_is_back_soon(house, accounts, clock):
    waits = waits_of(house, accounts, clock, Unreachable("keycloak"))
    assert waits == [2, 4, 8, *[15] * 7]


def test_a_server_that_was_not_asked_costs_no_attempt(house, accounts, clock):
    assert waits_of(house, accounts, clock, CircuitOpen("keycloak")) == [2] * 10
    assert row(house).attempts == 0


def test_after_a_put_without_an_answer_it_is_waited_out_and_looked_at_again_later(house, accounts, clock):
    settle(house)
    accounts.fail("write_links", Unreachable("keycloak", "timed out"))
    assert project(house, AMARA) is Outcome.FAILED
    assert (row(house).next_try - clock.now()).total_seconds() == WAIT_OUT_S
    accounts.mend()
    clock.advance(seconds=WAIT_OUT_S)
    assert project(house, AMARA) is Outcome.WRITTEN
    late = accounts.get(AMARA).attributes["student_links"]
    accounts.put(AMARA, "student_links", late * 2)  # the first PUT lands after all
    assert sweep(house, clock.now()) == 0
    clock.advance(seconds=LOOK_AGAIN.total_seconds())
    assert sweep(house, clock.now()) == 1
    assert accounts.get(AMARA).attributes["student_links"] == late


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


def test_a_lease_outlives_every_time_out_of_all_it_is_for():
    write = 3  # GET, PUT, GET
    looks = 2  # at what was written and for edits, of all together
    calls = write - 1 + looks + write * AT_ONCE  # the last that was begun in time, and giving back to each
    assert AT_ONCE_FOR + timedelta(seconds=LONGEST_S * calls) < LEASE


def test_a_higher_revision_in_keycloak_stops_this_parent_and_alarms_once(house, accounts, clock):
    settle(house)
    ahead = '{"v":1,"rev":9,"asof":1,"links":[]}'
    accounts.put(AMARA, "student_links", (ahead,))
    assert project(house, AMARA) is Outcome.STOPPED
    assert (row(house).stopped_at, row(house).seen_rev) == (clock.now(), 9)
    settle(house, claim=claim_for(TEO))
    clock.advance(days=1)
    assert project(house, AMARA) is Outcome.NOT_DUE
    assert sweep(house, clock.now()) == 0
    assert accounts.get(AMARA).attributes["student_links"] == (ahead,)
    assert alarms(house) == ["alarm:revision-ahead"]


def alarms(house) -> list[str]:
    with house.store.connection(write=False) as connection:
        named = journals.audit.c.name
        query = sa.select(named).where(named.startswith("alarm:")).order_by(journals.audit.c.number)
        return list(connection.execute(query).scalars())


def test_what_somebody_else_wrote_is_repaired_and_alarmed(house, accounts):
    settle(house)
    project(house, AMARA)
    (ours,) = accounts.get(AMARA).attributes["student_links"]
    for planted in (("{}",), (ours, ours), (), (ours.replace('"links":[', '"links": ['),)):
        accounts.put(AMARA, "student_links", planted)
        with house.store.transaction() as rows:
            rows.projections.mark_due(AMARA, house.clock.now(), loss=False)
        assert project(house, AMARA) is Outcome.WRITTEN
        assert accounts.get(AMARA).attributes["student_links"] == (ours,)
    assert alarms(house) == ["alarm:tampered"] * 4


def test_what_a_killed_worker_wrote_is_no_tampering(house, accounts, clock):
    link = settle(house)
    project(house, AMARA)
    revoke_link(house, OPERATOR, link.id, "court-order")
    accounts.fail("end_sessions", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        project(house, AMARA)
    accounts.mend()
    settle(house, claim=claim_for(TEO))
    clock.advance(minutes=3)
    assert project(house, AMARA) is Outcome.WRITTEN
    assert accounts.ended == [AMARA]
    assert alarms(house) == []


def test_a_loss_passes_the_grants_that_wait(house, accounts, clock):
    link = settle(house)
    project(house, AMARA)
    with house.store.transaction() as rows:
        for number in range(3):
            other = ParentId(f"p-{number}")
            rows.parents.save(Parent(other, "x@mail.example", "A", "B", "en", clock.now()))
            rows.projections.mark_due(other, clock.now(), loss=False)
    clock.advance(seconds=1)
    revoke_link(house, OPERATOR, link.id, "court-order")
    assert project_most_urgent(house) == (Outcome.WRITTEN,)
    assert accounts.ended == [AMARA]
    assert row(house).due_since is None
    assert accounts.get(ParentId("p-0")).attributes == {}  # the others still wait


def others(house, clock, many: int) -> list[ParentId]:
    """Let so many parents without a link be due, one after the other."""
    made = [ParentId(f"p-{number}") for number in range(many)]
    for parent in made:
        clock.advance(seconds=1)
        with house.store.transaction() as rows:
            rows.parents.save(Parent(parent, f"{parent}@mail.example", "A", "B", "en", clock.now()))
            rows.projections.mark_due(parent, clock.now(), loss=False)
    return made


def test_a_few_grants_are_taken_together_the_oldest_first(house, accounts, clock):
    made = others(house, clock, AT_ONCE + 1)
    assert project_most_urgent(house) == (Outcome.WRITTEN,) * AT_ONCE
    assert [accounts.get(parent).attributes != {} for parent in made] == [True] * AT_ONCE + [False]
    assert project_most_urgent(house) == (Outcome.WRITTEN,)
    assert project_most_urgent(house) == ()


def test_what_was_written_together_is_read_back_in_one_request(house, accounts, clock):
    made = others(house, clock, 3)
    assert project_most_urgent(house) == (Outcome.WRITTEN,) * 3
    assert accounts.calls == ["get", "write_links"] * 3 + ["get_all", "changes"]
    with house.store.transaction() as rows:
        rows.projections.mark_all_due(made, clock.now(), loss=False)
    accounts.calls.clear()
    assert project_most_urgent(house) == (Outcome.EQUAL,) * 3
    assert accounts.calls == ["get"] * 3 + ["changes"]


def test_only_who_holds_something_else_or_is_gone_at_the_reading_back_is_tried_again(
    house, accounts, clock, monkeypatch
):
    made, write = others(house, clock, 4), accounts.write_links

    def interfering(account, value):
        write(account, value)
        if account.id == made[1]:
            accounts.put(account.id, "student_links", (value, "another"))
        if account.id == made[2]:
            accounts.remove(account.id)

    monkeypatch.setattr(accounts, "write_links", interfering)
    W, F = Outcome.WRITTEN, Outcome.FAILED
    assert project_most_urgent(house) == (W, F, F, W)
    with house.store.reading() as rows:
        found = [rows.projections.get(parent) for parent in made]
    assert [one.due_since is None for one in found] == [True, False, False, True]
    assert "read back 2 values" in found[1].last_error
    assert "read back 0 values" in found[2].last_error


def test_a_reading_back_that_fails_lets_all_that_were_written_be_tried_again(house, accounts, clock):
    others(house, clock, 3)
    accounts.fail("get_all", Unreachable("keycloak", "503"))
    assert project_most_urgent(house) == (Outcome.FAILED,) * 3
    accounts.mend()
    clock.advance(seconds=WAIT_OUT_S)
    assert project_most_urgent(house) == (Outcome.EQUAL,) * 3


def test_who_was_not_begun_in_time_is_left_to_whoever_is_free(house, accounts, clock, monkeypatch):
    """A revocation waits for the parent that is written now, not for all that were taken with it."""
    made, write = others(house, clock, 3), accounts.write_links

    def slow(account, value):
        clock.advance(seconds=AT_ONCE_FOR.total_seconds() * 0.6)
        write(account, value)

    monkeypatch.setattr(accounts, "write_links", slow)
    assert project_most_urgent(house) == (Outcome.WRITTEN,) * 2
    with house.store.reading() as rows:
        left = rows.projections.get(made[2])
        assert rows.projections.due(clock.now(), 5) == (made[2],)
        assert rows.projections.holders(clock.now()) == ()
    assert (left.attempts, left.last_error, left.next_try) == (0, None, None)
    assert project_most_urgent(house) == (Outcome.WRITTEN,)


def test_a_lease_that_is_not_the_newest_gives_nothing_back(house, clock):
    (parent,) = others(house, clock, 1)
    with house.store.transaction() as rows:
        older = rows.projections.take(parent, clock.now(), clock.now() + LEASE, "here:1")
        clock.advance(seconds=LEASE.total_seconds() + 1)
        assert rows.projections.take(parent, clock.now(), clock.now() + LEASE, "here:2")
        rows.projections.give_back([older])
        assert rows.projections.holders(clock.now()) == ("here:2",)


def test_one_that_fails_among_a_few_takes_no_other_along(house, accounts, clock):
    made = others(house, clock, 3)
    clock.advance(minutes=1)
    accounts.add(made[1], "p@mail.example", outside=True)
    outcomes = project_most_urgent(house)
    assert outcomes == (Outcome.WRITTEN, Outcome.FAILED, Outcome.WRITTEN)
    assert (outcomes[0] in SETTLED, outcomes[1] in SETTLED) == (True, False)
    with house.store.reading() as rows:
        found = [rows.projections.get(parent) for parent in made]
    assert [one.due_since is None for one in found] == [True, False, True]
    assert (found[1].attempts, found[1].last_error) == (1, "Refused: keycloak: 403")
    assert [one.done_at for one in found] == [clock.now(), None, clock.now()]


def test_a_loss_that_comes_while_a_few_grants_are_written_is_next(house, accounts, clock, monkeypatch):
    """Also of a parent among them: what was written of them is from before."""
    link = settle(house)
    others(house, clock, 2)
    write = accounts.write_links
    written = []

    def revoked_meanwhile(account, value):
        if not written:
            revoke_link(house, OPERATOR, link.id, "court-order")
        written.append(account.id)
        write(account, value)

    monkeypatch.setattr(accounts, "write_links", revoked_meanwhile)
    assert project_most_urgent(house) == (Outcome.WRITTEN,) * 3
    assert [link["id"] for link in stored(accounts)["links"]] == [IRIS.number]
    assert accounts.ended == []
    assert project_most_urgent(house) == (Outcome.WRITTEN,)
    assert stored(accounts)["links"] == []
    assert accounts.ended == [AMARA]


def test_what_was_only_written_down_may_be_lost_but_no_alarm(house, accounts, clock, monkeypatch):
    settle(house)
    transaction, asked = house.store.transaction, []

    def noted(*, durable=True):
        asked.append(durable)
        return transaction(durable=durable)

    monkeypatch.setattr(house.store, "transaction", noted)
    project_most_urgent(house)
    assert asked == [True, False]  # the lease, and what became of it
    asked.clear()
    accounts.put(AMARA, "student_links", ("{}",))
    with transaction() as rows:
        rows.projections.mark_due(AMARA, clock.now(), loss=False)
    project_most_urgent(house)
    assert asked == [True, True]
    assert alarms(house) == ["alarm:tampered"]


def test_who_finds_nobody_due_writes_nothing(house, accounts, monkeypatch):
    settle(house)
    project(house, AMARA)
    monkeypatch.setattr(house.store, "transaction", None)
    assert project_most_urgent(house) == ()


def test_leases_of_a_dead_worker_are_given_back_at_once(house, accounts):
    settle(house)
    accounts.fail("get", KeyboardInterrupt())
    dead, alive = replace(house, worker="here:1"), replace(house, worker="here:2")
    with pytest.raises(KeyboardInterrupt):
        project(dead, AMARA)
    accounts.mend()
    assert project(alive, AMARA) is Outcome.NOT_DUE
    with house.store.transaction() as rows:
        assert rows.projections.holders(house.clock.now()) == ("here:1",)
        assert rows.projections.release(("here:3",)) == 0
        assert rows.projections.release(("here:1",)) == 1
    assert project(alive, AMARA) is Outcome.WRITTEN


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


def test_what_failed_is_taken_again_once_its_next_try_has_come(house, accounts, clock):
    settle(house)
    accounts.fail("get", Unreachable("keycloak"))
    assert project_most_urgent(house) == (Outcome.FAILED,)
    assert project_most_urgent(house) == ()
    accounts.mend()
    clock.advance(seconds=2)
    assert project_most_urgent(house) == (Outcome.WRITTEN,)


def test_an_expired_link_is_not_shown(house, accounts, clock):
    settle(house)
    clock.advance(days=3650)
    project(house, AMARA)
    assert stored(accounts)["links"] == []
