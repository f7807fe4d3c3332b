"""A parent who is stopped: what is lost leaves Keycloak all the same, and a restored backup gives nothing."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.people import SchoolCode
from idp_bridge.services.comparing import compare
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.linking import request_link
from idp_bridge.services.projecting import Outcome, project, sweep
from idp_bridge.services.refusing import revoke_link
from idp_bridge.services.resolving import keep_ours
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.storage import journals
from tests.conftest import AMARA, IRIS, MATEO, TEO
from tests.services.test_linking import _parents, mine, settle  # noqa: F401  (autouse fixture)
from tests.services.test_projecting import WAIT_OUT_S, alarms, row, stored
from tests.services.test_signing_out import open_page, pages_of
from tests.web.families import claim_for

OPERATOR = Actor(ActorKind.OPERATOR, "cli")


def listed(accounts) -> set[str]:
    return {link["id"] for link in stored(accounts)["links"]}


def settle_mateo(house) -> None:
    """Let another school verify a third child."""
    visit = request_link(house, AMARA, claim_for(MATEO))
    (link,) = (one for one in mine(house) if one.claimed.student_number == MATEO.number)
    record_identity(house, "sam.okafor", visit, SchoolCode("0610"), "passport")
    verify_link(house, "sam.okafor", link.id, "school-record")


def entry(student) -> dict:
    opens = {"pur": ["records", "transport"], "exp": 1_795_000_000}
    return {"id": student.number, "rel": "parent", "org": student.school, **opens}


def keycloak_knows(accounts, rev: int, *students, asof: int = 1_790_000_000) -> str:
    links = [entry(student) for student in students]
    value = json.dumps({"v": 1, "rev": rev, "asof": asof, "links": links}, separators=(",", ":"))
    accounts.put(AMARA, "student_links", (value,))
    return value


@pytest.fixture
def links(house, accounts):
    """Ours: Iris and Teo, verified and projected. Theirs, of the lost day: Mateo too, at revision 9."""
    found = SimpleNamespace(iris=settle(house), teo=settle(house, claim=claim_for(TEO)))
    assert project(house, AMARA) is Outcome.WRITTEN
    keycloak_knows(accounts, 9, IRIS, TEO, MATEO)
    return found


@pytest.fixture
def stopped(house, links):
    with house.store.transaction() as rows:
        rows.projections.mark_due(AMARA, house.clock.now(), loss=False)
    assert project(house, AMARA) is Outcome.STOPPED
    return links


def test_a_loss_takes_away_what_either_side_does_not_know_and_ends_sessions(house, accounts, stopped):
    open_page(house, AMARA)
    revoke_link(house, OPERATOR, stopped.iris.id, "court-order")
    assert project(house, AMARA) is Outcome.NARROWED
    assert listed(accounts) == {TEO.number}
    assert stored(accounts)["rev"] == 10
    (teo,) = stored(accounts)["links"]
    assert teo["pur"] == ["records", "transport"]  # never more than Keycloak gave
    assert accounts.ended == [AMARA]
    assert pages_of(house, AMARA) == 0
    assert alarms(house) == ["alarm:revision-ahead"]
    assert named(house, "projection:narrowed") == [{"ours": 3, "theirs": 9}]


def named(house, name: str) -> list[dict]:
    with house.store.connection(write=False) as connection:
        query = sa.select(journals.audit.c.fields).where(journals.audit.c.name == name)
        return list(connection.execute(query).scalars())


def test_the_parent_stays_stopped_for_grants_and_is_not_tried_in_vain(house, accounts, clock, stopped):
    revoke_link(house, OPERATOR, stopped.iris.id, "court-order")
    assert project(house, AMARA) is Outcome.NARROWED
    held = accounts.get(AMARA).attributes["student_links"]
    settle_mateo(house)
    clock.advance(minutes=1)
    assert project(house, AMARA) is Outcome.NOT_DUE
    assert (row(house).stopped_at is None, row(house).loss, row(house).seen_rev) == (False, False, 10)
    assert sweep(house, clock.now()) == 0
    assert compare(house).differing == [AMARA]
    assert sweep(house, clock.now()) == 0
    assert accounts.get(AMARA).attributes["student_links"] == held


def test_each_further_loss_goes_the_same_way(house, accounts, clock, stopped):
    for number, link in enumerate((stopped.iris, stopped.teo), 1):
        revoke_link(house, OPERATOR, link.id, "court-order")
        assert project(house, AMARA) is Outcome.NARROWED
        assert stored(accounts)["rev"] == 9 + number
        clock.advance(minutes=1)
    assert listed(accounts) == set()
    assert accounts.ended == [AMARA, AMARA]


def test_where_keycloak_gives_no_more_than_ours_nothing_is_written_and_sessions_end(house, accounts, stopped):
    held = keycloak_knows(accounts, 9, TEO)
    writes = accounts.writes
    revoke_link(house, OPERATOR, stopped.iris.id, "court-order")
    assert project(house, AMARA) is Outcome.STOPPED
    assert (accounts.writes, accounts.get(AMARA).attributes["student_links"]) == (writes, (held,))
    assert accounts.ended == [AMARA]
    assert project(house, AMARA) is Outcome.NOT_DUE


def test_a_loss_that_finds_keycloak_ahead_stops_and_takes_away_in_one_run(house, accounts, links):
    revoke_link(house, OPERATOR, links.iris.id, "court-order")
    assert project(house, AMARA) is Outcome.NARROWED
    assert listed(accounts) == {TEO.number}
    assert row(house).stopped_at is not None
    assert alarms(house) == ["alarm:revision-ahead"]


@pytest.mark.parametrize("call", ["get", "write_links", "end_sessions", "drop_offline_tokens"])
def test_a_failure_on_the_way_is_tried_again(house, accounts, clock, stopped, call):
    revoke_link(house, OPERATOR, stopped.iris.id, "court-order")
    accounts.fail(call, Unreachable("keycloak"))
    assert project(house, AMARA) is Outcome.FAILED
    accounts.mend()
    clock.advance(seconds=WAIT_OUT_S)
    assert project(house, AMARA) in (Outcome.NARROWED, Outcome.STOPPED)
    assert (listed(accounts), accounts.ended[-1]) == ({TEO.number}, AMARA)
    assert (row(house).stopped_at is None, row(house).loss) == (False, False)


def test_a_loss_that_comes_while_one_is_written_is_not_forgotten(house, accounts, stopped):
    revoke_link(house, OPERATOR, stopped.iris.id, "court-order")
    drop = accounts.drop_offline_tokens

    def and_another(parent):
        drop(parent)
        accounts.drop_offline_tokens = drop
        revoke_link(house, OPERATOR, stopped.teo.id, "court-order")

    accounts.drop_offline_tokens = and_another
    assert project(house, AMARA) is Outcome.NARROWED
    assert listed(accounts) == {TEO.number}
    assert project(house, AMARA) is Outcome.NARROWED
    assert listed(accounts) == set()


def test_resolved_afterwards_ours_is_written_and_nobody_is_called_a_tamperer(house, accounts, stopped):
    revoke_link(house, OPERATOR, stopped.iris.id, "court-order")
    project(house, AMARA)
    assert keep_ours(house, OPERATOR, AMARA) == 11
    assert project(house, AMARA) is Outcome.WRITTEN
    assert listed(accounts) == {TEO.number}
    assert alarms(house) == ["alarm:revision-ahead"]


def test_resolved_without_a_loss_nobody_is_called_a_tamperer_either(house, accounts, stopped):
    keep_ours(house, OPERATOR, AMARA)
    assert project(house, AMARA) is Outcome.WRITTEN
    assert alarms(house) == ["alarm:revision-ahead"]


# --- decisions since the restore that reach Keycloak's revision ----------------------------------


@pytest.fixture
def yesterday(house, accounts, clock):
    """Iris was verified; in the lost day a court took her away (revision 2), which only Keycloak knows."""
    settle(house)
    assert project(house, AMARA) is Outcome.WRITTEN
    clock.advance(hours=1)
    keycloak_knows(accounts, 2, asof=int(clock.now().timestamp()))
    clock.advance(hours=5)


@pytest.mark.parametrize("decisions", ["as many", "more"])
def test_decisions_since_the_restore_do_not_give_back_what_the_lost_day_took(
    house, accounts, yesterday, decisions
):
    settle(house, claim=claim_for(TEO))
    if decisions == "more":
        settle_mateo(house)
    assert project(house, AMARA) is Outcome.STOPPED
    assert listed(accounts) == set()
    assert alarms(house) == ["alarm:revision-ahead"]


def test_a_loss_since_the_restore_leaves_keycloak(house, accounts, yesterday, clock):
    keycloak_knows(accounts, 2, IRIS, TEO, asof=int(clock.now().timestamp()) - 3600)
    teo = settle(house, claim=claim_for(TEO))
    revoke_link(house, OPERATOR, teo.id, "court-order")
    assert project(house, AMARA) is Outcome.NARROWED
    assert listed(accounts) == {IRIS.number}


@pytest.mark.parametrize("asof", [0, 999_999_999_999])
def test_a_second_our_audit_cannot_know_is_none_of_ours(house, accounts, yesterday, asof):
    keycloak_knows(accounts, 2, asof=asof)
    settle(house, claim=claim_for(TEO))
    assert project(house, AMARA) is Outcome.STOPPED
