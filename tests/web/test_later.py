"""Three things at the counter: a corrected claim, a paper log, the links of an earlier account; as pages."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from idp_bridge.domain.birth_date import birth_date_hash
from idp_bridge.domain.link import LinkState, Move
from idp_bridge.domain.people import Parent, ParentId, Relationship
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO, staff
from tests.services.test_verifying import audited, everything
from tests.web.families import after, asked, claim, claim_for, confirmed, links_of
from tests.web.pages import birth, errors, text

NEW = ParentId("33333333-3333-4333-8333-333333333333")
NO_DUTY = "Nobody with this user name has the duty for this at this school right now"
LAKESIDE, CLERK = "0552", "jo.hathaway"


@pytest.fixture(autouse=True)
def _parents(house):
    for parent, given, family in (
        (AMARA, "Amara", "Quintero-Bell"),
        (NEW, "Amara", "Quintero"),
        (OTHER, "Bo", "Li"),
    ):
        with house.store.transaction() as rows:
            rows.parents.save(Parent(parent, f"{given}.{family}@mail.example", given, family, "en", NOW))


@pytest.fixture
def clerk(sign_in_staff):
    return sign_in_staff(CLERK)


def main(html: str) -> str:
    return text(re.search(r"<main.*</main>", html, re.S).group(0))  # type: ignore[union-attr]


def rows_of(house) -> dict[str, list[object]]:
    """Return every row but those of web sessions, which keep the anti-forgery value of a form."""
    return {name: rows for name, rows in everything(house).items() if name != "session"}


def visit_page(client, link) -> str:
    return client.get(f"/desk/visits/{link.visit}").text


class TestCorrecting:
    @pytest.fixture
    def wrong(self, house):
        return asked(house, AMARA, claim("46554861"))

    def send(self, client, link, number="4655 4860", day=IRIS.birth_date, **more):
        fields = {"number": number, **birth(day)}
        return client.post(f"/desk/links/{link.id}/correct", data=fields, **more)

    def test_the_visit_leads_there_and_what_was_typed_stands_beside_the_fields(self, clerk, wrong):
        assert f'href="/desk/links/{wrong.id}/correct"' in visit_page(clerk, wrong)
        html = clerk.get(f"/desk/links/{wrong.id}/correct").text
        assert "4655 4861" in main(html).split("\n")
        assert "March 9, 2016" in main(html).split("\n")
        assert re.findall(r'name="(number|birth_date-\w+)"[^>]* value="([^"]*)"', html) == [
            ("number", "4655 4861"), ("birth_date-month", "3"), ("birth_date-day", "9"),
            ("birth_date-year", "2016"),
        ]  # fmt: skip

    def test_a_correction_shows_the_student_and_still_what_was_typed(self, clerk, house, wrong):
        answer = self.send(clerk, wrong, follow_redirects=True)
        words = main(answer.text)
        assert "Corrected. The request fits a student now." in words
        assert "4655 4861, corrected to 4655 4860" in words
        assert "2. Iris Quintero-Bell, grade 4" in words
        assert links_of(house, AMARA)[0].student == IRIS.id

    def test_one_that_still_fits_nobody(self, clerk, wrong):
        words = main(self.send(clerk, wrong, "46999999", follow_redirects=True).text)
        assert "Corrected. The request still fits no student." in words
        assert "4655 4861, corrected to 4699 9999" in words

    def test_a_student_of_another_school_is_named_by_school_only(self, clerk, wrong):
        answer = self.send(clerk, wrong, MATEO.number, MATEO.birth_date, follow_redirects=True)
        words = main(answer.text)
        assert "To be decided at Heron Middle School." in words
        for hidden in ("Mateo", "grade 7", "May 2, 2013"):
            assert hidden not in words
        assert "Correct what was typed" not in words

    @pytest.mark.parametrize(
        ("number", "day", "said"),
        [
            ("", IRIS.birth_date, "Enter the student number"),
            ("4655 486x", IRIS.birth_date, "The student number has digits only, no letters"),
            ("4655", IRIS.birth_date, "Enter all 8 digits of the student number"),
            ("46554860", date(2027, 1, 1), "The date of birth must be in the past"),
            (
                "46554861",
                IRIS.birth_date,
                "This is what was asked for already. Change",
            ),
        ],
    )
    def test_bad_input_is_said_at_the_field_and_changes_nothing(self, clerk, house, wrong, number, day, said):
        rows = rows_of(house)
        answer = self.send(clerk, wrong, number, day)
        assert answer.status_code == 422
        assert errors(answer.text)[0].startswith(said)
        assert f'value="{number}"' in answer.text
        assert rows_of(house) == rows

    def test_a_link_the_parent_has_already_is_said(self, clerk, house, wrong):
        asked(house, AMARA, claim_for(IRIS))
        answer = self.send(clerk, wrong)
        assert answer.status_code == 409
        assert errors(answer.text)[0].startswith(
            "The parent has a request or a link for this student already."
        )

    def test_who_may_not_and_what_is_not_there(self, clerk, sign_in_staff, house, wrong):
        paths = (f"/desk/links/{wrong.id}/correct", "/desk/links/none/correct")
        assert clerk.get(paths[1]).status_code == 404
        other = sign_in_staff("sam.okafor")
        assert other.get(paths[0]).status_code == 404
        assert self.send(other, wrong).status_code == 403
        stranger = sign_in_staff("tess.moore")
        assert [stranger.get(path).status_code for path in paths] == [403, 403]

    @pytest.mark.parametrize("move", [Move.DENY, Move.CANCEL])
    def test_what_is_decided_is_not_corrected(self, clerk, house, wrong, move):
        after(house, wrong, move)
        assert clerk.get(f"/desk/links/{wrong.id}/correct").status_code == 409
        assert self.send(clerk, wrong).status_code == 409

    def test_the_parent_reads_it_in_the_timeline(self, clerk, sign_in_parent, house, wrong):
        self.send(clerk, wrong)
        words = text(sign_in_parent().get("/children").text)
        assert "The school corrected the request with you" in words
        assert "Iris" not in words


class TestSheet:
    def test_it_has_the_schools_name_and_what_to_write(self, clerk):
        words = main(clerk.get("/desk/paper/sheet").text)
        for word in (
            "Visit code",
            "Day, time",
            "Student number",
            "Signature",
            "Birth certificate",
            "Passport",
        ):
            assert word in words
        assert "Lakeside Elementary" in words

    def test_the_district_office_writes_the_school_by_hand(self, sign_in_staff):
        words = main(sign_in_staff("dee.collins").get("/desk/paper/sheet").text)
        assert "____" in words
        assert "Lakeside Elementary" not in words

    def test_it_can_be_kept_as_a_file_that_needs_no_server(self, clerk):
        answer = clerk.get("/desk/paper/sheet?keep=1")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="visit-log.html"'
        assert "@media print" in answer.text
        assert "<style>" not in clerk.get("/desk/paper/sheet").text

    def test_it_is_for_staff_of_a_desk(self, sign_in_staff, client):
        assert client.get("/desk/paper/sheet").status_code == 302
        assert sign_in_staff("tess.moore").get("/desk/paper/sheet").status_code == 403


class TestPaper:
    @pytest.fixture
    def waiting(self, house, clock):
        link = asked(house, AMARA, claim_for(IRIS))
        clock.advance(days=2)
        return link

    def send(self, client, link, said="shown:birth-certificate", *, visit=None, follow=False, **more):
        fields = {
            "seen_on": "2026-11-25", "seen_time": "9:40 am", "seen_by": CLERK, "identity": "passport",
            "school": LAKESIDE, f"said-{link.id}": said, **more,
        }  # fmt: skip
        return client.post(f"/desk/visits/{visit or link.visit}/paper", data=fields, follow_redirects=follow)

    def test_a_line_is_entered_and_marked_for_ever(self, clerk, sign_in_parent, house, waiting):
        words = main(self.send(clerk, waiting, follow=True).text)
        assert "Entered from paper. It is marked as such for ever." in words
        assert words.count("Entered later from a paper log of November 25, 9:40 AM") == 2  # person and child
        assert "Passport, at Lakeside Elementary on Nov 25" in words
        (link,) = links_of(house, AMARA)
        assert (link.state, link.evidence) == (LinkState.VERIFIED, "birth-certificate")
        told = text(sign_in_parent().get("/children").text)
        assert (
            "The school confirmed the link (Lakeside Elementary). "
            "Entered later from a paper log of November 25, 9:40 AM"
        ) in told
        assert "Hathaway" not in told

    def test_the_date_of_birth_on_the_sheet_is_passed_on_as_a_hash(self, clerk, house, waiting):
        day = {"born-month": "4", "born-day": "12", "born-year": "1985"}
        answer = self.send(clerk, waiting, **{**day, "born-year": "2085"})
        assert (answer.status_code, errors(answer.text)) == (422, ["The date of birth must be in the past"])
        self.send(clerk, waiting, **day)
        with house.store.reading() as rows:
            proof = rows.proofs.get(AMARA)
        assert proof.birth_date_hash == birth_date_hash(house.rules.code_key, date(1985, 4, 12))

    def test_a_refusal_is_marked_too(self, clerk, house, waiting):
        words = main(
            self.send(clerk, waiting, "refused:relationship-not-shown", identity="", follow=True).text
        )
        assert "Entered later from a paper log of November 25, 9:40 AM" in words
        assert links_of(house, AMARA)[0].state is LinkState.DENIED

    def test_a_lapsed_visit_is_entered(self, clerk, house, waiting, clock):
        clock.advance(days=14)
        lapse_visits(house, clock.now())
        assert f'href="/desk/visits/{waiting.visit}/paper"' in visit_page(clerk, waiting)
        self.send(clerk, waiting)
        assert links_of(house, AMARA)[0].state is LinkState.VERIFIED

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("seen_on", "", "Enter the day that stands on the sheet"),
            ("seen_on", "yesterday", "Enter the day, for example 2027-06-30"),
            ("seen_on", "2026-11-27", "This day and time is still to come"),
            ("seen_on", "2026-11-20", "The parent asked for this visit later than that"),
            ("seen_time", "", "Enter the time with AM or PM, for example 2:15 PM"),
            ("seen_time", "2:15", "Enter the time with AM or PM, for example 2:15 PM"),
            ("seen_time", "25:00", "Enter the time with AM or PM, for example 2:15 PM"),
            ("seen_by", "", "Enter the user name of the person who saw the papers"),
            (
                "seen_by",
                "no.body",
                NO_DUTY,
            ),
            (
                "seen_by",
                "sam.okafor",
                NO_DUTY,
            ),
            ("identity", "", "Choose which ID the sheet names"),
            ("identity", "library-card", "Choose which ID the sheet names"),
        ],
    )
    def test_bad_input_is_said_at_the_field_and_nothing_is_lost(
        self, clerk, house, waiting, field, value, said
    ):
        rows = rows_of(house)
        answer = self.send(clerk, waiting, **{field: value})
        assert answer.status_code == 422
        assert errors(answer.text) == [said]
        assert re.search(r'<option selected value="shown:birth-certificate">', answer.text)
        assert rows_of(house) == rows

    @pytest.mark.parametrize("said", ["shown:agency-letter", "refused:custody", "x"])
    def test_what_the_list_does_not_offer(self, clerk, house, waiting, said):
        rows = rows_of(house)
        answer = self.send(clerk, waiting, said)
        assert (answer.status_code, errors(answer.text)) == (
            422,
            ["Choose what the sheet says of one child at least"],
        )
        assert rows_of(house) == rows

    def test_nothing_of_a_child(self, clerk, waiting):
        answer = self.send(clerk, waiting, "", identity="")
        assert errors(answer.text) == ["Choose what the sheet says of one child at least"]

    @pytest.mark.parametrize(("time", "utc"), [("2:15 PM", "19:15"), ("14:15", "19:15"), ("9 a.m.", "14:00")])
    def test_times_as_people_write_them(self, clerk, house, waiting, time, utc):
        self.send(clerk, waiting, seen_time=time)
        assert f"{links_of(house, AMARA)[0].paper_seen_at:%H:%M}" == utc

    def test_a_relationship_that_ends_is_asked_for_its_last_day(self, clerk, house, clock):
        link = asked(house, AMARA, claim_for(IRIS, Relationship.CASEWORKER))
        clock.advance(days=2)
        past = self.send(clerk, link, "shown:agency-letter", **{f"until-{link.id}": "2026-11-01"})
        assert past.status_code == 422
        assert len(errors(past.text)) == 1
        self.send(clerk, link, "shown:agency-letter", **{f"until-{link.id}": "2027-06-30"})
        assert links_of(house, AMARA)[0].expires_at.isoformat() == "2027-07-01T04:00:00+00:00"

    def test_a_restriction_names_the_child_and_says_nothing_else(self, clerk, house, waiting):
        house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
        limits = Order(IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1))
        place(house, "ana.ruiz", limits)
        answer = self.send(clerk, waiting)
        assert answer.status_code == 403
        assert "Iris Quintero-Bell, grade 4: Ask the principal about this one" in main(answer.text)
        assert audited(house)[-1] == "verification:refused"
        assert links_of(house, AMARA)[0].state is LinkState.AWAITING_VISIT

    def test_a_child_of_another_school_is_not_asked_about(self, clerk, house, waiting):
        other = asked(house, AMARA, claim_for(MATEO))
        html = clerk.get(f"/desk/visits/{waiting.visit}/paper").text
        assert f"said-{waiting.id}" in html
        assert other.id not in html
        assert self.send(clerk, other, visit=other.visit).status_code == 422

    def test_who_may_not_and_what_is_decided(self, clerk, sign_in_staff, house, waiting):
        path = f"/desk/visits/{waiting.visit}/paper"
        assert clerk.get("/desk/visits/none/paper").status_code == 404
        assert sign_in_staff("tess.moore").get(path).status_code == 403
        assert sign_in_staff("sam.okafor").get(path).status_code == 404
        after(house, waiting, Move.DENY, "not-the-student")
        again = sign_in_staff(CLERK)
        assert again.get(path).status_code == 409
        assert "Enter from a paper log" not in visit_page(again, waiting)


class TestMoving:
    @pytest.fixture
    def old(self, house, clock):
        """Amara's earlier account, linked at two schools; two days later she has another one."""
        links = []
        for student in (IRIS, MATEO):
            link = asked(house, AMARA, claim_for(student))
            record_identity(house, "dee.collins", link.visit, student.school, "passport")
            links.append(verify_link(house, "dee.collins", link.id, "school-record"))
        clock.advance(days=2)
        return links

    @pytest.fixture
    def asks(self, house, old):
        link = asked(house, NEW, claim_for(IRIS))
        record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
        return link

    def send(self, client, link, account=AMARA, *, follow=False, **more):
        fields = {"account": account, "same": "y", **more}
        return client.post(f"/desk/visits/{link.visit}/move", data=fields, follow_redirects=follow)

    def test_the_visit_leads_there_and_it_shows_no_more_than_staff_may_see(self, clerk, asks):
        assert f'href="/desk/visits/{asks.visit}/move"' in visit_page(clerk, asks)
        words = main(clerk.get(f"/desk/visits/{asks.visit}/move").text)
        for shown in (
            "A…@mail.example",
            "Amara Quintero-Bell",
            "Iris Quintero-Bell",
            "1 link to a student of another",
        ):
            assert shown in words
        for hidden in ("Amara.Quintero-Bell@mail.example", "Mateo", AMARA):
            assert hidden not in words

    def test_moving_is_told_to_staff_and_to_both_accounts(self, clerk, sign_in_parent, house, asks):
        answer = self.send(clerk, asks, follow=True)
        assert "2 links moved to the new account. The apps follow in a moment." in main(answer.text)
        assert {link.reason for link in links_of(house, AMARA)} == {"merged"}
        new = text(sign_in_parent(NEW, "new@mail.example", "Amara Quintero").get("/children").text)
        assert new.count("The link moved here from your earlier account") == 2
        old = text(sign_in_parent().get("/children").text)
        assert "This link was joined with another one of yours." in old
        assert "The link moved to your newer account" in old

    def test_the_same_person_must_be_confirmed(self, clerk, house, asks):
        rows = rows_of(house)
        answer = self.send(clerk, asks, same="")
        assert answer.status_code == 422
        assert errors(answer.text) == ["Confirm that it is the same person"]
        assert rows_of(house) == rows

    def test_without_the_identity_there_is_no_button(self, clerk, house, old):
        link = asked(house, NEW, claim_for(IRIS))
        page = clerk.get(f"/desk/visits/{link.visit}/move")
        assert "Record the identity first, on the visit’s page." in main(page.text)
        assert "<form" not in re.search(r"<main.*</main>", page.text, re.S).group(0)  # type: ignore[union-attr]
        answer = self.send(clerk, link)
        assert (answer.status_code, "Record the identity first" in main(answer.text)) == (409, True)

    def test_the_id_can_be_seen_again_on_the_visit_and_then_they_move(self, clerk, house, clock, asks):
        clock.advance(days=20)
        link = asked(house, NEW, claim_for(IRIS))
        assert "It must be seen anew" in main(clerk.get(f"/desk/visits/{link.visit}/move").text)
        html = visit_page(clerk, link)
        assert "<details><summary>See the ID again" in html
        seen = {"identity": "driver-license", "school": LAKESIDE, "again": "1"}
        address = f"/desk/visits/{link.visit}/identity"
        wrong = clerk.post(address, data={**seen, "identity": ""})
        assert (wrong.status_code, errors(wrong.text)) == (422, ["Choose which ID you saw"])
        assert "<details open><summary>See the ID again" in wrong.text
        words = main(clerk.post(address, data=seen, follow_redirects=True).text)
        assert "at Lakeside Elementary on Dec 16" in words
        assert "2 links moved to the new account." in main(self.send(clerk, link, follow=True).text)

    def test_no_earlier_account_and_one_that_is_not_theirs_look_alike(self, clerk, house, asks):
        confirmed(house, asked(house, OTHER, claim_for(TEO)), TEO)
        assert {self.send(clerk, asks, account).status_code for account in (OTHER, "none", NEW, "")} == {404}
        lonely = asked(house, OTHER, claim("46999999"))
        assert "No earlier account was found." in main(clerk.get(f"/desk/visits/{lonely.visit}/move").text)

    def test_a_restriction_sends_to_the_principal(self, clerk, house, asks):
        house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0610:principal")
        limits = Order(MATEO.number, "Amara", "Quintero-Bell", False, True, "court-order", date(2027, 6, 1))
        place(house, "ana.ruiz", limits)
        answer = self.send(clerk, asks)
        assert answer.status_code == 403
        assert "Ask the principal about this one" in main(answer.text)
        assert audited(house)[-1] == "verification:refused"

    def test_who_may_not_and_when_it_is_over(self, clerk, sign_in_staff, asks, clock):
        path = f"/desk/visits/{asks.visit}/move"
        assert sign_in_staff("tess.moore").get(path).status_code == 403
        assert self.send(sign_in_staff("sam.okafor"), asks).status_code == 404
        again = sign_in_staff(CLERK)
        assert again.get("/desk/visits/none/move").status_code == 404
        clock.at = clock.now() + timedelta(days=15)
        assert self.send(again, asks).status_code == 410
        assert "This visit is finished." in main(again.get(path).text)
