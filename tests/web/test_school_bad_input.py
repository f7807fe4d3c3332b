"""Bad input at the desk: clear words, the right status, what was typed is kept, and nothing changed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
import sqlalchemy as sa

from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import Parent, ParentId, SchoolCode
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.domain.visit_code import make
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.linking import cancel_request
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.storage import journals, tables
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO
from tests.web.families import asked, claim, claim_for, links_of
from tests.web.pages import errors, text, wrong_fields

LAKESIDE = SchoolCode("0552")
DECIDED = "This was decided already"
NO_DUTY = "This needs a duty you do not have right now"


@pytest.fixture(autouse=True)
def _parents(house):
    save_parent(house, AMARA, "Amara", "Quintero-Bell")
    save_parent(house, OTHER, "Bo", "Li")


def save_parent(house, parent: ParentId, given: str, family: str) -> None:
    with house.store.transaction() as rows:
        rows.parents.save(Parent(parent, f"{given.lower()}@mail.example", given, family, "en", NOW))


@pytest.fixture
def waiting(house):
    """Iris's mother waits for her visit."""
    return asked(house, AMARA, claim_for(IRIS))


@pytest.fixture
def proven(house, waiting):
    """The same after somebody saw her identification."""
    record_identity(house, "jo.hathaway", waiting.visit, LAKESIDE, "passport")
    return waiting


@pytest.fixture
def clerk(sign_in_staff):
    """Jo Hathaway of the office of Lakeside Elementary."""
    return sign_in_staff()


@pytest.fixture
def unchanged(house):
    """Fail the test if it left any row otherwise than `remember()` found it; the audit may have grown, and
    what counts guesses counts."""
    before = {}

    def rows() -> dict[str, list[object]]:
        skip = ("session", "audit", "limit_counter")
        with house.store.connection(write=False) as connection:
            return {
                table.name: connection.execute(sa.select(table).order_by(*table.primary_key)).all()
                for table in tables.metadata.sorted_tables
                if not table.name.startswith(skip)
            }

    yield lambda: before.update(rows())
    assert before, "the test must say from when on nothing may change"
    assert rows() == before
    assert house.wakeup.woken == []


def code_of(house, link) -> str:
    return make(house.rules.code_key, link.visit)


def requests(link, *, evidence: str = "school-record"):
    """Return every request the desk answers about `link`, by name."""
    visit, child = f"/desk/visits/{link.visit}", f"/desk/links/{link.id}"
    return {
        "visit": lambda client: client.get(visit),
        "identity": lambda client: client.post(
            f"{visit}/identity", data={"identity": "passport", "school": "0552"}
        ),
        "verify": lambda client: client.post(f"{child}/verify", data={f"{link.id}-evidence": evidence}),
        "ask to refuse": lambda client: client.get(f"{child}/refuse"),
        "refuse": lambda client: client.post(f"{child}/refuse", data={"reason": "not-the-student"}),
    }


REQUESTS = ("visit", "identity", "verify", "ask to refuse", "refuse")
CHANGES = ("identity", "verify", "refuse")


# --- codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["XXXX-XXXX", "4655 486", "AEIOUAEI", "BCDF", "<b>bold</b>", "БГДЖ-БГДЖ", "%00%00", "'; --"]
)
def test_a_code_of_no_visit_comes_back_at_the_field(clerk, waiting, unchanged, typed):
    unchanged()
    answer = clerk.post("/desk/find", data={"code": typed})
    assert answer.status_code == 404
    assert "No visit has this code. Check the eight letters with the parent" in answer.text
    assert wrong_fields(answer.text) == ["code"]
    field = re.search(r"<input[^>]*name=\"code\"[^>]*>", answer.text).group()
    assert "autofocus" in field
    assert "<b>bold" not in answer.text
    assert unescape(re.search(r' value="([^"]*)"', field).group(1)) == typed
    assert "amara@mail.example" in answer.text  # the queue stays below


def test_a_page_of_letters_is_no_code(clerk, waiting, unchanged):
    unchanged()
    assert clerk.post("/desk/find", data={"code": "BCDFGHJK" * 600}).status_code == 404
    assert clerk.post("/desk/find", data={"code": "BCDFGHJK" * 10_000}).status_code == 413


