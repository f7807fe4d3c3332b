"""Opens OneView and Focus as parent, employee and student; the token alone decides who sees whom."""

from __future__ import annotations

import time

import pytest

from examples.oneview.app import ONEVIEW, make_app
from examples.oneview.words import WORDS
from idp_bridge.testing.people import (
    link,
    links_claim,
    parent,
    sign_in,
    sign_in_as_employee,
    sign_in_as_parent,
    sign_in_as_student,
)
from idp_bridge.testing.silence import silent_server
from tests.examples.conftest import BRIDGE, environment

IRIS, MATEO, SOL, ADA = "46554860", "46610927", "46700001", "46700002"
NOBODY = "46999999"


def test_home_shows_three_ways_in(oneview):
    page = oneview.get("/").text
    for words in ("Parent or guardian", "Student", "District employee"):
        assert words in page
    assert oneview.get("/healthz").status_code == 200


def test_a_parent_sees_each_linked_child_and_no_other(oneview, parents):
    sign_in_as_parent(oneview, parents, [IRIS, link(MATEO, school="0610")])
    page = oneview.get("/", follow_redirects=True)
    assert "Iris Quintero-Bell" in page.text
    assert "Mateo" in page.text
    assert "You are linked as parent" in page.text
    assert "Mateo Quintero-Bell" in oneview.get(f"/students/{MATEO}").text
    assert "Sol Rivera" not in page.text


def test_another_childs_page_is_the_same_as_one_that_does_not_exist(oneview, parents):
    sign_in_as_parent(oneview, parents, [IRIS])
    another, missing = oneview.get(f"/students/{SOL}"), oneview.get(f"/students/{NOBODY}")
    assert (another.status_code, missing.status_code) == (404, 404)
    assert another.data == missing.data
    assert dict(another.headers) == dict(missing.headers)


@pytest.mark.parametrize("number", [IRIS, NOBODY])
def test_without_a_sign_in_every_student_leads_home(oneview, number):
    answer = oneview.get(f"/students/{number}")
    assert (answer.status_code, answer.location) == (302, "/")


def test_a_link_opens_only_what_its_purposes_say(oneview, parents):
    sign_in_as_parent(oneview, parents, [link(IRIS, purposes=["records"]), link(SOL, purposes=["transport"])])
    page = oneview.get(f"/students/{IRIS}").text
    assert "Attendance" in page
    assert "Bus today" not in page
    assert oneview.get(f"/students/{SOL}").status_code == 404, "OneView shows nobody without `records`"


def test_an_expired_link_opens_nothing_however_fresh_the_token(oneview, parents):
    sign_in_as_parent(oneview, parents, [link(IRIS, expires_at=int(time.time()) - 1)])
    assert oneview.get(f"/students/{IRIS}").status_code == 404
    assert "No child is linked" in oneview.get("/").text


def test_an_unlinked_parent_sees_what_to_do_next(oneview, parents):
    sign_in_as_parent(oneview, parents)
    page = oneview.get("/").text
    assert "No child is linked to your account yet" in page
    assert f'href="{BRIDGE}/children"' in page


@pytest.mark.parametrize("claim", [None, {"v": 2, "rev": 1, "asof": 1, "links": []}, "text", "absent"])
def test_a_claim_that_cannot_be_read_opens_nothing_and_says_so(oneview, parents, claim):
    account = parent([IRIS])
    account.claims["student_links"] = claim
    if claim == "absent":
        del account.claims["student_links"]
    sign_in(oneview, parents, account)
    page = oneview.get("/")
    assert "cannot read your links" in page.text
    assert oneview.get(f"/students/{IRIS}").status_code == 404


def test_an_employee_sees_the_students_of_their_schools(oneview, district):
    sign_in_as_employee(oneview, district, ["0552:office"])
    page = oneview.get("/").text
    assert "Iris Quintero-Bell" in page
    assert "Sol Rivera" in page
    assert "Ada Farrow" not in page
    assert oneview.get(f"/students/{SOL}").status_code == 200
    assert oneview.get(f"/students/{ADA}").status_code == 404


def test_staff_without_a_duty_see_nobody(oneview, district):
    sign_in_as_employee(oneview, district)
    assert "Nothing to show for your account" in oneview.get("/").text
    assert oneview.get(f"/students/{IRIS}").status_code == 404


