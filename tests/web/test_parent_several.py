"""Several children in one sitting: each with its own answers, one code, and nothing chosen silently."""

from __future__ import annotations

import re
from datetime import date

import pytest

from idp_bridge.domain.link import LinkState
from idp_bridge.services.expiring import lapse_visits
from tests.conftest import AMARA, IRIS, OTHER, TEO
from tests.web.families import asked, claim_for, links_of
from tests.web.pages import ANSWERS, birth, errors, fill_in, plain, text

CHECK = "/children/add/check"
SECOND = {"number": {"number": TEO.number}, "birth-date": birth(TEO.birth_date)}


@pytest.fixture
def parent(sign_in_parent):
    return sign_in_parent()


def add(client, place: int, said=SECOND, same=True):
    """Answer number and birth date of one more child, and whether the rest is the same."""
    for question, fields in said.items():
        answer = client.post(f"/children/add/{question}?child={place}", data=fields)
        assert answer.status_code == 302, answer.text
    if same:
        answer = client.post(f"/children/add/same?child={place}")
    return answer


def two(client):
    """Fill in two children."""
    fill_in(client, ANSWERS)
    assert add(client, 1).location == CHECK
    return client


def test_two_children_are_sent_at_once_and_share_the_code(parent, house):
    two(parent)
    assert parent.post(CHECK, data={"true": "y"}).location == "/visit"
    first, second = reversed(links_of(house, AMARA))
    assert (first.student, second.student, first.visit) == (IRIS.id, TEO.id, second.visit)
    page = text(parent.get("/visit").text)
    assert len(set(re.findall(r"[B-Z]{4}-[B-Z]{4}", page))) == 1
    assert "4655 4860" in page
    assert "4661 0927" in page


def test_the_check_page_shows_each_child_and_offers_one_more(parent):
    page = two(parent).get(CHECK).text
    for shown in ("Child 1", "Child 2", "4655 4860", "4661 0927", "Add another child"):
        assert shown in page
    assert page.count("Lakeside Elementary") == 2
    assert 'href="/children/add/number?child=2"' in page
    assert 'href="/children/add/school?child=1"' in page


def test_school_and_relationship_of_the_child_before_are_shown_and_asked(parent, house):
    fill_in(parent, ANSWERS)
    where = add(parent, 1, same=False).location
    assert where == "/children/add/same?child=1"
    page = text(parent.get(where).text)
    for shown in ("Is this the same for this child?", "Lakeside Elementary", "Birth or adoptive parent"):
        assert shown in page
    assert "No, something is different" in page
    assert "Lakeside Elementary" in text(parent.get(CHECK).text)
    assert text(parent.get(CHECK).text).count("Lakeside Elementary") == 1  # not taken before yes was said


def test_what_is_different_is_asked_with_nothing_chosen(parent, house):
    fill_in(parent, ANSWERS)
    add(parent, 1, same=False)
    assert "checked" not in parent.get("/children/add/school?child=1").text
    answer = parent.post("/children/add/school?child=1", data={"school": "0610"})
    assert answer.location == "/children/add/relationship?child=1"
    assert "checked" not in parent.get(answer.location).text
    parent.post(answer.location, data={"relationship": "step-parent"})
    parent.post(CHECK, data={"true": "y"})
    said = {link.claimed.student_number: link.claimed for link in links_of(house, AMARA)}
    assert (said[TEO.number].school, said[TEO.number].relationship) == ("0610", "step-parent")
    assert (said[IRIS.number].school, said[IRIS.number].relationship) == ("0552", "birth-or-adoptive-parent")


def test_one_child_is_changed_and_the_other_stays(parent):
    two(parent)
    assert parent.post("/children/add/birth-date?child=0", data=birth(date(2016, 3, 8))).location == CHECK
    page = text(parent.get(CHECK).text)
    assert "March 8, 2016" in page
    assert "July 13, 2018" in page


def test_a_child_is_removed_before_anything_is_sent(parent, house):
    two(parent)
    assert parent.post("/children/add/remove?child=0").location == CHECK
    page = text(parent.get(CHECK).text)
    assert "4655 4860" not in page
    assert "4661 0927" in page
    assert parent.post("/children/add/remove?child=0").location == "/children"
    assert parent.get(CHECK).location == "/children/add/number"
    assert links_of(house, AMARA) == ()