def test_a_foreign_code_is_like_none(clerk, waiting, unchanged):
    """Of another district's bridge: the same words as for one that was never made."""
    unchanged()
    foreign = clerk.post("/desk/find", data={"code": make(b"x" * 32, waiting.visit)})
    assert (foreign.status_code, "No visit has this code" in foreign.text) == (404, True)


def test_a_lapsed_code_before_and_after_the_timer(house, clerk, waiting, clock):
    clock.advance(days=15)
    for _ in range(2):
        answer = clerk.post("/desk/find", data={"code": code_of(house, waiting)})
        assert answer.status_code == 410
        assert "The last day of this visit is over" in answer.text
        assert "The parent can ask again on the phone" in answer.text
        lapse_visits(house, clock.now())


def test_a_used_code(house, clerk, proven):
    verify_link(house, "jo.hathaway", proven.id, "school-record")
    answer = clerk.post("/desk/find", data={"code": code_of(house, proven).lower()})
    assert answer.status_code == 410
    assert "This visit is finished" in answer.text


# --- who -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_name", ["desk", "find", *REQUESTS])
@pytest.mark.parametrize("uid", ["tess.moore", "ira.novak", "gone.away"])
def test_staff_without_the_duty(house, proven, sign_in_staff, unchanged, uid, request_name):
    house.wakeup.woken.clear()
    unchanged()
    answer = each(house, proven, request_name)(sign_in_staff(uid))
    if (uid, request_name) == ("ira.novak", "desk"):  # who has another duty is led to its page
        assert (answer.status_code, answer.location) == (302, "/desk/district/alarms")
        return
    assert answer.status_code == 403
    assert NO_DUTY in answer.text
    assert "Amara" not in answer.text


def each(house, link, name: str):
    more = {
        "desk": lambda client: client.get("/desk"),
        "find": lambda client: client.post("/desk/find", data={"code": code_of(house, link)}),
    }
    return {**requests(link), **more}[name]


@pytest.mark.parametrize("request_name", ["desk", "find", *REQUESTS])
def test_a_clerk_taken_out_of_the_group_a_moment_ago(house, proven, clerk, unchanged, request_name):
    assert clerk.get("/desk").status_code == 200
    house.directory.set_roles("jo.hathaway")
    unchanged()
    answer = each(house, proven, request_name)(clerk)
    assert (answer.status_code, NO_DUTY in answer.text) == (403, True)
    assert "The district directory was asked just now" in answer.text


@pytest.mark.parametrize("name", ["verify", "refuse"])
def test_a_clerk_of_another_school_decides_nothing(house, proven, sign_in_staff, unchanged, name):
    unchanged()
    answer = requests(proven)[name](sign_in_staff("sam.okafor"))
    assert (answer.status_code, NO_DUTY in answer.text) == (403, True)


def test_a_clerk_of_another_school_reads_nothing_of_the_roster(house, waiting, sign_in_staff):
    page = text(sign_in_staff("sam.okafor").get(f"/desk/visits/{waiting.visit}").text)
    assert "To be decided at Lakeside Elementary." in page
    assert "Student 4655 4860" in page
    for private in ("Iris", "2016", "Same", "Roster", "Verify", "Refuse", "guardian"):
        assert private not in page
    assert sign_in_staff("sam.okafor").get(f"/desk/links/{waiting.id}/refuse").status_code == 404


def test_a_hit_and_a_miss_elsewhere_read_the_same(house, sign_in_staff):
    asked(house, AMARA, claim_for(IRIS))
    asked(house, OTHER, claim("46999999"))
    client = sign_in_staff("sam.okafor")
    pages = []
    for parent, number in ((AMARA, "4655 4860"), (OTHER, "4699 9999")):
        (link,) = links_of(house, parent)
        page = text(client.get(f"/desk/visits/{link.visit}").text)
        pages.append(page[page.index("2.\n") if "2.\n" in page else page.index("2. ") :].replace(number, "#"))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("request_name", ["desk", "find", *REQUESTS])
def test_a_student_s_account(house, proven, sign_in_staff, unchanged, request_name):
    house.wakeup.woken.clear()
    unchanged()
    answer = each(house, proven, request_name)(sign_in_staff("46554860", population="student"))
    assert answer.status_code == 403
    assert "You are signed in with another kind of account" in answer.text