def test_a_student_sees_the_own_page_only(oneview, district):
    sign_in_as_student(oneview, district, MATEO)
    assert "Mateo Quintero-Bell" in oneview.get("/", follow_redirects=True).text
    assert oneview.get(f"/students/{IRIS}").status_code == 404


def test_a_parent_token_that_claims_a_duty_opens_no_school(oneview, parents):
    account = parent([IRIS])
    account.claims |= {"school_roles": ["0731:office"], "student_number": ADA}
    sign_in(oneview, parents, account)
    assert oneview.get(f"/students/{ADA}").status_code == 404
    account = parent([IRIS], sub="parent-9")
    account.claims |= {"population": "employee", "school_roles": ["0731:office"]}
    sign_in(oneview, parents, account)
    assert oneview.get(f"/students/{ADA}").status_code == 404


def test_every_page_speaks_spanish(oneview, parents):
    oneview.get("/language/es")
    assert "¿Quién inicia sesión?" in oneview.get("/").text
    assert "ui_locales=es" in oneview.get("/signin/parents").location
    sign_in_as_parent(oneview, parents, [IRIS])
    page = oneview.get(f"/students/{IRIS}")
    assert '<html lang="es">' in page.text
    assert "Asistencia" in page.text
    assert "Esta página no está aquí" in oneview.get(f"/students/{NOBODY}").text
    assert oneview.get("/language/xx").status_code == 302
    assert '<html lang="es">' in oneview.get("/").text or oneview.get("/").status_code == 302


def test_the_browsers_language_is_the_first_choice(oneview):
    assert "¿Quién inicia sesión?" in oneview.get("/", headers={"Accept-Language": "es-MX,es;q=0.9"}).text


def test_both_languages_have_the_same_words():
    assert set(WORDS["en"]) == set(WORDS["es"])
    blanks = {key for key in WORDS["en"] if WORDS["en"][key].count("{") != WORDS["es"][key].count("{")}
    assert blanks == set() or blanks <= {"linked_as"}


def test_a_hanging_issuer_gives_clear_words_within_five_seconds(district, tmp_path):
    with silent_server() as address:
        env = environment(ONEVIEW, "http://localhost:18511", f"{address}/realms/parents", district.url,
                          tmp_path / "s.json")  # fmt: skip
        client = make_app(ONEVIEW, env).test_client()
        started = time.monotonic()
        answer = client.get("/signin/parents")
        assert time.monotonic() - started < 5
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "The sign-in service does not answer right now" in answer.text


def test_pages_are_kept_by_nobody_and_framed_by_nobody(oneview, parents):
    sign_in_as_parent(oneview, parents, [IRIS])
    headers = oneview.get(f"/students/{IRIS}").headers
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "public" in oneview.get("/look/site.css").headers["Cache-Control"]


def test_signing_out_and_the_issuers_sign_out_end_the_view(oneview, parents):
    account = sign_in_as_parent(oneview, parents, [IRIS])
    token = parents.logout_token(account.sub)
    assert oneview.post("/backchannel-logout/parents", data={"logout_token": token}).status_code == 200
    assert "Who is signing in?" in oneview.get("/").text
    sign_in_as_parent(oneview, parents, [IRIS])
    oneview.post("/signout")
    assert "Who is signing in?" in oneview.get("/").text


def test_focus_shows_only_children_whose_link_has_choice(focus):
    client, issuer = focus
    account = sign_in_as_parent(
        client, issuer, [link(IRIS, purposes=["choice"]), link(SOL, purposes=["records"])]
    )
    page = client.get(f"/students/{IRIS}").text
    assert "School choice" in page
    assert "Attendance" not in page
    assert client.get(f"/students/{SOL}").status_code == 404
    assert account.claims["student_links"] != links_claim([])


def test_staff_are_not_sent_to_a_parents_page_and_everybody_finds_help(oneview, district):
    sign_in_as_employee(oneview, district, ["0552:office"])
    page = oneview.get("/").text
    assert f"{BRIDGE}/children" not in page
    assert "(321) 555-0142" in page
    assert "Kindergarten" in page
