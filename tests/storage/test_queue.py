"""The desk's queue: which visits, in which order, and how many, in SQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idp_bridge.domain.link import Move
from idp_bridge.domain.people import Parent, ParentId, SchoolCode
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.linking import cancel_request
from idp_bridge.services.rows import DeskList, Where
from tests.conftest import IRIS, MATEO, NOW, TEO
from tests.web.families import after, asked, claim, claim_for, confirmed

LAKESIDE, MIDDLE = SchoolCode("0552"), SchoolCode("0610")


@pytest.fixture
def family(house):
    """Return a function that makes a parent with this name."""

    def make(name: str) -> ParentId:
        parent = ParentId(f"p-{name}")
        with house.store.transaction() as rows:
            rows.parents.save(Parent(parent, f"{name}@mail.example", name.title(), "Li", "en", NOW))
        return parent

    return make


def listed(house, *schools: SchoolCode, first: int = 0, size: int = 10) -> list[str]:
    where = Where(DeskList.VISITS, frozenset(schools))
    with house.store.reading() as rows:
        found = rows.queue.page(where, first, size)
        assert len(found) <= rows.queue.counts((where,), None, NOW, (1000, 1000))[0]
    return [row.parent.given_name for row in found]


def test_nearest_last_day_first_and_paged(house, family, clock):
    for name in ("ann", "bo", "cy"):
        asked(house, family(name), claim("46999999"))
        clock.advance(days=1)
    assert listed(house, LAKESIDE) == ["Ann", "Bo", "Cy"]
    assert listed(house, LAKESIDE, first=1, size=1) == ["Bo"]
    assert listed(house, LAKESIDE, first=3) == []


def test_only_visits_that_concern_my_schools(house, family):
    asked(house, family("ann"), claim_for(IRIS))
    asked(house, family("bo"), claim_for(MATEO))
    assert listed(house, LAKESIDE) == ["Ann"]
    assert listed(house, MIDDLE) == ["Bo"]
    assert sorted(listed(house, LAKESIDE, MIDDLE)) == ["Ann", "Bo"]
    assert listed(house) == []


def test_a_student_claimed_at_the_wrong_school_waits_at_both(house, family):
    """The slip leads the parent to the school they named; the student's own school decides."""
    asked(house, family("ann"), replace(claim_for(MATEO), school=LAKESIDE))
    assert listed(house, LAKESIDE) == listed(house, MIDDLE) == ["Ann"]


def test_a_number_that_fits_nobody_waits_where_it_was_claimed_only(house, family):
    asked(house, family("ann"), replace(claim_for(MATEO), birth_date=IRIS.birth_date, school=LAKESIDE))
    assert listed(house, LAKESIDE) == ["Ann"]
    assert listed(house, MIDDLE) == []


def test_a_visit_with_two_children_is_listed_once_with_both(house, family, clock):
    parent = family("ann")
    asked(house, parent, claim_for(IRIS))
    clock.advance(seconds=1)
    asked(house, parent, claim_for(TEO))
    with house.store.reading() as rows:
        (row,) = rows.queue.page(Where(DeskList.VISITS, frozenset({LAKESIDE})), 0, 10)
    assert [link.student for link in row.links] == [IRIS.id, TEO.id]


def test_what_no_longer_waits_at_my_school_is_not_listed(house, family):
    verified, denied, taken_back = family("ann"), family("bo"), family("cy")
    for parent in (verified, denied, taken_back):
        asked(house, parent, claim_for(MATEO))  # keeps the visit open
    confirmed(house, asked(house, verified, claim_for(IRIS)), IRIS)
    after(house, asked(house, denied, claim_for(IRIS)), Move.DENY, "not-the-student")
    cancel_request(house, taken_back, asked(house, taken_back, claim_for(IRIS)).id)
    assert listed(house, LAKESIDE) == []
    assert sorted(listed(house, MIDDLE)) == ["Ann", "Bo", "Cy"]


def test_a_lapsed_visit_leaves_the_queue(house, family, clock):
    asked(house, family("ann"), claim_for(IRIS))
    clock.advance(days=15)
    assert listed(house, LAKESIDE) == ["Ann"]  # until the timer came
    lapse_visits(house, clock.now())
    assert listed(house, LAKESIDE) == []
