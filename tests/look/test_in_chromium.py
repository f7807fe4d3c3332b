"""Opens the sample pages in Chromium: no axe violation, nothing too wide, no target too small."""

from __future__ import annotations

import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from werkzeug.serving import make_server

from tests.look.sample import PAGES, sample_app

SCREENS = [
    ("en", 390, "light"), ("en", 1280, "light"), ("en", 1280, "dark"),
    ("ar", 390, "dark"), ("ar", 1280, "light"), ("en", 320, "light"),
]  # fmt: skip
SMALL_TARGETS = """() => [...document.querySelectorAll(
 'button, .button, summary, select, .choice, .tabs a, p > a, .row > a, .actions > a, .summary a, .facts a, ' +
 'input:not([type=hidden],[type=radio],[type=checkbox])')]
  .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5)
  .map(e => e.outerHTML.slice(0, 90))"""


@pytest.fixture(scope="module")
def address():
    server = make_server("127.0.0.1", 0, sample_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_sample_page_is_right_on_every_screen(chromium, address, language, width, mode):
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=mode)
    page = context.new_page()
    faults = {}
    for name in PAGES:
        page.goto(f"{address}/{name}?lang={language}")
        found = [violation["id"] for violation in Axe().run(page).response["violations"]]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append("wider than the screen")
        found += page.evaluate(SMALL_TARGETS)
        if found:
            faults[name] = found
    context.close()
    assert not faults


@pytest.mark.browser
def test_the_error_summary_has_the_focus_without_a_script(chromium, address):
    context = chromium.new_context(java_script_enabled=True)
    page = context.new_page()
    page.goto(f"{address}/wrong")
    page.wait_for_function("document.activeElement.className === 'summary'", timeout=3000)
    page.click(".summary a >> nth=0")
    assert page.evaluate("document.activeElement.id") == "number"
    context.close()


@pytest.mark.browser
def test_the_language_menu_opens_by_keyboard_and_paper_is_black_on_white(chromium, address):
    page = chromium.new_page()
    page.goto(f"{address}/code")
    page.locator(".pop summary").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("link", name="Español").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".office").is_visible()
    assert not page.locator(".masthead").is_visible()
    ground = page.eval_on_selector(".slip", "e => getComputedStyle(e).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    page.close()
