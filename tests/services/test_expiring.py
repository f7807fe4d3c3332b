"""Visits lapse by the clock, all of them or none in a dry run."""

from __future__ import annotations

import pytest

from idp_bridge.domain.link import LinkState
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.linking import request_link
from idp_bridge.services.reading import children_of
from tests.conftest import AMARA, OTHER
from tests.services.test_linking import CLAIM, MISS, _parents, mine  # noqa: F401  (autouse fixture)


@pytest.fixture
def overdue(house, clock):
    for parent in (AMARA, OTHER):
        request_link(house, parent, CLAIM)
        request_link(house, parent, MISS)
    clock.advance(days=15)


@pytest.mark.usefixtures("overdue")
class TestLapse:
    def test_a_dry_run_counts_and_changes_nothing(self, house, clock):
        assert lapse_visits(house, clock.now(), dry_run=True) == 2
        assert {link.state for link in mine(house)} == {LinkState.AWAITING_VISIT}

    def test_every_waiting_request_lapses_once_with_one_event(self, house, clock):
        assert lapse_visits(house, clock.now()) == 2
        assert lapse_visits(house, clock.now()) == 0
        for child in children_of(house, AMARA):
            assert child.link.state is LinkState.LAPSED
            assert [step.event for step in child.steps] == ["link:requested", "link:lapsed"]

    def test_the_limit_holds(self, house, clock):
        assert lapse_visits(house, clock.now(), limit=1) == 1
        assert lapse_visits(house, clock.now(), limit=1) == 1
        assert lapse_visits(house, clock.now(), limit=1) == 0


def test_nothing_lapses_before_its_last_day_is_over(house, clock):
    request_link(house, AMARA, CLAIM)
    clock.advance(days=14)
    assert lapse_visits(house, clock.now()) == 0
