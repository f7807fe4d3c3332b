"""The desk by keyboard alone, without a script: where the focus lands after each step, and that it shows."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from werkzeug.serving import make_server

from idp_bridge.domain.link import LinkId, LinkState
from idp_bridge.domain.people import Relationship, SchoolCode
from idp_bridge.domain.visit_code import make
from idp_bridge.services.verifying import record_identity, verify_link
from tests.web.serve_desk import Desk, _claim, desk_web, fill
from tests.web.test_school_in_chromium import _page, _states

pytestmark = pytest.mark.browser

CLERK, LAKESIDE = "jo.hathaway", SchoolCode("0552")
FOCUSED = """() => {
  const e = document.activeElement, seen = e.closest('.choice') || e, box = seen.getBoundingClientRect();
  const style = getComputedStyle(seen);
  return {id: e.id, words: (e.getAttribute('aria-label') || e.innerText || '').trim(), tag: e.tagName,
    ring: style.outlineStyle === 'solid' ? parseFloat(style.outlineWidth) : 0,
    visible: box.bottom > 0 && box.top < innerHeight && box.width > 0};
}"""


class Keyboard:
    """Somebody without a mouse. Each stop is looked at: the focus shows, and is on the screen."""

    def __init__(self, page) -> None:
        self.page, self.keys = page, 0

    def at(self, **wanted: str) -> dict[str, str]:
        """Wait until the page has put the focus there by itself, after its load."""
        selector = f'[id="{wanted["id"]}"]:focus' if "id" in wanted else f"{wanted['tag']}:focus"
        self.page.locator(selector).wait_for(timeout=3000)
        return self.look()

    def look(self) -> dict[str, str]:
        """Return what has the focus; its ring must be seen."""
        found = self.page.evaluate(FOCUSED)
        assert found["ring"] >= 3, f"no ring around {found}"
        assert found["visible"], f"off the screen: {found}"
        return found

    def tab_to(self, words: str, most: int = 8) -> int:
        """Press Tab until something with these words has the focus; return how often."""
        for pressed in range(1, most + 1):
            self.press("Tab")
            if self.look()["words"].startswith(words):
                return pressed
        raise AssertionError(f"{words} is more than {most} tabs away; now at {self.look()}")

    def tab_to_id(self, name: str, most: int = 8) -> None:
        """Press Tab until the field has the focus."""
        for _ in range(most):
            self.press("Tab")
            if self.look()["id"] == name:
                return
        raise AssertionError(f"{name} is more than {most} tabs away; now at {self.look()}")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1

    def type(self, words: str) -> None:
        self.page.keyboard.type(words)
        self.keys += len(words)

    def enter(self) -> None:
        """Press Enter and wait for the page it leads to."""
        with self.page.expect_navigation():
            self.press("Enter")

    def says(self, words: str) -> None:
        assert words in self.page.inner_text("main")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("keyboard"))
    fill(desk)
    return desk


@pytest.fixture(scope="module")
def address(desk):
    server = make_server("127.0.0.1", 0, desk_web(desk, "http://localhost"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def hands(chromium, address):
    page = _page(chromium, address, CLERK, java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/desk")
    yield Keyboard(page)
    page.context.close()


def _code(desk, visit) -> str:
    return make(desk.house.rules.code_key, visit)


def _proven(desk, name: str, children: list, relationship=Relationship.PARENT) -> SimpleNamespace:
    visit = desk.visit(name, children, 1, relationship)
    record_identity(desk.house, CLERK, visit, LAKESIDE, "passport")
    return SimpleNamespace(id=visit, links=desk.links(visit))


def test_a_number_and_an_e_mail_are_found_and_a_visit_is_opened(hands, desk):
    for typed, whose in (
        (desk.student("Kiko").number, "Jun Bautista"),
        ("amara.quintero-bell@mail.example", "Amara"),
    ):
        hands.page.goto(hands.page.url.partition("/desk")[0] + "/desk")
        hands.at(id="code")
        hands.type(typed)
        hands.enter()
        assert hands.page.url.endswith("/desk/found")
        assert hands.at(tag="H2")["words"].startswith("Found")
        assert hands.tab_to(f"Open the visit of {whose}") == 1
        hands.enter()
        assert "/desk/visits/" in hands.page.url
        hands.says(whose)


def test_what_is_not_found_is_typed_again_in_the_same_place(hands):
    hands.at(id="code")
    hands.type("46999998")
    hands.enter()
    assert hands.at(id="code")["tag"] == "INPUT"
    hands.says("Nothing here fits this.")


def test_a_wrong_code_is_typed_again_in_the_same_place(hands):
    hands.at(id="code")
    hands.type("BCDF GHJK")
    hands.enter()
    hands.says("No visit has this code")
    hands.at(id="code")


def test_the_lists_and_their_pages_are_walked(hands):
    hands.at(id="code")
    hands.tab_to("This week", most=10)
    hands.enter()
    assert hands.page.url.endswith("?list=week")
    assert hands.at(tag="A")["words"].startswith("This week")
    hands.press("Shift+Tab")
    assert hands.look()["words"].startswith("All")
    hands.enter()
    hands.at(id="code")  # the desk's front page: ready for the next code
    hands.tab_to("Next", most=30)
    hands.enter()
    assert "page=2" in hands.page.url
    assert hands.at(tag="A")["words"].startswith("All")
    hands.tab_to("Open the visit of", most=4)
    hands.enter()
    assert "/desk/visits/" in hands.page.url


def test_a_choice_of_a_list_does_not_swallow_a_scanned_code(hands, desk):
    """A scanner types and presses Enter wherever the focus is: no other person's visit may open."""
    hands.page.goto(hands.page.url + "?list=week")
    hands.at(tag="A")
    hands.type(_code(desk, desk.visit("Scan Ner", [desk.student("June")], 0)))
    hands.enter()
    assert "/desk/visits/" not in hands.page.url