def test_the_same_number_twice_is_told_at_once(parent):
    fill_in(parent, ANSWERS)
    answer = parent.post("/children/add/number?child=1", data=ANSWERS["number"])
    assert answer.status_code == 422
    assert errors(answer.text) == ["You have added this student already"]
    assert 'value="4655 4860"' in answer.text
    assert parent.post("/children/add/number?child=0", data=ANSWERS["number"]).status_code == 302


def test_a_half_done_child_waits_with_a_way_on_and_is_not_sent(parent, house):
    fill_in(parent, ANSWERS)
    parent.post("/children/add/number?child=1", data={"number": TEO.number})
    page = parent.get(CHECK).text
    assert "Answer the other questions" in page
    assert 'href="/children/add/birth-date?child=1"' in page
    assert "Send and get my visit code" not in page
    assert parent.post(CHECK, data={"true": "y"}).location == "/children/add/birth-date?child=1"
    assert links_of(house, AMARA) == ()


def test_my_children_leads_back_to_what_was_not_sent(parent):
    assert "You have not sent your request yet" not in parent.get("/children").text
    two(parent)
    page = parent.get("/children").text
    assert "You have not sent your request yet" in page
    assert page.count(f'href="{CHECK}"') == 1
    parent.post(CHECK, data={"true": "y"})
    assert "You have not sent your request yet" not in parent.get("/children").text


@pytest.mark.parametrize("place", ["2", "99", "-1"])
@pytest.mark.parametrize("question", ["number", "same"])
def test_a_child_that_cannot_be_there_is_not_there(parent, place, question):
    fill_in(parent, ANSWERS)
    assert parent.get(f"/children/add/{question}?child={place}").status_code == 404
    assert parent.post(f"/children/add/{question}?child={place}").status_code == 404


def test_a_place_that_is_no_number_is_the_child_typed_last(parent):
    fill_in(parent, ANSWERS)
    assert 'value="4655 4860"' in parent.get("/children/add/number?child=x").text


def test_twelve_children_are_enough_for_one_sitting(parent):
    fill_in(parent, ANSWERS)
    for place in range(1, 12):
        add(parent, place, {**SECOND, "number": {"number": f"460000{place:02}"}})
    assert "Add another child" not in parent.get(CHECK).text
    assert parent.get("/children/add/number?child=12").status_code == 404


def test_the_same_answers_cannot_be_taken_from_nobody(parent):
    assert parent.get("/children/add/same").location == "/children/add/number"
    assert parent.post("/children/add/same").location == "/children/add/number"
    assert parent.get(CHECK).location == "/children/add/number"


def test_several_lapsed_requests_are_made_again_together(parent, house, clock):
    links = [asked(house, AMARA, claim_for(student)) for student in (IRIS, TEO)]
    clock.advance(days=15)
    lapse_visits(house, clock.now())
    for link in links:
        assert parent.post(f"/children/{link.id}/again").location == CHECK
    parent.post(f"/children/{links[0].id}/again")  # a second press changes nothing
    assert parent.get(CHECK).text.count("Student number</dt>") == 2
    parent.post(CHECK, data={"true": "y"})
    waiting = [link for link in links_of(house, AMARA) if link.state is LinkState.AWAITING_VISIT]
    assert {link.student for link in waiting} == {IRIS.id, TEO.id}


def test_a_claim_the_rules_refuse_by_now_is_asked_again_for_that_child(parent, clock, house):
    fill_in(parent, ANSWERS)
    add(parent, 1, {**SECOND, "birth-date": birth(date(2026, 11, 24))})
    clock.advance(days=-2)
    answer = parent.post(CHECK, data={"true": "y"})
    assert answer.status_code == 422
    assert errors(answer.text) == ["The date of birth must be in the past"]
    assert 'action="/children/add/birth-date?child=1"' in answer.text
    assert links_of(house, AMARA) == ()


def test_one_miss_among_several_looks_like_all_hits(sign_in_parent):
    def seen(who, number):
        client = sign_in_parent(who)
        fill_in(client, ANSWERS)
        add(client, 1, {**SECOND, "number": {"number": number}})
        answer = client.post(CHECK, data={"true": "y"})
        pages = [client.get(path) for path in ("/visit", "/visit/slip", "/children", "/children/why")]
        return [answer.status_code, *(plain(page.text).replace(number, "N") for page in pages)]

    hit, miss = seen(AMARA, TEO.number), seen(OTHER, "46999999")
    shown = f"{TEO.number[:4]} {TEO.number[4:]}"
    assert [hit[0], *(page.replace(shown, "4699 9999") for page in hit[1:])] == miss
