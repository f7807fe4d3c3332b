"""Every page the table promises, in Chromium, phone and desk, English and Spanish: axe finds nothing.

A page is in here as soon as its route is in `answers.txt`: there is no second list to keep.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from tests.look.test_in_chromium import SMALL_TARGETS
from tests.protection.conftest import Place
from tests.protection.reading_the_table import rows

WIDTHS = (390, 1280)
PICTURES = os.environ.get("PAGE_PICTURES", "")
"""A folder to save a picture of each page in, for the eye."""
NO_PAGE = {"/healthz", "/readyz", "/desk/district/audit/disclosures?number={number}"}
"""What answers without a page: words for machines, and a file to keep."""
SEEN_BY = ("parent", "student", "clerk", "principal", "district", "admin", "elsewhere", "nobody", "unlinked")
"""Who looks: the first of them who gets the page; of a page for everybody, two kinds of account."""
REFUSED = [
    ("parent", "waiting", "/desk", 403),
    ("clerk", "waiting", "/children", 403),
    ("other", "waiting", "/children/{link}/cancel", 404),
    ("nobody", "waiting", "/signin/parents", 503),
    ("nobody", "waiting", "/signin/parents/callback", 400),
]


def pages() -> list[tuple[str, str, str, int]]:
    """Return every page once: who looks, the stage, the path, and what it must answer."""
    found = []
    for row in rows():
        if row.method == "GET" and row.path not in NO_PAGE:
            who = next((who for who in SEEN_BY if row.answers[who] == "200"), None)
            found += [(who, row.stage, row.path, 200)] if who else []
    return [*found, *REFUSED]


@pytest.fixture
def address(place: Place) -> Iterator[str]:
    """The app of this file, served."""
    server = make_server("127.0.0.1", 0, place.web, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def faults(page: Page, name: str) -> list[str]:
    """Return what is wrong with the page as it stands, at both widths."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
        axe = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        found += [f"{width}: {one['id']} {one['nodes'][0]['html'][:100]}" for one in axe]
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{width}: {wide} px wide"] if wide > width else []
        found += [f"{width}: small target {one}" for one in page.evaluate(SMALL_TARGETS)]
    return found


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "es"])
def test_axe_finds_nothing_and_nothing_is_too_wide(
    chromium: Browser, place: Place, address: str, language: str
) -> None:
    context = chromium.new_context(bypass_csp=True)
    context.add_init_script(path=AXE_FILE_PATH)
    page, wrong, seen = context.new_page(), {}, 0
    for who, stage, path, status in pages():
        known = place.put_back(stage)
        context.clear_cookies()
        chosen = {"language": language} | ({} if who == "nobody" else {"idp_bridge": who})
        context.add_cookies(
            [{"name": name, "value": value, "url": address} for name, value in chosen.items()]
        )
        answer = page.goto(f"{address}{path.format(**known)}")
        assert answer is not None
        assert answer.status == status, path
        assert page.locator("html").get_attribute("lang") == language
        name = re.sub(r"[^a-z0-9]+", "-", f"{seen:03}{path} {stage} {who}")
        bad = faults(page, f"{name}-{language}")
        wrong |= {f"{path} {stage} as {who}": bad} if bad else {}
        seen += 1
    context.close()
    assert wrong == {}
    assert seen == len(pages()) > 15


@pytest.mark.browser
def test_a_page_with_faults_is_told(chromium: Browser) -> None:
    context = chromium.new_context(bypass_csp=True)
    context.add_init_script(path=AXE_FILE_PATH)
    page = context.new_page()
    page.goto("data:text/html,<img src=x><div style='width:60rem'>wide</div><button>x</button>")
    found = "\n".join(faults(page, "faulty"))
    for word in ("image-alt", "html-has-lang", "px wide"):
        assert word in found
    context.close()
