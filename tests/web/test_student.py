"""A student's own page: theirs alone, from 18 on, in both languages, and nothing about anybody else."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, timedelta

import pytest
from flask_babel import force_locale

from idp_bridge.domain.link import CONSENT, LinkState, Move, end_of_childhood, moved
from idp_bridge.domain.people import Parent, Purpose
from idp_bridge.domain.restriction import Basis, Restriction, RestrictionId
from idp_bridge.services.granting import Owner, grant
from idp_bridge.web.session import COOKIE, Person, _hash
from tests.conftest import AMARA, IRIS, NOW, OTHER, TEO
from tests.web.families import after, asked, claim_for, confirmed, links_of
from tests.web.pages import errors, text

CHOSEN = {"purposes": ["records", "messages"]}


@pytest.fixture
def sign_in_student(sessions, client, clock):
    """Return a function that signs a student in, as the callback would have left the session."""

    def sign_in(number: str = IRIS.number):
        sub = f"sub-{number}"
        person = Person("district", "iss", sub, "sid", "student", "iris", "Iris", "", "e30.e30.e30", number)
        return _plant(sessions, client, clock, person)

    return sign_in


def _plant(sessions, client, clock, person):
    """Plant a session that is good for a month from now, whenever that is."""
    ends = clock.now() + timedelta(days=30)
    content = {"person": asdict(person), "ends": ends.isoformat()}
    sessions.save(_hash(person.sub), content, clock.now(), ends)
    client.set_cookie(COOKIE, person.sub)
    return client


@pytest.fixture
def of_age(house, clock):
    """Amara's link to Iris after Iris' 18th birthday."""
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en", NOW))
        rows.parents.save(Parent(OTHER, "bo@mail.example", "Bo", "Li", "es", NOW))
    link = confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)
    clock.at = end_of_childhood(IRIS.birth_date, house.rules.zone) + timedelta(hours=9)
    return after(house, link, Move.COME_OF_AGE)


def live(house, parent=AMARA):
    return [link for link in links_of(house, parent) if link.state is LinkState.VERIFIED]


def test_a_student_lands_on_their_own_page(sign_in_student, of_age):
    client = sign_in_student()
    assert client.get("/").location == "/student"
    page = text(client.get("/student").text)
    assert "My records" in page
    assert "Amara Quintero-Bell" in page
    assert "Birth or adoptive parent · Lakeside Elementary" in page
    assert "Ended on March 9" in page


def test_before_18_there_is_the_day_and_nothing_else(sign_in_student, of_age, clock):
    clock.at = end_of_childhood(IRIS.birth_date, NOW.tzinfo) - timedelta(days=1)
    page = sign_in_student().get("/student").text
    assert "Thursday, March 9" in page
    assert "Amara" not in page
    assert of_age.id not in page
    for path in (f"/student/allow/{of_age.id}", f"/student/stop/{of_age.id}"):
        assert sign_in_student().get(path).status_code == 404
        assert sign_in_student().post(path, data=CHOSEN).status_code == 404


@pytest.mark.parametrize("number", ["", "46999999", TEO.number])
def test_nobody_elses_records(sign_in_student, of_age, house, number):
    client = sign_in_student(number)
    page = client.get("/student")
    assert page.status_code == 200
    assert "Amara" not in page.text
    assert client.post(f"/student/allow/{of_age.id}", data=CHOSEN).status_code == 404
    assert live(house) == []


def test_not_there_and_not_yours_look_alike(sign_in_student, of_age, house):
    teos = confirmed(house, asked(house, OTHER, claim_for(TEO)), TEO)
    client = sign_in_student()
    pages = [client.get(f"/student/allow/{one}") for one in (teos.id, "none", "0" * 32)]
    assert {page.status_code for page in pages} == {404}
    assert (
        len({page.text.replace(teos.id, "x").replace("none", "x").replace("0" * 32, "x") for page in pages})
        == 1
    )


def test_allow_again_for_what_is_chosen(sign_in_student, of_age, house):
    client = sign_in_student()
    form = client.get(f"/student/allow/{of_age.id}").text
    assert "checked" not in form  # nothing is chosen beforehand
    answer = client.post(f"/student/allow/{of_age.id}", data=CHOSEN)
    assert (answer.status_code, answer.location) == (302, "/student")
    (link,) = live(house)
    assert (link.purposes, link.evidence) == ({Purpose.RECORDS, Purpose.MESSAGES}, CONSENT)
    page = text(client.get("/student").text)
    assert "Amara Quintero-Bell can see it again. The apps follow in a moment." in page
    assert "School records, Messages of the school" in page


@pytest.mark.parametrize("data", [{}, {"purposes": []}, {"purposes": ["everything"]}])
def test_nothing_chosen_says_so_and_changes_nothing(sign_in_student, of_age, house, data):
    answer = sign_in_student().post(f"/student/allow/{of_age.id}", data=data)
    assert answer.status_code == 422
    assert errors(answer.text) == ["Choose at least one"]
    assert live(house) == []


def test_sending_twice_leads_back_to_the_page(sign_in_student, of_age, house):
    client = sign_in_student()
    for _ in range(2):
        assert client.post(f"/student/allow/{of_age.id}", data=CHOSEN).status_code in (302, 404)
    assert len(live(house)) == 1


def _restrict(house):
    restriction = Restriction(
        RestrictionId("r"), IRIS.id, "Amara", "Quintero-Bell", None, AMARA, access=True, messages=True,
        basis=Basis.COURT_ORDER, note="sealed words", review_on=date(2035, 1, 1), placed_by="p",
        placed_at=NOW,
    )  # fmt: skip
    with house.store.transaction() as rows:
        rows.restrictions.add(restriction)


def _change_email(house):
    house.accounts.change(AMARA, email="new@mail.example")


def _district_address(house):
    with house.store.transaction() as rows:
        rows.parents.save(replace(rows.parents.get(AMARA), email="amara@district.example"))


def test_what_stands_against_the_parent_is_not_told(sign_in_student, of_age, house):
    client, pages = sign_in_student(), set()
    for stand in (_restrict, _change_email, _district_address):
        stand(house)
        answer = client.post(f"/student/allow/{of_age.id}", data=CHOSEN)
        assert answer.status_code == 409
        assert "This cannot be done here" in answer.text
        assert not any(word in answer.text.lower() for word in ("court", "sealed", "e-mail", "restriction"))
        pages.add(answer.text)
    assert len(pages) == 1
    assert live(house) == []


def test_stop_asks_once_more_and_ends_it(sign_in_student, of_age, house):
    link = grant(house, Owner(IRIS.number, "sub"), of_age.id, {Purpose.RECORDS})
    client = sign_in_student()
    assert "Stop the access?" in client.get(f"/student/stop/{link.id}").text
    assert live(house) == [link]
    assert client.post(f"/student/stop/{link.id}").location == "/student"
    assert live(house) == []
    assert client.post(f"/student/stop/{link.id}").status_code == 302
    assert "can no longer see your records" in client.get("/student").text


def test_a_link_on_hold_shows_no_hold(sign_in_student, of_age, house, clock):
    link = grant(house, Owner(IRIS.number, "sub"), of_age.id, {Purpose.RECORDS})
    with house.store.transaction() as rows:
        rows.links.save(moved(link, Move.SUSPEND, clock.now()))
    page = text(sign_in_student().get("/student").text)
    assert "Ended on March 9" in page
    assert "hold" not in page
    assert "Allow again" not in page


@pytest.mark.parametrize("path", ["/student", "/student/allow/x", "/student/stop/x"])
def test_parents_and_staff_are_told_it_is_another_account(client, sign_in_parent, sign_in_staff, path):
    assert client.get(path).location.startswith("/signin/district?next=")
    for sign_in in (sign_in_parent, sign_in_staff):
        assert sign_in().get(path).status_code == 403


def test_a_student_is_no_parent_and_no_staff(sign_in_student, of_age):
    client = sign_in_student()
    for path in ("/children", "/desk", "/visit"):
        assert client.get(path).status_code == 403


def test_the_parent_reads_what_happened(sign_in_student, sessions, client, clock, of_age, house):
    link = grant(house, Owner(IRIS.number, "sub"), of_age.id, {Purpose.RECORDS})
    amara = Person("parents", "iss", AMARA, "sid", "parent", "amara", "Amara", "", "e30.e30.e30")
    parent = _plant(sessions, client, clock, amara)
    page = text(parent.get("/children").text)
    assert "The student allowed you to see this" in page
    sign_in_student().post(f"/student/stop/{link.id}")
    _plant(sessions, client, clock, amara)
    assert "The student, who is 18, no longer allows it." in text(parent.get("/children").text)
    about = text(parent.get(f"/children/{link.id}/about").text)
    assert "Only the student can change that." in about
    assert "Ask again" not in about


def test_no_english_is_left_in_spanish(sign_in_student, of_age, house, web):
    client = sign_in_student()
    paths = ("/student", f"/student/allow/{of_age.id}")
    said = {}
    for code in ("en", "es"):
        client.set_cookie("language", code)
        said[code] = {line for path in paths for line in text(client.get(path).text).split("\n")}
    left = {line for line in said["en"] & said["es"] if " " in line and any(ch.isalpha() for ch in line)}
    assert left <= {"Heron County Schools", "Amara Quintero-Bell"}
    with web.test_request_context(), force_locale("es"):
        assert "El 9 de marzo".lower() in " ".join(said["es"]).lower()
