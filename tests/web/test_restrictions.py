"""The principal's pages: place, review, lift, hold; nothing typed is lost, nobody else sees any."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.link import DISPUTE, LinkState
from idp_bridge.domain.people import ParentId
from idp_bridge.services.disputing import hold_link
from idp_bridge.services.linking import SignedIn, arrive
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, OTHER, staff
from tests.web.families import asked, claim_for, links_of
from tests.web.pages import errors, plain, text, wrong_fields

ORDER = Order(
    IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1), "SEALED words"
)
FORM = {
    "number": "4655 4860",
    "given_name": "Amara",
    "family_name": "Quintero-Bell",
    "limits": ["access", "messages"],
    "basis": "court-order",
    "review_on-month": "6",
    "review_on-day": "1",
    "review_on-year": "2027",
    "note": "SEALED words",
}
SECRETS = ("estriction", "SEALED", "ourt order", "dispute")


@pytest.fixture(autouse=True)
def _people(house):
    for uid, role in (("ana.ruiz", "0552"), ("max.ott", "0552"), ("eve.park", "0610")):
        house.directory.people[uid] = staff(uid, f"{role}:principal")
    arrive(house, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    arrive(house, SignedIn(OTHER, "bo@mail.example", "Bo", "Li", "en"))


@pytest.fixture
def principal(sign_in_staff):
    return sign_in_staff("ana.ruiz")


@pytest.fixture
def linked(house):
    """Iris's mother is linked."""
    return linked_to(house, AMARA)


def linked_to(house, parent):
    link = asked(house, parent, claim_for(IRIS))
    record_identity(house, "jo.hathaway", link.visit, IRIS.school, "passport")
    return verify_link(house, "jo.hathaway", link.id, "school-record")


def state(house, parent=AMARA):
    (link,) = links_of(house, parent)
    return link.state, link.reason


def named(house) -> list[str]:
    with house.store.connection(write=False) as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT name FROM audit ORDER BY number")]


def values(html: str) -> dict[str, str]:
    """Return what stands in the inputs."""
    found = re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', html)
    return dict(found)


