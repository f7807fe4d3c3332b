"""Opens the example apps in Chromium: real redirects, no axe violation, nothing too wide."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from werkzeug.serving import make_server

from examples.mobile.app import make_app as make_mobile
from examples.oneview.app import ONEVIEW, make_app
from idp_bridge.testing.issuer import FakeIssuer
from idp_bridge.testing.people import employee, link, parent
from tests.examples.conftest import environment
from tests.look.following import follow

PICTURES = os.environ.get("EXAMPLE_PICTURES", "")
"""A folder to save a picture of each page in, for the eye."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """OneView on a real port, with its two issuers."""
    server = make_server("localhost", 0, lambda environ, start: app(environ, start), threaded=True)
    url = f"http://localhost:{server.server_port}"
    with (
        FakeIssuer("parents", "oneview", "a-secret") as parents,
        FakeIssuer("district", "oneview", "a-secret") as district,
    ):
        file = tmp_path_factory.mktemp("oneview") / "students.json"
        app = make_app(ONEVIEW, environment(ONEVIEW, url, parents.url, district.url, file))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield url, parents, district
        server.shutdown()
        thread.join()
        server.server_close()


def faults(page, name: str, width: int) -> list[str]:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
    found = [f"{name}: {one['id']}" for one in Axe().run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append(f"{name}: wider than the screen")
    return found


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(("width", "mode"), [(390, "light"), (1280, "light"), (1280, "dark")])
def test_every_page_is_right_on_every_screen(chromium, served, language, width, mode):
    url, parents, district = served
    found: list[str] = []

    def visit(name: str, issuer: FakeIssuer | None, account, where: str = "/") -> None:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=mode, locale=language
        )
        page = context.new_page()
        if issuer:
            issuer.next_account = account
            page.goto(f"{url}/signin/{issuer.name}")
        if not issuer or where != "/":
            page.goto(url + where)
        assert page.locator("html").get_attribute("lang") == language
        found.extend(faults(page, f"{name}-{language}-{mode}", width))
        context.close()

    two = parent(["46554860", link("46610927", school="0610")], sub=f"two-{language}-{width}-{mode}")
    visit("home", None, None)
    visit("student", parents, two)
    visit("not-here", parents, two, "/students/46700002")
    visit("unlinked", parents, parent(sub="unlinked"))
    visit("employee", district, employee(["0552:office"]))
    visit("no-duty", district, employee())
    assert not found


@pytest.mark.browser
def test_a_parent_signs_in_looks_at_two_children_and_signs_out(chromium, served):
    url, parents, _ = served
    parents.next_account = parent(["46554860", link("46610927", school="0610")], sub="walker")
    page = chromium.new_page(java_script_enabled=False, locale="en")
    page.goto(url)
    page.locator("a.choice", has_text="Parent or guardian").click()
    assert "Iris" in page.inner_text("h1")
    page.get_by_text("Mateo").first.click()
    assert "Mateo" in page.inner_text("h1")
    page.get_by_text("Amara").click()
    page.get_by_role("button", name="Sign out").click()
    assert page.url.startswith(url)
    assert "Who is signing in?" in page.inner_text("h1")
    page.close()


@pytest.mark.browser
def test_the_mobile_page_shows_the_claim_of_a_public_client(chromium, monkeypatch):
    server = make_server("localhost", 0, lambda environ, start: app(environ, start), threaded=True)
    url = f"http://localhost:{server.server_port}"
    with FakeIssuer("parents", "mobile", None) as parents:
        for name, value in {
            "MOBILE_URL": url,
            "MOBILE_CLIENT_ID": "mobile",
            "PARENTS_ISSUER": parents.url,
        }.items():
            monkeypatch.setenv(name, value)
        app = make_mobile()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        parents.next_account = parent(["46554860"])
        page = chromium.new_page(viewport={"width": 390, "height": 800})
        page.goto(url)
        follow(page.get_by_text("Sign in as a parent"))
        assert "46554860" in page.inner_text("pre")
        assert not faults(page, "mobile", 390)
        page.close()
        server.shutdown()
        thread.join()
        server.server_close()
