"""Do at the desk what more than one journey does: place a restriction, force what no page offers."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from playwright.sync_api import APIResponse, Page

from tests.journey.conftest import PASSWORD
from tools.walk import Walk

PRINCIPAL = "ana.ruiz"


def restrict(walk: Walk, child: dict[str, Any], given_name: str, family_name: str, born: date) -> str:
    """Place a restriction on access at the principal's desk and return the address of its page."""
    page = walk.at_desk(PRINCIPAL, PASSWORD)
    page.goto(f"{walk.stack.bridge_url}/desk/restrictions/new")
    page.fill("[name=number]", child["student_number"])
    page.fill("[name=given_name]", given_name)
    page.fill("[name=family_name]", family_name)
    walk.fill_day(page, "birth_date", born)
    page.check("[name=limits][value=access]")
    page.check("[name=basis][value=court-order]")
    walk.fill_day(page, "review_on", date.today() + timedelta(days=200))
    page.fill("[name=note]", "Case 26-DR-0417")
    page.click("form[action$='/new'] button.primary")
    page.wait_for_url(re.compile("/desk/restrictions/[0-9a-f-]{32,36}$"))
    return page.url


def links_on(page: Page) -> list[str]:
    """Return the ids of the links a visit's page shows, in their order."""
    return [str(one.get_attribute("id"))[5:] for one in page.locator("section[id^='link-']").all()]


def forced(page: Page, action: str, **fields: str) -> APIResponse:
    """Send for the first link of a visit's page what no form there offers, as a tampering clerk would."""
    link = links_on(page)[0]
    return page.request.post(
        f"{page.url.partition('/desk/')[0]}/desk/links/{link}/{action}",
        form={
            "csrf_token": page.locator("[name=csrf_token]").first.input_value(),
            **{f"{link}-{name}": value for name, value in fields.items()},
        },
        headers={"Referer": page.url},
    )
