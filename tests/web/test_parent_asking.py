"""Test the way from the student number to the visit code: one question a page, nothing lost, clear words."""

from __future__ import annotations

import re
from datetime import date

import pytest

from idp_bridge.domain.link import LinkState
from tests.conftest import AMARA, NOW
from tests.web.families import links_of
from tests.web.pages import ANSWERS, answers, birth, errors, fill_in, send, text, wrong_fields

FIRST, LAST = "/children/add/number", "/children/add/check"


@pytest.fixture
def parent(sign_in_parent):
    return sign_in_parent()


def test_each_answer_leads_to_the_next_question(parent):
    where = []
    for question, fields in ANSWERS.items():
        where.append(parent.post(f"/children/add/{question}", data=fields).location)
    assert where == ["/children/add/birth-date", "/children/add/school", "/children/add/relationship", LAST]


def test_sending_leads_to_the_visit_code_and_the_request_waits(parent, house):
    answer = send(parent)
    assert (answer.status_code, answer.location) == (302, "/visit")
    (link,) = links_of(house, AMARA)
    assert link.state is LinkState.AWAITING_VISIT
    assert link.claimed.student_number == "46554860"
    assert link.claimed.birth_date == date(2016, 3, 9)
    assert link.student == "s-iris"


def test_the_check_page_shows_every_answer_with_a_way_to_change_it(parent):
    fill_in(parent, ANSWERS)
    page = parent.get(LAST).text
    for shown in ("4655 4860", "March 9, 2016", "Lakeside Elementary", "Birth or adoptive parent"):
        assert shown in page
    for question in ANSWERS:
        assert f'href="/children/add/{question}"' in page


def test_a_change_leads_straight_back_to_the_check_page(parent):
    fill_in(parent, ANSWERS)
    changed = parent.post("/children/add/school", data={"school": "0610"})
    assert changed.location == LAST
    assert "Heron Middle School" in parent.get(LAST).text


def test_an_answer_given_before_stands_in_the_form(parent):
    fill_in(parent, ANSWERS)
    assert 'value="4655 4860"' in parent.get(FIRST).text
    dates = parent.get("/children/add/birth-date").text
    assert all(f'value="{part}"' in dates for part in ("3", "9", "2016"))
    (chosen,) = re.findall(r"<input[^>]*checked[^>]*>", parent.get("/children/add/school").text)
    assert 'value="0552"' in chosen


def test_back_leads_one_question_back(parent):
    fill_in(parent, ANSWERS)
    assert 'class="back" href="/children"' in parent.get(FIRST).text
    assert f'class="back" href="{FIRST}"' in parent.get("/children/add/birth-date").text
    assert 'class="back" href="/children/add/relationship"' in parent.get(LAST).text


def test_nothing_is_chosen_beforehand(parent):
    assert "checked" not in parent.get("/children/add/school").text
    assert "checked" not in parent.get("/children/add/relationship").text


def test_the_check_page_without_answers_leads_to_the_first_open_question(parent):
    assert parent.get(LAST).location == FIRST
    parent.post(FIRST, data=ANSWERS["number"])
    assert parent.get(LAST).location == "/children/add/birth-date"
    assert parent.post(LAST, data={"true": "y"}).location == "/children/add/birth-date"


def test_nothing_is_sent_before_the_parent_stands_by_the_answers(parent, house):
    fill_in(parent, ANSWERS)
    answer = parent.post(LAST)
    assert answer.status_code == 422
    assert errors(answer.text) == ["Confirm that your answers are true"]
    assert links_of(house, AMARA) == ()


def test_the_draft_is_gone_once_it_was_sent(parent):
    send(parent)
    assert parent.get(LAST).location == FIRST


def test_getting_pages_asks_for_nothing(parent, house):
    fill_in(parent, ANSWERS)
    for path in (*(f"/children/add/{question}" for question in ANSWERS), LAST, "/children", "/visit"):
        parent.get(path)
    assert links_of(house, AMARA) == ()


@pytest.mark.parametrize("typed", ["46554860", "4655 4860", "4655-4860", " 46554860 ", "4655\u00a04860"])
def test_spaces_and_dashes_in_the_number_do_not_matter(parent, typed):
    assert parent.post(FIRST, data={"number": typed}).status_code == 302


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter the student number"),
        ("   ", "Enter the student number"),
        ("4655486O", "The student number has digits only, no letters"),
        ("Iris", "The student number has digits only, no letters"),
        ("46554", "Enter all 8 digits of the student number"),
        ("465548601", "Enter all 8 digits of the student number"),
        ("٤٦٥٥٤٨٦٠", "Enter all 8 digits of the student number"),
        ("<b>4655</b>", "The student number has digits only, no letters"),
    ],
)
def test_a_number_that_is_none_is_named_and_stays_in_the_field(parent, typed, said):
    answer = parent.post(FIRST, data={"number": typed})
    assert answer.status_code == 422
    assert errors(answer.text) == [said]
    assert f'<a href="#number">{said}</a>' in answer.text
    assert wrong_fields(answer.text) == ["number"]
    assert "<b>4655" not in answer.text
    if typed.strip().isascii() and "<" not in typed:
        assert f'value="{typed.strip()}"' in answer.text


