"""The district's pages in Chromium: axe on every page, no page too wide, both languages."""

from __future__ import annotations

import threading

import pytest
from werkzeug.serving import make_server

from tests.web.serve_district import ADMIN, OFFICE, district_desk, district_web, parent_of
from tests.web.test_school_in_chromium import SCREENS, _faults, _page

PATHS = {
    ADMIN: (
        "alarms",
        "alarms?seen=1",
        "audit",
        f"audit?parent={parent_of(0)}",
        "audit?event=roster:imported&since=2026-13-01",
        "audit/disclosures?number=1",
        "audit/chain",
        "audit/chain?from=99999",
        "projection",
        f"projection?parent={parent_of(0)}",
        f"projection?parent={parent_of(1)}",
        "projection?parent=nobody",
    ),
    OFFICE: ("alarms", "audit"),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    desk = district_desk(tmp_path_factory.mktemp("district"))
    server = make_server("127.0.0.1", 0, district_web(desk, "http://localhost"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_page_is_right_on_every_screen(chromium, address, language, width, mode):
    screen = {"viewport": {"width": width, "height": 844}, "color_scheme": mode}
    faults = {}
    for who, paths in PATHS.items():
        page = _page(chromium, address, who, language, **screen)
        for path in paths:
            page.goto(f"{address}/desk/district/{path}")
            faults[who, path] = _faults(page, width)
        page.context.close()
    assert {place: found for place, found in faults.items() if found} == {}


@pytest.mark.browser
def test_an_alarm_is_dealt_with_by_keyboard_alone_without_a_script(chromium, address):
    page = _page(chromium, address, OFFICE, java_script_enabled=False)
    page.goto(f"{address}/desk/district/alarms")
    before = page.locator("section.card").count()
    page.locator("section.card button").first.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator("section.card").count() == before - 1
    assert page.locator(".alert").inner_text().startswith("The alarm is marked as seen")
    page.context.close()
