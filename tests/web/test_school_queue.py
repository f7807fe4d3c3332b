"""The desk's front page, its search and undo, as staff see them: words, links, no e-mail in an address."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from idp_bridge.domain.link import LinkState, Move, moved
from idp_bridge.domain.people import Parent, SchoolCode
from idp_bridge.domain.visit_code import make
from idp_bridge.services import queueing
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, staff
from tests.web.families import after, asked, claim, claim_for, confirmed, links_of
from tests.web.pages import errors, plain, text

CLERK = "jo.hathaway"


@pytest.fixture(autouse=True)
def _parents(house):
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en", NOW))
        rows.parents.save(Parent(OTHER, "bo@mail.example", "Bo", "Li", "en", NOW))


@pytest.fixture
def clerk(sign_in_staff):
    return sign_in_staff(CLERK)


@pytest.fixture
def waiting(house):
    return asked(house, AMARA, claim_for(IRIS))


@pytest.fixture
def verified(house, waiting):
    record_identity(house, CLERK, waiting.visit, SchoolCode("0552"), "passport")
    return verify_link(house, CLERK, waiting.id, "school-record")


def second_asked(house, link, first: str):
    done = replace(moved(link, Move.ASK_SECOND, NOW), first_staff=f"entry-{first}")
    with house.store.transaction() as rows:
        rows.links.save(done)
    return done


def tabs(html: str) -> dict[str, str]:
    """Return the tabs of the list: words -> count."""
    return dict(re.findall(r">([^<>]+) <i>([^<]+)</i></a>", html))


def looked_for(client, words: str):
    """Type `words` at the desk's field and return the page it leads to."""
    answer = client.post("/desk/find", data={"code": words})
    assert answer.status_code == 302, answer.text
    return client.get(answer.location)


def opens(html: str) -> list[str]:
    """Return the visits a page leads to."""
    return re.findall(r'href="/desk/visits/([0-9a-f]+)"', html)


def test_the_tabs_count_what_each_list_holds(clerk, waiting):
    assert tabs(clerk.get("/desk").text) == {
        "All": "1",
        "This week": "0",
        "Second person needed": "0",
        "Not yet in apps": "0",
    }


def test_only_the_district_office_has_the_referred(house, sign_in_staff, waiting):
    after(house, waiting, Move.REFER)
    district = sign_in_staff("dee.collins")
    html = district.get("/desk?list=referred").text
    assert tabs(html)["Referred"] == "1"
    assert opens(html) == [waiting.visit]
    clerk = sign_in_staff(CLERK)
    assert "Referred" not in tabs(clerk.get("/desk?list=referred").text)


@pytest.mark.parametrize("address", ["/desk?list=nothing", "/desk?list=", "/desk?page=x", "/desk?page=-1"])
def test_what_is_no_list_or_page_is_the_first(clerk, waiting, address):
    answer = clerk.get(address)
    assert answer.status_code == 200
    assert opens(answer.text) == [waiting.visit]


def test_a_colleague_is_asked_and_the_first_person_told_to_wait(house, sign_in_staff, waiting):
    second_asked(house, waiting, CLERK)
    house.directory.people["pat.rivers"] = staff("pat.rivers", "0552:office")
    assert "A colleague must agree" in text(sign_in_staff(CLERK).get("/desk?list=second").text)
    html = text(sign_in_staff("pat.rivers").get("/desk?list=second").text)
    assert "Second person" in html.splitlines()
    assert "A colleague must agree" not in html


def test_a_restriction_is_on_no_page_of_the_queue(house, clerk, waiting):
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    before = plain(clerk.get("/desk").text)
    order = Order(
        IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", NOW.date() + timedelta(90)
    )
    place(house, "ana.ruiz", order)
    assert plain(clerk.get("/desk").text) == before
    assert plain(looked_for(clerk, IRIS.number).text).lower().count("restrict") == 0


def test_what_has_not_arrived_is_listed_with_since_when(house, clerk, waiting):
    confirmed(house, waiting, IRIS, arrived=False)
    html = clerk.get("/desk?list=apps").text
    assert "November 24, 10:00 AM" in text(html)
    assert opens(html) == [waiting.visit]


@pytest.mark.parametrize("tab", list(queueing.Tab))
def test_an_empty_list_says_so(sign_in_staff, tab):
    html = sign_in_staff("dee.collins").get(f"/desk?list={tab}").text
    assert "<table" not in html
    assert '<p class="muted">' in html


def test_many_are_counted_in_words_and_leafed_through(house, clerk, monkeypatch):
    monkeypatch.setattr(queueing, "MOST", 20)
    monkeypatch.setattr(queueing, "GLANCE", 10)
    monkeypatch.setattr("idp_bridge.web.desk_queue.MOST", 20)
    for number in range(25):
        with house.store.transaction() as rows:
            rows.parents.save(Parent(f"p-{number}", f"{number}@mail.example", "P", "Li", "en", NOW))
        asked(house, f"p-{number}", claim("46999999"))
    html = clerk.get("/desk?page=2").text
    assert tabs(html)["All"] == "20+"
    assert "11 to 20 of 20+, nearest deadline first" in text(html)
    assert len(opens(html)) == 10
    assert opens(clerk.get("/desk?page=9").text) == opens(html)  # nothing further than the most


