"""The main job on real parts: parent, school, token, app; and the way back when a link is revoked."""

from __future__ import annotations

import re
import sqlite3

import pytest

from tests.journey.conftest import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]


def link_of(stack, number: str) -> str:
    """Return the id of the newest verified link to student `number`."""
    file = stack.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(file) as database:
        query = (
            "SELECT id FROM link WHERE claimed_number = ? AND state = 'verified' ORDER BY requested_at DESC"
        )
        return database.execute(query, (number,)).fetchone()[0]


def test_from_registration_to_the_app_and_back(stack, walk, student, newcomer):
    iris, parent = student("Iris Quintero-Bell"), newcomer()
    walk.register(parent)
    assert walk.token(parent)["student_links"] == {"v": 1, "rev": 0, "asof": 0, "links": []}

    page = walk.open_app(parent.email)
    assert "No child is linked" in page.inner_text("main")
    assert page.locator(f"a[href='{stack.bridge_url}/children']").first.is_visible()

    code = walk.ask(parent, iris)
    walk.settle("jo.hathaway", PASSWORD, code)
    claims = walk.linked(parent, {iris["student_number"]})
    assert claims["population"] == "parent"
    (link,) = claims["student_links"]["links"]
    assert (link["rel"], link["org"]) == ("parent", "0552")
    assert link["pur"] == ["choice", "messages", "records", "transport"]
    assert claims["student_links"]["rev"] == 1

    page = walk.open_app(parent.email)
    assert "Iris Quintero-Bell" in page.inner_text("h1")

    walk.stack.command("links", "revoke", link_of(stack, iris["student_number"]), "--reason", "court-order")
    page.wait_for_timeout(2500)
    page.goto(page.url)
    assert "Iris" not in page.inner_text("main")  # the sessions ended, so OneView asks who is there
    walk.sign_in("parents", parent.email, parent.password, who="again")
    walk.windows[parent.email] = walk.windows["again"]
    assert walk.token(parent)["student_links"]["links"] == []
    again = walk.open_app("again")
    assert "No child is linked" in again.inner_text("main")
    card = walk.window("again")
    card.goto(f"{stack.bridge_url}/children")
    assert "Ended on" in card.inner_text("main")


def test_another_familys_student_is_not_here(stack, walk, student, newcomer):
    mateo, lucia, parent = student("Mateo Quintero-Bell"), student("Lucia Abernathy-Ruiz"), newcomer()
    walk.register(parent)
    walk.settle("sam.okafor", PASSWORD, walk.ask(parent, mateo))
    walk.linked(parent, {mateo["student_number"]})
    page = walk.open_app(parent.email)
    texts = []
    for number in (lucia["student_number"], "00000000"):
        answer = page.goto(f"{stack.app_urls['oneview']}/students/{number}")
        assert answer.status == 404
        texts.append(page.inner_text("body"))
    assert texts[0] == texts[1]


def test_employees_and_students_come_through_the_district(stack, walk, student):
    page = walk.window("jo.hathaway")
    page.goto(f"{stack.bridge_url}/start?app=oneview&as=employee")
    page.fill("#username", "jo.hathaway")
    page.fill("#password", PASSWORD)
    page.click("#kc-form-login [type=submit]")
    page.wait_for_url(re.compile(re.escape(stack.app_urls["oneview"])))
    shown = page.inner_text("main")
    assert "Iris Quintero-Bell" in shown
    assert "Mateo Quintero-Bell" not in shown  # another school

    mateo = student("Mateo Quintero-Bell")
    page = walk.window("student")
    page.goto(f"{stack.bridge_url}/start?app=oneview&as=student")
    page.fill("#username", mateo["student_number"])
    page.fill("#password", PASSWORD)
    page.click("#kc-form-login [type=submit]")
    page.wait_for_url(re.compile("/students/"))
    assert "Mateo Quintero-Bell" in page.inner_text("h1")
    iris = student("Iris Quintero-Bell")
    answer = page.goto(f"{stack.app_urls['oneview']}/students/{iris['student_number']}")
    assert answer.status == 404


def test_a_clerk_who_left_the_group_a_moment_ago_cannot_verify(stack, walk, student, newcomer):
    noa, parent = student("Noa Quintero-Bell"), newcomer()
    walk.register(parent)
    code = walk.ask(parent, noa)
    page = walk.sign_in("district", "pat.rivera", PASSWORD)
    page.goto(f"{stack.bridge_url}/desk")
    page.fill("#code", code)
    page.press("#code", "Enter")
    page.wait_for_url(re.compile("/desk/visits/"))
    stack.ldap.leave_group("pat.rivera", "0552:office")
    try:
        page.check("[name=identity][value=passport]")
        with page.expect_response(re.compile("/identity$")) as answered:
            page.click("form[action$='/identity'] button")
        assert answered.value.status == 403
        assert "a duty you do not have right now" in page.inner_text("main")
    finally:
        stack.ldap.join_group("pat.rivera", "0552:office")
    walk.settle("jo.hathaway", PASSWORD, code)
    walk.linked(parent, {noa["student_number"]})


def test_a_parent_in_spanish_finds_every_page_in_spanish(stack, chromium, student, newcomer):
    from tools.walk import Walk

    walk = Walk(stack, chromium, locale="es-MX")
    parent = newcomer("Salomé", "Ruiz")
    parent = type(parent)(parent.email.replace("é", "e"), parent.given_name, parent.family_name)
    page = walk.window(parent.email)
    page.goto(f"{stack.bridge_url}/")
    assert page.locator("html").get_attribute("lang") == "es"
    page.click("a[href*='new=1']")
    assert page.locator("html").get_attribute("lang") == "es"
    walk.register(parent)
    assert page.locator("html").get_attribute("lang") == "es"
    diego = student("Diego Abernathy-Ruiz")
    walk.ask(parent, diego)
    assert "código" in page.inner_text("main").lower()
    page.context.close()
