"""A second person, the district office, several at once, an end date: who may, when, and what is written."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from threading import Barrier, Thread

import pytest

from idp_bridge.domain.errors import (
    BadInput,
    CodeUsed,
    ConflictOfInterest,
    IdentityMissing,
    MoveRefused,
    NoDuty,
    NotInRoster,
    NotThere,
    OfAge,
    OneRefused,
    Refusal,
    Restricted,
    SamePerson,
    SignInAgain,
)
from idp_bridge.domain.evidence import adapted
from idp_bridge.domain.link import LinkId, LinkState, Move
from idp_bridge.domain.people import Relationship, SchoolCode
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.agreeing import agree_link, refer_link
from idp_bridge.services.expiring import end_links, lapse_visits
from idp_bridge.services.notifying import send_due
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import Choice, find_visit, record_identity, verify_link, verify_links
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO, staff
from tests.services.test_verifying import audited, code_of, everything, refused, save_parent, state
from tests.web.families import after, asked, claim_for, links_of

CLERK, COLLEAGUE, ELSEWHERE, DISTRICT = "jo.hathaway", "kim.doe", "sam.okafor", "dee.collins"
LAKESIDE = SchoolCode("0552")
JUNE = date(2027, 6, 30)


@pytest.fixture(autouse=True)
def _people(house):
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
    save_parent(house, OTHER, "bo@mail.example", "Bo", "Li")
    house.directory.people[COLLEAGUE] = staff(COLLEAGUE, "0552:office")


def proven(house, relationship: Relationship, student=IRIS):
    link = asked(house, AMARA, claim_for(student, relationship))
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    house.wakeup.woken.clear()
    return link


@pytest.fixture
def second(house):
    """A guardian whose court order the clerk saw: a second person must agree."""
    link = proven(house, Relationship.LEGAL_GUARDIAN)
    return verify_link(house, CLERK, link.id, "court-order", JUNE)


@pytest.fixture
def referred(house):
    link = proven(house, Relationship.SURROGATE)
    return refer_link(house, CLERK, link.id)


def events(house, link):
    with house.store.reading() as rows:
        return rows.audit.of_link(link.id)


def restrict(house) -> None:
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    limits = Order(IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1))
    place(house, "ana.ruiz", limits)


# --- the first person ----------------------------------------------------------------------------


def test_the_first_person_links_nothing_and_keeps_what_was_seen(house, second):
    assert (second.state, second.evidence, second.first_staff) == (
        LinkState.AWAITING_SECOND,
        "court-order",
        "entry-jo.hathaway",
    )
    assert second.expires_at.isoformat() == "2027-07-01T04:00:00+00:00"  # the last day in Florida is over
    event = events(house, second)[-1]
    assert event.name == "link:second-person-asked"
    assert event.fields == {
        "evidence": "court-order",
        "until": "2027-06-30",
        "before": "awaiting_visit",
        "after": "awaiting_second",
    }
    assert house.wakeup.woken == []
    with house.store.reading() as rows:
        assert rows.parents.get(AMARA).rev == 0
        assert rows.visits.get(second.visit).closed_at == NOW


def test_the_school_record_needs_no_second_person(house):
    link = proven(house, Relationship.LEGAL_GUARDIAN)
    assert verify_link(house, CLERK, link.id, "school-record").state is LinkState.VERIFIED


def test_the_code_still_opens_the_visit_until_it_is_decided(house, second, clock):
    clock.advance(days=40)
    lapse_visits(house, clock.now())
    assert state(house, second) is LinkState.AWAITING_SECOND
    assert find_visit(house, COLLEAGUE, code_of(house, second)) == second.visit
    agree_link(house, COLLEAGUE, second.id)
    refused(house, CodeUsed, lambda: find_visit(house, COLLEAGUE, code_of(house, second)))


def test_a_last_day_reached_while_it_waits_ends_nothing_and_cannot_be_agreed_to(house, second, clock):
    clock.advance(days=300)
    assert end_links(house, clock.now()) == 0
    refused(house, BadInput, lambda: agree_link(house, COLLEAGUE, second.id))
    assert refuse_link(house, COLLEAGUE, second.id, "relationship-not-shown").state is LinkState.DENIED


# --- the second person ---------------------------------------------------------------------------


@pytest.mark.parametrize("uid", [COLLEAGUE, DISTRICT])
def test_a_second_person_verifies(house, second, clock, uid):
    clock.advance(days=1)
    done = agree_link(house, uid, second.id)
    assert (done.state, done.student, done.verified_at) == (LinkState.VERIFIED, IRIS.id, clock.now())
    assert done.expires_at == second.expires_at
    event = events(house, second)[-1]
    assert (event.name, event.actor.id) == ("link:verified", f"entry-{uid}")
    assert event.fields == {
        "evidence": "court-order",
        "until": "2027-06-30",
        "first": "entry-jo.hathaway",
        "before": "awaiting_second",
        "after": "verified",
    }
    assert house.wakeup.woken == [AMARA]


@pytest.mark.parametrize(
    "act",
    [agree_link, refer_link, lambda house, uid, link: refuse_link(house, uid, link, "papers-not-genuine")],
)
def test_the_second_is_never_the_first(house, second, act):
    refused(house, SamePerson, lambda: act(house, CLERK, second.id))


def test_a_second_person_refuses(house, second):
    assert refuse_link(house, COLLEAGUE, second.id, "papers-not-genuine").state is LinkState.DENIED
    refused(house, MoveRefused, lambda: agree_link(house, COLLEAGUE, second.id))


@pytest.mark.parametrize("uid", [ELSEWHERE, "tess.moore", "ira.novak", "nobody.known"])
def test_without_the_duty_at_the_school_nobody_agrees(house, second, uid):
    refused(house, NoDuty, lambda: agree_link(house, uid, second.id))


def test_the_second_person_s_own_case(house, second):
    save_parent(house, AMARA, "kd@mail.example", "Kim", "Doe")
    refused(
        house, ConflictOfInterest, lambda: agree_link(house, COLLEAGUE, second.id), "verification:refused"
    )


def test_a_restriction_placed_between_the_two(house, second):
    restrict(house)
    refused(house, Restricted, lambda: agree_link(house, COLLEAGUE, second.id), "verification:refused")


@pytest.mark.parametrize("change", [{"enrolled": False}, {"birth_date": date(2016, 9, 3)}])
def test_a_student_who_changed_between_the_two(house, second, change):
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, **change),)))
    refused(house, NotInRoster, lambda: agree_link(house, COLLEAGUE, second.id))


def test_nobody_agrees_with_what_nobody_asked(house):
    link = proven(house, Relationship.PARENT)
    refused(house, MoveRefused, lambda: agree_link(house, COLLEAGUE, link.id))
    refused(house, NotThere, lambda: agree_link(house, COLLEAGUE, LinkId("none")))


def test_verifying_again_is_no_way_round_the_second_person(house, second):
    for uid in (CLERK, COLLEAGUE):
        refused(house, MoveRefused, partial(verify_link, house, uid, second.id, "school-record"))


def test_two_second_persons_at_the_same_moment_make_one_decision(house, second):
    before, start, ends = len(audited(house)), Barrier(2), []

    def decide(uid: str) -> None:
        start.wait()
        with suppress(Refusal):
            ends.append(agree_link(house, uid, second.id))

    threads = [Thread(target=decide, args=(uid,)) for uid in (COLLEAGUE, DISTRICT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 1
    assert len(audited(house)) == before + 1


# --- the district office -------------------------------------------------------------------------


def test_a_surrogate_is_for_the_district_office(house):
    link = proven(house, Relationship.SURROGATE)
    refused(house, NoDuty, lambda: verify_link(house, CLERK, link.id, "agency-letter"))
    done = refer_link(house, CLERK, link.id)
    assert done.state is LinkState.REFERRED
    assert events(house, link)[-1].name == "link:referred"
    assert house.wakeup.woken == []
    with house.store.reading() as rows:
        assert rows.visits.get(link.visit).closed_at == NOW


def test_any_other_request_can_be_handed_over_too(house, second):
    link = proven(house, Relationship.PARENT, TEO)
    assert refer_link(house, CLERK, link.id).state is LinkState.REFERRED
    assert refer_link(house, COLLEAGUE, second.id).state is LinkState.REFERRED


def test_what_was_referred_is_settled_by_the_district_office_alone(house, referred, clock):
    clock.advance(days=30)
    lapse_visits(house, clock.now())
    house.directory.set_roles(COLLEAGUE, "0552:principal")
    for act in (
        lambda: verify_link(house, COLLEAGUE, referred.id, "agency-letter"),
        lambda: refuse_link(house, COLLEAGUE, referred.id, "not-entitled"),
    ):
        refused(house, NoDuty, act)
    refused(house, MoveRefused, lambda: refer_link(house, COLLEAGUE, referred.id))
    assert find_visit(house, DISTRICT, code_of(house, referred)) == referred.visit
    assert verify_link(house, DISTRICT, referred.id, "agency-letter").state is LinkState.VERIFIED
    assert house.wakeup.woken == [AMARA]


def test_the_district_office_refuses_what_was_referred(house, referred):
    done = refuse_link(house, DISTRICT, referred.id, "not-entitled")
    assert (done.state, done.reason) == (LinkState.DENIED, "not-entitled")


def test_the_district_office_asks_a_second_person_too(house):
    link = refer_link(house, CLERK, proven(house, Relationship.CAREGIVER).id)
    assert verify_link(house, DISTRICT, link.id, "caregiver-affidavit").state is LinkState.AWAITING_SECOND
    refused(house, SamePerson, lambda: agree_link(house, DISTRICT, link.id))
    assert agree_link(house, COLLEAGUE, link.id).state is LinkState.VERIFIED


def test_nothing_is_handed_over_before_the_identity_was_seen(house):
    link = asked(house, AMARA, claim_for(IRIS, Relationship.SURROGATE))
    refused(house, IdentityMissing, lambda: refer_link(house, CLERK, link.id))


@pytest.mark.parametrize("uid", [ELSEWHERE, "tess.moore", "ira.novak"])
def test_without_a_duty_nothing_is_handed_over(house, uid):
    link = proven(house, Relationship.SURROGATE)
    refused(house, NoDuty, lambda: refer_link(house, uid, link.id))


def test_nobody_hands_over_their_own_case_or_one_under_a_restriction(house):
    link = proven(house, Relationship.SURROGATE)
    save_parent(house, AMARA, "jh@mail.example", "Jo", "Hathaway")
    refer = lambda: refer_link(house, CLERK, link.id)  # noqa: E731
    refused(house, ConflictOfInterest, refer, "verification:refused")
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
    restrict(house)
    refused(house, Restricted, refer, "verification:refused")


@pytest.mark.parametrize("move", [Move.DENY, Move.CANCEL, Move.LAPSE])
def test_what_is_decided_is_not_handed_over(house, move):
    link = proven(house, Relationship.SURROGATE)
    after(house, link, move, "not-the-student")
    refused(house, MoveRefused, lambda: refer_link(house, CLERK, link.id))


# --- a district of its own -----------------------------------------------------------------------


def test_a_district_decides_what_needs_more(house):
    policy = adapted(
        {
            "birth-or-adoptive-parent": {"second_person": ["school-record"]},
            "step-parent": {"referral": True},
            "surrogate": {"referral": False, "kinds": ["agency-letter"]},
        }
    )
    own = replace(house, rules=replace(house.rules, evidence=policy))
    link = proven(own, Relationship.PARENT)
    assert verify_link(own, CLERK, link.id, "school-record").state is LinkState.AWAITING_SECOND
    step = asked(own, AMARA, claim_for(TEO, Relationship.STEP_PARENT))
    refused(own, NoDuty, lambda: verify_link(own, CLERK, step.id, "school-record"))
    save_parent(house, OTHER, "bo@mail.example", "Bo", "Li")
    surrogate = asked(own, OTHER, claim_for(IRIS, Relationship.SURROGATE))
    record_identity(own, CLERK, surrogate.visit, LAKESIDE, "passport")
    assert verify_link(own, CLERK, surrogate.id, "agency-letter").state is LinkState.VERIFIED


# --- an end date ---------------------------------------------------------------------------------


def test_a_caseworker_s_link_ends_after_the_last_day(house, clock):
    link = proven(house, Relationship.CASEWORKER)
    done = verify_link(house, CLERK, link.id, "agency-letter", date(2026, 11, 30))
    assert done.expires_at.isoformat() == "2026-12-01T05:00:00+00:00"
    assert events(house, link)[-1].fields["until"] == "2026-11-30"
    clock.at = done.expires_at - timedelta(seconds=1)
    assert end_links(house, clock.now()) == 0
    clock.advance(seconds=1)
    assert end_links(house, clock.now()) == 1
    assert state(house, link) is LinkState.ENDED


def test_the_mail_about_a_link_for_a_time_names_the_last_day_and_no_other_does(house, clock):
    link = proven(house, Relationship.CASEWORKER)
    verify_link(house, CLERK, link.id, "agency-letter", date(2026, 11, 30))
    send_due(house, clock.now())
    assert (house.mail.letters[-1].kind, house.mail.letters[-1].day) == ("verified", date(2026, 11, 30))
    other = asked(house, AMARA, claim_for(TEO))
    verify_link(house, CLERK, other.id, "school-record")
    send_due(house, clock.now())
    assert (house.mail.letters[-1].kind, house.mail.letters[-1].day) == ("verified", None)


@pytest.mark.parametrize("until", [None, date(2026, 11, 24), date(2020, 1, 1), date(2032, 1, 1)])
def test_a_last_day_that_cannot_be(house, until):
    link = proven(house, Relationship.CASEWORKER)
    refused(house, BadInput, lambda: verify_link(house, CLERK, link.id, "agency-letter", until))


def test_the_18th_birthday_comes_before_a_later_last_day(house):
    """Mateo is 18 in May 2031."""
    link = asked(house, AMARA, claim_for(MATEO, Relationship.FOSTER_PARENT))
    record_identity(house, ELSEWHERE, link.visit, SchoolCode("0610"), "passport")
    done = verify_link(house, ELSEWHERE, link.id, "placement-letter", date(2031, 10, 1))
    assert done.expires_at.isoformat() == "2031-05-02T04:00:00+00:00"


# --- a student of 18 -----------------------------------------------------------------------------


def test_from_the_18th_birthday_on_in_florida_nothing_is_verified(house, clock):
    """34 CFR 99.5: the rights are the student's. Midnight counts in the district's time zone."""
    link = proven(house, Relationship.PARENT)
    grown = replace(IRIS, birth_date=date(2008, 11, 25))
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(grown,)))
    again = asked(house, OTHER, claim_for(grown))
    record_identity(house, CLERK, again.visit, LAKESIDE, "passport")
    clock.advance(hours=14)  # 5 in the morning of the birthday in UTC, midnight in Florida
    for act in (
        lambda: verify_link(house, CLERK, again.id, "school-record"),
        lambda: refer_link(house, CLERK, again.id),
    ):
        refused(house, OfAge, act)
    assert refuse_link(house, CLERK, again.id, "student-is-18").state is LinkState.DENIED
    assert state(house, link) is LinkState.AWAITING_VISIT


def test_a_minute_before_the_18th_birthday_the_last_day_counts(house, clock):
    grown = replace(IRIS, birth_date=date(2008, 11, 25))
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(grown,)))
    link = asked(house, AMARA, claim_for(grown))
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    clock.advance(hours=13, minutes=59)
    assert verify_link(house, CLERK, link.id, "school-record").state is LinkState.VERIFIED


# --- several at once -----------------------------------------------------------------------------


def two(house):
    first = proven(house, Relationship.PARENT)
    return first, asked(house, AMARA, claim_for(TEO))


def test_several_are_verified_together(house):
    first, other = two(house)
    before = len(audited(house))
    done = verify_links(
        house, CLERK, [Choice(first.id, "school-record"), Choice(other.id, "birth-certificate")]
    )
    assert [link.state for link in done] == [LinkState.VERIFIED] * 2
    assert audited(house)[before:] == ["link:verified"] * 2
    assert house.wakeup.woken == [AMARA]  # once
    with house.store.reading() as rows:
        assert rows.visits.get(first.visit).closed_at == NOW


@pytest.mark.parametrize(
    ("evidence", "why"), [("agency-letter", "EvidenceRefused"), ("", "BadInput"), ("a-promise", "BadInput")]
)
def test_one_that_is_refused_changes_none(house, evidence, why):
    first, other = two(house)
    rows = everything(house)
    with pytest.raises(OneRefused) as caught:
        verify_links(house, CLERK, [Choice(first.id, "school-record"), Choice(other.id, evidence)])
    assert (caught.value.link, type(caught.value.why).__name__) == (other.id, why)
    assert everything(house) == rows
    assert house.wakeup.woken == []


def test_a_restriction_of_one_of_two_is_audited_and_changes_none(house):
    restrict(house)
    first, other = two(house)
    choices = [Choice(other.id, "school-record"), Choice(first.id, "school-record")]
    refused(house, OneRefused, lambda: verify_links(house, CLERK, choices), "verification:refused")


def test_a_child_of_another_school_in_between_changes_none(house):
    first = proven(house, Relationship.PARENT)
    mateo = asked(house, AMARA, claim_for(MATEO))
    choices = [Choice(first.id, "school-record"), Choice(mateo.id, "school-record")]
    refused(house, OneRefused, lambda: verify_links(house, CLERK, choices))


def test_one_of_several_may_need_a_second_person(house):
    first, other = two(house)
    choices = [Choice(first.id, "court-order"), Choice(other.id, "school-record")]
    done = verify_links(house, CLERK, choices)
    assert [link.state for link in done] == [LinkState.AWAITING_SECOND, LinkState.VERIFIED]
    assert {link.state for link in links_of(house, AMARA)} == {link.state for link in done}


@pytest.mark.parametrize("uid", ["tess.moore", "nobody.known"])
def test_without_a_duty_none_of_several(house, uid):
    first, _ = two(house)
    refused(house, NoDuty, lambda: verify_links(house, uid, [Choice(first.id, "school-record")]))


# --- the account ---------------------------------------------------------------------------------


@pytest.mark.parametrize("email", ["amara@elsewhere.example", "amara@district.example"])
@pytest.mark.parametrize("way", ["one", "all", "second"])
def test_an_e_mail_that_changed_since_the_sign_in_stops_every_way_to_a_link(house, email, way):
    """It is noted and the old address told, but no link changes."""
    link = proven(house, Relationship.LEGAL_GUARDIAN)
    if way == "second":
        link = verify_link(house, CLERK, link.id, "court-order")
    house.accounts.add(AMARA, email)
    acts = {
        "one": lambda: verify_link(house, CLERK, link.id, "school-record"),
        "all": lambda: verify_links(house, CLERK, [Choice(link.id, "school-record")]),
        "second": lambda: agree_link(house, COLLEAGUE, link.id),
    }
    with pytest.raises(SignInAgain):
        acts[way]()
    assert links_of(house, AMARA) == (link,)
    assert audited(house)[-1] == "parent:email-changed"
    assert house.wakeup.woken == []
