"""The district's pages over HTTP: who sees which tab, marking as seen, searching, downloading."""

from __future__ import annotations

import json

import pytest

from idp_bridge.domain.events import Actor, ActorKind, Event
from tests.conftest import AMARA, IRIS, NOW
from tests.web.families import asked, claim_for
from tests.web.pages import errors

ADMIN, OFFICE, CLERK = "ira.novak", "dee.collins", "jo.hathaway"
PARENT = Actor(ActorKind.PARENT, AMARA)
PAGES = ("alarms", "audit", "audit/chain", "audit/disclosures?number=46554860", "projection")


@pytest.fixture
def watched(house, sign_in_parent):
    """One request in the audit and one alarm about it (row 2)."""
    sign_in_parent()
    link = asked(house, AMARA, claim_for(IRIS))
    with house.store.transaction() as rows:
        rows.audit.append(
            Event("alarm:wrong-child", NOW, PARENT, parent=AMARA, student=IRIS.id, link=link.id)
        )
    return house


@pytest.mark.parametrize(
    ("uid", "statuses"),
    [(ADMIN, [200] * 5), (OFFICE, [200, 403, 403, 403, 403]), (CLERK, [403] * 5), ("tess.moore", [403] * 5)],
)
def test_each_duty_opens_its_pages(watched, sign_in_staff, uid, statuses):
    client = sign_in_staff(uid)
    assert [client.get(f"/desk/district/{page}").status_code for page in PAGES] == statuses


def test_parents_and_strangers_do_not_come_in(watched, sign_in_parent, web):
    for page in PAGES:
        assert web.test_client().get(f"/desk/district/{page}").location.startswith("/signin/district")
        assert sign_in_parent().get(f"/desk/district/{page}").status_code == 403
    assert sign_in_parent().post("/desk/district/alarms/2/seen").status_code == 403


def test_the_tab_stands_for_those_who_may(watched, sign_in_staff):
    assert 'href="/desk/district/alarms"' in sign_in_staff(OFFICE).get("/desk").text
    assert 'href="/desk/district/alarms"' not in sign_in_staff(CLERK).get("/desk").text


def test_the_front_page_leads_each_to_what_their_duties_open(watched, sign_in_staff):
    led = sign_in_staff(ADMIN).get("/desk")
    assert (led.status_code, led.location) == (302, "/desk/district/alarms")
    assert [sign_in_staff(uid).get("/desk").status_code for uid in (CLERK, OFFICE)] == [200, 200]
    nobody = sign_in_staff("tess.moore").get("/desk")
    assert (nobody.status_code, "This needs a duty you do not have right now" in nobody.text) == (403, True)


def test_duties_that_changed_lead_elsewhere_at_once(watched, sign_in_staff):
    client = sign_in_staff(ADMIN)
    watched.directory.set_roles(ADMIN, "0552:office")
    assert client.get("/desk").status_code == 200


def test_an_alarm_says_what_to_do_and_leads_on_only_who_may_read_on(watched, sign_in_staff):
    admin = sign_in_staff(ADMIN).get("/desk/district/alarms").text
    office = sign_in_staff(OFFICE).get("/desk/district/alarms").text
    for page in (admin, office):
        assert "A parent says: this is not my child" in page
        assert "Call the school today." in page
        assert "4655 4860" in page
        assert "Quintero" not in page
        assert "mail.example" not in page
    assert f"/desk/district/audit?student={IRIS.id}" in admin
    assert "/desk/district/audit" not in office


def test_seen_moves_an_alarm_to_the_other_list(watched, sign_in_staff):
    client = sign_in_staff(OFFICE)
    assert client.post("/desk/district/alarms/2/seen").location == "/desk/district/alarms"
    assert "There is nothing to look at." in client.get("/desk/district/alarms").text
    assert "entry-dee.collins" in client.get("/desk/district/alarms?seen=1").text
    for number in ("1", "77", str(10**12)):
        assert client.post(f"/desk/district/alarms/{number}/seen").status_code == 404
    assert client.get("/desk/district/alarms/2/seen").status_code == 405


def test_the_search_keeps_what_was_asked_on_the_next_page(watched, sign_in_staff, house):
    with house.store.transaction() as rows:
        for _ in range(30):
            rows.audit.append(Event("parent:data-downloaded", NOW, PARENT, parent=AMARA))
    page = sign_in_staff(ADMIN).get(f"/desk/district/audit?parent={AMARA}&event=parent:data-downloaded").text
    assert f"parent={AMARA}" in page
    assert "before=8" in page
    assert "link:requested</b>" not in page


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=2026-13-01", "Choose a day, for example 2026-11-24"),
        ("until=yesterday", "Choose a day, for example 2026-11-24"),
        (f"parent={'x' * 300}", "That is longer than any id"),
    ],
)
def test_what_cannot_be_searched_for_is_said_at_the_field(watched, sign_in_staff, query, said):
    answer = sign_in_staff(ADMIN).get(f"/desk/district/audit?{query}")
    assert (answer.status_code, errors(answer.text)) == (422, [said])


@pytest.mark.parametrize("query", ["before=x", "before=-1", f"before={10**20}", "event=nothing"])
def test_odd_addresses_find_nothing_or_something_but_never_break(watched, sign_in_staff, query):
    assert sign_in_staff(ADMIN).get(f"/desk/district/audit?{query}").status_code == 200


def test_the_record_of_disclosures_is_downloaded_as_json_lines(watched, sign_in_staff):
    client = sign_in_staff(ADMIN)
    answer = client.get("/desk/district/audit/disclosures?number=4655 4860")
    assert answer.mimetype == "application/x-ndjson"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="disclosures-46554860.jsonl"'
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["event"] for line in lines] == ["link:requested", "alarm:wrong-child"]
    missing = client.get("/desk/district/audit/disclosures?number=1")
    assert (missing.status_code, errors(missing.text)) == (404, ["No enrolled student has this number."])


def test_the_chain_says_whether_it_is_whole(watched, sign_in_staff):
    client = sign_in_staff(ADMIN)
    assert "Rows 1 to 2 are whole" in client.get("/desk/district/audit/chain").text
    assert "There are no rows from here on." in client.get("/desk/district/audit/chain?from=3").text
    for odd in ("x", "0", "-4", "9" * 30):
        assert client.get(f"/desk/district/audit/chain?from={odd}").status_code == 200


def test_the_projection_names_nobody_but_by_id(watched, sign_in_staff, house):
    with house.store.transaction() as rows:
        rows.projections.mark_due(AMARA, NOW, loss=True)
    page = sign_in_staff(ADMIN).get(f"/desk/district/projection?parent={AMARA}").text
    assert AMARA in page
    assert "mail.example" not in page
    assert "Quintero" not in page
    assert "No account has this id." in sign_in_staff(ADMIN).get("/desk/district/projection?parent=x").text