# --- search --------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["4655 4860", "AMARA@mail.example"])
def test_what_is_looked_for_stands_in_no_address(clerk, waiting, words):
    answer = clerk.post("/desk/search", data={"code": words})
    assert answer.location == "/desk/found"
    html = clerk.get("/desk/found").text
    assert opens(html) == [waiting.visit]
    assert "Waiting for a visit" in text(html)
    links = re.findall(r'(?:href|action)="([^"]*)"', html)
    assert not [one for one in links if "46554860" in one or "mail.example" in one]


def test_the_results_can_be_left_and_come_back_to(clerk, waiting):
    first = looked_for(clerk, IRIS.number).text
    clerk.get(f"/desk/visits/{waiting.visit}")
    assert plain(clerk.get("/desk/found").text) == plain(first)


def test_past_requests_stand_with_state_and_day(house, clerk, waiting):
    after(house, waiting, Move.DENY, "not-the-student")
    words = text(looked_for(clerk, IRIS.number).text)
    assert "Not confirmed" in words
    assert "Nov 24" in words


def test_not_mine_and_not_there_look_alike(house, clerk):
    asked(house, AMARA, claim_for(MATEO))
    pages = {
        words: plain(looked_for(clerk, words).text).replace(words, "")
        for words in (MATEO.number, "46999999", "amara@mail.example", "nobody@mail.example")
    }
    assert len(set(pages.values())) == 1
    assert "Nothing here fits this." in text(pages["46999999"])


@pytest.mark.parametrize("where", ["/desk/find", "/desk/search"])
def test_the_field_takes_a_code_too(house, clerk, waiting, where):
    with house.store.reading() as rows:
        visit = rows.visits.get(waiting.visit)
    code = make(house.rules.code_key, visit.id, visit.code_turn)
    answer = clerk.post(where, data={"code": code})
    assert answer.location == f"/desk/visits/{waiting.visit}"


@pytest.mark.parametrize(("typed", "status"), [("", 422), ("XXXX-XXXX", 404), ("4655 486", 404)])
def test_what_is_neither_comes_back_at_the_field(clerk, waiting, typed, status):
    answer = clerk.post("/desk/search", data={"code": typed})
    assert answer.status_code == status
    assert len(errors(answer.text)) == 1
    assert f'value="{typed}"' in answer.text
    assert clerk.get("/desk/found").location == "/desk/search"


def test_search_without_a_duty_is_refused(sign_in_staff, waiting):
    teacher = sign_in_staff("tess.moore")
    for path in ("/desk", "/desk/search"):
        assert teacher.get(path).status_code == 403
    teacher.post("/desk/search", data={"code": IRIS.number})
    assert teacher.get("/desk/found").status_code == 403


# --- undo ----------------------------------------------------------------------------------------


def test_what_i_just_decided_can_be_undone_from_the_desk(house, clerk, verified):
    html = clerk.get("/desk").text
    assert "Verified" in text(html)
    assert 'aria-label="Undo: Verified, student 4655 4860"' in html
    answer = clerk.post(f"/desk/links/{verified.id}/undo")
    assert answer.location == f"/desk/visits/{verified.visit}"
    assert "Taken back." in text(clerk.get(answer.location).text)
    assert [link.state for link in links_of(house, AMARA)] == [LinkState.AWAITING_VISIT]
    assert "Nothing yet today." in text(clerk.get("/desk").text)


def test_after_a_while_it_is_final(house, clerk, verified):
    house.clock.advance(minutes=16)
    html = clerk.get("/desk").text
    assert "final" in text(html)
    assert "/undo" not in html
    answer = clerk.post(f"/desk/links/{verified.id}/undo")
    assert answer.status_code == 409
    assert "It is too late to undo this" in text(answer.text)
    assert [link.state for link in links_of(house, AMARA)] == [LinkState.VERIFIED]


def test_of_a_colleague_s_decision_nothing_is_shown_or_undone(house, sign_in_staff, verified):
    house.directory.people["pat.rivers"] = staff("pat.rivers", "0552:office")
    colleague = sign_in_staff("pat.rivers")
    assert "Nothing yet today." in text(colleague.get("/desk").text)
    assert colleague.post(f"/desk/links/{verified.id}/undo").status_code == 409
    assert [link.state for link in links_of(house, AMARA)] == [LinkState.VERIFIED]


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_undo_is_a_post(clerk, verified, method):
    assert getattr(clerk, method)(f"/desk/links/{verified.id}/undo").status_code == 405


def test_undo_of_nothing(clerk):
    assert clerk.post(f"/desk/links/{'0' * 32}/undo").status_code == 404
