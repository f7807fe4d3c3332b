"""The desk's pages: who waits, what was said beside the roster, one next thing, and what it leads to."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.link import LinkState, Move
from idp_bridge.domain.people import Parent, ParentId, Relationship, SchoolCode
from idp_bridge.domain.reasons import DENIAL_REASONS
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.domain.visit_code import make
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity
from idp_bridge.web import wording
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO, staff
from tests.web.families import after, asked, claim, claim_for, confirmed, links_of
from tests.web.pages import errors, text
from tests.web.serve_desk import Desk, desk_web, sign_in


@pytest.fixture(autouse=True)
def _parents(house):
    save(house, AMARA, "Amara Quintero-Bell", "amara@mail.example")
    save(house, OTHER, "Bo Li", "bo@mail.example")


def save(house, parent: ParentId, name: str, email: str) -> None:
    given, _, family = name.partition(" ")
    with house.store.transaction() as rows:
        rows.parents.save(Parent(parent, email, given, family, "en", NOW))


@pytest.fixture
def clerk(sign_in_staff):
    return sign_in_staff("jo.hathaway")


@pytest.fixture
def waiting(house):
    """Iris's mother waits for her visit."""
    return asked(house, AMARA, claim_for(IRIS))


@pytest.fixture
def proven(house, waiting):
    """The same after her identification was seen."""
    record_identity(house, "jo.hathaway", waiting.visit, SchoolCode("0552"), "passport")
    return waiting


def page(client, link) -> str:
    answer = client.get(f"/desk/visits/{link.visit}")
    assert answer.status_code == 200
    return answer.text


def starts_at(html: str) -> list[str]:
    """Return the ids of the inputs where the keyboard starts."""
    return [
        re.search(r' id="([^"]*)"', one).group(1)  # type: ignore[union-attr]
        for one in re.findall(r"<input[^>]*autofocus[^>]*>", html)
    ]


def rows_of(html: str) -> dict[str, list[str]]:
    """Return the match table: topic -> said, roster, mark."""
    found = re.findall(r'<th role="rowheader"[^>]*>(.*?)</th>(.*?)</tr>', html, re.S)
    return {
        topic: [" ".join(text(cell).split()) for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells, re.S)]
        for topic, cells in found
    }


class TestQueue:
    def test_nobody_waits(self, clerk):
        assert "Nobody is waiting for a visit at your school." in text(clerk.get("/desk").text)

    def test_it_lists_who_waits_by_when_and_for_whom(self, clerk, house, waiting):
        asked(house, AMARA, claim_for(TEO, Relationship.LEGAL_GUARDIAN))
        words = text(clerk.get("/desk").text).split("\n")
        for word in (
            "Tue, Dec 8", "14 days", "Amara Quintero-Bell", "amara@mail.example", "4655 4860", "4661 0927",
            "Birth or adoptive parent", "Legal guardian", "Nov 24", "1 to 1 of 1, nearest deadline first",
        ):  # fmt: skip
            assert word in words
        assert not [word for word in words if "Iris" in word or "Teo" in word]

    @pytest.mark.parametrize(
        ("days", "words"), [(11, "3 days"), (12, "2 days"), (13, "1 day"), (14, "today"), (15, "is over")]
    )
    def test_a_near_day_is_marked(self, clerk, waiting, clock, days, words):
        clock.advance(days=days)
        html = clerk.get("/desk").text
        assert words in text(html)
        assert ('class="tag' in html) == (days > 11)

    def test_only_what_still_waits_is_named(self, clerk, house, waiting):
        after(house, asked(house, AMARA, claim_for(TEO, Relationship.FOSTER_PARENT)), Move.CANCEL)
        words = text(clerk.get("/desk").text)
        assert "4661 0927" not in words
        assert "Foster parent" not in words

    def test_a_claim_that_fits_nobody_is_marked_at_its_school_only(self, clerk, house, waiting):
        asked(house, AMARA, claim("46999999", school="0610"))
        assert "Check the claim" not in text(clerk.get("/desk").text)
        asked(house, AMARA, claim("46999998"))
        assert "Check the claim" in text(clerk.get("/desk").text)

    @pytest.mark.parametrize(
        ("asked_for", "summary", "current"),
        [
            ("", "1 to 10 of 23", "1"),
            ("?page=3", "21 to 23 of 23", "3"),
            ("?page=4", "21 to 23 of 23", "3"),
            ("?page=0", "1 to 10 of 23", "1"),
            ("?page=-7", "1 to 10 of 23", "1"),
            ("?page=99999999999999999999999", "21 to 23 of 23", "3"),
            ("?page=two", "1 to 10 of 23", "1"),
        ],
    )
    def test_pages(self, clerk, house, asked_for, summary, current):
        for n in range(23):
            parent = ParentId(f"p-{n:02}")
            save(house, parent, f"Parent {n}", f"p{n}@mail.example")
            asked(house, parent, claim(f"469999{n:02}"))
        html = clerk.get(f"/desk{asked_for}").text
        assert summary in text(html)
        assert re.findall(r'aria-current="page" aria-label="Page (\d)"', html) == [current]

    def test_the_code_field_has_the_keyboard(self, clerk):
        assert starts_at(clerk.get("/desk").text) == ["code"]


