"""My account: apps in use, signing out everywhere, my data, and the way out; Keycloak down stops no page."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from idp_bridge.domain.link import LinkState
from idp_bridge.services.failures import Unreachable
from idp_bridge.web import signin
from tests.conftest import AMARA, NOW, OTHER
from tests.services.test_leaving import events
from tests.services.test_linking import CLAIM, MISS, _parents, mine, settle  # noqa: F401  (autouse)
from tests.web.families import asked
from tests.web.pages import plain, text
from tests.web.test_signin_parents import leave_for, provider, signed_in  # noqa: F401  (fixture)

ACTIONS = ("/account/sign-out-everywhere", "/account/data", "/account/delete")


@pytest.fixture
def parent(sign_in_parent, house):
    house.accounts.add(AMARA, "amara@mail.example")
    return sign_in_parent()


def test_the_menu_leads_to_the_account(parent):
    assert 'href="/account"' in parent.get("/children").text


def test_it_names_the_apps_and_when(parent, house):
    assert "You have not signed in to an app in the last 30 days." in text(parent.get("/account").text)
    for client in ("oneview", "mobile", "odd-app"):
        house.accounts.used(AMARA, client, NOW)
    page = text(parent.get("/account").text).replace("\u202f", " ")
    for shown in ("OneView\nNovember 24, 10:00 AM", "The mobile app", "odd-app", "amara@mail.example"):
        assert shown in page


def test_with_keycloak_down_the_page_says_so_and_the_rest_works(parent, house):
    house.accounts.fail("uses", Unreachable("keycloak", "down"))
    answer = parent.get("/account")
    assert answer.status_code == 200
    page = text(answer.text)
    for shown in ("We cannot look this up right now.", "Download my data", "Sign out everywhere"):
        assert shown in page
    assert parent.post("/account/data").status_code == 200


@pytest.mark.parametrize(("action", "there"), signin.ACTIONS.items())
def test_changes_are_made_on_keycloaks_own_pages(client, provider, web, house, sessions, action, there):  # noqa: F811
    from idp_bridge.settings import Realm
    from idp_bridge.web.front_door import Options, build

    realms = {
        name: Realm(issuer=provider.issuer(name), client_secret="s") for name in ("parents", "district")
    }
    options = Options("http://localhost", "s" * 32, 8, web.config["DISTRICT"], realms, {})
    browser = build(house, sessions, options).test_client()
    went = leave_for(browser, f"/signin/parents?action={action}&next=/account")
    assert went["kc_action"] == there
    assert "kc_action" not in leave_for(browser, "/signin/parents?action=CONFIGURE_TOTP")
    assert "kc_action" not in leave_for(browser, f"/signin/district?action={action}")


def test_the_page_offers_each_change_and_comes_back_here(parent):
    page = parent.get("/account").text
    for action in ("email", "password", "passkey"):
        assert f'href="/signin/parents?action={action}&amp;next=/account"' in page


def test_signing_out_everywhere_ends_every_session_of_this_parent_and_no_other(
    parent, house, sessions, clock
):
    for cookie, sub in (("phone", AMARA), ("other", OTHER)):
        person = {"iss": "http://localhost:1/realms/parents", "sub": sub, "sid": cookie}
        sessions.save(cookie, {"person": person}, NOW, NOW.replace(year=2027))
    answer = parent.post("/account/sign-out-everywhere")
    assert (answer.status_code, answer.location) == (302, "/account/signed-out")
    assert "You are signed out everywhere" in parent.get("/account/signed-out").text
    assert house.accounts.calls[-2:] == ["end_sessions", "drop_offline_tokens"]
    assert sessions.load("phone", clock.now()) is None
    assert sessions.load("other", clock.now()) is not None
    assert parent.get("/account").location.startswith("/signin/parents")
    assert [name for name, *_ in events(house)] == ["parent:signed-out-everywhere"]


@pytest.mark.parametrize("call", ["end_sessions", "drop_offline_tokens"])
def test_where_keycloak_does_not_answer_nothing_is_claimed_and_the_parent_stays(parent, house, call):
    house.accounts.fail(call, Unreachable("keycloak", "down"))
    answer = parent.post("/account/sign-out-everywhere")
    assert answer.status_code == 503
    assert "We could not sign you out everywhere" in text(answer.text)
    assert "try again" in text(answer.text)
    assert parent.get("/account").status_code == 200
    assert events(house) == []


def test_the_data_come_as_a_file(parent, house):
    settle(house)
    answer = parent.post("/account/data")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/json"
    assert json.loads(answer.text)["links"][0]["student"]["name"] == "Iris Quintero-Bell"
    assert [name for name, *_ in events(house)][-1] == "parent:data-downloaded"


def test_hit_and_miss_look_the_same_in_the_file(sign_in_parent, house):
    asked(house, AMARA, CLAIM)
    asked(house, OTHER, MISS)
    email = "amara@mail.example"
    hit = plain(sign_in_parent().post("/account/data").text)
    miss = plain(sign_in_parent(OTHER, email).post("/account/data").text)
    assert hit.replace(AMARA, OTHER).replace(CLAIM.student_number, MISS.student_number) == miss


def test_deleting_is_explained_first(parent, house):
    asked(house, AMARA, CLAIM)
    page = text(parent.get("/account/delete").text)
    for shown in ("All your links end", "The apps close for you", "The record of what happened stays"):
        assert shown in page
    assert mine(house)[0].state is LinkState.AWAITING_VISIT


def test_deleting_ends_everything_and_leads_to_keycloak(parent, house):
    settle(house)
    answer = parent.post("/account/delete")
    went = urlsplit(answer.location)
    assert (answer.status_code, went.path) == (302, "/signin/parents")
    assert parse_qs(went.query)["action"] == ["delete"]
    assert mine(house)[0].state is LinkState.ENDED
    assert parent.get("/children").location.startswith("/signin/parents")


@pytest.mark.parametrize("path", ["/account", "/account/delete"])
def test_nobody_else_has_an_account_here(client, sign_in_staff, path):
    assert client.get(path).location.startswith("/signin/parents")
    assert sign_in_staff().get(path).status_code == 403


@pytest.mark.parametrize("path", ACTIONS)
def test_nothing_happens_without_the_anti_forgery_value_or_by_get(web, parent, house, path):
    web.config["WTF_CSRF_ENABLED"] = True
    settle(house)
    before = events(house)
    assert parent.post(path).status_code == 400
    assert parent.get(path).status_code in (200, 405)
    assert events(house) == before
    assert mine(house)[0].state is LinkState.VERIFIED
