"""A mother lost her mailbox and made a new account: the school sees her anew, and every link moves over."""

from __future__ import annotations

import re

import pytest

from tests.journey.conftest import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]

SUBJECT = "Your links are in your new account now"


def test_every_link_moves_to_the_new_account(stack, walk, student, newcomer, mails, audit):
    children = [student(name) for name in ("Obi Okonkwo", "Ify Okonkwo", "Ada Okonkwo")]
    obi, _, ada = children
    old, new = newcomer("Ngozi", "Okonkwo"), newcomer("Ngozi", "Okonkwo")
    walk.register(old)
    (code,) = {walk.ask(old, child) for child in children}
    for clerk in ("lee.brandt", "jo.hathaway"):
        walk.settle(clerk, PASSWORD, code)
    numbers = {child["student_number"] for child in children}
    links = walk.linked(old, numbers)["student_links"]["links"]
    held = walk.tokens(old)

    walk.register(new)
    walk.linked(new, set())
    code = walk.ask(new, obi)
    page = walk.open_visit("lee.brandt", PASSWORD, code)
    visit = page.url
    page.get_by_role("link", name="Move the links of an earlier account").click()
    page.wait_for_url(f"{visit}/move")
    assert "Record the identity first" in page.inner_text("main")
    assert page.get_by_role("button", name="Move the links").count() == 0
    page.goto(visit)
    walk.identify(page)
    page.get_by_role("link", name="Move the links of an earlier account").click()
    shown = page.inner_text("main")
    assert f"{old.email[0]}…@mail.example" in shown
    assert old.email not in shown
    assert "1 link to a student of another school moves too" in shown
    assert "Ada" not in shown.replace("Adam", "")
    page.get_by_role("button", name="Move the links").click()
    assert "Confirm that it is the same person" in page.inner_text("main")
    page.check("[name=same]")
    page.get_by_role("button", name="Move the links").click()
    page.wait_for_url(re.compile(f"^{re.escape(visit)}$"))
    assert "3 links moved to the new account" in page.inner_text("main")

    assert walk.linked(new, numbers)["student_links"]["links"] == links
    walk.sessions_end(held)
    before = walk.sign_in("parents", old.email, old.password, who=old.email)
    walk.linked(old, set())
    before.goto(f"{stack.bridge_url}/children")
    assert "This link was joined with another one of yours" in before.inner_text("main")
    assert len([row for row in audit("link:moved") if row["fields"]["after"] == "verified"]) >= 3
    for address in (old.email, new.email):
        told = mails(address, SUBJECT)
        for child in children:
            for word in (*child["name"].split(), child["student_number"], child["birth_date"]):
                if word != "Okonkwo":
                    assert word not in told["subject"] + told["text"] + told["html"]
    assert ada["school"] != obi["school"]


def test_a_stranger_of_another_name_finds_no_earlier_account(walk, student, newcomer):
    hla, mother, stranger = student("Hla Thant"), newcomer("Aye", "Thant"), newcomer("Myint", "Thant")
    walk.register(mother)
    walk.settle("sam.okafor", PASSWORD, walk.ask(mother, hla))
    walk.register(stranger)
    page = walk.open_visit("sam.okafor", PASSWORD, walk.ask(stranger, hla))
    walk.identify(page)
    page.get_by_role("link", name="Move the links of an earlier account").click()
    assert "No earlier account was found" in page.inner_text("main")
    assert mother.email[:6] not in page.inner_text("main")
    walk.linked(mother, {hla["student_number"]})
