"""The table of moves: every allowed one works, every other one is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from idp_bridge.domain.errors import MoveRefused
from idp_bridge.domain.link import (
    END_REASON,
    LIVE,
    MOVES,
    Claimed,
    Link,
    LinkId,
    LinkState,
    Move,
    VisitId,
    end_of_childhood,
    moved,
    opens_apps,
    verified,
)
from idp_bridge.domain.people import (
    ParentId,
    Purpose,
    Relationship,
    SchoolCode,
    StudentNumber,
)
from tests.conftest import IRIS

AT = datetime(2026, 11, 24, 15, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")


def a_link(state: LinkState = LinkState.AWAITING_VISIT, **more) -> Link:
    claimed = Claimed(StudentNumber("46554860"), date(2016, 3, 9), SchoolCode("0552"), Relationship.PARENT)
    return Link(LinkId("l"), ParentId("p"), VisitId("v"), claimed, None, state, AT, AT, **more)


@pytest.mark.parametrize(("state", "move"), list(product(LinkState, Move)))
def test_only_the_table_allows_a_move(state, move):
    link = a_link(state)
    if (state, move) in MOVES:
        later = AT + timedelta(hours=1)
        done = moved(link, move, later)
        assert done.state is MOVES[state, move]
        assert (done.changed_at, done.version) == (later, link.version + 1)
    else:
        with pytest.raises(MoveRefused):
            moved(link, move, AT)


def test_nothing_leaves_a_final_state_but_by_undo_or_a_paper_log():
    final = set(LinkState) - LIVE
    assert final == {LinkState.DENIED, LinkState.CANCELLED, LinkState.LAPSED, LinkState.ENDED}
    assert {pair for pair in MOVES if pair[0] in final} == {
        (LinkState.DENIED, Move.UNDO),
        (LinkState.LAPSED, Move.REOPEN),
    }


def test_only_verified_or_suspended_links_end_with_the_reason_of_the_move():
    for move, reason in END_REASON.items():
        starts = {state for state, allowed in MOVES if allowed is move}
        assert starts == {LinkState.VERIFIED, LinkState.SUSPENDED}
        assert moved(a_link(LinkState.VERIFIED), move, AT).reason == reason


def test_a_verified_link_has_all_purposes_until_the_18th_birthday_begins_in_the_district():
    done = verified(a_link(), IRIS, "school-record", IRIS.school, AT, ZONE)
    assert done.purposes == frozenset(Purpose)
    assert done.expires_at == datetime(2034, 3, 9, 5, tzinfo=UTC)  # midnight in New York, winter time
    assert (done.student, done.verified_school, done.verified_at) == (IRIS.id, IRIS.school, AT)


def test_somebody_born_on_a_leap_day_comes_of_age_on_march_1():
    assert end_of_childhood(date(2012, 2, 29), ZONE).date() == date(2030, 3, 1)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, True),
        ({"state": LinkState.SUSPENDED}, False),
        ({"state": LinkState.ENDED}, False),
        ({"student": None}, False),
        ({"expires_at": AT}, False),
        ({"expires_at": AT + timedelta(seconds=1)}, True),
        ({"expires_at": None}, True),
    ],
)
def test_what_opens_apps(changes, shown):
    from dataclasses import replace

    link = verified(a_link(), IRIS, "school-record", IRIS.school, AT, ZONE)
    assert opens_apps(replace(link, **changes), AT) is shown
