"""A claim corrected at the counter: matched again, what was typed kept, nothing learnt of other schools."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.errors import (
    AlreadyAsked,
    BadInput,
    CodeLapsed,
    ConflictOfInterest,
    DistrictAddress,
    MoveRefused,
    NoDuty,
    NotInRoster,
    NotThere,
)
from idp_bridge.domain.link import LinkId, LinkState, Move, asked_for
from idp_bridge.domain.people import GuardianHint, StudentNumber
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.correcting import correct_claim
from idp_bridge.services.desk import desk_visit
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, OTHER, TEO
from tests.services.test_verifying import CLERK, DISTRICT, ELSEWHERE, LAKESIDE, audited, refused, save_parent
from tests.web.families import after, asked, claim, claim_for, confirmed, links_of

WRONG = StudentNumber("46554861")


@pytest.fixture(autouse=True)
def _parents(house):
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
    save_parent(house, OTHER, "bo@mail.example", "Bo", "Li")


@pytest.fixture
def mistyped(house):
    """Iris's mother typed one digit wrong."""
    return asked(house, AMARA, claim(WRONG))


def corrected(house, link, student=IRIS, uid=CLERK):
    return correct_claim(house, uid, link.id, student.number, student.birth_date)


def event_of(house, link):
    with house.store.reading() as rows:
        return rows.audit.of_link(link.id)[-1]


def test_a_wrong_number_is_corrected_and_what_was_typed_stays(house, mistyped, clock):
    clock.advance(minutes=4)
    before = len(audited(house))
    done = corrected(house, mistyped)
    assert (done.student, done.state, done.changed_at) == (IRIS.id, LinkState.AWAITING_VISIT, clock.now())
    assert done.claimed == mistyped.claimed
    assert (done.corrected_number, done.corrected_birth_date) == (IRIS.number, None)
    assert asked_for(done) == replace(mistyped.claimed, student_number=IRIS.number)
    assert links_of(house, AMARA) == (done,)
    assert audited(house)[before:] == ["link:corrected"]
    event = event_of(house, done)
    assert (event.actor.id, event.school, event.student) == ("entry-jo.hathaway", LAKESIDE, IRIS.id)
    assert event.fields == {"what": ["number"]}
    assert house.wakeup.woken == []


def test_a_wrong_birth_date_and_both(house):
    wrong = asked(house, AMARA, claim(IRIS.number, date(2016, 9, 3)))
    done = corrected(house, wrong)
    assert (done.corrected_number, done.corrected_birth_date) == (None, IRIS.birth_date)
    assert event_of(house, done).fields == {"what": ["birth_date"]}
    done = corrected(house, done, TEO)  # it was the brother after all
    assert (done.student, done.corrected_number, done.corrected_birth_date) == (
        TEO.id,
        TEO.number,
        TEO.birth_date,
    )
    assert event_of(house, done).fields == {"what": ["number", "birth_date"]}


def test_what_was_corrected_can_be_verified_and_what_was_typed_could_not(house, mistyped):
    record_identity(house, CLERK, mistyped.visit, LAKESIDE, "passport")
    refused(house, NotInRoster, lambda: verify_link(house, CLERK, mistyped.id, "school-record"))
    corrected(house, mistyped)
    done = verify_link(house, CLERK, mistyped.id, "school-record")
    assert (done.state, done.student, done.corrected_number) == (LinkState.VERIFIED, IRIS.id, IRIS.number)


def test_a_claim_that_named_another_child_is_taken_away_from_it(house):
    link = asked(house, AMARA, claim_for(IRIS))
    done = correct_claim(house, CLERK, link.id, StudentNumber("46999999"), IRIS.birth_date)
    assert (done.student, done.corrected_number) == (None, "46999999")
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    refused(house, NotInRoster, lambda: verify_link(house, CLERK, link.id, "school-record"))


def test_back_to_what_was_typed_needs_no_correction(house, mistyped):
    corrected(house, mistyped)
    done = correct_claim(house, CLERK, mistyped.id, WRONG, IRIS.birth_date)
    assert (done.student, done.corrected_number, done.corrected_birth_date) == (None, None, None)


def test_a_student_who_came_to_the_roster_after_the_request_is_found_without_a_correction(house):
    link = asked(house, AMARA, claim("46000001", date(2017, 1, 2)))
    ida = replace(IRIS, id="s-ida", number=StudentNumber("46000001"), birth_date=date(2017, 1, 2))
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(ida,)))
    done = corrected(house, link, ida)
    assert (done.student, done.corrected_number) == ("s-ida", None)
    assert event_of(house, done).fields == {"what": []}


