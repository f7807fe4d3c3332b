"""Every page, at Keycloak, the bridge and OneView: axe finds nothing, nothing is wider than the screen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.journey.at_the_desk import PRINCIPAL, links_on, restrict
from tests.journey.conftest import PASSWORD
from tests.look.following import enter, follow
from tools.walk import Walk

pytestmark = [pytest.mark.live, pytest.mark.browser]

WIDTHS = {"en-US": (390, 1280), "es-MX": (390,)}
"""Spanish words are longer, so the narrow screen is where they can break a page."""
WCAG = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}


class Inspector:
    """Looks at a page at each width and keeps what is wrong."""

    def __init__(self, locale: str) -> None:
        self.widths = WIDTHS[locale]
        self.faults: list[str] = []
        self.seen = 0

    def look(self, page, name: str) -> None:
        """Inspect the page as it stands."""
        for width in self.widths:
            page.set_viewport_size({"width": width, "height": 900})
            found = Axe().run(page, options=WCAG).response["violations"]
            self.faults += [
                f"{name} at {width}: {one['id']} {one['nodes'][0]['html'][:120]}" for one in found
            ]
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                self.faults.append(f"{name} at {width}: {wide} px wide")
            self.seen += 1

    def tour(self, page, bridge: str, paths: Iterable[str]) -> None:
        """Inspect each page of the bridge that one person can open."""
        for path in paths:
            answer = page.goto(f"{bridge}{path}")
            assert (answer.status, page.url) == (200, f"{bridge}{path}")
            self.look(page, path)


@pytest.mark.parametrize("locale", ["en-US", "es-MX"])
def test_on_the_way_from_registration_to_oneview(stack, chromium, student, newcomer, locale):
    walk, inspect, parent = (
        Walk(stack, chromium, locale=locale),
        Inspector(locale),
        newcomer("Ximena", "Farrow"),
    )
    page = walk.window(parent.email)
    page.goto(f"{stack.bridge_url}/")
    inspect.look(page, "start")
    page.goto(f"{stack.bridge_url}/signin/parents?new=1")
    inspect.look(page, "register")
    follow(page.locator("#kc-register-form [type=submit]"))
    inspect.look(page, "register with errors")
    page.fill("#email", parent.email)
    page.fill("#firstName", parent.given_name)
    page.fill("#lastName", parent.family_name)
    follow(page.locator("#kc-register-form [type=submit]"))
    inspect.look(page, "look in your mailbox")
    page.goto(walk.mail_link(parent.email))
    inspect.look(page, "choose a password")
    page.fill("#password-new", parent.password)
    page.fill("#password-confirm", parent.password)
    follow(page.locator("#kc-passwd-update-form [type=submit]"))
    assert page.url == f"{stack.bridge_url}/children"
    inspect.look(page, "no children yet")
    walk.open_app(parent.email)
    inspect.look(page, "OneView without a link")
    beau = student("Beau Farrow")
    code = walk.ask(parent, beau)
    inspect.look(page, "visit code")
    page.goto(f"{stack.bridge_url}/children")
    inspect.look(page, "waiting")
    page.goto(f"{stack.bridge_url}/nowhere")
    inspect.look(page, "not here")
    walk.settle("jo.hathaway", PASSWORD, code)
    walk.linked(parent, {beau["student_number"]})
    page.goto(f"{stack.bridge_url}/children")
    inspect.look(page, "linked")
    walk.open_app(parent.email)
    inspect.look(page, "OneView with a student")
    page.goto(f"{stack.app_urls['oneview']}/students/00000000")
    inspect.look(page, "OneView not here")
    for window in walk.windows.values():
        window.context.close()
    assert inspect.faults == []
    assert inspect.seen == 13 * len(inspect.widths)


@pytest.mark.parametrize("locale", ["en-US", "es-MX"])
def test_signing_in_and_getting_back_in(stack, chromium, locale):
    walk, inspect = Walk(stack, chromium, locale=locale), Inspector(locale)
    page = walk.window("somebody")
    page.goto(f"{stack.bridge_url}/signin/parents")
    inspect.look(page, "sign in")
    page.fill("#username", "nobody@mail.example")
    page.fill("#password", "not the password")
    follow(page.locator("#kc-form-login [type=submit]"))
    inspect.look(page, "sign in with error")
    follow(page.locator("a[href*='reset-credentials']"))
    inspect.look(page, "forgot password")
    page.fill("#username", "nobody@mail.example")
    follow(page.locator("#kc-reset-password-form [type=submit]"))
    inspect.look(page, "mail is on its way")
    page.goto(f"{stack.bridge_url}/signin/district")
    inspect.look(page, "district sign in")
    page.goto(f"{stack.issuer('parents')}/protocol/openid-connect/auth?client_id=none")
    inspect.look(page, "Keycloak error")
    page.goto(f"{stack.bridge_url}/start?app=oneview&ask=1")
    inspect.look(page, "who is signing in")
    page.goto(stack.app_urls["oneview"])
    inspect.look(page, "OneView ways in")
    page.context.close()
    assert inspect.faults == []
    assert inspect.seen == 8 * len(inspect.widths)


@pytest.mark.parametrize("locale", ["en-US", "es-MX"])
def test_the_school_desk(stack, chromium, student, newcomer, locale):
    walk, inspect, parent = (
        Walk(stack, chromium, locale=locale),
        Inspector(locale),
        newcomer("Lan", "Vo-Castellan"),
    )
    walk.register(parent)
    code = walk.ask(parent, student("Minh Vo-Castellan"))
    page = walk.sign_in("district", "jo.hathaway", PASSWORD)
    page.goto(f"{stack.bridge_url}/desk")
    inspect.look(page, "desk")
    page.fill("#code", "XXXX-XXXX")
    enter(page, "#code")
    inspect.look(page, "desk, unknown code")
    page.fill("#code", code)
    enter(page, "#code")
    assert "/desk/visits/" in page.url
    inspect.look(page, "visit")
    follow(page.locator("form[action$='/identity'] button"))
    inspect.look(page, "visit, nothing chosen")
    page.check("[name=identity][value=passport]")
    follow(page.locator("form[action$='/identity'] button"))
    assert re.search("/desk/visits/[^/]+$", page.url)
    inspect.look(page, "visit, identity proven")
    follow(page.locator("a[href$='/refuse']"))
    inspect.look(page, "refuse")
    for window in walk.windows.values():
        window.context.close()
    assert inspect.faults == []
    assert inspect.seen == 6 * len(inspect.widths)


@pytest.mark.parametrize("locale", ["en-US", "es-MX"])
def test_what_a_parent_can_open_between_the_journeys(stack, chromium, student, newcomer, locale):
    walk, inspect, parent = (
        Walk(stack, chromium, locale=locale),
        Inspector(locale),
        newcomer("Odile", "Pereira-Hunt"),
    )
    page = walk.register(parent)
    code = walk.ask(parent, student("Rui Pereira-Hunt"))
    visit = walk.open_visit("jo.hathaway", PASSWORD, code)
    (linked,) = links_on(visit)
    walk.settle("jo.hathaway", PASSWORD, code)
    code = walk.ask(parent, student("Gil Ferreira"))
    (waiting,) = links_on(walk.open_visit("jo.hathaway", PASSWORD, code))
    page.goto(f"{stack.bridge_url}/children/add/number")
    page.fill("[name=number]", "46999999")
    follow(page.locator("main form button.primary"))
    paths = [
        "/children", "/children/why", f"/children/{waiting}/cancel", f"/children/{waiting}/not-mine",
        f"/children/{linked}/leave", f"/children/{linked}/not-mine", "/children/add/number",
        "/children/add/birth-date", "/children/add/school", "/children/add/relationship",
        "/visit", "/visit/slip", "/account", "/account/delete",
    ]  # fmt: skip
    inspect.tour(page, stack.bridge_url, paths)
    held = walk.tokens(parent)
    page.goto(f"{stack.bridge_url}/children/{linked}/leave")
    page.click("button.danger")
    walk.sessions_end(held)  # as after every loss
    walk.sign_in("parents", parent.email, parent.password, who=parent.email)
    inspect.tour(page, stack.bridge_url, ["/children", f"/children/{linked}/about"])
    page.context.close()
    visit.context.close()
    assert inspect.faults == []
    assert inspect.seen == (len(paths) + 2) * len(inspect.widths)


@pytest.mark.parametrize("locale", ["en-US", "es-MX"])
def test_what_staff_can_open_between_the_journeys(stack, chromium, student, newcomer, locale):
    walk, inspect, parent = (
        Walk(stack, chromium, locale=locale),
        Inspector(locale),
        newcomer("Irina", "Petrov-Lisle"),
    )
    lev = student("Lev Petrov")
    walk.register(parent)
    desk = walk.open_visit("jo.hathaway", PASSWORD, walk.ask(parent, lev))
    visit, (link,) = desk.url.removeprefix(stack.bridge_url), links_on(desk)
    desk.goto(f"{stack.bridge_url}/desk/search")
    desk.fill("[name=code]", lev["student_number"])
    enter(desk, "[name=code]")
    assert desk.url == f"{stack.bridge_url}/desk/found"
    placed = restrict(walk, lev, "Yegor", "Petrov-Lisle", date(1981, 5, 6)).removeprefix(stack.bridge_url)
    audit = "/desk/district/audit"
    tours = {
        "jo.hathaway": (
            "/desk/search", "/desk/found", f"{visit}/move", f"{visit}/paper", "/desk/paper/sheet",
            f"/desk/links/{link}/correct",
        ),
        PRINCIPAL: (
            "/desk/students", f"/desk/students/{lev['student_number']}", f"/desk/students/links/{link}",
            "/desk/restrictions", "/desk/restrictions/new", placed,
        ),
        "dee.collins": ("/desk", "/desk/district/alarms"),
        "ira.novak": (audit, f"{audit}?student={lev['student_number']}", f"{audit}/chain",
                      "/desk/district/projection"),
    }  # fmt: skip
    for clerk, paths in tours.items():
        inspect.tour(walk.at_desk(clerk, PASSWORD), stack.bridge_url, paths)
    pupil = walk.sign_in("district", lev["student_number"], PASSWORD)
    inspect.tour(pupil, stack.bridge_url, ["/student"])
    for window in walk.windows.values():
        window.context.close()
    assert inspect.faults == []
    assert inspect.seen == (sum(map(len, tours.values())) + 1) * len(inspect.widths)