@pytest.mark.parametrize("request_name", ["desk", "find", *REQUESTS])
def test_a_parent_s_account(house, proven, sign_in_parent, unchanged, request_name):
    client = sign_in_parent()
    unchanged()
    answer = each(house, proven, request_name)(client)
    assert answer.status_code == 403
    assert "You are signed in with another kind of account" in answer.text


@pytest.mark.parametrize("request_name", ["desk", "find", *REQUESTS])
def test_nobody_is_led_to_sign_in(house, proven, client, unchanged, request_name):
    unchanged()
    answer = each(house, proven, request_name)(client)
    assert answer.status_code == 302
    assert answer.location.startswith("/signin/district")


# --- what was not chosen, or cannot be -----------------------------------------------------------


def test_no_identification_chosen(clerk, waiting, unchanged):
    unchanged()
    answer = clerk.post(f"/desk/visits/{waiting.visit}/identity", data={"school": "0552"})
    assert answer.status_code == 422
    assert errors(answer.text) == ["Choose which ID you saw"]
    assert 'href="#identity-0"' in answer.text  # the summary leads to the first choice
    assert " checked" not in answer.text


@pytest.mark.parametrize("kind", ["library-card", "passport number 123456789"])
def test_an_identification_that_is_not_on_the_list(clerk, waiting, unchanged, kind):
    unchanged()
    answer = clerk.post(f"/desk/visits/{waiting.visit}/identity", data={"school": "0552", "identity": kind})
    assert answer.status_code == 422
    assert kind not in answer.text  # no number is kept, not even on the page


def test_who_has_several_schools_says_which(house, sign_in_staff, waiting, unchanged):
    unchanged()
    client = sign_in_staff("dee.collins")
    answer = client.post(f"/desk/visits/{waiting.visit}/identity", data={"identity": "passport"})
    assert answer.status_code == 422
    assert errors(answer.text) == ["Choose where you saw it"]
    assert re.findall(r'value="([^"]*)"[^>]*checked|checked[^>]*value="([^"]*)"', answer.text) == [
        ("", "passport")
    ]  # what was chosen stays chosen, the school is not guessed


@pytest.mark.parametrize("school", ["0610", "9001", "nowhere"])
def test_a_school_that_is_not_mine(clerk, waiting, unchanged, school):
    unchanged()
    answer = clerk.post(
        f"/desk/visits/{waiting.visit}/identity", data={"identity": "passport", "school": school}
    )
    assert (answer.status_code, NO_DUTY in answer.text) == (403, True)


def test_nothing_is_chosen_beforehand(clerk, waiting, house):
    assert " checked" not in clerk.get(f"/desk/visits/{waiting.visit}").text
    record_identity(house, "jo.hathaway", waiting.visit, LAKESIDE, "passport")
    assert " checked" not in clerk.get(f"/desk/visits/{waiting.visit}").text
    assert " checked" not in clerk.get(f"/desk/links/{waiting.id}/refuse").text


def test_no_evidence_chosen(house, clerk, proven, unchanged):
    unchanged()
    answer = clerk.post(f"/desk/links/{proven.id}/verify")
    assert answer.status_code == 422
    assert errors(answer.text) == ["Choose what showed the relationship"]
    assert f'href="#{proven.id}-evidence-0"' in answer.text


@pytest.mark.parametrize("evidence", ["agency-letter", "placement-letter"])
def test_evidence_that_is_not_enough_for_this_relationship(clerk, proven, unchanged, evidence):
    unchanged()
    answer = requests(proven, evidence=evidence)["verify"](clerk)
    assert answer.status_code == 422
    assert "This paper is not enough for this relationship" in answer.text


def test_the_relationship_before_the_identity(clerk, waiting, unchanged):
    unchanged()
    answer = requests(waiting)["verify"](clerk)
    assert answer.status_code == 409
    assert "Record the identity first" in answer.text
    assert "Which ID did you see?" in answer.text  # it can be done on the page that says so


@pytest.mark.parametrize("reason", [None, "", "custody"])
def test_no_reason_or_one_that_is_not_on_the_list(clerk, waiting, unchanged, reason):
    unchanged()
    answer = clerk.post(f"/desk/links/{waiting.id}/refuse", data={"reason": reason} if reason else {})
    assert answer.status_code == 422
    assert errors(answer.text) == ["Choose a reason"]