class TestPlacing:
    def test_the_law_is_said_and_nothing_is_chosen(self, principal):
        html = principal.get("/desk/restrictions/new").text
        assert "34 CFR 99.4" in text(html)
        assert "Custody alone is no reason." in text(html)
        assert "checked" not in html

    def test_a_link_is_put_on_hold_and_the_page_says_which(self, principal, house, linked):
        house.wakeup.woken.clear()
        answer = principal.post("/desk/restrictions/new", data=FORM)
        assert answer.status_code == 302
        assert state(house) == (LinkState.SUSPENDED, None)
        assert house.wakeup.woken == [AMARA]
        page = text(principal.get(answer.location).text)
        assert "The restriction stands. 1 link is on hold; you see it below." in page
        assert f"Amara Quintero-Bell\nAccount\n{AMARA}\nOn hold" in page
        assert "SEALED" not in page

    def test_before_any_account_it_says_so(self, principal):
        answer = principal.post(
            "/desk/restrictions/new", data={**FORM, "given_name": "Cora", "family_name": "Vey"}
        )
        page = text(principal.get(answer.location).text)
        assert "No account of this person is known yet; a later one is stopped." in page

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"number": "4655"}, "Enter all 8 digits of the student number"),
            ({"number": "00000000"}, "No student of your schools has this number"),
            ({"number": MATEO.number}, "No student of your schools has this number"),
            ({"given_name": " "}, "Enter the given name"),
            ({"family_name": "x" * 201}, "Use 200 letters or fewer"),
            ({"limits": []}, "Choose what is restricted"),
            ({"limits": ["everything"]}, "Choose what is restricted"),
            ({"basis": "custody"}, "Choose the legal basis"),
            ({"review_on-year": "2026"}, "The review must be on a day to come"),
            ({"review_on-year": "2031"}, "Review it within three years"),
            ({"review_on-month": ""}, "Enter the month"),
            ({"birth_date-day": "3"}, "Enter the month"),
            ({"birth_date-month": "2", "birth_date-day": "30", "birth_date-year": "1980"},
             "This month has no such day. Check the day."),
            ({"birth_date-month": "2", "birth_date-day": "3", "birth_date-year": "2027"},
             "The date of birth must be in the past"),
            ({"note": "x" * 2001}, "Use 2,000 letters or fewer"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said_and_nothing_typed_is_lost(self, principal, house, linked, changes, said):
        before = named(house)
        answer = principal.post("/desk/restrictions/new", data={**FORM, **changes})
        assert answer.status_code == 422
        assert errors(answer.text) == [said]
        kept = {name: value for name, value in {**FORM, **changes}.items() if isinstance(value, str)}
        shown = values(answer.text)
        for name, value in kept.items():
            if name == "note":
                assert value in answer.text
            elif name != "basis":
                assert shown[name] == value.strip(), name
        assert answer.text.count("checked") == len(
            set(FORM["limits"]) & set(changes.get("limits", FORM["limits"]))
        ) + ("basis" not in changes)
        assert (state(house), named(house)) == ((LinkState.VERIFIED, None), before)

    def test_from_a_link_its_account_is_named(self, principal, house, linked):
        html = principal.get(f"/desk/restrictions/new?link={linked.id}").text
        assert values(html)["number"] == "4655 4860"
        principal.post("/desk/restrictions/new", data={**FORM, "given_name": "Ann", "link": linked.id})
        assert state(house) == (LinkState.SUSPENDED, None)


class TestOne:
    @pytest.fixture
    def order(self, house, linked):
        return place(house, "ana.ruiz", ORDER)

    def address(self, order, more=""):
        return f"/desk/restrictions/{order.id}{more}"

    def test_the_nearest_review_is_first_and_what_is_overdue_marked(self, principal, house, clock, order):
        place(house, "ana.ruiz", replace(ORDER, review_on=date(2026, 12, 1), family_name="Moss"))
        clock.advance(days=10)
        page = text(principal.get("/desk/restrictions").text)
        assert page.index("Amara Moss") < page.index("Amara Quintero-Bell")
        assert "1 review overdue" in page
        assert page.count("\nOverdue") == 1

    def test_the_note_opens_by_a_button_only_and_that_is_recorded(self, principal, house, order):
        assert "SEALED" not in principal.get(self.address(order)).text
        before = named(house)
        assert "SEALED words" in principal.post(self.address(order, "/note")).text
        assert named(house) == [*before, "restriction:note-read"]

    def test_two_persons_lift_it(self, principal, sign_in_staff, house, order):
        assert principal.post(self.address(order, "/lift")).status_code == 302
        answer = principal.post(self.address(order, "/lift/confirm"))
        assert answer.status_code == 403
        assert "A second person must do this" in text(answer.text)
        assert state(house)[0] is LinkState.SUSPENDED
        other = sign_in_staff("max.ott")
        assert "A colleague asked to lift it." in text(other.get(self.address(order)).text)
        assert other.post(self.address(order, "/lift/confirm")).status_code == 302
        assert state(house)[0] is LinkState.VERIFIED
        assert other.post(self.address(order, "/lift/confirm")).status_code == 409

    def test_a_review_keeps_what_was_typed_until_it_is_right(self, principal, house, order):
        wrong = {"review_on-month": "13", "review_on-day": "1", "review_on-year": "2027"}
        answer = principal.post(self.address(order, "/review"), data=wrong)
        assert (answer.status_code, wrong_fields(answer.text)) == (422, ["review_on-month"])
        assert values(answer.text)["review_on-month"] == "13"
        past = {"review_on-month": "1", "review_on-day": "1", "review_on-year": "2026"}
        assert principal.post(self.address(order, "/review"), data=past).status_code == 422
        right = {**wrong, "review_on-month": "12"}
        assert principal.post(self.address(order, "/review"), data=right).status_code == 302
        assert "December 1, 2027" in text(principal.get(self.address(order)).text)

    def test_a_namesake_is_cleared(self, principal, house, order):
        assert principal.post(self.address(order, "/namesakes"), data={"account": OTHER}).status_code == 404
        assert principal.post(self.address(order, "/namesakes"), data={"account": AMARA}).status_code == 302
        assert state(house)[0] is LinkState.VERIFIED
        page = text(principal.get(self.address(order)).text)
        assert "Somebody with your duty found that this is another person." in page
        assert "No account of this person is known yet." in page

    def test_the_visit_leads_a_principal_there_and_a_clerk_nowhere(self, sign_in_staff, house, order):
        link = asked(house, arrived(house), claim_for(IRIS))
        visit = f"/desk/visits/{link.visit}"
        page = sign_in_staff("ana.ruiz").get(visit).text
        assert f'href="/desk/restrictions/{order.id}"' in page
        assert "A restriction stands here" in text(page)
        clerk = sign_in_staff("jo.hathaway").get(visit).text
        assert "Ask the principal about this one" in text(clerk)
        assert not [one for one in SECRETS if one in clerk]


def arrived(house):
    second = ParentId("33333333-3333-4333-8333-333333333333")
    arrive(house, SignedIn(second, "again@mail.example", "Amara", "Quintero", "en"))
    return second


class TestStudent:
    @pytest.mark.parametrize("typed", ["46554860", "4655 4860", "4655-4860"])
    def test_a_number_opens_the_student(self, principal, linked, typed):
        answer = principal.post("/desk/students/find", data={"number": typed})
        assert answer.location == "/desk/students/46554860"
        page = text(principal.get(answer.location).text)
        assert "Amara Quintero-Bell" in page
        assert "Linked" in page

    def test_elsewhere_and_nowhere_look_alike(self, principal):
        pages = []
        for number in (MATEO.number, "00000000"):
            answer = principal.post("/desk/students/find", data={"number": number})
            assert answer.status_code == 404
            pages.append(plain(answer.text).replace(number, "NUMBER"))
        assert pages[0] == pages[1]
        shown = [principal.get(f"/desk/students/{number}") for number in (MATEO.number, "00000000", "x")]
        assert {one.status_code for one in shown} == {404}
        words = [re.sub(r"students/(x|[0-9]+)", "students/N", plain(one.text)) for one in shown]
        assert len(set(words)) == 1

    def test_hold_settle_and_end(self, principal, house, linked):
        address = f"/desk/students/links/{linked.id}"
        assert "Put on hold" in text(principal.get(address).text)
        assert principal.post(f"{address}/hold").location == "/desk/students/46554860"
        assert state(house) == (LinkState.SUSPENDED, DISPUTE)
        assert "In dispute" in text(principal.get("/desk/students/46554860").text)
        assert principal.post(f"{address}/hold").status_code == 409
        assert principal.post(f"{address}/settle").status_code == 302
        assert state(house) == (LinkState.VERIFIED, None)
        assert errors(principal.post(f"{address}/end").text) == ["Choose a reason"]
        assert errors(principal.post(f"{address}/end", data={"reason": "custody"}).text) == [
            "Choose a reason"
        ]
        assert state(house)[0] is LinkState.VERIFIED
        assert principal.post(f"{address}/end", data={"reason": "court-order"}).status_code == 302
        assert state(house) == (LinkState.ENDED, "revoked")


class TestNobodyElse:
    def pages(self, order, link):
        one, student, which = (
            f"/desk/restrictions/{order.id}",
            "/desk/students",
            f"/desk/students/links/{link.id}",
        )
        return (
            *((method, path) for path in ("/desk/restrictions/new",) for method in ("GET", "POST")),
            *(("GET", path) for path in ("/desk/restrictions", student, f"{student}/46554860", one, which)),
            ("GET", f"/desk/restrictions/new?link={link.id}"),
            ("POST", f"{student}/find"),
            *(("POST", f"{one}/{step}") for step in ("note", "lift", "lift/confirm", "namesakes", "review")),
            *(("POST", f"{which}/{step}") for step in ("hold", "settle", "end")),
        )

    @pytest.mark.parametrize("uid", ["jo.hathaway", "ira.novak", "tess.moore"])
    def test_who_has_no_duty_gets_one_answer_for_all(self, sign_in_staff, house, linked, uid):
        order = place(house, "ana.ruiz", ORDER)
        client, before = sign_in_staff(uid), named(house)
        data = {**FORM, "reason": "court-order", "account": AMARA}
        for method, path in self.pages(order, linked):
            answer = client.open(path, method=method, data=data if method == "POST" else None)
            assert answer.status_code == 403, path
            assert "This needs a duty you do not have right now" in answer.text
            assert not [one for one in SECRETS if one in text(answer.text)]
        assert named(house) == before

    def test_at_another_school_one_that_is_there_looks_like_one_that_is_not(
        self, sign_in_staff, house, linked
    ):
        order = place(house, "ana.ruiz", ORDER)
        client, before = sign_in_staff("eve.park"), named(house)
        for method, path in self.pages(order, linked):
            if order.id in path or linked.id in path:
                data = {**FORM, "reason": "court-order", "account": AMARA} if method == "POST" else None
                there = client.open(path, method=method, data=data)
                nowhere = path.replace(order.id, "0" * 32).replace(linked.id, "0" * 32)
                unknown = client.open(nowhere, method=method, data=data)
                assert there.status_code == unknown.status_code == 404, path
                assert plain(there.text) == plain(unknown.text)
        assert named(house) == before

    def test_parents_and_strangers_are_led_away(self, client, sign_in_parent, house, linked):
        order = place(house, "ana.ruiz", ORDER)
        for method, path in self.pages(order, linked):
            assert client.open(path, method=method).status_code == 302
        parent = sign_in_parent()
        for method, path in self.pages(order, linked):
            assert parent.open(path, method=method).status_code == 403


class TestHidden:
    def held(self, house, how, parent):
        link = linked_to(house, parent)
        if how == "restriction":
            person = {AMARA: ("Amara", "Quintero-Bell"), OTHER: ("Bo", "Li")}[parent]
            place(house, "ana.ruiz", replace(ORDER, given_name=person[0], family_name=person[1]))
        else:
            hold_link(house, "ana.ruiz", link.id)
        return link

    @pytest.mark.parametrize("path", ["/children", "/visit", "/children/{id}/about", "/children/{id}/leave"])
    def test_a_parents_pages_are_the_same_for_a_restriction_and_a_dispute(self, house, sign_in_parent, path):
        pages = []
        for how, parent, name, mail in (
            ("restriction", AMARA, "Amara Quintero-Bell", "amara@mail.example"),
            ("dispute", OTHER, "Bo Li", "bo@mail.example"),
        ):
            link = self.held(house, how, parent)
            client = sign_in_parent(parent, mail, name)
            answer = client.get(path.format(id=link.id))
            assert not [one for one in SECRETS if one in answer.text]
            pages.append((answer.status_code, plain(answer.text).replace(name, "NAME").replace(mail, "MAIL")))
        assert pages[0] == pages[1]
        if path == "/children":
            assert "The school can tell you what to do next." in pages[0][1]
            assert "The link was put on hold" in pages[0][1]

    def test_no_mail_is_written_for_either(self, house):
        for how, parent in (("restriction", AMARA), ("dispute", OTHER)):
            self.held(house, how, parent)
        with house.store.connection(write=False) as connection:
            kinds = {row[0] for row in connection.exec_driver_sql("SELECT kind FROM notice")}
        assert kinds == {"request-received", "verified"}

    def test_the_clerks_visit_and_queue_are_the_same_for_both(self, house, sign_in_staff):
        pages = []
        for how, parent in (("restriction", AMARA), ("dispute", OTHER)):
            link = self.held(house, how, parent)
            asked(house, parent, claim_for(MATEO))
            clerk = sign_in_staff("jo.hathaway")
            html = clerk.get(f"/desk/visits/{link.visit}").text + clerk.get("/desk").text
            assert not [one for one in SECRETS if one in html]
            pages.append("On hold" in text(html))
        assert pages == [True, True]


class TestBirthDateAtTheCounter:
    @pytest.fixture
    def waiting(self, house):
        return asked(house, AMARA, claim_for(IRIS))

    def test_it_is_compared_and_never_shown_again(self, sign_in_staff, house, waiting):
        clerk = sign_in_staff("jo.hathaway")
        address = f"/desk/visits/{waiting.visit}"
        assert "Only compared, never kept." in text(clerk.get(address).text)
        born = {"born-month": "5", "born-day": "6", "born-year": "1984"}
        data = {"identity": "passport", "school": "0552", **born}
        assert clerk.post(f"{address}/identity", data=data).status_code == 302
        with house.store.reading() as rows:
            assert rows.proofs.get(AMARA).birth_date_hash
        assert "1984" not in clerk.get(address).text

    @pytest.mark.parametrize(
        ("born", "said"),
        [
            (
                {"born-month": "13", "born-day": "6", "born-year": "1984"},
                "The month is a number from 1 to 12",
            ),
            ({"born-month": "5", "born-day": "6", "born-year": ""}, "Enter the year"),
            (
                {"born-month": "5", "born-day": "6", "born-year": "2031"},
                "The date of birth must be in the past",
            ),
        ],
    )
    def test_a_wrong_one_is_said_and_nothing_is_lost(self, sign_in_staff, house, waiting, born, said):
        clerk = sign_in_staff("jo.hathaway")
        data = {"identity": "passport", "school": "0552", **born}
        answer = clerk.post(f"/desk/visits/{waiting.visit}/identity", data=data)
        assert answer.status_code == 422
        assert errors(answer.text) == [said]
        assert re.search(r'value="passport"[^>]*checked|checked[^>]*value="passport"', answer.text)
        for name, value in born.items():
            assert values(answer.text).get(name, "") == value
        with house.store.reading() as rows:
            assert rows.proofs.get(AMARA) is None
