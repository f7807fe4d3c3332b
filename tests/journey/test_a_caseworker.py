"""For a time, and for two persons to decide: a caseworker with a last day, a guardian with a court order."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.journey.at_the_desk import forced
from tests.journey.conftest import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]

CLERK = "jo.hathaway"
ZONE = ZoneInfo("America/New_York")


def test_a_caseworker_is_linked_until_the_end_of_the_day_the_letter_names(walk, student, newcomer, mails):
    kiko, worker = student("Kiko Bautista"), newcomer("Delphine", "Ashgrove")
    last = datetime.now(ZONE).date() + timedelta(days=120)
    walk.register(worker)
    code = walk.ask(worker, kiko, "caseworker")
    page = walk.open_visit(CLERK, PASSWORD, code)
    walk.identify(page)
    assert page.locator("[name$='-evidence'][value=school-record]").count() == 0  # no roster names an agency
    page.check("[name$='-evidence'][value=agency-letter]")
    verify = page.get_by_role("button", name="Verify this link")
    with page.expect_response(lambda answer: answer.url.endswith("/verify")) as refused:
        verify.click()
    assert refused.value.status == 422
    assert page.locator("[name$='-evidence'][value=agency-letter]").is_checked()  # nothing typed is lost
    walk.linked(worker, set())
    page.fill("[name$='-until']", last.isoformat())
    page.get_by_role("button", name="Verify this link").click()
    (link,) = walk.linked(worker, {kiko["student_number"]})["student_links"]["links"]
    end = datetime.combine(last + timedelta(days=1), time.min, ZONE)
    assert (link["exp"], link["rel"]) == (int(end.timestamp()), "guardian")
    mails(worker.email, "A student is linked to your account")


def test_a_court_order_waits_for_a_second_person(walk, student, newcomer, mails):
    quinn, guardian = student("Quinn Stone"), newcomer("Teodora", "Whitlock-Stone")
    clerk, second = "lee.brandt", "grace.lin"
    walk.register(guardian)
    code = walk.ask(guardian, quinn, "legal-guardian")
    walk.settle(clerk, PASSWORD, code, evidence="court-order")
    page = walk.open_visit(clerk, PASSWORD, code)
    assert "Now a second person must agree" in page.inner_text("main")
    assert page.get_by_role("button", name="Agree and verify").count() == 0
    answer = forced(page, "agree")
    assert (answer.status, "A second person must do this" in answer.text()) == (403, True)
    walk.linked(guardian, set())
    hers = walk.window(guardian.email)
    hers.goto(f"{walk.stack.bridge_url}/children")
    assert "one more person there looks at the request" in hers.inner_text("main")
    principal = walk.open_visit(second, PASSWORD, code)
    assert "Court order" in principal.inner_text("main")
    principal.get_by_role("button", name="Agree and verify").click()
    (link,) = walk.linked(guardian, {quinn["student_number"]})["student_links"]["links"]
    birthday = date.fromisoformat(quinn["birth_date"]).replace(year=int(quinn["birth_date"][:4]) + 18)
    end = datetime.combine(birthday, time.min, ZONE)  # no day was entered: until the rights are the student's
    assert (link["exp"], link["rel"]) == (int(end.timestamp()), "guardian")
    mails(guardian.email, "A student is linked to your account")
