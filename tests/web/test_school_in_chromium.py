"""The desk in Chromium: a whole visit by keyboard alone, axe on every page, no page too wide."""

from __future__ import annotations

import threading
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from werkzeug.serving import make_server

from idp_bridge.domain.link import LinkState
from idp_bridge.domain.visit_code import make
from tests.look.test_in_chromium import SMALL_TARGETS
from tests.web.serve_desk import Desk, desk_web, fill

SCREENS = [("en", 390, "light"), ("en", 1280, "dark"), ("es", 1280, "light"), ("es", 320, "light")]
FORMS = {
    "wrong code": ("/desk", "button.primary"),
    "no identity": ("/desk/visits/{nothing}", "button.primary"),
    "no evidence": ("/desk/visits/{proven}", "button.primary"),
    "why not": ("/desk/visits/{proven}", "a.danger"),
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def visits(desk):
    return fill(desk)


@pytest.fixture(scope="module")
def address(desk, visits):
    server = make_server("127.0.0.1", 0, desk_web(desk, "http://localhost"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def _page(chromium, address, who="jo.hathaway", language="en", **options):
    context = chromium.new_context(bypass_csp=True, **options)
    context.add_cookies(
        [
            {"name": "language", "value": language, "url": address},
            {"name": "idp_bridge", "value": who, "url": address},
        ]
    )
    page = context.new_page()
    page.set_default_timeout(5000)
    return page


DATES_IN_TWO_LINES = """() => [...document.querySelectorAll('.date')].filter(
  e => e.checkVisibility() && new Set([...e.children].map(c => c.getBoundingClientRect().top)).size > 1)
  .map(() => 'a date in two lines')"""
MAIN_ACTIONS = """() => [...document.querySelectorAll('main .primary')].filter(e => e.checkVisibility())
  .map(e => e.innerText.trim())"""


def _faults(page, width) -> list[str]:
    found = [violation["id"] for violation in Axe().run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append("wider than the screen")
    return [*found, *page.evaluate(SMALL_TARGETS), *page.evaluate(DATES_IN_TWO_LINES)]


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_page_is_right_on_every_screen(chromium, address, visits, language, width, mode):
    screen = {"viewport": {"width": width, "height": 844}, "color_scheme": mode}
    faults = {}
    for who, paths in {
        "jo.hathaway": ("/desk", "/desk?page=2", *(f"/desk/visits/{one}" for one in visits.values())),
        "sam.okafor": (f"/desk/visits/{visits['nothing']}",),
        "dee.collins": (f"/desk/visits/{visits['nothing']}",),
        "ana.ruiz": tuple(f"/desk/visits/{visits[one]}" for one in ("before", "second")),
        "lee.brandt": ("/desk",),
    }.items():
        page = _page(chromium, address, who, language, **screen)
        for path in paths:
            page.goto(f"{address}{path}")
            faults[who, path] = _faults(page, width)
        page.context.close()
    assert {place: found for place, found in faults.items() if found} == {}


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_form_is_right_when_something_is_missing(chromium, address, visits, language, width, mode):
    screen = {"viewport": {"width": width, "height": 844}, "color_scheme": mode}
    page = _page(chromium, address, language=language, **screen)
    faults = {}
    for name, (path, button) in FORMS.items():
        page.goto(f"{address}{path.format(**visits)}")
        with page.expect_navigation():
            page.locator(f"main {button}:visible").first.click()
        faults[name] = _faults(page, width)
    with page.expect_navigation():
        page.locator("main button.danger").click()
    faults["no reason"] = _faults(page, width)
    assert page.evaluate("document.activeElement.className") == "summary"
    page.context.close()
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.browser
def test_where_several_wait_one_action_is_the_main_one(chromium, address, visits):
    page = _page(chromium, address)
    page.goto(f"{address}/desk/visits/{visits['proven']}")
    assert page.evaluate(MAIN_ACTIONS) == ["Verify all that was chosen"]
    page.goto(f"{address}/desk/visits/{visits['nothing']}")
    assert page.evaluate(MAIN_ACTIONS) == ["Record identity"]
    page.context.close()


@pytest.mark.browser
def test_a_whole_visit_by_keyboard_alone_without_a_script(chromium, address, desk):
    visit = desk.visit("Harper Sorensen", [desk.student("Ida"), desk.student("Ayla")], 0)
    second = desk.visit("Elif Yilmaz", [desk.student("Deniz")], 0)
    page = _page(chromium, address, java_script_enabled=False, viewport={"width": 1280, "height": 900})
    press = page.keyboard.press

    page.goto(f"{address}/desk")
    _starts_at(page, "code")
    page.keyboard.type(make(desk.house.rules.code_key, visit).lower().replace("-", " "))
    _enter(page)
    assert page.url.endswith(f"/desk/visits/{visit}")
    _starts_at(page, "identity-0")
    press("ArrowDown")
    _enter(page)
    assert "Passport, at Lakeside Elementary" in page.inner_text("main")
    _starts_at(page, f"{desk.links(visit)[0]}-evidence-0")
    press("ArrowDown")
    _enter(page)
    assert "Ida Sorensen, grade 1: linked" in page.inner_text("main")
    assert "To be decided at Heron Middle School." in page.inner_text("main")
    assert _states(desk, visit) == [LinkState.VERIFIED, LinkState.AWAITING_VISIT]

    page.goto(f"{address}/desk")
    _starts_at(page, "code")
    page.keyboard.type(make(desk.house.rules.code_key, second))
    _enter(page)
    _starts_at(page, "identity-0")
    press("Space")
    _enter(page)
    _starts_at(page, f"{desk.links(second)[0]}-evidence-0")
    _tab_to(page, "Refuse…")
    _enter(page)
    _starts_at(page, "reason-0")
    press("ArrowUp")
    _enter(page)
    assert page.url.endswith("/desk")
    assert "not confirmed. The parent sees the reason" in page.inner_text("main")
    assert _states(desk, second) == [LinkState.DENIED]
    page.context.close()


@pytest.mark.browser
def test_two_children_within_a_minute_by_keyboard_alone(chromium, address, desk):
    """Code, identity, what was seen for each of two children, one Enter: keys counted, seconds timed."""
    visit = desk.visit("Selin Yilmaz", [desk.student("Deniz"), desk.student("June")], 0)
    page = _page(chromium, address, java_script_enabled=False, viewport={"width": 1280, "height": 900})
    first, second = desk.links(visit)
    code = make(desk.house.rules.code_key, visit).replace("-", "")
    begun = time.monotonic()

    page.goto(f"{address}/desk")
    _starts_at(page, "code")
    page.keyboard.type(code)
    _enter(page)
    _starts_at(page, "identity-0")
    page.keyboard.press("Space")
    _enter(page)
    _starts_at(page, f"{first}-evidence-0")
    page.keyboard.press("ArrowDown")
    tabs = _tab_to_id(page, f"{second}-evidence-0")
    page.keyboard.press("Space")
    _enter(page)

    assert time.monotonic() - begun < 60
    assert len(code) + tabs + 6 < 20  # keys: at one a second still a third of a minute
    assert page.url.endswith("/desk")
    assert page.inner_text("main").count(": linked. The parent’s apps follow in a moment.") == 2
    assert _states(desk, visit) == [LinkState.VERIFIED] * 2
    page.context.close()


def _tab_to_id(page, wanted: str) -> int:
    for pressed in range(1, 8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == wanted:
            return pressed
    raise AssertionError(f"{wanted} is too far away for the keyboard")


def _enter(page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def _starts_at(page, name: str) -> None:
    """Wait until the page has put the keyboard there by itself: the browser does so after the load."""
    page.locator(f'[id="{name}"]:focus').wait_for(timeout=3000)


def _tab_to(page, words: str) -> None:
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.locator(":focus").inner_text() == words:
            return
    raise AssertionError(f"{words} is too far away for the keyboard")


def _states(desk, visit) -> list[LinkState]:
    with desk.house.store.reading() as rows:
        return [link.state for link in rows.links.of_visit(visit)]
