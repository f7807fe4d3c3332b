"""Signing in through a realm: what comes back is checked, kept on the server, and never trusted unchecked."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from idp_bridge.domain.people import ParentId
from idp_bridge.settings import Realm
from idp_bridge.web import tokens
from idp_bridge.web.front_door import Options, build
from idp_bridge.web.session import COOKIE, _hash
from tests.web.families import links_of
from tests.web.issuer import OTHER_KEY, REALMS, serving
from tests.web.pages import ANSWERS, fill_in, text

LOGOUT = {"events": {tokens.BACKCHANNEL_EVENT: {}}, "typ": "Logout", "jti": "j1"}


@pytest.fixture
def provider():
    with serving() as provider:
        yield provider


@pytest.fixture
def web(web, house, sessions, provider):
    """The pages of the small house, signing in at the provider."""
    realms = {name: Realm(issuer=provider.issuer(name), client_secret="secret") for name in REALMS}
    options = Options("http://localhost", "s" * 32, 8, web.config["DISTRICT"], realms, web.config["APPS"])
    app = build(house, sessions, options)
    app.config["WTF_CSRF_ENABLED"] = False
    return app


def leave_for(client, path: str = "/signin/parents") -> dict[str, str]:
    """Start a sign-in and return what the browser takes to the realm."""
    answer = client.get(path)
    assert answer.status_code == 302, text(answer.text)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def come_back(client, provider, token: str | None = None, realm: str = "parents", **query: str):
    """Finish a sign-in that left before, with `token` as what the realm gives."""
    nonce = query.pop("nonce", None)
    provider.answer = {
        "access_token": "at",
        "token_type": "Bearer",
        "id_token": token or provider.token(realm, nonce=nonce),
    }
    return client.get(f"/signin/{realm}/callback", query_string={"code": "c", **query})


def signed_in(client, provider, path: str = "/signin/parents", **claims: object):
    """Go the whole way and return the last answer."""
    went = leave_for(client, path)
    return come_back(client, provider, provider.token(nonce=went.get("nonce"), **claims), state=went["state"])


def test_the_browser_leaves_with_pkce_state_and_its_language(client):
    client.set_cookie("language", "es")
    went = leave_for(client)
    assert went["code_challenge_method"] == "S256"
    assert went["code_challenge"]
    assert went["state"]
    assert went["ui_locales"] == "es"
    assert went["redirect_uri"] == "http://localhost/signin/parents/callback"
    assert "prompt" not in went


def test_create_account_opens_registration_at_once(client):
    assert leave_for(client, "/signin/parents?new=1")["prompt"] == "create"


def test_a_parent_who_comes_back_is_signed_in_and_known(client, provider, house):
    answer = signed_in(client, provider)
    assert (answer.status_code, answer.location) == (302, "/children")
    assert client.get("/children").status_code == 200
    with house.store.reading() as rows:
        parent = rows.parents.get(ParentId("sub-1"))
    assert parent
    assert (parent.email, parent.name) == ("amara@mail.example", "Amara Quintero-Bell")


def test_the_parent_goes_on_to_the_page_that_was_wanted(client, provider):
    wanted = client.get("/children/add/number").location
    assert signed_in(client, provider, wanted).location == "/children/add/number"


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil"]
)
def test_nobody_else_can_choose_where_a_parent_goes_on(client, provider, elsewhere):
    answer = signed_in(client, provider, f"/signin/parents?next={elsewhere}")
    assert answer.location == "/children"


def test_signing_in_changes_the_session_id(client, provider, sessions, clock):
    leave_for(client)
    before = client.get_cookie(COOKIE).value
    signed_in(client, provider)
    after = client.get_cookie(COOKIE).value
    assert before != after
    assert sessions.load(_hash(before), clock.now()) is None


@pytest.mark.parametrize(("who", "kept"), [("sub-1", True), ("sub-2", False)])
def test_what_was_typed_stays_for_the_same_parent_and_goes_for_another(client, provider, who, kept):
    signed_in(client, provider)
    client.post("/children/add/number", data={"number": "46554860"})
    signed_in(client, provider, sub=who)
    assert ("4655 4860" in client.get("/children/add/number").text) == kept


def test_the_cookie_holds_nothing_but_an_id(client, provider):
    signed_in(client, provider)
    cookie = client.get_cookie(COOKIE)
    assert len(cookie.value) == 43
    assert cookie.http_only
    assert cookie.same_site == "Lax"


def test_an_answer_nobody_asked_for_is_refused(client, provider):
    answer = come_back(client, provider, state="made-up")
    assert answer.status_code == 400
    assert "The sign-in was not finished" in text(answer.text)


def test_an_answer_is_taken_once(client, provider):
    went = leave_for(client)
    token = provider.token(nonce=went.get("nonce"))
    assert come_back(client, provider, token, state=went["state"]).status_code == 302
    assert come_back(client, provider, token, state=went["state"]).status_code == 400


def _tampered(provider, nonce):
    head, body, mark = provider.token(nonce=nonce).split(".")
    other = provider.token(nonce=nonce, sub="sub-2").split(".")[1]
    assert other != body
    return ".".join((head, other, mark))


BAD = {
    "tampered": _tampered,
    "signed by somebody else": lambda p, n: p.token(key=OTHER_KEY, nonce=n),
    "of the other realm": lambda p, n: p.token("district", nonce=n),
    "for another client": lambda p, n: p.token(aud="oneview", nonce=n),
    "too old": lambda p, n: p.token(exp=int(time.time()) - 120, nonce=n),
    "without a subject": lambda p, n: p.token(sub=None, nonce=n),
    "not an ID token": lambda p, n: p.token(typ="Bearer", nonce=n),
    "of an answer to somebody else": lambda p, n: p.token(nonce="another"),
    "no token at all": lambda p, n: "e30.e30.e30",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_token_that_is_not_ours_signs_nobody_in(client, provider, kind):
    went = leave_for(client)
    answer = come_back(client, provider, BAD[kind](provider, went.get("nonce")), state=went["state"])
    assert answer.status_code == 400
    assert "Please sign in again." in text(answer.text)
    assert client.get("/children").status_code == 302


def test_a_tab_that_waited_for_the_mail_starts_again_by_itself_once(client, provider):
    went = leave_for(client)
    query = {"error": "temporarily_unavailable", "state": went["state"]}
    first = client.get("/signin/parents/callback", query_string=query)
    assert (first.status_code, first.location) == (302, "/signin/parents")
    went = leave_for(client)
    again = client.get("/signin/parents/callback", query_string={**query, "state": went["state"]})
    assert again.status_code == 400


def test_a_refusal_by_the_realm_is_told_in_our_words(client):
    went = leave_for(client)
    answer = client.get(
        "/signin/parents/callback", query_string={"error": "access_denied", "state": went["state"]}
    )
    assert answer.status_code == 400
    assert "access_denied" not in answer.text


def test_an_employee_signs_in_through_the_other_realm(client, provider):
    went = leave_for(client, "/signin/district")
    token = provider.token("district", preferred_username="jo.hathaway", nonce=went.get("nonce"))
    answer = come_back(client, provider, token, "district", state=went["state"])
    assert answer.status_code == 302
    assert client.get("/children").status_code == 403


def test_another_realm_is_not_there(client):
    assert client.get("/signin/master").status_code == 404


def test_a_provider_that_hangs_holds_nobody_for_long(client, provider):
    provider.hang_s = 6
    began = time.monotonic()
    answer = client.get("/signin/parents")
    assert time.monotonic() - began < 5
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "Nothing was lost." in text(answer.text)


def test_a_provider_that_hangs_at_the_token_holds_nobody_for_long(client, provider):
    went = leave_for(client)
    provider.hang_s = 6
    began = time.monotonic()
    answer = come_back(client, provider, "e30.e30.e30", state=went["state"])
    assert time.monotonic() - began < 5
    assert answer.status_code == 503


def test_signing_out_ends_our_session_and_leads_to_the_realms(client, provider, sessions, clock):
    signed_in(client, provider)
    cookie = client.get_cookie(COOKIE).value
    answer = client.post("/signout")
    assert answer.status_code == 302
    where = urlsplit(answer.location)
    assert where.path == "/realms/parents/protocol/openid-connect/logout"
    assert parse_qs(where.query)["post_logout_redirect_uri"] == ["http://localhost/"]
    assert sessions.load(_hash(cookie), clock.now()) is None


def test_signing_out_by_a_link_does_nothing(client, provider):
    signed_in(client, provider)
    assert client.get("/signout").status_code == 405
    assert client.get("/children").status_code == 200


def _logout_token(provider, **claims):
    return provider.token(**{**LOGOUT, "email": None, "name": None, **claims})


def _end(client, token):
    return client.post("/signin/parents/backchannel-logout", data={"logout_token": token})


@pytest.fixture
def fixed_now(clock):
    """The provider signs by the machine's clock, so the house's clock stands there too."""
    clock.at = clock.at.fromtimestamp(int(time.time()), clock.at.tzinfo)


@pytest.mark.usefixtures("fixed_now")
@pytest.mark.parametrize("named", [{"sub": None}, {"sid": None}, {}])
def test_the_realm_can_end_a_session(client, provider, named):
    signed_in(client, provider)
    answer = _end(client, _logout_token(provider, **named))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/children").status_code == 302


@pytest.mark.usefixtures("fixed_now")
def test_an_old_logout_token_does_not_end_a_newer_session(client, provider):
    signed_in(client, provider)
    token = _logout_token(provider)
    _end(client, token)
    signed_in(client, provider)
    assert _end(client, token).status_code == 200
    assert client.get("/children").status_code == 200


@pytest.mark.parametrize(
    "claims",
    [{"events": {}}, {"nonce": "n"}, {"sub": None, "sid": None}, {"aud": "oneview"}, {"key": OTHER_KEY}],
)
def test_a_logout_token_that_is_none_ends_nothing(client, provider, claims):
    signed_in(client, provider)
    assert _end(client, _logout_token(provider, **claims)).status_code == 400
    assert client.get("/children").status_code == 200


def test_a_logout_token_of_the_other_realm_ends_nothing(client, provider):
    signed_in(client, provider)
    token = provider.token("district", **LOGOUT)
    assert _end(client, token).status_code == 400
    assert client.get("/children").status_code == 200


def test_a_fresh_sign_in_asks_for_the_password_again(client):
    assert leave_for(client, "/signin/parents?fresh=1")["prompt"] == "login"


def test_a_student_lands_on_their_page_with_the_number_of_the_token(client, provider, sessions, house):
    went = leave_for(client, "/signin/district")
    token = provider.token(
        "district", nonce=went["nonce"], population="student", student_number="46554860", sub="sub-iris"
    )
    answer = come_back(client, provider, token, "district", state=went["state"])
    assert (answer.status_code, answer.location) == (302, "/student")
    assert client.get("/student").status_code == 200
    stored = sessions.load(_hash(client.get_cookie(COOKIE).value), house.clock.now())
    assert stored["person"]["student_number"] == "46554860"


def test_the_parents_realm_gives_nobody_a_student_number(client, provider, sessions, house):
    signed_in(client, provider, student_number="46554860")
    stored = sessions.load(_hash(client.get_cookie(COOKIE).value), house.clock.now())
    assert stored["person"]["student_number"] == ""
    assert client.get("/student").status_code == 403


@pytest.mark.parametrize("population", ["student", "employee"])
def test_a_parent_account_is_a_parent_whatever_else_it_says(client, provider, population):
    signed_in(client, provider, population=population, student_number="46554860")
    assert client.get("/student").status_code == 403
    assert client.get("/desk").status_code == 403


def test_an_email_that_changed_leads_to_a_fresh_sign_in_and_back_to_the_answers(client, provider, house):
    signed_in(client, provider)
    fill_in(client, ANSWERS)
    house.accounts.change(ParentId("sub-1"), email="new@mail.example")
    answer = client.post("/children/add/check", data={"true": "y"})
    assert answer.location == "/signin/parents?fresh=1&next=/children/add/check"
    assert links_of(house, ParentId("sub-1")) == ()
    back = signed_in(client, provider, answer.location, email="new@mail.example")
    assert back.location == "/children/add/check"
    assert client.post("/children/add/check", data={"true": "y"}).location == "/visit"
    assert len(links_of(house, ParentId("sub-1"))) == 1
