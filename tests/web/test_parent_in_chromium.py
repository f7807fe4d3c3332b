"""A parent's pages in Chromium: the whole way without a script, axe on every page, no page too wide."""

from __future__ import annotations

import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from werkzeug.serving import make_server

from tests.look.following import follow
from tests.look.test_in_chromium import SMALL_TARGETS
from tests.web.serve_sample import sample_web

SCREENS = [("en", 390, "light"), ("en", 1280, "dark"), ("es", 1280, "light"), ("es", 320, "light")]
ANYBODY = ("/", "/start?app=oneview", "/nothing-here")
PARENT = (
    "/children",
    "/children/why",
    "/children/told",
    "/visit",
    "/visit/slip",
    "/account",
    "/account/delete",
    "/account/signed-out",
)
ENDS = ("/about", "/cancel", "/leave", "/not-mine")
QUESTIONS = ("number", "birth-date", "school", "relationship")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    web = sample_web(tmp_path_factory.mktemp("family"), "http://localhost")
    server = make_server("127.0.0.1", 0, web, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def _page(chromium, address, who="", language="en", **options):
    context = chromium.new_context(bypass_csp=True, **options)
    context.add_cookies([{"name": "language", "value": language, "url": address}])
    if who:
        context.add_cookies([{"name": "idp_bridge", "value": who, "url": address}])
    return context.new_page()


def _faults(page, width) -> list[str]:
    found = [violation["id"] for violation in Axe().run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append("wider than the screen")
    return [*found, *page.evaluate(SMALL_TARGETS)]


def _seen(page, address, width, paths) -> dict[str, list[str]]:
    faults = {}
    for path in paths:
        page.goto(f"{address}{path}")
        faults[path] = _faults(page, width)
    return faults


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_page_is_right_on_every_screen(chromium, address, language, width, mode):
    screen = {"viewport": {"width": width, "height": 844}, "color_scheme": mode}
    anybody = _page(chromium, address, "", language, **screen)
    family = _page(chromium, address, "family", language, **screen)
    faults = _seen(anybody, address, width, ANYBODY) | _seen(family, address, width, PARENT)
    family.goto(f"{address}/children")
    for end in ENDS:
        family.goto(f"{address}/children")
        follow(family.locator(f'a[href$="{end}"]'))
        faults[end] = _faults(family, width)
    for page in (anybody, family):
        page.context.close()
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_question_is_right_when_asked_and_when_wrong(chromium, address, language, width, mode):
    page = _page(
        chromium,
        address,
        "nobody",
        language,
        viewport={"width": width, "height": 844},
        color_scheme=mode,
    )
    faults = _seen(page, address, width, ("/children", *(f"/children/add/{one}" for one in QUESTIONS)))
    page.goto(f"{address}/children/add/birth-date")
    page.fill("#birth_date-month", "13")
    follow(page.locator("form.card button.primary"))
    faults["wrong"] = _faults(page, width)
    assert page.evaluate("document.activeElement.className") == "summary"
    page.context.close()
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.browser
def test_a_parent_gets_the_code_without_a_script_by_keyboard_and_touch(chromium, address):
    page = _page(
        chromium, address, "nobody", java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    page.goto(f"{address}/children")
    page.get_by_role("link", name="Add my first child").click()
    page.get_by_label("What is your child’s student number?").fill("4655-4860")
    page.keyboard.press("Enter")
    for part, typed in (("Month", "3"), ("Day", "9"), ("Year", "2016")):
        page.get_by_label(part, exact=True).fill(typed)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Lakeside Elementary").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Foster parent").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("These answers are true").click()
    page.get_by_role("button", name="Send and get my visit code").click()
    assert page.title().startswith("Your visit code is ready")
    assert page.locator(".code").inner_text().count("-") == 1
    assert "placement letter" in page.locator(".slip").inner_text()
    page.get_by_role("link", name="See my children").click()
    page.get_by_role("link", name="Take this request back").click()
    page.get_by_role("button", name="Take it back").click()
    assert page.get_by_role("heading", name="No child is linked to you yet").is_visible()
    page.context.close()


def _sheets(chromium, address, who, language="en") -> int:
    page = _page(chromium, address, who, language)
    page.goto(f"{address}/visit/slip")
    paper = page.pdf(format="Letter")
    page.context.close()
    return paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ")


@pytest.mark.browser
def test_the_slip_fits_one_sheet_of_paper(chromium, address):
    assert _sheets(chromium, address, "family") == 1


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "es"])
def test_seven_children_at_four_schools_fit_one_sheet_too(chromium, address, language):
    assert _sheets(chromium, address, "seven", language) == 1


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_page_about_several_children_is_right(chromium, address, language, width, mode):
    screen = {"viewport": {"width": width, "height": 844}, "color_scheme": mode}
    page = _page(chromium, address, "nobody", language, **screen)
    faults = {}
    for place, born in enumerate(("2016", "2018")):
        page.goto(f"{address}/children/add/number?child={place}")
        faults[f"number {place}"] = _faults(page, width)
        page.fill("#number", f"4655486{place}")
        follow(page.locator("form.card button.primary"))
        for part, value in (("month", "3"), ("day", "9"), ("year", born)):
            page.fill(f"#birth_date-{part}", value)
        follow(page.locator("form.card button.primary"))
        if place == 0:
            page.check("[name=school][value='0552']")
            follow(page.locator("form.card button.primary"))
            page.check("[name=relationship][value='step-parent']")
        else:
            faults["same"] = _faults(page, width)
            page.goto(f"{address}/children/add/check")
            faults["half done"] = _faults(page, width)
            page.goto(f"{address}/children/add/same?child=1")
        follow(page.locator("form.card button.primary"))
        faults[f"check {place}"] = _faults(page, width)
    page.goto(f"{address}/children")
    faults["not sent"] = _faults(page, width)
    for _ in range(2):
        page.goto(f"{address}/children/add/check")
        follow(page.locator("form[action*=remove] button"))
    page.context.close()
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.browser
def test_two_children_get_one_code_without_a_script(chromium, address):
    page = _page(
        chromium, address, "nobody", java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    page.goto(f"{address}/children")
    page.get_by_role("link", name="Add my first child").click()
    _answer(page, "4655-4860", "2016")
    page.get_by_text("Lakeside Elementary").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Foster parent").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Add another child").click()
    _answer(page, "4670-3001", "2019")
    assert page.get_by_text("Lakeside Elementary").is_visible()
    page.get_by_role("button", name="Yes, the same").click()
    page.get_by_text("These answers are true").click()
    page.get_by_role("button", name="Send and get my visit code").click()
    assert page.locator(".code").count() == 1
    assert page.locator(".slip-top").inner_text().count("For student") == 2
    page.get_by_role("link", name="See my children").click()
    for _ in range(2):
        page.get_by_role("link", name="This is not my child").first.click()
        page.get_by_role("button", name="This is not my child").click()
        page.get_by_role("link", name="My children").last.click()
    assert page.get_by_role("heading", name="No child is linked to you yet").is_visible()
    page.context.close()


def _answer(page, number: str, year: str) -> None:
    page.get_by_label("What is your child’s student number?").fill(number)
    page.keyboard.press("Enter")
    for part, typed in (("Month", "3"), ("Day", "9"), ("Year", year)):
        page.get_by_label(part, exact=True).fill(typed)
    page.get_by_role("button", name="Continue").click()