def test_a_claim_that_fits_nobody_says_so_and_offers_no_verifying(house, clerk, unchanged):
    link = asked(house, AMARA, claim("46999999"))
    record_identity(house, "jo.hathaway", link.visit, LAKESIDE, "passport")
    unchanged()
    page = clerk.get(f"/desk/visits/{link.visit}").text
    assert "No student of your schools has this number" in page
    assert "/verify" not in page
    answer = requests(link)["verify"](clerk)
    assert (answer.status_code, "The request does not fit a student" in answer.text) == (409, True)


def test_a_wrong_birth_date_says_what_to_do(house, clerk, unchanged):
    link = asked(house, AMARA, claim(TEO.number, TEO.birth_date + timedelta(days=17)))
    record_identity(house, "jo.hathaway", link.visit, LAKESIDE, "passport")
    unchanged()
    page = text(clerk.get(f"/desk/visits/{link.visit}").text)
    assert "Differs" in page
    assert "The date of birth differs from the roster. Check it with the parent" in page
    assert requests(link)["verify"](clerk).status_code == 409


def test_a_request_for_a_child_who_is_linked_already_says_so(house, clerk, proven):
    verify_link(house, "jo.hathaway", proven.id, "school-record")
    page = text(clerk.get(f"/desk/visits/{asked(house, AMARA, claim_for(IRIS)).visit}").text)
    assert "The two are linked already, or the student came to the roster after the request." in page


def test_a_student_who_left_after_the_request_says_so(house, clerk, proven, unchanged):
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, enrolled=False),)))
    house.wakeup.woken.clear()
    unchanged()
    page = text(clerk.get(f"/desk/visits/{proven.visit}").text)
    assert "The student left the district’s schools after the request." in page
    assert requests(proven)["verify"](clerk).status_code == 409


def test_what_was_decided_is_told_only_with_the_duty(house, clerk, sign_in_staff, proven):
    verify_link(house, "jo.hathaway", proven.id, "birth-certificate")
    path = f"/desk/visits/{proven.visit}"
    assert "Birth certificate, Nov 24" in text(clerk.get(path).text)
    elsewhere = text(sign_in_staff("sam.okafor").get(path).text)
    assert "Linked" in elsewhere
    assert "certificate" not in elsewhere


# --- twice, late, from elsewhere -----------------------------------------------------------------


@pytest.mark.parametrize("first", ["verify", "refuse"])
@pytest.mark.parametrize("second", ["verify", "refuse"])
def test_sent_twice_or_by_two_clerks(house, clerk, proven, first, second):
    asked(house, AMARA, claim_for(MATEO))  # keeps the visit open
    assert requests(proven)[first](clerk).status_code == 302
    (before,) = [link for link in links_of(house, AMARA) if link.id == proven.id]
    answer = requests(proven)[second](clerk)
    assert (answer.status_code, DECIDED in answer.text) == (409, True)
    (after,) = [link for link in links_of(house, AMARA) if link.id == proven.id]
    assert after == before
    assert clerk.get(f"/desk/links/{proven.id}/refuse").status_code == 409


def test_the_identity_sent_twice_is_recorded_once(house, clerk, waiting):
    for _ in range(2):
        assert requests(waiting)["identity"](clerk).status_code == 302
    with house.store.connection(write=False) as connection:
        names = connection.execute(sa.select(journals.audit.c.name)).scalars().all()
    assert names.count("identity:proven") == 1


@pytest.mark.parametrize(("name", "recorded"), [("identity", False), ("verify", True)])
def test_a_visit_page_left_open_over_its_last_day(house, clerk, waiting, clock, unchanged, name, recorded):
    if recorded:
        record_identity(house, "jo.hathaway", waiting.visit, LAKESIDE, "passport")
    clock.advance(days=15)
    unchanged()
    answer = requests(waiting)[name](clerk)
    assert answer.status_code == 410
    assert "The parent can ask again on the phone and gets a new code at once." in answer.text


