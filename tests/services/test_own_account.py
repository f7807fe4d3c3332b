"""What hangs on a parent's account: apps in use, sessions, and the data to take away."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.link import Move
from idp_bridge.services.account import apps_in_use, sign_out_everywhere
from idp_bridge.services.failures import Gone, Refused, Unreachable
from idp_bridge.services.notifying import send_due
from idp_bridge.services.own_data import my_data
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.restricting import Order, place
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO
from tests.services.test_leaving import events
from tests.services.test_linking import CLAIM, MISS, _parents, mine, settle  # noqa: F401  (autouse)
from tests.services.test_signing_out import open_page, pages_of
from tests.web.families import after, asked, claim_for, confirmed

SECRET = ("hathaway", "entry-", "restriction", "matched", "dispute", "court")


@pytest.fixture
def accounts(house):
    house.accounts.add(AMARA, "amara@mail.example")
    return house.accounts


def test_apps_are_named_and_none_is_not_the_same_as_unknown(house, accounts):
    assert apps_in_use(house, AMARA) == ()
    accounts.used(AMARA, "oneview", NOW)
    accounts.used(AMARA, "mobile", NOW + timedelta(hours=1))
    assert [use.client for use in apps_in_use(house, AMARA)] == ["mobile", "oneview"]
    accounts.fail("uses", Unreachable("keycloak", "down"))
    assert apps_in_use(house, AMARA) is None


def test_signing_out_everywhere_ends_sessions_and_offline_tokens_and_is_written_down(house, accounts):
    sign_out_everywhere(house, AMARA)
    assert accounts.calls == ["end_sessions", "drop_offline_tokens"]
    assert accounts.ended == [AMARA]
    assert [name for name, *_ in events(house)] == ["parent:signed-out-everywhere"]


def test_signing_out_everywhere_ends_the_parents_own_pages_here_and_nobody_elses(house, accounts):
    for parent in (AMARA, AMARA, OTHER):
        open_page(house, parent)
    sign_out_everywhere(house, AMARA)
    assert (pages_of(house, AMARA), pages_of(house, OTHER)) == (0, 1)


@pytest.mark.parametrize("call", ["end_sessions", "drop_offline_tokens"])
@pytest.mark.parametrize("failure", [Unreachable("keycloak", "down"), Refused("keycloak", "403")])
def test_what_keycloak_did_not_do_is_not_written_down(house, accounts, call, failure):
    accounts.fail(call, failure)
    with pytest.raises(type(failure)):
        sign_out_everywhere(house, AMARA)
    assert events(house) == []


def test_an_account_that_is_gone_has_no_session(house, accounts):
    accounts.fail("end_sessions", Gone("keycloak", "404"))
    open_page(house, AMARA)
    sign_out_everywhere(house, AMARA)
    assert pages_of(house, AMARA) == 0
    assert [name for name, *_ in events(house)] == ["parent:signed-out-everywhere"]


def test_the_data_say_what_the_pages_say(house):
    link = settle(house)
    send_due(house, house.clock.now())
    data = my_data(house, AMARA)
    assert data["version"] == 1
    assert data["account"]["email"] == "amara@mail.example"
    assert data["identity"] == {"kind": "passport", "school": "0552", "at": NOW.isoformat()}
    (shown,) = data["links"]
    assert shown["id"] == link.id
    assert (shown["state"], shown["student"]["name"]) == ("verified", "Iris Quintero-Bell")
    assert [step["what"] for step in shown["happened"]] == ["link:requested", "link:verified"]
    assert {mail["kind"] for mail in data["mails"]} >= {"verified"}
    assert all(mail["link"] == link.id for mail in data["mails"])


def test_taking_the_data_is_one_event_and_changes_nothing_else(house):
    link = settle(house)
    before = len(events(house))
    my_data(house, AMARA)
    assert [name for name, *_ in events(house)[before:]] == ["parent:data-downloaded"]
    assert mine(house) == (link,)


def test_the_data_are_json(house):
    settle(house)
    assert json.loads(json.dumps(my_data(house, AMARA)))["links"]


def _blank(data, claim):
    (link,) = data["links"]
    text = json.dumps({**link, "id": "id"})
    return text.replace(claim.student_number, "number")


def test_hit_and_miss_read_the_same_in_the_data(house):
    asked(house, AMARA, CLAIM)
    asked(house, OTHER, MISS)
    assert _blank(my_data(house, AMARA), CLAIM) == _blank(my_data(house, OTHER), MISS)


def test_a_refused_hit_and_a_refused_miss_read_the_same(house):
    other_school = claim_for(MATEO)
    hit = asked(house, AMARA, type(CLAIM)(MATEO.number, MATEO.birth_date, IRIS.school, CLAIM.relationship))
    assert hit.student == MATEO.id  # of another school than the one that was named
    assert other_school.school != IRIS.school
    miss = asked(
        house, OTHER, type(CLAIM)(MISS.student_number, MATEO.birth_date, IRIS.school, CLAIM.relationship)
    )
    refuse_link(house, "dee.collins", hit.id, "not-the-student")
    refuse_link(house, "dee.collins", miss.id, "not-the-student")
    read = [_blank(my_data(house, parent), link.claimed) for parent, link in ((AMARA, hit), (OTHER, miss))]
    assert read[0] == read[1]
    assert "0610" not in read[0]


def test_no_staff_no_restriction_and_no_other_parents_link_is_in_the_data(house, directory):
    directory.set_roles("dee.collins", "9001:district-office", "0552:principal")
    settle(house)
    place(
        house,
        "dee.collins",
        Order(IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", _later()),
    )
    confirmed(house, asked(house, AMARA, claim_for(TEO)), TEO)
    theirs = settle(house, OTHER)
    send_due(house, house.clock.now())
    text = json.dumps(my_data(house, AMARA)).lower()
    assert '"on-hold"' in text
    assert [word for word in SECRET if word in text] == []
    assert theirs.id not in text


def _later():
    return NOW.date() + timedelta(days=90)


@pytest.mark.parametrize("reason", [None, "dispute"])
def test_every_hold_reads_the_same(house, reason):
    after(house, settle(house), Move.SUSPEND, reason)
    (link,) = my_data(house, AMARA)["links"]
    assert (link["state"], link["reason"], link["purposes"]) == ("on-hold", None, [])


def test_who_never_signed_in_has_no_data(house):
    with pytest.raises(NotThere):
        my_data(house, type(AMARA)("nobody"))
    assert events(house) == []