class TestFinding:
    @pytest.mark.parametrize("typed", ["{0}", " {0} ", "{1}", "{2}"])
    def test_a_code_opens_its_visit(self, clerk, house, waiting, typed):
        code = make(house.rules.code_key, waiting.visit)
        answer = clerk.post(
            "/desk/find", data={"code": typed.format(code, code.lower(), code.replace("-", ""))}
        )
        assert (answer.status_code, answer.location) == (302, f"/desk/visits/{waiting.visit}")

    def test_nothing_typed_is_said_at_the_field(self, clerk):
        answer = clerk.post("/desk/find", data={"code": ""})
        assert answer.status_code == 422
        assert errors(answer.text) == ["Scan or type the eight letters"]
        assert starts_at(answer.text) == ["code"]


class TestVisit:
    def test_what_was_said_stands_beside_the_roster(self, clerk, waiting):
        html = page(clerk, waiting)
        assert rows_of(html) == {
            "Student number": ["4655 4860", "4655 4860", "Same"],
            "Date of birth": ["March 9, 2016", "March 9, 2016", "Same"],
            "School": ["Lakeside Elementary", "Lakeside Elementary", "Same"],
            "Relationship": ["Birth or adoptive parent", "Parent", "Same"],
            "Parent’s name": ["Amara Quintero-Bell", "Amara Quintero", "Similar"],
            "Student’s name": ["", "Iris Quintero-Bell", "Not asked"],
        }
        assert "2. Iris Quintero-Bell, grade 4" in text(html)

    def test_a_parent_the_roster_does_not_name_differs(self, clerk, house):
        marks = rows_of(page(clerk, asked(house, OTHER, claim_for(IRIS))))
        assert marks["Relationship"][1:] == ["Not listed", "Differs"]
        assert marks["Parent’s name"][1:] == ["Not listed", "Differs"]

    @pytest.mark.parametrize(
        ("grade", "words"), [("KG", "kindergarten"), ("PK", "pre-kindergarten"), ("04", "grade 4")]
    )
    def test_a_grade_in_words(self, clerk, house, waiting, grade, words):
        with house.store.transaction() as rows:
            rows.roster.write(RosterChanges(students=(replace(IRIS, grade=grade),)))
        assert f"Iris Quintero-Bell, {words}" in text(page(clerk, waiting))

    def test_the_identity_comes_first_and_the_keyboard_starts_there(self, clerk, waiting):
        html = page(clerk, waiting)
        assert starts_at(html) == ["identity-0"]
        assert "Record the identity first." in text(html)
        assert "Verify this link" not in text(html)
        assert "checked" not in html

    def test_a_clerk_of_one_school_is_not_asked_which(self, clerk, waiting):
        assert 'name="school" value="0552"' in page(clerk, waiting)
        assert "At which school?" not in text(page(clerk, waiting))

    def test_the_district_office_says_where_it_was_seen(self, sign_in_staff, house, waiting):
        office = sign_in_staff("dee.collins")
        assert "At which school?" in text(page(office, waiting))
        answer = office.post(f"/desk/visits/{waiting.visit}/identity", data={"identity": "passport"})
        assert answer.status_code == 422
        assert errors(answer.text) == ["Choose where you saw it"]

    def test_a_recorded_identity_is_kept_and_the_next_question_has_the_keyboard(self, clerk, house, waiting):
        answer = clerk.post(
            f"/desk/visits/{waiting.visit}/identity",
            data={"identity": "passport", "school": "0552"},
            follow_redirects=True,
        )
        words = text(answer.text)
        assert "The identity is recorded." in words
        assert "Identity proven" in words
        assert "Passport, at Lakeside Elementary on Nov 24" in words
        assert starts_at(answer.text) == [f"{waiting.id}-evidence-0"]
        assert "The identity is recorded." not in text(page(clerk, waiting))

    def test_only_the_papers_that_suffice_are_offered(self, clerk, house):
        link = asked(house, AMARA, claim_for(IRIS, Relationship.FOSTER_PARENT))
        record_identity(house, "jo.hathaway", link.visit, SchoolCode("0552"), "passport")
        words = text(page(clerk, link))
        assert "Placement letter" in words
        assert "Birth certificate" not in words

    def test_other_guardians_are_counted_and_never_named(self, clerk, house, proven):
        assert "No other guardian linked yet" in text(page(clerk, proven))
        confirmed(house, asked(house, OTHER, claim_for(IRIS)), IRIS)
        words = text(page(clerk, proven))
        assert "1 other guardian linked" in words
        assert "Bo Li" not in words

    @pytest.mark.parametrize(
        ("claimed", "words"),
        [
            (claim(IRIS.number, date(2016, 3, 10)), "The date of birth differs from the roster."),
            (claim("46999999"), "No student of your schools has this number."),
        ],
    )
    def test_what_fits_nobody_can_be_refused_only(self, clerk, house, claimed, words):
        link = asked(house, AMARA, claimed)
        record_identity(house, "jo.hathaway", link.visit, SchoolCode("0552"), "passport")
        html = page(clerk, link)
        assert words in text(html)
        assert f'href="/desk/links/{link.id}/refuse"' in html
        assert "Verify this link" not in text(html)

    def test_a_child_of_another_school_says_where(self, sign_in_staff, waiting):
        html = page(sign_in_staff("sam.okafor"), waiting)
        words = text(html)
        assert "To be decided at Lakeside Elementary." in words
        assert "2. Student 4655 4860" in words
        assert "Iris" not in words
        assert "2016" not in words
        assert "refuse" not in html
        assert rows_of(html) == {}

    def test_a_restriction_is_a_banner_without_a_word_of_what_it_is(self, clerk, house, proven):
        house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
        order = Order(
            IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1), "SEALED"
        )
        place(house, "ana.ruiz", order)
        words = text(page(clerk, proven))
        assert "Ask the principal about this one" in words
        assert "Verify is locked" in words
        assert "Verify this link" not in words
        for secret in ("restriction", "court", "SEALED", "Court"):
            assert secret not in words

    def test_after_the_last_day_nothing_is_asked(self, clerk, proven, clock):
        clock.advance(days=15)
        html = page(clerk, proven)
        assert "The visit time is over" in text(html)
        assert "Nothing was lost. The parent can ask again" in text(html)
        assert starts_at(html) == []


