"""A student's pages in Chromium: axe finds nothing, no page is too wide, allow and stop without a script."""

from __future__ import annotations

import threading

import pytest
from werkzeug.serving import make_server

from tests.web.serve_student import student_web
from tests.web.test_parent_in_chromium import SCREENS, _faults, _page


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    web = student_web(tmp_path_factory.mktemp("students"), "http://localhost")
    server = make_server("127.0.0.1", 0, web, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", web.extensions["sample_links"]
    server.shutdown()
    thread.join()


@pytest.mark.browser
@pytest.mark.parametrize(("language", "width", "mode"), SCREENS)
def test_every_page_is_right_on_every_screen(chromium, served, language, width, mode):
    address, links = served
    seen = {
        "vera": ("/student", f"/student/allow/{links['amara']}", f"/student/stop/{links['lucia']}"),
        "mateo": ("/student",),
        "new": ("/student",),
    }
    faults = {}
    for who, paths in seen.items():
        screen = {"viewport": {"width": width, "height": 844}, "color_scheme": mode}
        page = _page(chromium, address, who, language, **screen)
        for path in paths:
            page.goto(f"{address}{path}")
            faults[who, path] = _faults(page, width)
            if "/allow/" in path:
                page.click("form.card button.primary")
                page.locator(".summary:focus").wait_for()
                faults[who, "nothing chosen"] = _faults(page, width)
        page.context.close()
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.browser
def test_allow_and_stop_by_keyboard_alone(chromium, served):
    address, links = served
    page = _page(chromium, address, "vera", java_script_enabled=False)
    page.goto(f"{address}/student/allow/{links['tomas']}")
    page.focus("#purposes-0")
    page.keyboard.press("Space")
    page.focus("form.card button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/student")
    assert page.get_by_text("Tomas Bell can see it again.").is_visible()
    page.locator("section", has_text="Tomas Bell").get_by_role("link", name="Stop the access").press("Enter")
    page.locator("button.danger").press("Enter")
    page.wait_for_url(f"{address}/student")
    assert page.get_by_text("Tomas Bell can no longer see your records.").is_visible()
    page.context.close()