def test_the_identity_of_a_visit_somebody_finished_meanwhile(house, clerk, waiting, unchanged):
    refuse_link(house, "dee.collins", waiting.id, "not-the-student")
    unchanged()
    answer = requests(waiting)["identity"](clerk)
    assert (answer.status_code, DECIDED in answer.text) == (409, True)


@pytest.mark.parametrize("name", ["verify", "ask to refuse", "refuse"])
def test_a_request_the_parent_took_back_meanwhile(house, clerk, proven, unchanged, name):
    asked(house, AMARA, claim_for(MATEO))  # keeps the visit open
    cancel_request(house, AMARA, proven.id)
    unchanged()
    answer = requests(proven)[name](clerk)
    assert (answer.status_code, DECIDED in answer.text) == (409, True)


@pytest.mark.parametrize("name", CHANGES)
def test_one_s_own_account_is_for_a_colleague_and_is_audited(house, sign_in_staff, unchanged, name):
    save_parent(house, AMARA, "Jo", "Hathaway")
    link = asked(house, AMARA, claim_for(IRIS))
    if name != "identity":
        record_identity(house, "dee.collins", link.visit, LAKESIDE, "passport")
    unchanged()
    answer = requests(link)[name](sign_in_staff())
    assert (answer.status_code, "Ask a colleague to decide this one" in answer.text) == (403, True)
    with house.store.connection(write=False) as connection:
        names = connection.execute(
            sa.select(journals.audit.c.name).order_by(journals.audit.c.number)
        ).scalars()
        assert names.all()[-1] == "verification:refused"


@pytest.mark.parametrize(
    "path", ["visits/none", f"visits/{'0' * 32}", "links/none/refuse", "visits/%00", "nothing"]
)
def test_addresses_that_lead_nowhere(clerk, path):
    answer = clerk.get(f"/desk/{path}")
    assert (answer.status_code, "This page is not here" in answer.text) == (404, True)


@pytest.mark.parametrize("path", ["find", "visits/x/identity", "links/x/verify"])
def test_what_changes_something_is_no_link(clerk, path):
    assert clerk.get(f"/desk/{path}").status_code == 405


@pytest.mark.parametrize("number", ["0", "-1", "abc", "2", "9" * 30, "", "1%00"])
def test_a_page_of_the_queue_that_is_not_there(clerk, waiting, number):
    answer = clerk.get(f"/desk?page={number}")
    assert answer.status_code == 200
    assert "amara@mail.example" in answer.text


def test_names_are_shown_as_they_are_written(house, clerk):
    save_parent(house, AMARA, "<script>alert(1)</script>", "O’Neil & Söhne {{ 7*7 }}")
    link = asked(house, AMARA, claim_for(IRIS))
    for path in ("/desk", f"/desk/visits/{link.visit}", f"/desk/links/{link.id}/refuse"):
        page = clerk.get(path).text
        assert "<script" not in page
        assert "O’Neil &amp; Söhne {{ 7*7 }}" in page


@pytest.mark.parametrize("name", CHANGES)
def test_a_form_of_another_site_changes_nothing(web, clerk, proven, unchanged, name):
    web.config["WTF_CSRF_ENABLED"] = True
    unchanged()
    answer = requests(proven)[name](clerk)
    assert answer.status_code == 400
    assert "This page was open for too long" in answer.text


def test_the_whole_visit_through_the_forms_as_a_browser_sends_them(web, house, clerk, waiting):
    web.config["WTF_CSRF_ENABLED"] = True

    def send(page: str, action: str, **fields: str):
        (form,) = [part for part in page.split("<form")[1:] if f'action="{action}"' in part]
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form))
        return clerk.post(action, data={**hidden, **fields})

    desk = clerk.get("/desk").text
    visit = send(desk, "/desk/find", code=code_of(house, waiting)).location
    page = clerk.get(visit).text
    assert send(page, f"{visit}/identity", identity="military-id").location == visit
    page = clerk.get(visit).text
    assert "The identity is recorded." in page
    verify = f"/desk/links/{waiting.id}/verify"
    done = send(page, verify, **{f"{waiting.id}-evidence": "birth-certificate"})
    assert done.location == "/desk"
    assert "linked. The parent’s apps follow in a moment." in clerk.get("/desk").text
    (link,) = links_of(house, AMARA)
    assert (link.state, link.evidence) == (LinkState.VERIFIED, "birth-certificate")