class TestDeciding:
    def test_the_last_child_leads_to_the_next_person(self, clerk, house, proven):
        answer = clerk.post(
            f"/desk/links/{proven.id}/verify",
            data={f"{proven.id}-evidence": "school-record"},
            follow_redirects=True,
        )
        assert answer.request.path == "/desk"
        assert "Iris Quintero-Bell, grade 4: linked. The parent’s apps follow in a moment." in text(
            answer.text
        )
        assert links_of(house, AMARA)[0].state is LinkState.VERIFIED
        assert house.wakeup.woken == [AMARA]

    def test_the_next_child_of_the_visit_comes_first(self, clerk, house, proven):
        other = asked(house, AMARA, claim_for(TEO))
        answer = clerk.post(
            f"/desk/links/{proven.id}/verify",
            data={f"{proven.id}-evidence": "school-record"},
            follow_redirects=True,
        )
        assert answer.request.path == f"/desk/visits/{proven.visit}"
        assert starts_at(answer.text) == [f"{other.id}-evidence-0"]

    def test_a_finished_visit_shows_what_was_decided(self, clerk, house, proven):
        clerk.post(f"/desk/links/{proven.id}/verify", data={f"{proven.id}-evidence": "school-record"})
        html = page(clerk, proven)
        words = text(html).split("\n")
        assert "Finished" in words
        assert "Linked" in words
        assert "<form" not in re.search(r"<main.*</main>", html, re.S).group(0)  # type: ignore[union-attr]

    def test_nothing_chosen_is_said_at_that_child_only(self, clerk, house, proven):
        other = asked(house, AMARA, claim_for(TEO))
        answer = clerk.post(f"/desk/links/{other.id}/verify")
        assert answer.status_code == 422
        assert errors(answer.text) == ["Choose what showed the relationship"]
        assert f'href="#{other.id}-evidence-0"' in answer.text
        assert f'id="{other.id}-evidence-error"' in answer.text

    @pytest.mark.parametrize("reason", DENIAL_REASONS)
    def test_a_refusal_carries_its_reason(self, clerk, house, waiting, reason):
        form = clerk.get(f"/desk/links/{waiting.id}/refuse").text
        assert str(wording.DENIAL_REASONS[reason]) in text(form)
        assert starts_at(form) == ["reason-0"]
        answer = clerk.post(
            f"/desk/links/{waiting.id}/refuse", data={"reason": reason}, follow_redirects=True
        )
        assert "Student 4655 4860: not confirmed." in text(answer.text)
        (link,) = links_of(house, AMARA)
        assert (link.state, link.reason) == (LinkState.DENIED, reason)

    @pytest.mark.parametrize("reason", ["", "custody", "verified-by-mistake"])
    def test_no_reason_no_refusal(self, clerk, house, waiting, reason):
        answer = clerk.post(f"/desk/links/{waiting.id}/refuse", data={"reason": reason})
        assert answer.status_code == 422
        assert errors(answer.text) == ["Choose a reason"]
        assert links_of(house, AMARA) == (waiting,)

    def test_ldap_gone_right_after_the_decision_does_not_hide_it(self, clerk, house, proven, monkeypatch):
        monkeypatch.setattr(house.wakeup, "projection_due", lambda _: setattr(house.directory, "down", True))
        answer = clerk.post(
            f"/desk/links/{proven.id}/verify", data={f"{proven.id}-evidence": "school-record"}
        )
        assert answer.status_code == 302
        assert clerk.get("/desk").status_code == 503


