"""A restriction outranks every link, touches nobody else, and takes two persons to lift."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.errors import BadInput, MoveRefused, NoDuty, NotThere, Restricted, SamePerson
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import StudentNumber
from idp_bridge.services.linking import SignedIn, arrive, request_link
from idp_bridge.services.projecting import project
from idp_bridge.services.restricting import Order, ask_lift, confirm_lift, place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, OTHER, TEO, staff
from tests.services.test_linking import CLAIM, _parents, mine, settle  # noqa: F401  (autouse fixture)

ORDER = Order(
    IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1), "sealed words"
)


@pytest.fixture(autouse=True)
def _principals(house):
    for uid in ("ana.ruiz", "max.ott"):
        house.directory.people[uid] = staff(uid, "0552:principal")
    house.accounts.add(AMARA, "amara@mail.example")
    house.accounts.add(OTHER, "bo@mail.example")


def numbers(house, parent=AMARA) -> dict[str, list[str]]:
    project(house, parent)
    stored = house.accounts.get(parent).attributes.get("student_links", ('{"links":[]}',))
    return {link["id"]: link["pur"] for link in json.loads(stored[0])["links"]}


def events(house):
    with house.store.connection(write=False) as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT name FROM audit ORDER BY number")]


def test_a_verified_link_is_suspended_and_leaves_the_token(house):
    settle(house)
    assert numbers(house)
    place(house, "ana.ruiz", ORDER)
    assert mine(house)[0].state is LinkState.SUSPENDED
    assert numbers(house) == {}
    assert house.accounts.ended == [AMARA]
    assert events(house)[-2:] == ["restriction:placed", "link:suspended"]


def test_other_children_and_other_parents_are_untouched(house):
    settle(house)
    settle(house, claim=replace(CLAIM, student_number=TEO.number, birth_date=TEO.birth_date))
    settle(house, OTHER)
    place(house, "ana.ruiz", ORDER)
    assert set(numbers(house)) == {TEO.number}
    assert set(numbers(house, OTHER)) == {IRIS.number}


def test_one_placed_before_any_account_stops_a_later_one_of_that_name(house):
    place(house, "ana.ruiz", replace(ORDER, given_name="AMÁRA", family_name="quintero-bell"))
    visit = request_link(house, AMARA, CLAIM)
    record_identity(house, "jo.hathaway", visit, IRIS.school, "passport")
    with pytest.raises(Restricted):
        verify_link(house, "jo.hathaway", mine(house)[0].id, "school-record")
    assert mine(house)[0].state is LinkState.AWAITING_VISIT
    assert events(house)[-1] == "verification:refused"
    settle(house, OTHER)  # the other parent is not concerned


def test_messages_alone_leaves_access(house):
    settle(house)
    place(house, "ana.ruiz", replace(ORDER, access=False))
    assert mine(house)[0].state is LinkState.VERIFIED
    assert numbers(house) == {IRIS.number: ["choice", "records", "transport"]}


def test_two_persons_lift_it_and_the_link_comes_back(house):
    settle(house)
    restriction = place(house, "ana.ruiz", ORDER)
    ask_lift(house, "ana.ruiz", restriction.id)
    with pytest.raises(SamePerson):
        confirm_lift(house, "ana.ruiz", restriction.id)
    assert mine(house)[0].state is LinkState.SUSPENDED
    confirm_lift(house, "max.ott", restriction.id)
    assert mine(house)[0].state is LinkState.VERIFIED
    assert numbers(house)[IRIS.number] == ["choice", "messages", "records", "transport"]
    assert events(house)[-3:] == ["restriction:lift-asked", "restriction:lifted", "link:resumed"]
    with pytest.raises(MoveRefused):
        confirm_lift(house, "max.ott", restriction.id)


def test_nobody_lifts_what_nobody_asked_to_lift(house):
    restriction = place(house, "ana.ruiz", ORDER)
    with pytest.raises(MoveRefused):
        confirm_lift(house, "max.ott", restriction.id)


def test_a_second_restriction_keeps_the_link_suspended(house):
    settle(house)
    first, second = place(house, "ana.ruiz", ORDER), place(house, "max.ott", ORDER)
    ask_lift(house, "ana.ruiz", first.id)
    confirm_lift(house, "max.ott", first.id)
    assert mine(house)[0].state is LinkState.SUSPENDED
    ask_lift(house, "ana.ruiz", second.id)
    confirm_lift(house, "max.ott", second.id)
    assert mine(house)[0].state is LinkState.VERIFIED


@pytest.mark.parametrize("uid", ["jo.hathaway", "sam.okafor", "tess.moore", "ira.novak", "nobody"])
def test_only_principals_and_the_district_office_may(house, uid):
    with pytest.raises(NoDuty):
        place(house, uid, ORDER)
    restriction = place(house, "dee.collins", ORDER)
    for change in (ask_lift, confirm_lift):
        with pytest.raises(NoDuty):
            change(house, uid, restriction.id)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"access": False, "messages": False}, "limits"),
        ({"basis": "custody"}, "basis"),
        ({"family_name": "  "}, "family_name"),
        ({"note": "x" * 2001}, "note"),
        ({"review_on": date(2026, 11, 24)}, "review_on"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_kept(house, changes, field):
    with pytest.raises(BadInput) as refusal:
        place(house, "ana.ruiz", replace(ORDER, **changes))
    assert list(refusal.value.fields) == [field]
    assert events(house) == []


def test_an_unknown_student_is_not_there(house):
    with pytest.raises(NotThere):
        place(house, "ana.ruiz", replace(ORDER, student_number=StudentNumber("00000000")))


def test_the_sealed_note_is_in_no_audit_row(house):
    place(house, "ana.ruiz", ORDER)
    with house.store.connection(write=False) as connection:
        text = str(connection.exec_driver_sql("SELECT * FROM audit").all())
    for private in ("sealed words", "Amara", "Quintero"):
        assert private not in text


def test_a_parent_who_is_renamed_stays_restricted_by_account(house):
    settle(house)
    place(house, "ana.ruiz", replace(ORDER, parent=AMARA))
    arrive(house, SignedIn(AMARA, "new@mail.example", "Ann", "Other", "en"))
    assert mine(house)[0].state is LinkState.SUSPENDED
    assert numbers(house) == {}
