"""Pat works at Lakeside's front office and has a child there: two accounts, and never both at one case."""

from __future__ import annotations

import re

import pytest

from tests.journey.conftest import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]
CONFLICT = "Ask a colleague to decide this one"


def test_her_own_child_is_for_a_colleague_to_decide(walk, student, newcomer, audit):
    sol, parent = student("Sol Rivera"), newcomer("Pat", "Rivera")
    walk.register(parent)
    code = walk.ask(parent, sol)
    page = walk.sign_in("district", "pat.rivera", PASSWORD)
    page.goto(f"{walk.stack.bridge_url}/desk")
    page.fill("#code", code)
    page.press("#code", "Enter")
    page.wait_for_url(re.compile("/desk/visits/"))
    before = len(audit("verification:refused"))
    page.check("[name=identity][value=passport]")
    with page.expect_response(re.compile("/identity$")) as answered:
        page.click("form[action$='/identity'] button")
    assert answered.value.status == 403
    assert CONFLICT in page.inner_text("main")
    (refused,) = audit("verification:refused")[before:]
    assert refused["fields"] == {"reason": "conflict-of-interest"}
    walk.linked(parent, set())
    walk.settle("jo.hathaway", PASSWORD, code)
    walk.linked(parent, {sol["student_number"]})


def test_a_colleague_proves_her_identity_and_she_still_cannot_verify(walk, student, newcomer):
    sol, parent = student("Sol Rivera"), newcomer("Patricia", "Rivera")
    walk.register(type(parent)(f"pat.rivera+{parent.email}", parent.given_name, parent.family_name))
    parent = type(parent)(f"pat.rivera+{parent.email}", parent.given_name, parent.family_name)
    code = walk.ask(parent, sol)
    for clerk in ("jo.hathaway", "pat.rivera"):
        page = walk.sign_in("district", clerk, PASSWORD)
        page.goto(f"{walk.stack.bridge_url}/desk")
        page.fill("#code", code)
        page.press("#code", "Enter")
        page.wait_for_url(re.compile("/desk/visits/"))
        if clerk == "jo.hathaway":
            page.check("[name=identity][value=passport]")
            page.click("form[action$='/identity'] button")
            page.wait_for_url(re.compile("/desk/visits/[^/]+$"))
    page.locator("[name$=evidence][value=school-record]").check()
    with page.expect_response(re.compile("/links/[^/]+/verify$")) as answered:
        page.locator("button[formaction*='/links/'][formaction$='/verify']").click()
    assert answered.value.status == 403
    assert CONFLICT in page.inner_text("main")
    walk.linked(parent, set())


def test_the_accounts_of_the_two_realms_are_not_one(walk):
    page = walk.sign_in("district", "pat.rivera", PASSWORD)
    for path in ("/children", "/children/add/number", "/visit"):
        answer = page.goto(f"{walk.stack.bridge_url}{path}")
        assert answer.status == 403
        assert "another kind of account" in page.inner_text("main")


def test_a_district_address_makes_no_parent_account(walk):
    page = walk.window("pat at home")
    page.goto(f"{walk.stack.bridge_url}/signin/parents?new=1")
    page.fill("#email", "pat.rivera@district.example")
    page.fill("#firstName", "Pat")
    page.fill("#lastName", "Rivera")
    page.click("#kc-register-form [type=submit]")
    assert page.locator("#kc-register-form").is_visible()
    assert page.locator("#email[aria-invalid=true]").count() == 1