@pytest.mark.parametrize(
    ("month", "day", "year", "fields", "said"),
    [
        ("", "9", "2016", ["month"], "Enter the month"),
        ("13", "9", "2016", ["month"], "The month is a number from 1 to 12"),
        ("March", "9", "2016", ["month"], "Use numbers only, for example 3 for March"),
        ("2", "30", "2016", ["day"], "This month has no such day. Check the day."),
        ("2", "29", "2015", ["day"], "This month has no such day. Check the day."),
        ("3", "0", "2016", ["day"], "This month has no such day. Check the day."),
        ("3", "9", "16", ["year"], "Enter all 4 digits of the year, for example 2016"),
        ("3", "9", "0000", ["year"], "Check the year: a student here is not that old"),
        ("3", "²", "2016", ["day"], "Use numbers only, for example 3 for March"),
        ("", "", "", ["month", "day", "year"], "Enter the month"),
        ("11", "25", "2026", ["month", "day", "year"], "The date of birth must be in the past"),
        ("3", "9", "2160", ["month", "day", "year"], "The date of birth must be in the past"),
        ("3", "9", "1960", ["month", "day", "year"], "Check the year: a student here is not that old"),
    ],
)
def test_a_birth_date_that_cannot_be_is_named_at_its_part(parent, month, day, year, fields, said):
    data = {"birth_date-month": month, "birth_date-day": day, "birth_date-year": year}
    answer = parent.post("/children/add/birth-date", data=data)
    assert answer.status_code == 422
    assert errors(answer.text) == [said]
    assert wrong_fields(answer.text) == [f"birth_date-{field}" for field in fields]
    assert f'href="#birth_date-{fields[0]}"' in answer.text
    for typed in filter(None, (month, day, year)):
        assert f'value="{typed}"' in answer.text


def test_today_is_a_birth_date_in_the_districts_zone(parent, clock):
    clock.at = NOW.replace(hour=3)  # still November 23 in Florida
    tomorrow = parent.post("/children/add/birth-date", data=birth(date(2026, 11, 24)))
    today = parent.post("/children/add/birth-date", data=birth(date(2026, 11, 23)))
    assert (tomorrow.status_code, today.status_code) == (422, 302)


@pytest.mark.parametrize("question", ["school", "relationship"])
@pytest.mark.parametrize("code", ["", "9999", "<script>"])
def test_a_choice_that_is_not_offered_is_asked_for_again(parent, question, code):
    answer = parent.post(f"/children/add/{question}", data={question: code} if code else {})
    assert answer.status_code == 422
    assert len(errors(answer.text)) == 1
    assert f'href="#{question}-0"' in answer.text
    assert "<script>" not in answer.text


def test_many_schools_become_a_list(parent, store):
    from idp_bridge.domain.people import School, SchoolCode
    from idp_bridge.domain.roster import RosterChanges

    many = tuple(School(SchoolCode(f"1{number:03}"), f"School {number}") for number in range(12))
    with store.transaction() as rows:
        rows.roster.write(RosterChanges(schools=many))
    page = parent.get("/children/add/school").text
    assert "<select" in page
    assert "Choose a school" in page
    assert parent.post("/children/add/school", data={"school": ""}).status_code == 422
    assert parent.post("/children/add/school", data={"school": "1003"}).status_code == 302


def test_a_birth_date_that_became_impossible_is_asked_for_again(parent, clock, house):
    fill_in(parent, answers(birth_date=birth(date(2026, 11, 24))))
    clock.advance(days=-2)  # the server's clock was wrong when the form was filled in
    answer = parent.post(LAST, data={"true": "y"})
    assert answer.status_code == 422
    assert errors(answer.text) == ["The date of birth must be in the past"]
    assert 'action="/children/add/birth-date"' in answer.text
    assert links_of(house, AMARA) == ()


@pytest.mark.parametrize("path", [FIRST, LAST, "/children/add/school"])
def test_a_district_address_is_told_before_the_first_question(sign_in_parent, path):
    client = sign_in_parent(email="pat.rivera@district.example")
    answer = client.get(path)
    assert answer.status_code == 403
    assert "Use a personal e-mail address" in text(answer.text)
    assert client.post(path, data=ANSWERS["number"]).status_code == 403


def test_another_question_is_not_there(parent):
    assert parent.get("/children/add/name").status_code == 404


@pytest.mark.parametrize("path", [FIRST, LAST, "/children", "/visit", "/visit/slip", "/children/x/cancel"])
def test_who_is_not_signed_in_is_led_to_sign_in_and_back(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/signin/parents?next=")


@pytest.mark.parametrize("path", [FIRST, "/children", "/visit"])
def test_staff_and_students_are_told_why_not(sign_in_staff, path):
    assert sign_in_staff().get(path).status_code == 403
    assert sign_in_staff("46554860", population="student").get(path).status_code == 403


def test_every_form_carries_the_anti_forgery_value_and_is_refused_without(web, sign_in_parent, house):
    web.config["WTF_CSRF_ENABLED"] = True
    client = sign_in_parent()
    for question, fields in ANSWERS.items():
        assert 'name="csrf_token"' in client.get(f"/children/add/{question}").text
        answer = client.post(f"/children/add/{question}", data=fields)
        assert answer.status_code == 400
        assert "This page was open for too long" in text(answer.text)
    assert links_of(house, AMARA) == ()