def test_a_student_of_another_school_moves_the_request_there_and_shows_nothing_here(house, mistyped):
    done = corrected(house, mistyped, MATEO)
    assert done.student == MATEO.id
    (child,) = desk_visit(house, house.directory.staff(CLERK), mistyped.visit).children
    assert (child.student, child.rows, child.mine, child.place.code) == (None, (), False, MATEO.school)
    refused(house, NoDuty, lambda: corrected(house, mistyped))  # it is decided at the other school now
    assert corrected(house, mistyped, uid=ELSEWHERE).student == IRIS.id


def test_half_a_match_elsewhere_looks_like_none(house, mistyped):
    half = correct_claim(house, CLERK, mistyped.id, MATEO.number, IRIS.birth_date)
    (child,) = desk_visit(house, house.directory.staff(CLERK), mistyped.visit).children
    assert (half.student, child.student, child.place.code) == (None, None, LAKESIDE)


def test_one_live_link_is_said_of_a_student_of_ones_own_school(house, mistyped):
    asked(house, AMARA, claim_for(IRIS))
    refused(house, AlreadyAsked, lambda: corrected(house, mistyped))
    refused(house, AlreadyAsked, lambda: corrected(house, mistyped, uid=DISTRICT))


def test_a_live_link_elsewhere_is_not_said(house, mistyped):
    confirmed(house, asked(house, AMARA, claim_for(MATEO)), MATEO)
    assert corrected(house, mistyped, MATEO).student is None


@pytest.mark.parametrize("move", [Move.CANCEL, Move.DENY])
def test_what_is_over_does_not_stand_in_the_way(house, mistyped, move):
    after(house, asked(house, AMARA, claim_for(IRIS)), move)
    assert corrected(house, mistyped).student == IRIS.id


def test_another_parents_link_does_not_stand_in_the_way(house, mistyped):
    confirmed(house, asked(house, OTHER, claim_for(IRIS)), IRIS)
    assert corrected(house, mistyped).student == IRIS.id


# --- refusals ------------------------------------------------------------------------------------


def test_nothing_that_differs(house, mistyped):
    refused(house, BadInput, lambda: correct_claim(house, CLERK, mistyped.id, WRONG, IRIS.birth_date))


@pytest.mark.parametrize("day", [date(2026, 11, 25), date(1999, 1, 1)])
def test_a_birth_date_no_student_can_have(house, mistyped, day):
    refused(house, BadInput, lambda: correct_claim(house, CLERK, mistyped.id, IRIS.number, day))


@pytest.mark.parametrize("uid", [ELSEWHERE, "tess.moore", "ira.novak", "nobody.known"])
def test_without_the_duty_at_the_place_that_decides(house, mistyped, uid):
    refused(house, NoDuty, lambda: corrected(house, mistyped, uid=uid))


def test_ldap_down(house, mistyped):
    house.directory.down = True
    refused(house, Unreachable, lambda: corrected(house, mistyped))


def test_a_request_that_is_not_there(house):
    refused(house, NotThere, lambda: correct_claim(house, CLERK, LinkId("x"), WRONG, IRIS.birth_date))


@pytest.mark.parametrize("move", [Move.CANCEL, Move.DENY, Move.LAPSE, Move.VERIFY, Move.REFER])
def test_only_a_waiting_request(house, move):
    link = asked(house, AMARA, claim_for(IRIS))
    after(house, link, move)
    refused(house, MoveRefused, lambda: corrected(house, link, TEO))


def test_after_the_last_day(house, mistyped, clock):
    clock.advance(days=15)
    refused(house, CodeLapsed, lambda: corrected(house, mistyped))


def test_a_district_address(house, mistyped):
    save_parent(house, AMARA, "amara@district.example", "Amara", "Quintero-Bell")
    refused(house, DistrictAddress, lambda: corrected(house, mistyped))


def test_ones_own_account_is_audited(house, mistyped):
    save_parent(house, AMARA, "jo@mail.example", "Jo", "Hathaway")
    refused(house, ConflictOfInterest, lambda: corrected(house, mistyped), "verification:refused")


@pytest.mark.parametrize("child", [IRIS, TEO])
def test_ones_own_child_is_audited_whether_it_was_asked_for_or_is_meant(house, child):
    hint = GuardianHint(child.id, "g-jo", "Jo", "Hathaway", "parent")
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(hints={child.id: (hint,)}))
    link = asked(house, AMARA, claim_for(IRIS))
    refused(house, ConflictOfInterest, lambda: corrected(house, link, TEO), "verification:refused")