def test_several_are_verified_in_one_go(hands, desk):
    visit = desk.visit("Harper Sorensen", [desk.student("Ida"), desk.student("June")], 0)
    first, second = desk.links(visit)
    hands.at(id="code")
    hands.type(_code(desk, visit))
    hands.enter()
    hands.at(id="identity-0")
    hands.press("Space")
    hands.enter()
    hands.at(id=f"{first}-evidence-0")
    hands.press("ArrowDown")
    hands.look()
    hands.tab_to_id(f"{second}-evidence-0")
    hands.press("Space")
    hands.enter()
    assert _states(desk, visit) == [LinkState.VERIFIED] * 2
    hands.at(id="code")  # the next person


def test_one_is_refused_and_the_next_one_is_at_hand(hands, desk):
    visit = _proven(desk, "Rhea Sorensen", [desk.student("Ida"), desk.student("June")])
    hands.at(id="code")
    hands.type(_code(desk, visit.id))
    hands.enter()
    hands.at(id=f"{visit.links[0]}-evidence-0")
    hands.tab_to("Refuse…")
    hands.enter()
    hands.at(id="reason-0")
    hands.enter()  # nothing chosen: said, and led back by the summary's line
    hands.at(tag="DIV")
    hands.tab_to("Choose a reason", most=1)
    hands.press("Enter")
    hands.at(id="reason-0")
    hands.press("ArrowDown")
    hands.enter()
    hands.says("not confirmed. The parent sees the reason")
    assert _states(desk, visit.id) == [LinkState.DENIED, LinkState.AWAITING_VISIT]
    hands.at(id=f"{visit.links[1]}-evidence-0")


