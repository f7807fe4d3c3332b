"""My children: each state in words with one next action, and only one's own."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from idp_bridge.domain.link import END_REASON, LinkState, Move
from idp_bridge.domain.reasons import DENIAL_REASONS, REVOCATION_REASONS
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.web import wording
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, SCHOOLS
from tests.web.families import after, asked, claim, claim_for, confirmed, links_of
from tests.web.pages import plain, text

ACTIONS = (
    "Show my visit code",
    "Open OneView",
    "Look again",
    "Call the school",
    "See what you can do",
    "What this means",
    "Ask again",
)


@pytest.fixture
def parent(sign_in_parent):
    return sign_in_parent()


def _page(client) -> str:
    return text(client.get("/children").text)


def _offered(client) -> list[str]:
    page = _page(client).split("\n")
    return [action for action in ACTIONS if action in page]


def test_without_a_child_the_page_says_how_to_begin(parent):
    page = _page(parent)
    assert "No child is linked to you yet" in page
    assert "Add my first child" in page


def test_waiting(parent, house):
    asked(house, AMARA, claim_for(IRIS))
    page = _page(parent)
    assert "Waiting for your visit to Lakeside Elementary by Tuesday, December 8" in page
    assert "Student 4655 4860" in page
    assert "You said: Birth or adoptive parent" in page
    assert "November 24, 10:00 AM\nYou asked to be linked" in page.replace("\u202f", " ")
    assert "Next: visit the front office by Tuesday, December 8" in page
    assert "Iris" not in page
    assert _offered(parent) == ["Show my visit code"]


def test_verified_but_not_in_the_apps_yet(parent, house):
    confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS, arrived=False)
    page = _page(parent)
    assert "Linked" in page
    assert "Iris Quintero-Bell" in page
    assert "Grade 4, Lakeside Elementary" in page
    assert "the apps will follow" in page
    assert _offered(parent) == ["Look again"]


def test_verified_and_in_the_apps(parent, house):
    confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)
    assert "You can open the records, bus and messages of this student." in _page(parent)
    assert _offered(parent) == ["Open OneView"]
    assert 'href="/start?app=oneview&amp;as=parent"' in parent.get("/children").text


def test_on_hold_says_whom_to_call_and_not_why(parent, house):
    after(house, confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS), Move.SUSPEND, "court-order")
    page = _page(parent)
    assert "On hold" in page
    assert "court" not in page.lower()
    assert _offered(parent) == ["Call the school"]
    assert 'href="tel:321-555-0142"' in parent.get("/children").text


@pytest.mark.parametrize("reason", DENIAL_REASONS)
def test_not_confirmed(parent, house, reason):
    link = after(house, asked(house, AMARA, claim_for(IRIS)), Move.DENY, reason)
    page = _page(parent)
    assert "The school could not confirm this request on November 24." in page
    assert _offered(parent) == ["See what you can do"]
    about = parent.get(f"/children/{link.id}/about")
    assert about.status_code == 200
    assert str(wording.DENIAL_ADVICE[reason]) in text(about.text)
    assert "Ask again" in about.text


@pytest.mark.parametrize("move", END_REASON)
def test_ended(parent, house, move):
    link = after(house, confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS), move)
    page = _page(parent)
    assert "Ended on November 24" in page
    assert str(wording.END_REASONS[END_REASON[move]]) in page
    assert _offered(parent) == ["What this means"]
    about = text(parent.get(f"/children/{link.id}/about").text)
    assert str(wording.END_ADVICE[END_REASON[move]]) in about
    assert ("Ask again" in about) == (move not in (Move.COME_OF_AGE, Move.WITHDRAW_CONSENT))


def test_lapsed_says_that_nothing_was_lost_and_asks_again_with_the_same_answers(parent, house, clock):
    link = asked(house, AMARA, claim_for(IRIS))
    clock.advance(days=15)
    lapse_visits(house, clock.now())
    page = _page(parent)
    assert "The visit time is over" in page
    assert "Nothing was lost." in page
    assert _offered(parent) == ["Ask again"]
    again = parent.post(f"/children/{link.id}/again")
    assert again.location == "/children/add/check"
    assert "4655 4860" in parent.get("/children/add/check").text
    assert parent.post("/children/add/check", data={"true": "y"}).location == "/visit"
    assert _offered(parent) == ["Show my visit code"]


def test_a_visit_past_its_last_day_shows_as_over_before_the_timer_comes(parent, house, clock):
    asked(house, AMARA, claim_for(IRIS))
    clock.advance(days=15)
    assert _offered(parent) == ["Ask again"]
    assert parent.get("/visit").location == "/children"


def test_every_code_of_the_domain_has_words():
    assert set(wording.STATES) == set(LinkState)
    assert set(wording.DENIAL_ADVICE) == set(wording.DENIAL_REASONS) == set(DENIAL_REASONS)
    assert set(wording.REVOCATION_REASONS) == set(REVOCATION_REASONS)
    assert set(wording.END_REASONS) == set(wording.END_ADVICE) == set(END_REASON.values())


def test_the_whole_story_names_no_staff(parent, house):
    link = asked(house, AMARA, claim_for(IRIS))
    record_identity(house, "jo.hathaway", link.visit, SCHOOLS[0].code, "passport")
    verify_link(house, "jo.hathaway", link.id, "school-record")
    page = _page(parent)
    assert "You asked to be linked" in page
    assert "The school confirmed the link" in page
    assert "Hathaway" not in page
    assert "passport" not in page.lower()


def test_a_refusal_by_the_clerk_reaches_the_parent(parent, house):
    link = asked(house, AMARA, claim_for(IRIS))
    refuse_link(house, "jo.hathaway", link.id, "relationship-not-shown")
    page = _page(parent)
    assert "The school could not confirm the request" in page
    assert "Hathaway" not in page


def test_waiting_children_come_first_and_old_answers_to_a_new_request_are_gone(parent, house, clock):
    after(house, asked(house, AMARA, claim_for(IRIS)), Move.DENY, "not-the-student")
    confirmed(house, asked(house, AMARA, claim_for(MATEO)), MATEO)
    clock.advance(minutes=5)
    asked(house, AMARA, claim_for(IRIS))
    page = _page(parent)
    assert page.index("Student 4655 4860") < page.index("Mateo Quintero-Bell")
    assert "Not confirmed" not in page


def test_a_linked_child_stays_beside_a_new_request_for_it(parent, house, clock):
    confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)
    clock.advance(minutes=5)
    asked(house, AMARA, claim_for(IRIS))
    assert _offered(parent) == ["Show my visit code", "Open OneView"]


def test_a_request_can_be_taken_back_after_one_question(parent, house):
    link = asked(house, AMARA, claim_for(IRIS))
    question = parent.get(f"/children/{link.id}/cancel")
    assert "Take this request back?" in question.text
    assert links_of(house, AMARA)[0].state is LinkState.AWAITING_VISIT
    assert parent.post(f"/children/{link.id}/cancel").location == "/children"
    assert links_of(house, AMARA)[0].state is LinkState.CANCELLED
    assert "No child is linked to you yet" in _page(parent)
    assert parent.get("/visit").location == "/children"


def test_a_decided_request_cannot_be_taken_back(parent, house):
    link = confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)
    assert parent.get(f"/children/{link.id}/cancel").location == "/children"
    answer = parent.post(f"/children/{link.id}/cancel")
    assert answer.status_code == 409
    assert "This was decided already" in answer.text
    assert links_of(house, AMARA)[0].state is LinkState.VERIFIED


def test_a_waiting_child_has_no_advice_page(parent, house):
    link = asked(house, AMARA, claim_for(IRIS))
    assert parent.get(f"/children/{link.id}/about").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("get", "cancel"), ("post", "cancel"), ("get", "about"), ("post", "again")]
)
def test_somebody_elses_link_looks_like_none(sign_in_parent, house, method, path):
    client = sign_in_parent(OTHER)
    link = asked(house, OTHER, claim_for(IRIS))
    sign_in_parent()
    theirs = getattr(client, method)(f"/children/{link.id}/{path}")
    nobodys = getattr(client, method)(f"/children/{'0' * 32}/{path}")
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert plain(theirs.text) == plain(nobodys.text)
    assert links_of(house, OTHER)[0].state is LinkState.AWAITING_VISIT


def test_dates_far_away_carry_the_year(parent, house, clock):
    clock.at = NOW - timedelta(days=400)
    link = confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)
    after(house, link, Move.LEAVE)
    clock.at = NOW
    assert "Ended on October 20, 2025" in _page(parent)


def test_each_card_has_its_own_heading_and_one_action(parent, house):
    asked(house, AMARA, claim("46610927"))
    confirmed(house, asked(house, AMARA, claim_for(MATEO)), MATEO)
    page = parent.get("/children").text
    cards = re.findall(r'<section class="card[^>]*aria-labelledby="(child-\d)"(.*?)</section>', page, re.S)
    assert len(cards) == 2
    for name, body in cards:
        assert f'id="{name}"' in body
        assert body.count('class="button') == 1
