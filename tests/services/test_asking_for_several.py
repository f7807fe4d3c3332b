"""Several children in one sitting: one visit, all or nothing, in the order they were typed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.errors import BadInput, DistrictAddress
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import Relationship, SchoolCode
from idp_bridge.services.linking import SignedIn, arrive, request_link, request_links
from idp_bridge.services.reading import slip_of
from tests.conftest import AMARA, IRIS, MATEO, TEO
from tests.services.test_linking import CLAIM, MISS, _parents, audit, mine, settle  # noqa: F401  (autouse)
from tests.web.families import claim_for

THREE = tuple(claim_for(student) for student in (TEO, IRIS, MATEO))


def test_one_visit_and_one_code_for_all_in_the_order_they_were_typed(house):
    visit = request_links(house, AMARA, THREE)
    slip = slip_of(house, AMARA)
    assert slip.visit.id == visit
    assert [link.claimed for link in slip.links] == list(THREE)
    assert [school.code for school in slip.schools] == ["0552", "0610"]
    assert len(audit(house, "link:requested")) == 3


def test_each_child_has_its_own_relationship(house):
    claims = (claim_for(IRIS), claim_for(TEO, Relationship.STEP_PARENT))
    request_links(house, AMARA, claims)
    said = [link.claimed.relationship for link in slip_of(house, AMARA).links]
    assert said == [Relationship.PARENT, Relationship.STEP_PARENT]


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"birth_date": date(2027, 1, 1)}, {"1.birth_date": "in-future"}),
        ({"school": SchoolCode("9999")}, {"1.school": "choose"}),
        ({"student_number": TEO.number}, {"1.number": "twice"}),
        (
            {"birth_date": date(1950, 1, 1), "school": SchoolCode("9999")},
            {"1.birth_date": "too-long-ago", "1.school": "choose"},
        ),
    ],
)
def test_one_bad_claim_and_nothing_is_asked(house, wrong, fields):
    claims = (THREE[0], replace(THREE[1], **wrong), THREE[2])
    with pytest.raises(BadInput) as fault:
        request_links(house, AMARA, claims)
    assert fault.value.fields == fields
    assert mine(house) == ()
    with house.store.reading() as rows:
        assert rows.visits.open_of(AMARA) is None


def test_asking_for_nobody_is_no_request(house):
    with pytest.raises(BadInput):
        request_links(house, AMARA, ())
    assert mine(house) == ()


def test_a_single_claim_is_told_its_own_fields(house):
    with pytest.raises(BadInput) as fault:
        request_link(house, AMARA, replace(CLAIM, school=SchoolCode("9999")))
    assert fault.value.fields == {"school": "choose"}


def test_a_district_address_asks_for_none(house):
    arrive(house, SignedIn(AMARA, "amara@district.example", "Amara", "Quintero-Bell", "en"))
    with pytest.raises(DistrictAddress):
        request_links(house, AMARA, THREE)
    assert mine(house) == ()


def test_a_fault_half_way_leaves_nothing(house):
    made = iter(["visit", "first"])
    object.__setattr__(house, "new_id", lambda: next(made))
    with pytest.raises(StopIteration):
        request_links(house, AMARA, THREE)
    assert mine(house) == ()
    assert audit(house, "link:requested") == []


def test_all_again_changes_nothing_and_a_new_one_joins_the_visit(house):
    visit = request_links(house, AMARA, THREE[:2])
    assert request_links(house, AMARA, THREE) == visit
    assert len(mine(house)) == 3
    assert {link.state for link in mine(house)} == {LinkState.AWAITING_VISIT}


def test_hits_misses_and_a_linked_child_wait_side_by_side(house):
    settle(house)
    request_links(house, AMARA, (CLAIM, MISS, claim_for(TEO)))
    waiting = slip_of(house, AMARA).links
    assert [link.student for link in waiting] == [None, None, TEO.id]
    assert {link.state for link in waiting} == {LinkState.AWAITING_VISIT}


@pytest.mark.parametrize(
    "change", [{"relationship": Relationship.STEP_PARENT}, {"school": SchoolCode("0610")}]
)
def test_asking_again_with_another_detail_still_names_the_student(house, change):
    request_links(house, AMARA, THREE)
    request_links(house, AMARA, (replace(CLAIM, **change),))
    (again,) = [link for link in slip_of(house, AMARA).links if link.claimed.student_number == IRIS.number]
    assert again.student == IRIS.id
    assert len([link for link in mine(house) if link.state is LinkState.CANCELLED]) == 1