def test_a_decision_is_undone(hands, desk):
    visit = _proven(desk, "Wendell Farrow", [desk.student("June")])
    desk.clock.advance(seconds=60)  # the newest decision is the first one listed
    verify_link(desk.house, CLERK, LinkId(visit.links[0]), "birth-certificate")
    hands.page.reload()
    hands.at(id="code")
    hands.tab_to(f"Undo: Verified, student {_spaced(desk.student('June').number)}")
    hands.enter()
    hands.says("Taken back.")
    assert _states(desk, visit.id) == [LinkState.AWAITING_VISIT]
    hands.at(id=f"{visit.links[0]}-evidence-0")


def test_too_late_to_undo_is_told_and_the_desk_is_ready(hands, desk):
    visit = _proven(desk, "Late Farrow", [desk.student("June")])
    verify_link(desk.house, CLERK, LinkId(visit.links[0]), "birth-certificate")
    hands.page.reload()
    hands.at(id="code")
    hands.tab_to("Undo: Verified")
    desk.clock.at += timedelta(minutes=desk.house.rules.undo_minutes + 1)
    try:
        hands.enter()
        hands.says("It is too late to undo this")
        hands.at(id="code")
    finally:
        desk.clock.at -= timedelta(minutes=desk.house.rules.undo_minutes + 1)


def test_a_second_person_agrees(hands, desk):
    visit = _proven(desk, "Soraya Haddad", [desk.student("Layla")], Relationship.LEGAL_GUARDIAN)
    verify_link(
        desk.house,
        "ana.ruiz",
        LinkId(visit.links[0]),
        "court-order",
        desk.clock.now().date() + timedelta(days=200),
    )
    hands.at(id="code")
    hands.type(_code(desk, visit.id))
    hands.enter()
    assert hands.at(tag="H2")["words"].startswith("2. Layla Haddad")
    assert hands.tab_to("Agree and verify") == 1
    hands.enter()
    hands.says("Layla Haddad, grade 2: linked.")
    assert _states(desk, visit.id) == [LinkState.VERIFIED]
    hands.at(id="code")


def test_what_only_the_district_decides_is_handed_over(hands, desk):
    visit = _proven(desk, "Greta Thant", [desk.student("Zaw")], Relationship.SURROGATE)
    hands.at(id="code")
    hands.type(_code(desk, visit.id))
    hands.enter()
    assert hands.at(tag="H2")["words"].startswith("2. Zaw Thant")
    hands.tab_to("Refer to the district office", most=2)
    hands.enter()
    assert _states(desk, visit.id) == [LinkState.REFERRED]
    hands.at(id="code")


def test_a_claim_is_corrected(hands, desk):
    ida = desk.student("Ida")
    typed = replace(_claim(ida, Relationship.PARENT), birth_date=ida.birth_date - timedelta(days=17))
    visit = _proven(desk, "Petra Lindqvist", [typed])
    hands.at(id="code")
    hands.type(_code(desk, visit.id))
    hands.enter()
    assert hands.at(tag="H2")["words"].startswith("2. Ida Sorensen")
    hands.tab_to("Correct what was typed", most=2)
    hands.enter()
    hands.at(id="number")
    for part in ("month", "day", "year"):
        hands.tab_to_id(f"birth_date-{part}", most=1)  # what it holds is selected: typing replaces it
        hands.type(str(getattr(ida.birth_date, part)))
    hands.enter()
    hands.says("Corrected. The request fits a student now.")
    hands.at(id=f"{visit.links[0]}-evidence-0")


def test_signing_out(hands):
    hands.at(id="code")
    for _ in range(12):
        hands.press("Shift+Tab")
        if hands.look()["tag"] == "SUMMARY":
            break
    assert hands.look()["words"] == "Jo Hathaway"
    hands.press("Enter")
    assert hands.tab_to("Sign out") == 1
    hands.enter()
    assert hands.page.title().startswith("Link your child")
    answer = hands.page.request.get(hands.page.url + "desk", max_redirects=0)
    assert "/signin/district" in answer.headers["location"]


def _spaced(number: str) -> str:
    return f"{number[:4]} {number[4:]}"
