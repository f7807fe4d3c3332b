"""At 18 the records are the student's own: the parent's link ends, and the student alone allows it again."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.journey.conftest import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def born(stack, tmp_path) -> Iterator[Callable[[str, date], None]]:
    """Return a function that imports the roster with another birth date of one student; all is put back."""
    bundle = tmp_path / "oneroster"

    def change(number: str, day: date) -> None:
        shutil.copytree(stack.sample / "oneroster", bundle, dirs_exist_ok=True)
        with (bundle / "users.csv").open(newline="") as file:
            (one,) = [row["sourcedId"] for row in csv.DictReader(file) if row["identifier"] == number]
        with (bundle / "demographics.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row["birthDate"] = day.isoformat() if row["sourcedId"] == one else row["birthDate"]
        with (bundle / "demographics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        assert "1 students" in stack.command("roster", "import", str(bundle))

    yield change
    stack.command("roster", "import", str(stack.sample / "oneroster.zip"))


def years_ago(years: int, today: date) -> date:
    """Return the first of this month so many years ago: no month lacks it."""
    return date(today.year - years, today.month, 1)


def test_the_link_ends_and_the_student_gives_part_of_it_back(
    stack, walk, student, newcomer, mails, audit, born
):
    fenna, parent, today = student("Fenna Achterberg"), newcomer("Joost", "Achterberg"), datetime.now(ZONE)
    number, minor = fenna["student_number"], years_ago(16, today.date())
    born(number, minor)
    walk.register(parent)
    walk.settle("lee.brandt", PASSWORD, walk.ask(parent, {**fenna, "birth_date": minor.isoformat()}))
    (link,) = walk.linked(parent, {number})["student_links"]["links"]
    assert "records" in link["pur"]
    assert len(link["pur"]) > 1
    hers = walk.sign_in("district", number, PASSWORD)
    assert hers.url == f"{stack.bridge_url}/student"
    assert "until your birthday" in hers.inner_text("main")
    assert "Joost" not in hers.inner_text("main")

    held = walk.tokens(parent)
    born(number, years_ago(18, today.date()))
    stack.command("jobs", "end-links")
    walk.sessions_end(held)
    assert audit("link:came-of-age")[-1]["fields"]["after"] == "ended"
    page = walk.sign_in("parents", parent.email, parent.password, who=parent.email)
    walk.linked(parent, set())
    page.goto(f"{stack.bridge_url}/children")
    assert "The student turned 18" in page.inner_text("main")
    assert "18" in mails(parent.email, "A link to a student has ended")["text"]

    hers.goto(f"{stack.bridge_url}/student")
    card = hers.locator("section.card", has_text="Joost Achterberg")
    assert "Ended on" in card.inner_text()
    card.get_by_role("link", name="Allow again").click()
    hers.get_by_label("School records").check()
    hers.get_by_role("button", name="Allow", exact=True).click()
    hers.wait_for_url(f"{stack.bridge_url}/student")
    assert "Joost Achterberg can see it again" in hers.inner_text("main")
    (again,) = walk.linked(parent, {number})["student_links"]["links"]
    assert again == {"id": number, "rel": "parent", "pur": ["records"], "org": fenna["school"]}

    held = walk.tokens(parent)
    hers.locator("section.card", has_text="Joost Achterberg").get_by_role(
        "link", name="Stop the access"
    ).click()
    hers.get_by_role("button", name="Stop the access").click()
    hers.wait_for_url(f"{stack.bridge_url}/student")
    assert "can no longer see your records" in hers.inner_text("main")
    walk.sessions_end(held)
    page = walk.sign_in("parents", parent.email, parent.password, who=parent.email)
    walk.linked(parent, set())
    page.goto(f"{stack.bridge_url}/children")
    assert re.search("no longer allows it", page.inner_text("main"))


def test_another_students_records_are_not_here(stack, walk, student):
    page = walk.sign_in("district", student("Tola Adeyemi-Lowe")["student_number"], PASSWORD)
    assert page.url == f"{stack.bridge_url}/student"
    assert "Joost" not in page.inner_text("main")
    for path in ("/desk", "/children", "/desk/students", "/desk/restrictions"):
        answer = page.goto(f"{stack.bridge_url}{path}")
        assert answer.status == 403
