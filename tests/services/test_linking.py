"""A parent asks: hit and miss alike, twice is once, nothing tells whether the child is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from idp_bridge.domain.errors import BadInput, DistrictAddress, MoveRefused, NotThere
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import Claimed, LinkState
from idp_bridge.domain.people import ParentId, Relationship, SchoolCode, StudentNumber
from idp_bridge.services.linking import SignedIn, arrive, cancel_request, request_link
from idp_bridge.services.reading import children_of, slip_of
from idp_bridge.services.refusing import revoke_link
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO

CLAIM = Claimed(IRIS.number, IRIS.birth_date, IRIS.school, Relationship.PARENT)
MISS = replace(CLAIM, student_number=StudentNumber("46999999"))
WRONG_BIRTH_DATE = replace(CLAIM, birth_date=date(2016, 3, 10))


@pytest.fixture(autouse=True)
def _parents(house):
    arrive(house, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    arrive(house, SignedIn(OTHER, "bo@mail.example", "Bo", "Li", "es"))


def audit(house, name):
    with house.store.reading() as rows:
        found = [event for link in rows.links.of_parent(AMARA) for event in rows.audit.of_link(link.id)]
    return [event for event in found if event.name == name]


def mine(house, parent=AMARA):
    with house.store.reading() as rows:
        return rows.links.of_parent(parent)


def settle(house, parent=AMARA, claim=CLAIM):
    visit = request_link(house, parent, claim)
    record_identity(house, "jo.hathaway", visit, SchoolCode("0552"), "passport")
    (link,) = [link for link in mine(house, parent) if link.state is LinkState.AWAITING_VISIT]
    return verify_link(house, "jo.hathaway", link.id, "school-record")


@pytest.mark.parametrize(("claim", "student"), [(CLAIM, IRIS.id), (MISS, None), (WRONG_BIRTH_DATE, None)])
def test_hit_and_miss_leave_the_same_trace_for_the_parent(house, claim, student):
    visit = request_link(house, AMARA, claim)
    (link,) = mine(house)
    assert (link.state, link.student, link.visit) == (LinkState.AWAITING_VISIT, student, visit)
    slip = slip_of(house, AMARA)
    assert slip.visit.visit_by == date(2026, 12, 8)
    assert slip.schools[0].code == "0552"
    (child,) = children_of(house, AMARA)
    assert child.student is None  # no name before proof, matched or not
    assert len(audit(house, "link:requested")) == 1


def test_the_same_request_twice_changes_nothing(house):
    assert request_link(house, AMARA, CLAIM) == request_link(house, AMARA, CLAIM)
    assert len(mine(house)) == 1


def test_other_details_for_the_same_number_replace_the_request(house):
    request_link(house, AMARA, WRONG_BIRTH_DATE)
    code = slip_of(house, AMARA).code
    request_link(house, AMARA, CLAIM)
    states = {link.claimed.birth_date: link.state for link in mine(house)}
    assert states == {date(2016, 3, 10): LinkState.CANCELLED, IRIS.birth_date: LinkState.AWAITING_VISIT}
    assert slip_of(house, AMARA).code == code


def test_several_children_share_one_visit_and_one_code(house, clock):
    claims = [
        Claimed(student.number, student.birth_date, student.school, Relationship.PARENT)
        for student in (IRIS, TEO, MATEO)
    ]
    visits = set()
    for claim in claims:
        visits.add(request_link(house, AMARA, claim))
        clock.advance(seconds=1)
    assert len(visits) == 1
    slip = slip_of(house, AMARA)
    assert [link.student for link in slip.links] == [IRIS.id, TEO.id, MATEO.id]
    assert [school.code for school in slip.schools] == ["0552", "0610"]


def test_two_parents_of_one_child_do_not_meet(house):
    request_link(house, AMARA, CLAIM)
    request_link(house, OTHER, CLAIM)
    assert slip_of(house, AMARA).code != slip_of(house, OTHER).code
    assert [link.parent for link in mine(house, OTHER)] == [OTHER]


def test_a_request_for_a_linked_child_is_kept_unmatched_with_a_code(house):
    settle(house)
    request_link(house, AMARA, CLAIM)
    assert sorted((link.state, link.student) for link in mine(house)) == [
        (LinkState.AWAITING_VISIT, None),
        (LinkState.VERIFIED, IRIS.id),
    ]
    assert slip_of(house, AMARA).code


def test_a_revoked_link_does_not_come_back_by_asking(house):
    link = settle(house)
    revoke_link(house, Actor(ActorKind.OPERATOR, "cli"), link.id, "court-order")
    request_link(house, AMARA, CLAIM)
    assert {link.state for link in mine(house)} == {LinkState.ENDED, LinkState.AWAITING_VISIT}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"birth_date": date(2026, 11, 25)}, "birth_date", "in-future"),
        ({"birth_date": date(1990, 1, 1)}, "birth_date", "too-long-ago"),
        ({"school": SchoolCode("none")}, "school", "choose"),
    ],
)
def test_what_cannot_be_true_is_refused_and_nothing_is_kept(house, changes, field, reason):
    with pytest.raises(BadInput) as refusal:
        request_link(house, AMARA, replace(CLAIM, **changes))
    assert refusal.value.fields == {field: reason}
    assert mine(house) == ()


def test_today_is_the_districts_day(house, clock):
    clock.at = NOW.replace(hour=2)  # still November 23 in New York
    with pytest.raises(BadInput):
        request_link(house, AMARA, replace(CLAIM, birth_date=date(2026, 11, 24)))


@pytest.mark.parametrize("email", ["jo@district.example", "jo@mail.district.example", "jo@district。example"])
def test_a_district_address_cannot_ask(house, email):
    arrive(house, SignedIn(AMARA, email, "Jo", "H", "en"))
    with pytest.raises(DistrictAddress):
        request_link(house, AMARA, CLAIM)
    assert mine(house) == ()


def test_nobody_asks_for_an_account_that_never_arrived(house):
    with pytest.raises(NotThere):
        request_link(house, ParentId("never-seen"), CLAIM)


def test_an_overdue_visit_lapses_when_the_parent_asks_again(house, clock):
    first = request_link(house, AMARA, CLAIM)
    code = slip_of(house, AMARA).code
    clock.advance(days=15)
    second = request_link(house, AMARA, CLAIM)
    assert first != second
    assert slip_of(house, AMARA).code != code
    assert [link.state for link in mine(house)] == [LinkState.AWAITING_VISIT, LinkState.LAPSED]


def test_the_last_day_still_counts(house, clock):
    first = request_link(house, AMARA, CLAIM)
    clock.at = NOW + timedelta(days=14, hours=13)  # December 8, 11 pm in New York
    assert request_link(house, AMARA, CLAIM) == first


class TestCancel:
    def test_it_closes_the_visit_with_its_last_request(self, house):
        request_link(house, AMARA, CLAIM)
        (link,) = mine(house)
        cancel_request(house, AMARA, link.id)
        assert mine(house)[0].state is LinkState.CANCELLED
        assert children_of(house, AMARA) == ()
        with pytest.raises(NotThere):
            slip_of(house, AMARA)

    def test_somebody_elses_is_not_there(self, house):
        request_link(house, AMARA, CLAIM)
        (link,) = mine(house)
        with pytest.raises(NotThere):
            cancel_request(house, OTHER, link.id)

    def test_a_verified_one_cannot_be_taken_back(self, house):
        with pytest.raises(MoveRefused):
            cancel_request(house, AMARA, settle(house).id)


def test_a_snapshot_follows_the_account_and_keeps_the_revision(house):
    settle(house)
    parent = arrive(house, SignedIn(AMARA, "new@mail.example", "Amara", "Bell", "es"))
    assert (parent.email, parent.family_name, parent.locale, parent.rev) == (
        "new@mail.example",
        "Bell",
        "es",
        1,
    )
    assert parent.first_seen_at == NOW


def test_asking_again_with_another_relationship_still_means_the_child(house):
    request_link(house, AMARA, CLAIM)
    request_link(house, AMARA, replace(CLAIM, relationship=Relationship.STEP_PARENT))
    by_state = {link.state: link for link in mine(house)}
    assert set(by_state) == {LinkState.CANCELLED, LinkState.AWAITING_VISIT}
    assert by_state[LinkState.AWAITING_VISIT].student == IRIS.id
    assert by_state[LinkState.AWAITING_VISIT].claimed.relationship is Relationship.STEP_PARENT
