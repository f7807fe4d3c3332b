"""Why a child cannot be seen, what happened and when, and "this is not my child": in words, never staff."""

from __future__ import annotations

import re

import pytest

from idp_bridge.domain.events import EVENTS
from idp_bridge.domain.link import END_REASON, LinkState, Move
from idp_bridge.services.reading import NEUTRAL, TOLD
from idp_bridge.services.recording import record
from idp_bridge.services.refusing import refuse_link
from idp_bridge.web import wording
from idp_bridge.web.cards import ORDER
from tests.conftest import AMARA, IRIS, MATEO, OTHER
from tests.services.test_leaving import events
from tests.services.test_linking import MISS, _parents  # noqa: F401  (autouse)
from tests.web.families import after, asked, claim, claim_for, confirmed, links_of
from tests.web.pages import plain, text


@pytest.fixture
def parent(sign_in_parent):
    return sign_in_parent()


def why(client) -> str:
    return text(client.get("/children/why").text)


def _waiting(house):
    return asked(house, AMARA, claim_for(IRIS))


def _linked(house, *, arrived=True):
    return confirmed(house, _waiting(house), IRIS, arrived=arrived)


SITUATIONS = {
    "waiting": (_waiting, "your visit is still to come", "Show my visit code"),
    "second": (
        lambda house: after(house, _waiting(house), Move.ASK_SECOND),
        "a second person",
        "Call the school",
    ),
    "referred": (
        lambda house: after(house, _waiting(house), Move.REFER),
        "The district office decides this request",
        "Call the district office",
    ),
    "not there yet": (lambda house: _linked(house, arrived=False), "the apps do not know yet", "Look again"),
    "linked": (_linked, "sign out of the app and sign in again", "Open OneView"),
    "on hold": (
        lambda house: after(house, _linked(house), Move.SUSPEND, "dispute"),
        "The link is on hold",
        "Call the school",
    ),
    "lapsed": (
        lambda house: after(house, _waiting(house), Move.LAPSE),
        "the last day for the visit is over",
        "Ask again",
    ),
    "denied": (
        lambda house: after(house, _waiting(house), Move.DENY, "identity-not-shown"),
        "The school did not see a photo ID",
        "See what you can do",
    ),
    **{
        reason: (
            lambda house, move=move: after(house, _linked(house), move),
            str(wording.END_REASONS[reason]),
            "What this means",
        )
        for move, reason in END_REASON.items()
    },
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_child_has_its_reason_and_one_next_action(parent, house, name):
    make, reason, action = SITUATIONS[name]
    make(house)
    page = parent.get("/children/why").text
    (card,) = re.findall(r'<section class="card" aria-labelledby="why-\d">(.*?)</section>', page, re.S)
    assert reason in text(card)
    assert action in text(card)
    assert card.count('class="button') + card.count("<button") == 1


def test_a_child_that_is_not_listed_has_reasons_too(parent):
    page = why(parent)
    for shown in (
        "I have not asked for this child yet",
        "I asked with another e-mail address",
        "You are signed in as amara@mail.example.",
        "The student is 18",
        "The student left the district’s schools",
    ):
        assert shown in page


def test_my_children_leads_there(parent):
    assert 'href="/children/why"' in parent.get("/children").text


@pytest.mark.parametrize("path", ["/children", "/children/why"])
def test_a_restriction_and_a_dispute_look_the_same(sign_in_parent, house, path):
    pages = []
    for who, reason, name in (
        (AMARA, None, "link:suspended"),
        (OTHER, "dispute", "link:disputed"),
    ):
        client = sign_in_parent(who, "amara@mail.example")
        link = confirmed(house, asked(house, who, claim_for(IRIS)), IRIS)
        _record(house, link, Move.SUSPEND, name, reason)
        pages.append(plain(client.get(path).text))
    assert pages[0] == pages[1]
    assert "On hold" in pages[0]


def _record(house, link, move, name, reason=None):
    from idp_bridge.domain.events import Actor, ActorKind
    from idp_bridge.domain.link import moved

    fields = {"restriction": "r1"} if "restriction" in EVENTS[name] else {}
    with house.store.transaction() as rows:
        done = moved(link, move, house.clock.now(), reason)
        record(rows, link, done, name, Actor(ActorKind.STAFF, "entry-secret"), school=MATEO.school, **fields)
    return done


def test_every_event_of_a_link_has_words_and_the_same_where_it_must_look_the_same():
    assert set(wording.EVENTS) == {name for name in EVENTS if name.startswith("link:")} == TOLD
    for one in NEUTRAL:
        same = [other for other in NEUTRAL if NEUTRAL[other] == NEUTRAL[one]]
        assert len({str(wording.EVENTS[other]._args) for other in same}) == 1


def test_every_state_that_shows_has_a_place():
    assert {*ORDER, LinkState.REQUESTED, LinkState.CANCELLED} == set(LinkState)


def test_the_story_says_when_and_at_which_school(parent, house):
    link = asked(house, AMARA, claim_for(IRIS))
    refuse_link(house, "jo.hathaway", link.id, "identity-not-shown")
    page = text(parent.get("/children").text)
    assert "You asked to be linked (Lakeside Elementary)" in page
    assert "The school could not confirm the request (Lakeside Elementary)" in page
    assert "entry-" not in page


def test_the_story_before_proof_never_tells_where_the_student_really_goes(sign_in_parent, house):
    pages = []
    for who, number in ((AMARA, MATEO.number), (OTHER, MISS.student_number)):
        client = sign_in_parent(who, "amara@mail.example")
        link = asked(house, who, claim(number, MATEO.birth_date, "0552"))
        refuse_link(house, "dee.collins", link.id, "not-the-student")
        shown = f"{number[:4]} {number[4:]}"
        pages.append(plain(client.get("/children").text).replace(shown, "N"))
    assert pages[0] == pages[1]
    assert "Heron Middle School" not in pages[0]


def test_not_my_child_is_asked_first_and_then_ends_the_link(parent, house):
    link = _linked(house)
    question = text(parent.get(f"/children/{link.id}/not-mine").text)
    assert "This is not your child?" in question
    assert "The school will look at how it happened." in question
    assert links_of(house, AMARA)[0].state is LinkState.VERIFIED
    assert parent.post(f"/children/{link.id}/not-mine").location == "/children/told"
    assert "the school will look at how it happened" in text(parent.get("/children/told").text)
    assert links_of(house, AMARA)[0].state is LinkState.ENDED
    assert [name for name, *_ in events(house, "alarm:wrong-child")] == ["alarm:wrong-child"]
    assert parent.get(f"/children/{link.id}/not-mine").location == "/children"
    assert parent.post(f"/children/{link.id}/not-mine").status_code == 409


def test_not_my_child_looks_the_same_for_a_hit_and_a_miss(sign_in_parent, house):
    seen = []
    for who, number in ((AMARA, IRIS.number), (OTHER, MISS.student_number)):
        client = sign_in_parent(who, "amara@mail.example")
        link = asked(house, who, claim(number))
        before = client.get(f"/children/{link.id}/not-mine")
        answer = client.post(f"/children/{link.id}/not-mine")
        pages = [before, client.get(answer.location), client.get("/children"), client.get("/visit")]
        shown = f"{number[:4]} {number[4:]}"
        seen.append(
            [answer.status_code, answer.location, *(plain(page.text).replace(shown, "N") for page in pages)]
        )
        (event,) = [one for one in events(house, "link:cancelled") if one[1] == link.id]
        assert event[2]["reason"] == "not-my-child"
    assert seen[0] == seen[1]
    assert events(house, "alarm:wrong-child") == []


def test_somebody_elses_child_is_not_there(sign_in_parent, house):
    link = asked(house, OTHER, claim_for(IRIS))
    client = sign_in_parent()
    for method in (client.get, client.post):
        theirs, nobodys = method(f"/children/{link.id}/not-mine"), method(f"/children/{'0' * 32}/not-mine")
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert plain(theirs.text) == plain(nobodys.text)
    assert links_of(house, OTHER)[0].state is LinkState.AWAITING_VISIT


@pytest.mark.parametrize("move", [Move.ASK_SECOND, Move.REFER])
def test_a_request_that_waits_for_others_can_be_taken_back(parent, house, move):
    link = after(house, _waiting(house), move)
    assert f"/children/{link.id}/cancel" in parent.get("/children").text
    assert parent.post(f"/children/{link.id}/cancel").status_code == 302
    assert links_of(house, AMARA)[0].state is LinkState.CANCELLED
