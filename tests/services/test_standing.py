"""Whom a restriction stands against is kept true: placed, arrived, renamed, proven, cleared, lifted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.birth_date import birth_date_hash
from idp_bridge.domain.errors import (
    BadInput,
    ConflictOfInterest,
    MoveRefused,
    NoDuty,
    NotThere,
    Restricted,
)
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import ParentId
from idp_bridge.services.linking import SignedIn, arrive, request_link
from idp_bridge.services.reading_restrictions import restriction_shown, restrictions_at, student_shown
from idp_bridge.services.restricting import (
    ask_lift,
    clear_namesake,
    confirm_lift,
    place,
    read_note,
    review,
)
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, OTHER, TEO, staff
from tests.services.test_linking import CLAIM, _parents, mine, settle  # noqa: F401  (autouse fixture)
from tests.services.test_restricting import ORDER, _principals, events, numbers  # noqa: F401

BORN, OTHER_DAY = date(1984, 5, 6), date(1990, 1, 1)
DATED = replace(ORDER, birth_date=BORN)
NEW = ParentId("33333333-3333-4333-8333-333333333333")


def against(house, restriction) -> tuple[str, ...]:
    with house.store.reading() as rows:
        return rows.restrictions.accounts(restriction.id)


def prove(house, born, parent=AMARA, claim=CLAIM):
    visit = request_link(house, parent, claim)
    return record_identity(house, "jo.hathaway", visit, IRIS.school, "passport", born)


def verify(house, parent=AMARA):
    (link,) = [one for one in mine(house, parent) if one.state is LinkState.AWAITING_VISIT]
    return verify_link(house, "jo.hathaway", link.id, "school-record")


def test_of_the_birth_date_a_keyed_hash_is_kept_and_nothing_else(house):
    proof = prove(house, BORN)
    assert proof.birth_date_hash == birth_date_hash(house.rules.code_key, BORN)
    with house.store.connection(write=False) as connection:
        for table in ("identity_proof", "audit"):
            assert "1984" not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())


def test_without_it_nothing_is_kept_and_a_wrong_one_changes_nothing(house):
    visit = request_link(house, AMARA, CLAIM)
    with pytest.raises(BadInput):
        record_identity(house, "jo.hathaway", visit, IRIS.school, "passport", date(2027, 1, 1))
    with house.store.reading() as rows:
        assert rows.proofs.get(AMARA) is None
    assert record_identity(house, "jo.hathaway", visit, IRIS.school, "passport").birth_date_hash is None


@pytest.mark.parametrize(
    ("on_paper", "on_the_id", "stopped"),
    [(BORN, BORN, True), (BORN, OTHER_DAY, False), (BORN, None, True), (None, OTHER_DAY, True)],
)
@pytest.mark.parametrize("placed_first", [True, False])
def test_name_and_birth_date_decide(house, on_paper, on_the_id, stopped, placed_first):
    if not placed_first:
        prove(house, on_the_id)
    restriction = place(house, "ana.ruiz", replace(ORDER, birth_date=on_paper))
    if placed_first:
        assert against(house, restriction) == (AMARA,)  # nobody has seen the ID yet
        prove(house, on_the_id)
    assert against(house, restriction) == ((AMARA,) if stopped else ())
    if stopped:
        with pytest.raises(Restricted):
            verify(house)
    else:
        assert verify(house).state is LinkState.VERIFIED


def test_an_account_made_later_is_stopped_from_its_first_sign_in(house):
    restriction = place(house, "ana.ruiz", replace(DATED, given_name="Cora", family_name="Vey"))
    assert against(house, restriction) == ()
    arrive(house, SignedIn(NEW, "cora@mail.example", "Córa Lynn", "VEY", "en"))
    assert against(house, restriction) == (NEW,)


def test_a_new_name_that_fits_suspends_and_one_that_does_not_frees_nobody(house):
    settle(house, OTHER)  # Bo Li
    place(house, "ana.ruiz", replace(DATED, given_name="Bo", family_name="Moss"))
    assert mine(house, OTHER)[0].state is LinkState.VERIFIED
    house.wakeup.woken.clear()
    arrive(house, SignedIn(OTHER, "bo@mail.example", "Bo", "Moss", "es"))
    assert mine(house, OTHER)[0].state is LinkState.SUSPENDED
    assert house.wakeup.woken == [OTHER]
    assert numbers(house, OTHER) == {}
    arrive(house, SignedIn(OTHER, "bo@mail.example", "Bo", "Li", "es"))
    assert mine(house, OTHER)[0].state is LinkState.SUSPENDED


def test_signing_in_again_changes_nothing(house):
    settle(house)
    place(house, "ana.ruiz", ORDER)
    before = events(house)
    arrive(house, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    assert events(house) == before


def test_a_namesake_is_cleared_and_the_link_works_again(house):
    settle(house)
    restriction = place(house, "ana.ruiz", DATED)
    assert mine(house)[0].state is LinkState.SUSPENDED
    clear_namesake(house, "max.ott", restriction.id, AMARA)
    assert mine(house)[0].state is LinkState.VERIFIED
    assert set(numbers(house)) == {IRIS.number}
    assert against(house, restriction) == ()
    assert events(house)[-2:] == ["restriction:namesake-cleared", "link:resumed"]
    arrive(house, SignedIn(AMARA, "amara@mail.example", "Amara B", "Quintero-Bell", "en"))
    assert against(house, restriction) == ()  # cleared for good, also under a new name
    assert mine(house)[0].state is LinkState.VERIFIED


def test_only_what_stands_can_be_cleared_and_never_the_named_account(house):
    named = place(house, "ana.ruiz", replace(ORDER, parent=AMARA))
    with pytest.raises(MoveRefused):
        clear_namesake(house, "max.ott", named.id, AMARA)
    with pytest.raises(NotThere):
        clear_namesake(house, "max.ott", named.id, OTHER)
    assert against(house, named) == (AMARA,)
    with pytest.raises(NotThere):
        place(house, "ana.ruiz", replace(ORDER, parent=NEW))


def test_a_named_account_is_stopped_though_the_birth_date_differs(house):
    place(house, "ana.ruiz", replace(DATED, parent=AMARA))
    prove(house, OTHER_DAY)
    with pytest.raises(Restricted):
        verify(house)


def test_a_second_account_of_a_named_person_is_stopped_too(house):
    restriction = place(house, "ana.ruiz", replace(ORDER, parent=AMARA))
    arrive(house, SignedIn(NEW, "again@mail.example", "Amara", "Quintero", "en"))
    assert set(against(house, restriction)) == {AMARA, NEW}


def test_messages_come_back_when_it_is_lifted_and_sessions_end_when_it_is_placed(house):
    settle(house)
    numbers(house)
    restriction = place(house, "ana.ruiz", replace(ORDER, access=False))
    assert numbers(house) == {IRIS.number: ["choice", "records", "transport"]}
    assert house.accounts.ended == [AMARA]
    ask_lift(house, "ana.ruiz", restriction.id)
    confirm_lift(house, "max.ott", restriction.id)
    assert "messages" in numbers(house)[IRIS.number]
    assert "link:suspended" not in events(house)


def test_a_review_is_noted_and_nothing_is_lifted_by_the_clock(house, clock):
    settle(house)
    restriction = place(house, "ana.ruiz", ORDER)
    clock.advance(days=400)
    me = house.directory.people["ana.ruiz"]
    assert restrictions_at(house, me).overdue == 1
    assert mine(house)[0].state is LinkState.SUSPENDED
    review(house, "max.ott", restriction.id, date(2028, 6, 1))
    assert restrictions_at(house, me).overdue == 0
    assert events(house)[-1] == "restriction:reviewed"
    with pytest.raises(BadInput):
        review(house, "max.ott", restriction.id, date(2027, 1, 1))


def test_reading_the_note_is_written_down(house):
    restriction = place(house, "ana.ruiz", ORDER)
    assert read_note(house, "max.ott", restriction.id) == "sealed words"
    assert events(house)[-1] == "restriction:note-read"


def steps(restriction):
    return (
        lambda house, uid: ask_lift(house, uid, restriction.id),
        lambda house, uid: confirm_lift(house, uid, restriction.id),
        lambda house, uid: read_note(house, uid, restriction.id),
        lambda house, uid: review(house, uid, restriction.id, date(2027, 7, 1)),
        lambda house, uid: clear_namesake(house, uid, restriction.id, AMARA),
        lambda house, uid: restriction_shown(house, house.directory.people[uid], restriction.id),
    )


@pytest.mark.parametrize(("uid", "refusal"), [("jo.hathaway", NoDuty), ("eve.park", NotThere)])
def test_without_the_duty_or_at_another_school_nothing_is_there(house, uid, refusal):
    house.directory.people["eve.park"] = staff("eve.park", "0610:principal")
    restriction = place(house, "ana.ruiz", ORDER)
    before = events(house)
    for step in steps(restriction):
        with pytest.raises(refusal):
            step(house, uid)
    with pytest.raises(refusal):
        place(house, uid, ORDER)
    with pytest.raises(refusal):
        student_shown(house, house.directory.people[uid], IRIS.number)
    assert events(house) == before
    if refusal is NotThere:
        assert restrictions_at(house, house.directory.people[uid]).rows == ()
        assert student_shown(house, house.directory.people[uid], MATEO.number).student == MATEO


def test_a_principal_decides_nothing_about_their_own_child_or_themselves(house):
    house.directory.people["amara.quintero"] = staff("amara.quintero", "0552:principal")
    restriction = place(house, "ana.ruiz", replace(ORDER, given_name="Bo", family_name="Li"))
    me = house.directory.people["amara.quintero"]
    before = events(house)
    with pytest.raises(ConflictOfInterest):
        place(house, "amara.quintero", replace(ORDER, given_name="Bo", family_name="Li"))
    for step in steps(restriction)[:4]:
        with pytest.raises(ConflictOfInterest):
            step(house, "amara.quintero")
    assert events(house) == [*before, *["verification:refused"] * 5]
    assert restrictions_at(house, me).rows == ()
    for look in (
        lambda: restriction_shown(house, me, restriction.id),
        lambda: student_shown(house, me, TEO.number),
    ):
        with pytest.raises(NotThere):
            look()


def test_the_page_says_whom_it_stops_and_which_namesake_not(house):
    settle(house)
    prove_other = SignedIn(NEW, "a@mail.example", "Amara", "Quintero", "en")
    arrive(house, prove_other)
    prove(house, OTHER_DAY, NEW)
    restriction = place(house, "ana.ruiz", DATED)
    shown = restriction_shown(house, house.directory.people["max.ott"], restriction.id)
    assert [(one.parent.id, one.link.state) for one in shown.against] == [(AMARA, LinkState.SUSPENDED)]
    assert [(one.parent.id, one.cleared) for one in shown.look_alikes] == [(NEW, False)]
    assert [step.event for step in shown.history] == ["restriction:placed", "link:suspended"]
