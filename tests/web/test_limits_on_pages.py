"""What a person sees when it was too much: 429, when to come back, and nothing typed is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from idp_bridge import app as program
from idp_bridge.domain.limits import Limits
from idp_bridge.domain.link import WAITING
from idp_bridge.domain.people import ParentId
from idp_bridge.services.linking import request_link
from idp_bridge.settings import District, Realm, load
from idp_bridge.storage import http_limits
from idp_bridge.web.front_door import Options, build
from tests.conftest import AMARA, IRIS
from tests.web.families import claim_for, links_of
from tests.web.pages import answers, plain, send, text

ENVIRONMENT = {
    "WEB__URL": "http://localhost",
    "WEB__SECRET_KEY": "s" * 32,
    "WEB__CODE_KEY": "k" * 32,
    "WEB__BEHIND_PROXY": "true",
    "DISTRICT__NAME": "Heron",
    "DISTRICT__EMAIL_DOMAINS": '["district.example"]',
    "DISTRICT__HELP_PHONE": "1",
    "DATABASE__URL": "sqlite:///{folder}/x.db",
    "WORKER__QUEUE_FILE": "{folder}/queue.db",
    "PARENTS_REALM__ISSUER": "http://localhost:1",
    "PARENTS_REALM__CLIENT_SECRET": "s",
    "DISTRICT_REALM__ISSUER": "http://localhost:1",
    "DISTRICT_REALM__CLIENT_SECRET": "s",
    "KEYCLOAK__URL": "http://localhost:1",
    "KEYCLOAK__CLIENT_SECRET": "s",
    "DIRECTORY__URLS": '["ldaps://localhost:1"]',
    "DIRECTORY__BASE_DN": "o=x",
    "DIRECTORY__BIND_DN": "cn=x",
    "DIRECTORY__BIND_PASSWORD": "s",
    "DIRECTORY__CA_FILE": "/dev/null",
    "LIMITS__WRONG_CODES": "7",
}
FEW = Limits(requests_per_account=2, wrong_codes=3, posts_per_address=12, sign_ins_per_address=3)


@pytest.fixture
def house(house):
    """A house with low limits."""
    return replace(house, rules=replace(house.rules, limits=FEW))


def numbered(number: int) -> dict[str, dict[str, str]]:
    return answers(number={"number": str(46000000 + number)})


def _app(house, sessions, store, *, counts: bool, behind_proxy: bool = False) -> Flask:
    realms = {
        name: Realm(issuer=f"http://localhost:1/realms/{name}", client_secret="s")
        for name in ("parents", "district")
    }
    district = District(name="Heron", email_domains=("district.example",), help_phone="(321) 555-0142")
    options = {"store": store, "secret": house.rules.code_key, "now": house.clock.now}
    counters = (f"{http_limits.SCHEME}://", options) if counts else None
    app = build(
        house,
        sessions,
        Options("http://localhost", "s" * 32, 8, district, realms, {}, behind_proxy, counters),
    )
    app.config["WTF_CSRF_ENABLED"] = False
    return app


# --- requests of one account -----------------------------------------------------------------------


def test_the_third_request_is_told_to_wait_and_its_answers_stay(sign_in_parent, house, clock):
    client = sign_in_parent()
    for number in range(2):
        assert send(client, numbered(number)).status_code == 302
    before = links_of(house, AMARA)
    clock.advance(minutes=10)
    refused = send(client, numbered(2))
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "3001"
    assert "Please wait a little" in refused.text
    assert 'href="/children/add/check"' in refused.text
    assert links_of(house, AMARA) == before
    assert "4600 0002" in client.get("/children/add/check").text
    clock.advance(minutes=50)
    assert client.post("/children/add/check", data={"true": "y"}).status_code == 302
    assert len([link for link in links_of(house, AMARA) if link.state in WAITING]) == 3


def test_a_hit_is_told_to_wait_like_a_miss(sign_in_parent, house):
    client = sign_in_parent()
    for number in range(2):
        send(client, numbered(number))
    miss, hit = send(client, numbered(2)), send(client, answers())
    assert (hit.status_code, hit.headers["Retry-After"]) == (miss.status_code, miss.headers["Retry-After"])
    assert plain(hit.text) == plain(miss.text)


def test_the_page_is_in_spanish_too(sign_in_parent):
    client = sign_in_parent()
    client.set_cookie("language", "es")
    for number in range(3):
        page = send(client, numbered(number))
    assert "Hubo muchos intentos en poco tiempo. No se perdió nada." in text(page.text)


# --- codes at the desk -----------------------------------------------------------------------------


def test_a_clerk_who_types_many_wrong_codes_is_told_to_wait(sign_in_staff):
    client = sign_in_staff()
    for _ in range(3):
        assert client.post("/desk/find", data={"code": "BCDF-GHJK"}).status_code == 404
    refused = client.post("/desk/find", data={"code": "BCDF-GHJK"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "901")
    assert client.get("/desk").status_code == 200


def test_the_visit_marks_a_number_many_asked_for(sign_in_parent, sign_in_staff, house):
    for number in range(house.rules.limits.accounts_per_number):
        parent = ParentId(f"parent-{number}")
        sign_in_parent(parent)
        visit = request_link(house, parent, claim_for(IRIS))
        shown = "Many requests for this number" in sign_in_staff().get(f"/desk/visits/{visit}").text
        assert shown == (number + 1 == house.rules.limits.accounts_per_number)


# --- floods from one address -----------------------------------------------------------------------


def test_forms_from_one_address_are_limited_over_all_workers(house, sessions, store, clock):
    workers = [_app(house, sessions, store, counts=True).test_client() for _ in range(2)]
    sent = [workers[number % 2].post("/signout").status_code for number in range(13)]
    assert sent == [302] * 12 + [429]
    refused = workers[0].post("/signout")
    assert 590 <= int(refused.headers["Retry-After"]) <= 601
    assert "Please wait a little" in refused.text
    assert workers[0].get("/").status_code == 200
    clock.advance(minutes=10)
    assert workers[1].post("/signout").status_code == 302


def test_sign_in_starts_from_one_address_are_limited(house, sessions, store):
    client = _app(house, sessions, store, counts=True).test_client()
    sent = [client.get("/signin/parents").status_code for _ in range(4)]
    assert sent == [503, 503, 503, 429]  # no Keycloak stands behind this test
    assert client.get("/").status_code == 200


def test_staff_at_work_and_keycloaks_calls_are_not_counted(house, sessions, store, sign_in_staff, client):
    app = _app(house, sessions, store, counts=True)
    sign_in_staff()
    clerk = app.test_client()
    clerk.set_cookie("idp_bridge", "sub-jo.hathaway")
    for _ in range(15):
        assert clerk.post("/desk/find", data={"code": "?"}).status_code == 404
        assert app.test_client().post("/signin/parents/backchannel-logout").status_code == 400


@pytest.mark.parametrize(("behind_proxy", "last"), [(True, 302), (False, 429)])
def test_the_address_a_proxy_names_counts_only_behind_ours(house, sessions, store, behind_proxy, last):
    client = _app(house, sessions, store, counts=True, behind_proxy=behind_proxy).test_client()
    for number in range(13):
        headers = {"X-Forwarded-For": f"10.0.0.{number}"}
        answer = client.post("/signout", headers=headers)
    assert answer.status_code == last


def test_without_counters_nothing_is_counted(house, sessions, store):
    client = _app(house, sessions, store, counts=False).test_client()
    assert {client.post("/signout").status_code for _ in range(20)} == {302}


def test_the_program_itself_always_counts(monkeypatch, tmp_path):
    """`make_web` hands the counters in: forgetting them would switch the limits off."""
    handed: dict[str, Any] = {}
    monkeypatch.setattr(
        program, "build", lambda house, sessions, options: handed.update(house=house, o=options)
    )
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(f"IDP_BRIDGE_{name}", value.format(folder=tmp_path))
    program.make_web(load())
    assert handed["o"].behind_proxy
    assert handed["o"].counters[0] == f"{http_limits.SCHEME}://"
    assert handed["house"].rules.limits == replace(Limits(), wrong_codes=7)
