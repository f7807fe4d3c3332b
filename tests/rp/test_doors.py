"""Walks sign-in, refresh, sign-out and back-channel logout of a relying app against a fake issuer."""

from __future__ import annotations

import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from idp_bridge.testing.issuer import FakeIssuer
from idp_bridge.testing.people import (
    employee,
    link,
    links_claim,
    parent,
    sign_in,
    sign_in_as_employee,
    sign_in_as_parent,
)
from idp_bridge.testing.silence import silent_server
from tests.rp.conftest import APP_URL, CLIENT, SECRET, make_app


def query(url: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


def path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def cookie(client) -> str:
    found = client.get_cookie("rp_session")
    return found.value if found else ""


# --- sign-in ---------------------------------------------------------------------------------------


def test_a_sign_in_asks_with_state_nonce_and_pkce(client, parents):
    asked = query(client.get("/signin/parents").location)
    assert asked["client_id"] == CLIENT
    assert asked["redirect_uri"] == f"{APP_URL}/callback/parents"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 20
    assert (asked["scope"], asked["ui_locales"]) == ("openid profile", "es")


def test_the_cookie_is_an_opaque_id_and_nothing_else(client, parents):
    started = client.get("/signin/parents")
    header = started.headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    secrets = [query(started.location)[name] for name in ("state", "nonce")]
    assert len(cookie(client)) == 43
    assert not any(secret in header for secret in secrets)


def test_a_parent_signs_in_and_is_known(client, parents):
    sign_in_as_parent(client, parents, ["46554860"])
    me = client.get("/me").json
    assert (me["links"], me["reason"], me["name"]) == (["46554860"], "linked", "Amara Quintero")


def test_signing_in_changes_the_session_id(client, parents):
    client.get("/signin/parents")
    planted = cookie(client)
    sign_in_as_parent(client, parents)
    assert cookie(client) != planted
    other = client.application.test_client()
    other.set_cookie("rp_session", planted)
    assert other.get("/me").status_code == 401


def test_a_sign_in_comes_back_to_where_it_started_and_nowhere_else(client, parents):
    account = parent()
    for asked, landed in [
        ("/students/46554860?x=1", "/students/46554860?x=1"),
        (f"{APP_URL}/students/1", "/students/1"),
        ("https://evil.example/", "/"), ("//evil.example/", "/"), ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"), (f"{APP_URL}.evil.example/", "/"), (f"{APP_URL}@evil.example/", "/"),
        ("javascript:alert(1)", "/"), ("", "/"),
    ]:  # fmt: skip
        started = client.get("/signin/parents", query_string={"next": asked})
        assert client.get(path(parents.approve(started.location, account))).location == landed, asked


def test_another_site_may_start_a_sign_in_at_an_issuer_we_know(client, district):
    asked = {"iss": district.url, "target_link_uri": f"{APP_URL}/students/7"}
    started = client.get("/signin", query_string=asked)
    assert started.location.startswith(district.url)
    assert client.get(path(district.approve(started.location, employee()))).location == "/students/7"
    for iss in ("https://evil.example", "", district.url + "/"):
        assert client.get("/signin", query_string={"iss": iss}).status_code == 400


def test_an_unknown_issuer_in_the_path_is_not_here(client):
    for where in ("/signin/other", "/callback/other"):
        assert client.get(where).status_code == 404
    assert client.post("/backchannel-logout/other").status_code == 404


def test_a_callback_with_a_foreign_or_used_state_is_refused(client, parents):
    back = path(parents.approve(client.get("/signin/parents").location, parent()))
    stranger = client.application.test_client()
    assert stranger.get(back).status_code == 400
    assert client.get(back).status_code == 302
    assert client.get(back).status_code == 400
    assert client.get("/callback/parents").status_code == 400


def test_a_code_of_another_sign_in_is_refused_by_pkce(client, parents):
    victim = query(parents.approve(client.get("/signin/parents").location, parent()))
    attacker = client.application.test_client()
    own = query(attacker.get("/signin/parents").location)
    assert attacker.get(f"/callback/parents?code={victim['code']}&state={own['state']}").status_code == 400


def test_an_answer_that_names_another_issuer_is_refused(client, parents, district):
    back = path(parents.approve(client.get("/signin/parents").location, parent()))
    mixed = back.replace("realms%2Fparents", "realms%2Fdistrict")
    assert mixed != back
    assert client.get(mixed).status_code == 400


def test_a_token_with_another_nonce_is_refused(client, parents):
    good = parents.id_claims
    parents.id_claims = lambda account, sid="s", nonce=None: good(account, sid, "planted" if nonce else None)
    assert sign_in(client, parents, parent()).status_code == 400
    assert client.get("/me").status_code == 401


def test_a_page_that_waited_too_long_starts_again_once(client):
    client.get("/signin/parents?next=/students/1")
    late = "/callback/parents?error=temporarily_unavailable&error_description=authentication_expired"
    again = client.get(late)
    assert again.status_code == 302
    assert "code_challenge" in again.location
    assert client.get(late).status_code == 400
    assert client.application.test_client().get(late).status_code == 400


def test_a_gate_is_told_apart_from_other_errors(client):
    client.get("/signin/parents")
    assert client.get("/callback/parents?error=access_denied").status_code == 403
    assert client.get("/callback/parents?error=server_error").status_code == 400


def test_a_public_client_sends_no_secret(district, clock):
    with FakeIssuer("parents", CLIENT, None) as public:
        client = make_app(public.url, district.url, clock, secret=None).test_client()
        sign_in_as_parent(client, public, ["46554860"])
        assert client.get("/me").json["links"] == ["46554860"]


# --- refresh ---------------------------------------------------------------------------------------


def test_a_revocation_shows_at_the_first_page_after_a_minute(client, parents, clock):
    account = sign_in_as_parent(client, parents, ["46554860", "46610927"])
    account.claims["student_links"] = links_claim([link("46610927")], rev=2)
    assert len(client.get("/me").json["links"]) == 2
    clock.forward(61)
    assert client.get("/me").json["links"] == ["46610927"]
    assert parents.refreshes == 1


def test_an_ended_session_signs_out_at_the_next_refresh(client, parents, clock):
    account = sign_in_as_parent(client, parents)
    parents.end_sessions(account.sub)
    clock.forward(61)
    assert client.get("/me").status_code == 401
    assert parents.refreshes == 1, "a parent's refused refresh is not tried twice"


def test_a_refused_refresh_of_the_district_is_tried_once_more(client, district, clock):
    sign_in_as_employee(client, district, ["0552:office"])
    clock.forward(61)
    district.refusals_of_refresh = 1
    assert client.get("/me").status_code == 200
    clock.forward(61)
    district.refusals_of_refresh = 2
    assert client.get("/me").status_code == 401


def test_many_pages_at_once_make_one_refresh(app, parents, clock):
    client = app.test_client()
    sign_in_as_parent(client, parents, ["46554860"])
    clock.forward(61)
    answers: list[int] = []

    def open_page() -> None:
        tab = app.test_client()
        tab.set_cookie("rp_session", cookie(client))
        answers.append(tab.get("/me").status_code)

    tabs = [threading.Thread(target=open_page) for _ in range(8)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert (answers, parents.refreshes) == ([200] * 8, 1)


def test_a_refresh_that_brings_another_account_ends_the_sign_in(client, parents, clock):
    account = sign_in_as_parent(client, parents, ["46554860"])
    account.sub = "somebody-else"
    clock.forward(61)
    assert client.get("/me").status_code == 401


def test_a_closed_issuer_leaves_the_last_claims_until_the_token_ends(client, parents, clock):
    sign_in_as_parent(client, parents, ["46554860"])
    parents.stop()
    clock.forward(61)
    assert client.get("/me").json["links"] == ["46554860"]
    clock.forward(300)
    assert client.get("/me").status_code == 503


def test_an_older_session_of_the_same_account_catches_up_at_once(app, parents, clock):
    phone, desk = app.test_client(), app.test_client()
    account = parent(["46554860"])
    sign_in(phone, parents, account)
    account.claims["student_links"] = links_claim([], rev=2)
    sign_in(desk, parents, account)
    assert desk.get("/me").json["reason"] == "empty"
    assert phone.get("/me").json["reason"] == "empty", "rev 1 was seen to be old, so a newer one was fetched"


def test_a_revision_put_back_by_hand_opens_nothing(client, parents, clock):
    account = parent()
    account.claims["student_links"] = links_claim([link("46554860")], rev=9)
    sign_in(client, parents, account)
    assert client.get("/me").json["links"] == ["46554860"]
    account.claims["student_links"] = links_claim([link("46554860"), link("46610927")], rev=8)
    clock.forward(61)
    me = client.get("/me").json
    assert (me["reason"], me["links"]) == ("stale", [])


# --- an issuer that hangs --------------------------------------------------------------------------


def test_a_hanging_issuer_is_503_within_five_seconds(district, clock):
    with silent_server() as address:
        client = make_app(f"{address}/realms/parents", district.url, clock).test_client()
        started = time.monotonic()
        answer = client.get("/signin/parents")
        assert time.monotonic() - started < 5
        assert answer.status_code == 503


def test_a_closed_issuer_is_503(district, clock):
    client = make_app("http://127.0.0.1:9/realms/parents", district.url, clock).test_client()
    assert client.get("/signin/parents").status_code == 503


def test_an_issuer_that_hangs_at_the_token_is_503_and_can_be_tried_again(client, parents):
    back = path(parents.approve(client.get("/signin/parents").location, parent()))
    port = urlsplit(parents.url).port
    parents.stop()
    with silent_server(port):
        started = time.monotonic()
        assert client.get(back).status_code == 503
        assert time.monotonic() - started < 5


def test_a_refresh_that_hangs_delays_one_page_not_each(client, parents, clock):
    sign_in_as_parent(client, parents, ["46554860"])
    clock.forward(61)
    port = urlsplit(parents.url).port
    parents.stop()
    with silent_server(port):
        started = time.monotonic()
        assert client.get("/me").status_code == 200
        assert time.monotonic() - started < 5
        again = time.monotonic()
        assert client.get("/me").status_code == 200
        assert time.monotonic() - again < 0.5


def test_an_issuer_under_another_name_is_refused(district, clock):
    with FakeIssuer("parents", CLIENT, SECRET) as parents:
        other_name = parents.url.replace("127.0.0.1", "localhost")
        client = make_app(other_name, district.url, clock).test_client()
        assert client.get("/signin/parents").status_code == 503


# --- sign-out --------------------------------------------------------------------------------------


def test_signing_out_ends_here_and_at_the_issuer(client, parents):
    sign_in_as_parent(client, parents)
    answer = client.post("/signout")
    asked = query(answer.location)
    assert answer.location.startswith(f"{parents.url}/logout?")
    assert asked["post_logout_redirect_uri"] == f"{APP_URL}/"
    assert asked["id_token_hint"].count(".") == 2
    assert client.get("/me").status_code == 401


def test_signing_out_works_here_while_the_issuer_is_away(parents, district, clock):
    client = make_app(parents.url, district.url, clock).test_client()
    sign_in_as_parent(client, parents)
    parents.stop()
    assert client.post("/signout").status_code == 302
    assert client.get("/me").status_code == 401
    assert client.get("/signout").status_code == 405


@pytest.mark.parametrize("with_sid", [True, False])
def test_the_issuer_ends_one_session_or_all_of_an_account(app, parents, with_sid):
    phone, desk, other = app.test_client(), app.test_client(), app.test_client()
    for client in (phone, desk):
        sign_in(client, parents, parent(sub="parent-1"))
    sign_in(other, parents, parent(sub="parent-2"))
    sid = _sid(app, phone) if with_sid else None
    answer = desk.post(
        "/backchannel-logout/parents", data={"logout_token": parents.logout_token("parent-1", sid)}
    )
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert phone.get("/me").status_code == 401
    assert desk.get("/me").status_code == (200 if with_sid else 401)
    assert other.get("/me").status_code == 200


def test_a_logout_token_is_used_once_and_only_at_its_own_door(client, parents, district):
    sign_in_as_parent(client, parents)
    token = parents.logout_token("parent-1")
    assert client.post("/backchannel-logout/district", data={"logout_token": token}).status_code == 400
    assert client.get("/me").status_code == 200
    assert client.post("/backchannel-logout/parents", data={"logout_token": token}).status_code == 200
    assert client.post("/backchannel-logout/parents", data={"logout_token": token}).status_code == 400
    assert client.post("/backchannel-logout/parents").status_code == 400


def test_a_logout_during_a_refresh_is_not_undone(app, client, parents, clock):
    sign_in_as_parent(client, parents)
    doors = app.extensions["relying_app"]
    one = doors._sign_ins.get(_id(app, client))
    client.post("/backchannel-logout/parents", data={"logout_token": parents.logout_token("parent-1")})
    assert doors._sign_ins.replace(one) is False
    assert client.get("/me").status_code == 401


def test_a_sign_in_ends_by_itself(client, parents, clock):
    sign_in_as_parent(client, parents)
    clock.forward(10 * 3600 + 1)
    assert client.get("/me").status_code == 401


def _id(app, client) -> str:
    return app.session_interface._kept[cookie(client)][1]["sign_in"]


def _sid(app, client) -> str:
    return app.extensions["relying_app"]._sign_ins.get(_id(app, client)).sid