def test_one_visit_at_two_schools(sign_in_staff, house, proven):
    mateo = asked(house, AMARA, claim_for(MATEO))
    middle = sign_in_staff("sam.okafor")
    words = text(page(middle, mateo))
    assert "Mateo Quintero-Bell, grade 7" in words
    assert "Passport, at Lakeside Elementary" in words
    answer = middle.post(
        f"/desk/links/{mateo.id}/verify",
        data={f"{mateo.id}-evidence": "birth-certificate"},
        follow_redirects=True,
    )
    assert answer.request.path == f"/desk/visits/{mateo.visit}"
    assert {link.state for link in links_of(house, AMARA)} == {LinkState.VERIFIED, LinkState.AWAITING_VISIT}


def test_no_english_is_left_in_spanish(clerk, house, proven):
    asked(house, AMARA, claim("46999999"))
    paths = ("/desk", f"/desk/visits/{proven.visit}", f"/desk/links/{proven.id}/refuse")
    data = {
        "Lakeside Elementary", "Amara Quintero-Bell", "Amara Quintero", "Iris Quintero-Bell", "4655 4860",
        "4699 9999", "Jo Hathaway", "Heron County Schools", "(321) 555-0142", "amara@mail.example",
    }  # fmt: skip
    for path in paths:
        lines = {}
        for code in ("en", "es"):
            clerk.set_cookie("language", code)
            lines[code] = {one for one in text(clerk.get(path).text).split("\n") if " " in one}
        left = lines["en"] & lines["es"]
        assert {one for one in left if one not in data and "Quintero-Bell ·" not in one} == set()


