"""A father whom a court keeps from one of two children: at once, in silence, and only until it is lifted."""

from __future__ import annotations

import re
from datetime import date

import pytest
import requests

from tests.journey.at_the_desk import PRINCIPAL, forced, restrict
from tests.journey.conftest import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]

CLERK, DISTRICT = "jo.hathaway", "dee.collins"
BORN, OTHER_BORN = date(1984, 4, 7), date(1990, 11, 30)
TELLING = re.compile(r"court|order|restrict|principal|judge|custody|lawful|danger", re.IGNORECASE)
"""Words by which a parent's page would give a restriction away."""


@pytest.fixture
def box(stack):
    """Return a function that gives the subjects of the mails to an address so far."""

    def read(address: str) -> list[str]:
        answer = requests.get(f"{stack.mail_url}/api/messages", params={"to": address}, timeout=5)
        return [mail["subject"] for mail in answer.json()]

    return read


def linked_to_both(walk, parent, children, born=None) -> None:
    """Let `parent` register, ask for both children in one visit, and be verified at the school."""
    walk.register(parent)
    codes = {walk.ask(parent, child) for child in children}
    page = walk.open_visit(CLERK, PASSWORD, *codes)
    walk.identify(page, born)
    walk.settle(CLERK, PASSWORD, *codes)
    walk.linked(parent, {child["student_number"] for child in children})


def test_one_of_two_children_goes_at_once_and_comes_back_when_two_persons_lift_it(
    walk, student, newcomer, mails, box
):
    bruno, clara = student("Bruno Oliveira"), student("Clara Oliveira")
    both = {bruno["student_number"], clara["student_number"]}
    mother, father = newcomer("Paula", "Oliveira"), newcomer("Andre", "Oliveira-Prado")
    linked_to_both(walk, mother, (bruno, clara))
    linked_to_both(walk, father, (bruno, clara), BORN)
    mails(mother.email, "Another guardian was linked")
    mails(father.email, "A student is linked to your account")
    before, held = walk.token(mother)["student_links"], walk.tokens(father)
    mothers_session = walk.tokens(mother)
    counted = {parent.email: sorted(box(parent.email)) for parent in (mother, father)}

    restriction = restrict(walk, bruno, "Andre", "Oliveira-Prado", BORN)
    assert "1 link is on hold" in walk.window(PRINCIPAL).inner_text("main")
    walk.sessions_end(held)  # no refresh carries what was there before
    page = walk.sign_in("parents", father.email, father.password)
    walk.windows[father.email] = page
    walk.linked(father, {clara["student_number"]})

    for path in ("/children", "/children/why"):
        page.goto(f"{walk.stack.bridge_url}{path}")
        shown = page.inner_text("main")
        assert "On hold" in shown
        assert TELLING.findall(shown) == []
    page.goto(f"{walk.stack.bridge_url}/account")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download my data").click()
    assert TELLING.findall(saved.value.path().read_text()) == []

    assert walk.token(mother)["student_links"] == before  # not even another revision
    assert requests.post(
        f"{walk.stack.issuer('parents')}/protocol/openid-connect/token",
        data={
            "grant_type": "refresh_token", "client_id": "mobile",
            "refresh_token": mothers_session["refresh_token"],
        },
        timeout=10,
    ).ok  # fmt: skip
    hers = walk.window(mother.email)
    hers.goto(f"{walk.stack.bridge_url}/children")
    assert "On hold" not in hers.inner_text("main")

    desk = walk.window(PRINCIPAL)
    desk.goto(restriction)
    desk.get_by_role("button", name="Ask to lift it").click()
    assert desk.get_by_role("button", name="Confirm and lift it").count() == 0  # never the same person
    walk.linked(father, {clara["student_number"]})
    second = walk.at_desk(DISTRICT, PASSWORD)
    second.goto(restriction)
    second.get_by_role("button", name="Confirm and lift it").click()
    walk.linked(father, both)
    page.goto(f"{walk.stack.bridge_url}/children")
    assert "On hold" not in page.inner_text("main")
    assert {parent.email: sorted(box(parent.email)) for parent in (mother, father)} == counted


def test_who_was_restricted_before_there_was_an_account_is_sent_to_the_principal(
    walk, student, newcomer, mails
):
    lev = student("Lev Petrov")
    restriction = restrict(walk, lev, "Viktor", "Petrov-Danilov", BORN)
    assert "No account of this person is known yet" in walk.window(PRINCIPAL).inner_text("main")
    viktor = newcomer("Viktor", "Petrov-Danilov")
    walk.register(viktor)
    code = walk.ask(viktor, lev)
    page = walk.open_visit(CLERK, PASSWORD, code)
    walk.identify(page, BORN)
    shown = page.inner_text("main")
    assert "Ask the principal about this one" in shown
    assert "Do not discuss it there" in shown
    assert page.locator("form[action$='/verify'], [formaction$='/verify'], [name$='-evidence']").count() == 0
    assert page.locator("a[href*='/desk/restrictions']").count() == 0
    assert forced(page, "verify", evidence="school-record").status == 403
    answers = {page.goto(address).status for address in (restriction, f"{restriction[:-4]}0000")}
    assert len(answers) == 1  # there and not there look alike to her
    walk.linked(viktor, set())

    his = walk.window(viktor.email)
    his.goto(f"{walk.stack.bridge_url}/children")
    assert TELLING.findall(his.inner_text("main")) == []
    principal = walk.open_visit(PRINCIPAL, PASSWORD, code)
    principal.get_by_role("link", name="See the restriction").click()
    principal.wait_for_url(restriction)
    assert "Viktor Petrov-Danilov" in principal.inner_text("main")


def test_a_namesake_with_another_birth_date_is_not_stopped(walk, student, newcomer):
    lev = student("Lev Petrov")
    restrict(walk, lev, "Anton", "Petrov-Danilov", BORN)
    namesake = newcomer("Anton", "Petrov-Danilov")
    walk.register(namesake)
    code = walk.ask(namesake, lev)
    page = walk.open_visit(CLERK, PASSWORD, code)
    walk.identify(page, OTHER_BORN)
    walk.settle(CLERK, PASSWORD, code)
    walk.linked(namesake, {lev["student_number"]})
