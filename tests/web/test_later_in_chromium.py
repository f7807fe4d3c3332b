"""Correcting, paper logs and moving in Chromium: axe on every page, no page too wide, one sheet of paper."""

from __future__ import annotations

import threading

import pytest
from werkzeug.serving import make_server

from tests.web.serve_desk import Desk, desk_web
from tests.web.serve_later import fill_later
from tests.web.test_school_in_chromium import SCREENS, _faults, _page

FORMS = ("correct", "paper", "move")
LETTER = {"width": 739, "height": 979}
"""US Letter at 96 dots an inch, less the margins Chromium prints with."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("later"))


@pytest.fixture(scope="module")
def pages(desk):
    return fill_later(desk)


@pytest.fixture(scope="module")
def address(desk, pages):
    server = make_server("127.0.0.1", 0, desk_web(desk, "http://localhost"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_page_is_right_on_every_screen(chromium, address, pages, language, width, mode):
    screen = {"viewport": {"width": width, "height": 844}, "color_scheme": mode}
    page = _page(chromium, address, language=language, **screen)
    faults = {}
    for name, path in pages.items():
        page.goto(f"{address}{path}")
        if name == "seen again":
            page.locator("main summary").click()
        faults[name] = _faults(page, width)
        if name in FORMS:
            with page.expect_navigation():
                page.locator("main button.primary").first.click()
            faults[f"{name}, wrong"] = _faults(page, width)
            assert page.evaluate("document.activeElement.className") == "summary"
    page.context.close()
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "es"])
def test_the_log_sheet_is_one_page_of_paper(chromium, address, pages, language):
    page = _page(chromium, address, language=language, viewport=LETTER)
    page.goto(f"{address}{pages['sheet']}")
    page.emulate_media(media="print")
    assert page.evaluate("document.body.scrollHeight") <= LETTER["height"]
    assert not page.locator(".masthead").is_visible()
    assert not page.get_by_role("link").first.is_visible()
    page.context.close()