@pytest.mark.parametrize("request_name", ["desk", "find", "visit", "identity", "verify", "why", "refuse"])
def test_ldap_down_is_said_and_changes_nothing(clerk, house, proven, request_name):
    house.directory.down = True
    code = make(house.rules.code_key, proven.visit)
    visit, link = f"/desk/visits/{proven.visit}", f"/desk/links/{proven.id}"
    answer = {
        "desk": lambda: clerk.get("/desk"),
        "find": lambda: clerk.post("/desk/find", data={"code": code}),
        "visit": lambda: clerk.get(visit),
        "identity": lambda: clerk.post(f"{visit}/identity", data={"identity": "passport", "school": "0552"}),
        "verify": lambda: clerk.post(f"{link}/verify", data={f"{proven.id}-evidence": "school-record"}),
        "why": lambda: clerk.get(f"{link}/refuse"),
        "refuse": lambda: clerk.post(f"{link}/refuse", data={"reason": "not-the-student"}),
    }[request_name]()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "A system of the district does not answer. Nothing was lost." in text(answer.text)
    assert links_of(house, AMARA) == (proven,)
    assert house.wakeup.woken == []


@pytest.mark.parametrize(
    ("account", "child"),
    [
        ("Pat Rivera", "Sol"),  # the same name
        ("Pat Alba Rivera", "Lev"),  # a name more, another family's child
        ("Rivera Pát", "Lev"),  # another order, an accent
        ("Chris Ortega", "Sol"),  # the other parent asks for the clerk's own child
    ],
)
def test_the_sample_s_clerk_who_is_a_parent_is_sent_to_a_colleague(tmp_path, account, child):
    desk = Desk(tmp_path)
    visit = desk.visit(account, [desk.student(child)], 0)
    (link,) = desk.links(visit)
    web = desk_web(desk, "http://localhost")
    web.config["WTF_CSRF_ENABLED"] = False
    sign_in(web.extensions["sessions"], "pat.rivera")
    client = web.test_client()
    client.set_cookie("idp_bridge", "pat.rivera")
    for path, data in (
        (f"/desk/visits/{visit}/identity", {"identity": "passport", "school": "0552"}),
        (f"/desk/links/{link}/verify", {f"{link}-evidence": "school-record"}),
        (f"/desk/links/{link}/refuse", {"reason": "not-the-student"}),
    ):
        answer = client.post(path, data=data)
        assert answer.status_code == 403
        assert "Ask a colleague to decide this one" in text(answer.text)
    with desk.house.store.reading() as rows:
        assert rows.proofs.get(rows.visits.get(visit).parent) is None
        assert rows.links.get(link).state is LinkState.AWAITING_VISIT
