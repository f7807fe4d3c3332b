"""Who may do what, where; and nobody in their own case."""

from __future__ import annotations

from itertools import product

import pytest

from idp_bridge.domain.access import (
    ALLOWED,
    Action,
    Duty,
    may,
    read_roles,
    refuse_own_case,
    require,
    require_somewhere,
    schools_for,
)
from idp_bridge.domain.errors import ConflictOfInterest, NoDuty
from idp_bridge.domain.people import GuardianHint, Parent, ParentId, SchoolCode, StudentId
from tests.conftest import NOW, staff

SCHOOLS = [SchoolCode("0552"), SchoolCode("0610"), SchoolCode("9001")]

COUNTER = {
    Action.FIND_VISIT,
    Action.RECORD_IDENTITY,
    Action.VERIFY,
    Action.REFUSE,
    Action.CORRECT,
    Action.MOVE_LINKS,
}
HEAD = {*COUNTER, Action.OVERRULE, Action.HOLD, Action.REVOKE, Action.RESTRICT}

EXPECTED = {
    # duty: (what it may do, whether at every school)
    Duty.OFFICE: (COUNTER, False),
    Duty.PRINCIPAL: (HEAD, False),
    Duty.DISTRICT_OFFICE: ({*HEAD, Action.SETTLE_REFERRED, Action.SEE_ALARMS}, True),
    Duty.IDENTITY_ADMIN: ({Action.SEE_ALARMS, Action.SEE_PROJECTION, Action.READ_AUDIT}, True),
}


@pytest.mark.parametrize(("duty", "action"), list(product(Duty, Action)))
def test_the_table(duty, action):
    actions, everywhere = EXPECTED[duty]
    person = staff("x", f"0552:{duty}")
    assert may(person, action, SchoolCode("0552")) is (action in actions)
    assert may(person, action, SchoolCode("0610")) is (action in actions and everywhere)


def test_every_action_is_in_the_table():
    assert set(ALLOWED) == set(Action)


def test_no_duty_no_action():
    teacher = staff("tess.moore")
    for action in Action:
        with pytest.raises(NoDuty):
            require(teacher, action, SchoolCode("0552"))
        with pytest.raises(NoDuty):
            require_somewhere(teacher, action)


def test_schools_of_a_clerk_and_of_the_district_office():
    assert schools_for(staff("x", "0552:office"), Action.VERIFY, SCHOOLS) == {"0552"}
    assert schools_for(staff("x", "9001:district-office"), Action.VERIFY, SCHOOLS) == set(SCHOOLS)
    assert schools_for(staff("x", "9001:identity-admin"), Action.VERIFY, SCHOOLS) == set()


def test_only_known_duties_are_read():
    roles = read_roles(["0552:office", "0552:lunch", "office", ":office", "0610:principal", ""])
    assert {(role.school, role.duty) for role in roles} == {
        ("0552", Duty.OFFICE),
        ("0610", Duty.PRINCIPAL),
    }


def parent(email: str, name: str) -> Parent:
    given, _, family = name.partition(" ")
    return Parent(ParentId("p"), email, given, family, "en", NOW)


def hint(email: str, name: str) -> GuardianHint:
    given, _, family = name.partition(" ")
    return GuardianHint(StudentId("s"), "g", given, family, "parent", email)


CLERK = staff(
    "pat.rivera", "0552:office", given_name="Pat", family_name="Rivera", mail="pat.rivera@district.example"
)


@pytest.mark.parametrize(
    ("account", "guardian"),
    [
        (parent("pat@mail.example", "Pat Rivera"), None),
        (parent("pat@mail.example", "PAT  RIVERA"), None),
        (parent("Pat.Rivera@District.example", "P R"), None),
        (parent("other@mail.example", "Some Body"), hint("", "Pat Rivera")),
        (parent("other@mail.example", "Some Body"), hint("pat.rivera@district.example", "P R")),
    ],
)
def test_own_account_and_own_child(account, guardian):
    with pytest.raises(ConflictOfInterest):
        refuse_own_case(CLERK, account, [guardian] if guardian else [])


def test_somebody_else_is_no_conflict():
    refuse_own_case(CLERK, parent("amara@mail.example", "Amara Quintero"), [hint("", "Amara Quintero")])
    refuse_own_case(staff("x", given_name="", family_name="", mail=""), parent("", ""), [hint("", "")])
