"""The principal's pages in Chromium: axe finds nothing, no page too wide, a restriction by keyboard alone."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date

import pytest
from werkzeug.serving import make_server

from idp_bridge.domain.people import SchoolCode
from idp_bridge.services.disputing import hold_link
from idp_bridge.services.restricting import Order, ask_lift, place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.web.serve_desk import Desk, desk_web
from tests.web.test_school_in_chromium import SCREENS, _enter, _faults, _page

PRINCIPAL = "ana.ruiz"


@dataclass
class Case:
    """A desk with one restriction, one dispute and one namesake, and where its pages are."""

    desk: Desk
    paths: dict[str, str]
    address: str


def _linked(desk: Desk, name: str, child: str, born: date | None = None) -> str:
    visit = desk.visit(name, [desk.student(child)], 2)
    record_identity(desk.house, "jo.hathaway", visit, SchoolCode("0552"), "passport", born)
    (link,) = desk.links(visit)
    return verify_link(desk.house, "jo.hathaway", link, "birth-certificate").id


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("restrictions"))
    sofia = desk.student("Sofia")
    held = _linked(desk, "Idris Marchetti", "Sofia", date(1980, 1, 2))
    _linked(desk, "Idris Anton Marchetti-Cole", "Sofia", date(1990, 1, 2))
    order = Order(
        sofia.number, "Idris", "Marchetti-Cole", True, True, "court-order", date(2027, 6, 1),
        "Heron County Court, 26-DR-1\nNo contact.", None, date(1980, 1, 2),
    )  # fmt: skip
    placed = place(desk.house, PRINCIPAL, order)
    ask_lift(desk.house, "dee.collins", placed.id)
    disputed = _linked(desk, "Ximena Farrow", "June")
    hold_link(desk.house, PRINCIPAL, disputed)
    visit = desk.visit("Idris Cole Marchetti", [sofia], 1)
    server = make_server("127.0.0.1", 0, desk_web(desk, "http://localhost"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    paths = {
        "list": "/desk/restrictions",
        "new": "/desk/restrictions/new",
        "one": f"/desk/restrictions/{placed.id}",
        "find": "/desk/students",
        "student": f"/desk/students/{sofia.number}",
        "held": f"/desk/students/links/{held}",
        "disputed": f"/desk/students/links/{disputed}",
        "visit": f"/desk/visits/{visit}",
    }
    yield Case(desk, paths, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_page_is_right_on_every_screen(chromium, case, language, width, mode):
    screen = {"viewport": {"width": width, "height": 844}, "color_scheme": mode}
    page, faults = _page(chromium, case.address, PRINCIPAL, language, **screen), {}
    for name, path in case.paths.items():
        assert page.goto(f"{case.address}{path}").status == 200
        faults[name] = _faults(page, width)
    for name, button in {
        "new": "form[action$='/new'] button.primary",
        "one": "form[action$='/review'] button",
        "find": "button.primary",
        "held": "form[action$='/end'] button",
    }.items():
        page.goto(f"{case.address}{case.paths[name]}")
        with page.expect_navigation():
            page.locator(f"main {button}").click()
        faults[f"{name}, with something missing"] = _faults(page, width)
        assert page.evaluate("document.activeElement.className") == "summary"
    page.goto(f"{case.address}{case.paths['one']}")
    with page.expect_navigation():
        page.locator("main form[action$='/note'] button").click()
    assert "26-DR-1" in page.inner_text("#note")
    faults["note"] = _faults(page, width)
    page.context.close()
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.browser
def test_a_restriction_is_placed_by_keyboard_alone_without_a_script(chromium, case):
    page = _page(
        chromium, case.address, PRINCIPAL, java_script_enabled=False, viewport={"width": 1280, "height": 900}
    )
    page.goto(f"{case.address}/desk/restrictions/new")
    page.locator("#number").focus()
    press, type_in = page.keyboard.press, page.keyboard.type
    for words in (case.desk.student("Clara").number, "Andre", "Oliveira", "", "", ""):
        type_in(words)
        press("Tab")
    press("Space")  # no access
    press("Tab")
    press("Tab")
    press("Space")  # court order
    for words in ("6", "1", "2027"):
        press("Tab")
        type_in(words)
    _enter(page)
    assert "The restriction stands." in page.inner_text("main")
    assert "Andre Oliveira" in page.inner_text("h1")
    page.context.close()
