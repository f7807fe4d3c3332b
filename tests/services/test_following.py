"""Events of Keycloak are hints: each makes us look once, whatever it says, and some are alarms."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp_bridge.domain.claims import EMPTY
from idp_bridge.domain.people import ParentId
from idp_bridge.services.failures import Refused, Unreachable
from idp_bridge.services.following import FIRST_LOOK, GLANCE, OVERLAP, Follower, follow
from idp_bridge.services.ports import AccountEvent, AccountEventKind
from idp_bridge.services.projecting import project, sweep
from tests.conftest import AMARA
from tests.services.test_linking import _parents, settle  # noqa: F401  (autouse fixture)
from tests.services.test_projecting import alarms


def happened(house, kind, parent=AMARA, number=1, **more) -> None:
    event = AccountEvent(f"e-{number}", house.clock.now(), kind, parent, **more)
    house.accounts.happened.append(event)


def due(house) -> int:
    return sweep(house, house.clock.now(), dry_run=True)


@pytest.mark.parametrize("kind", [
    AccountEventKind.EMAIL_CHANGED, AccountEventKind.PROFILE_CHANGED, AccountEventKind.DELETED,
    AccountEventKind.CHANGED_BY_SOMEBODY, AccountEventKind.PASSWORD_SET_BY_US,
])  # fmt: skip
def test_each_event_of_an_account_makes_us_look_once(house, accounts, clock, kind):
    settle(house)
    project(house, AMARA)
    happened(house, kind)
    house.wakeup.woken.clear()
    assert follow(house, clock.now()) == 1
    assert house.wakeup.woken == [AMARA]
    assert due(house) == 1
    sweep(house, clock.now())
    clock.advance(seconds=30)
    assert follow(house, clock.now()) == 0
    assert due(house) == 0


def test_a_stale_page_saved_by_an_administrator_is_repaired(house, accounts, clock):
    settle(house)
    project(house, AMARA)
    (ours,) = accounts.get(AMARA).attributes["student_links"]
    accounts.put(AMARA, "student_links", (EMPTY,))
    happened(house, AccountEventKind.CHANGED_BY_SOMEBODY)
    follow(house, clock.now())
    sweep(house, clock.now())
    assert accounts.get(AMARA).attributes["student_links"] == (ours,)
    assert alarms(house) == ["alarm:tampered"]


def test_a_changed_realm_and_a_password_set_with_our_key_are_alarms(house, accounts, clock):
    settle(house)
    happened(house, AccountEventKind.REALM_CHANGED, None, 1, what="protocol_mapper")
    happened(house, AccountEventKind.PASSWORD_SET_BY_US, AMARA, 2)
    for _ in range(2):
        follow(house, clock.now())
    assert alarms(house) == ["alarm:tampered"] * 2


def test_two_events_of_the_same_moment_are_two(house, accounts, clock):
    settle(house)
    for number in range(2):
        happened(house, AccountEventKind.PROFILE_CHANGED, AMARA, number)
    assert follow(house, clock.now()) == 2


def test_one_that_comes_in_late_is_not_missed(house, accounts, clock):
    settle(house)
    happened(house, AccountEventKind.PROFILE_CHANGED, AMARA, 1)
    follow(house, clock.now())
    late = AccountEvent("e-2", clock.now() - timedelta(seconds=90), AccountEventKind.DELETED, AMARA)
    house.accounts.happened.append(late)
    assert follow(house, clock.now()) == 1


@pytest.mark.parametrize("overlap", [GLANCE, OVERLAP])
def test_what_was_told_before_our_own_newest_write_is_not_asked_for_again(
    house, accounts, clock, monkeypatch, overlap
):
    settle(house)
    asked, events = [], accounts.events
    monkeypatch.setattr(accounts, "events", lambda since: asked.append(since) or events(since))
    began = clock.now()
    happened(house, AccountEventKind.OURS, None, 1)
    follow(house, clock.now(), overlap)
    clock.advance(hours=3)
    follow(house, clock.now(), overlap)
    assert asked == [began - FIRST_LOOK - overlap, began - overlap]
    assert (due(house), alarms(house)) == (1, [])  # settled, and nobody more


def test_somebody_who_never_came_is_left_to_the_comparison(house, accounts, clock):
    happened(house, AccountEventKind.CHANGED_BY_SOMEBODY, ParentId("stranger"))
    assert follow(house, clock.now()) == 1
    assert due(house) == 0


def test_keycloak_down_is_asked_again_from_the_same_time(house, accounts, clock):
    settle(house)
    project(house, AMARA)
    happened(house, AccountEventKind.PROFILE_CHANGED)
    accounts.fail("events", Unreachable("keycloak"))
    with pytest.raises(Unreachable):
        follow(house, clock.now())
    accounts.mend()
    clock.advance(minutes=30)
    assert follow(house, clock.now()) == 1


# --- Keycloak was away ---------------------------------------------------------------------------


def turns(house, accounts, clock, *, away: int, failure=None) -> int:
    """Let Keycloak be away for so many turns and return how many comparisons were asked for in the end."""
    follower = Follower(house, house.wakeup.comparison_due)
    follower.turn()
    accounts.fail("events", failure or Unreachable("keycloak"))
    for _ in range(away):
        follower.turn()
        clock.advance(seconds=2)
    accounts.mend()
    for _ in range(2):
        follower.turn()
    return house.wakeup.comparisons


@pytest.mark.parametrize("failure", [Unreachable("keycloak"), Refused("keycloak", "401")])
@pytest.mark.parametrize("away", [1, 3])
def test_who_was_away_may_be_back_with_yesterdays_users_and_everybody_is_compared_once(
    house, accounts, clock, failure, away
):
    assert turns(house, accounts, clock, away=away, failure=failure) == 1


def test_who_was_not_away_is_not_compared(house, accounts, clock):
    assert turns(house, accounts, clock, away=0) == 0


def test_a_turn_follows_and_what_was_missed_is_made_up_for(house, accounts, clock):
    settle(house)
    project(house, AMARA)
    follower = Follower(house, house.wakeup.comparison_due)
    accounts.fail("events", Unreachable("keycloak"))
    happened(house, AccountEventKind.PROFILE_CHANGED)
    follower.turn()
    assert due(house) == 0
    accounts.mend()
    follower.turn()
    assert due(house) == 1
