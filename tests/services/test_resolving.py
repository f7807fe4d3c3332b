"""A stopped parent is shown from both sides and goes on from ours, above Keycloak's revision."""

from __future__ import annotations

import json

import pytest

from idp_bridge.domain.errors import MoveRefused, NotThere
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.people import ParentId
from idp_bridge.services.projecting import Outcome, project
from idp_bridge.services.resolving import both_sides, keep_ours, stopped
from tests.conftest import AMARA, IRIS
from tests.services.test_linking import _parents, settle  # noqa: F401  (autouse fixture)
from tests.services.test_projecting import row

OPERATOR = Actor(ActorKind.OPERATOR, "cli")
AHEAD = '{"v":1,"rev":9,"asof":1,"links":[{"id":"1"}]}'


@pytest.fixture
def ahead(house, accounts):
    """Yesterday's backup of the bridge was restored: Keycloak knows more than we do."""
    settle(house)
    accounts.put(AMARA, "student_links", (AHEAD,))
    assert project(house, AMARA) is Outcome.STOPPED
    house.wakeup.woken.clear()


def test_both_sides_are_shown(house, ahead):
    sides = both_sides(house, AMARA)
    assert sides.theirs == (AHEAD,)
    assert (sides.ours.rev, json.loads(sides.ours.value)["links"][0]["id"]) == (1, IRIS.number)
    assert [one.parent for one in stopped(house)] == [AMARA]


def test_ours_is_written_above_theirs_and_sessions_end(house, accounts, ahead):
    assert keep_ours(house, OPERATOR, AMARA) == 10
    assert house.wakeup.woken == [AMARA]
    assert project(house, AMARA) is Outcome.WRITTEN
    value = json.loads(accounts.get(AMARA).attributes["student_links"][0])
    assert (value["rev"], [link["id"] for link in value["links"]]) == (10, [IRIS.number])
    assert accounts.ended == [AMARA]
    assert row(house).stopped_at is None
    assert stopped(house) == ()


def test_what_is_not_stopped_is_not_resolved(house, accounts):
    settle(house)
    with pytest.raises(MoveRefused):
        keep_ours(house, OPERATOR, AMARA)
    with pytest.raises(NotThere):
        both_sides(house, ParentId("nobody"))
