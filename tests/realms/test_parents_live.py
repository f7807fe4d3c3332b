"""Each promise of the parents realm, on a real Keycloak: who gets in, how, and what their tokens say."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from idp_bridge.domain.claims import EMPTY
from idp_bridge.outside.errors import Refused
from idp_bridge.outside.realms.declared import DeclaredRealm
from idp_bridge.outside.realms.server import Realm

from .conftest import first_links
from .sample import VALUES
from .signing_in import (
    TIMEOUT_S,
    App,
    Browser,
    Person,
    claims,
    exchange,
    pkce,
    sign_in,
    try_password,
    userinfo,
)

pytestmark = pytest.mark.live

LINK = '{"id":"46554860","rel":"parent","pur":["records"],"org":"0552"}'
LINKS = f'{{"v":1,"rev":7,"asof":1795468790,"links":[{LINK}]}}'
MOBILE = VALUES["MOBILE_REDIRECT_URI"]


@pytest.fixture
def issuer(parents: Realm) -> str:
    return f"{parents.server.url}/realms/{parents.name}"


@pytest.fixture
def oneview(issuer: str) -> App:
    return App(issuer, "oneview", VALUES["ONEVIEW_CLIENT_SECRET"], "http://localhost:18311/callback/parents")


@pytest.fixture
def mobile(issuer: str) -> App:
    return App(issuer, "mobile", "", MOBILE)


def write_links(realm: Realm, person: Person, value: str) -> None:
    user = realm.get(f"users/{person.id}")
    body = {key: user[key] for key in ("username", "email", "firstName", "lastName")}
    realm.put(f"users/{person.id}", {**body, "attributes": {"student_links": [value]}}, "")


def register(realm: Realm, app: App, email: str, **more: str) -> requests.Response:
    browser = Browser()
    page = browser.start(app, prompt="create", **pkce()[1])
    return browser.submit(page, email=email, firstName="Amara", lastName="Quintero", **more)


@pytest.fixture
def new_address(parents: Realm) -> Iterator[str]:
    """An address nobody has yet; the account it becomes is deleted."""
    address = f"n{secrets.token_hex(5)}@mail.example"
    yield address
    for user in parents.get("users", email=address, exact="true"):
        parents.delete(f"users/{user['id']}", "")


# --- new accounts --------------------------------------------------------------------------------


def test_a_new_parent_has_the_empty_value_in_the_first_token(
    parents: Realm, oneview: App, parent: Person
) -> None:
    tokens = sign_in(oneview, parent.name, parent.password)
    assert claims(tokens["id_token"])["student_links"] == json.loads(EMPTY)
    assert parents.get(f"users/{parent.id}")["attributes"]["student_links"] == [EMPTY]


def test_a_registered_parent_cannot_bring_links(parents: Realm, oneview: App, new_address: str) -> None:
    forged = {"student_links": LINKS, "user.attributes.student_links": LINKS}
    answer = register(parents, oneview, new_address, **forged)
    assert answer.status_code in (200, 302)
    (user,) = parents.get("users", email=new_address, exact="true")
    assert first_links(parents, user["id"]) == [EMPTY]
    assert user["username"] == new_address
    assert user["emailVerified"] is False


def test_nobody_gets_in_before_the_address_is_verified(
    parents: Realm, oneview: App, new_address: str
) -> None:
    register(parents, oneview, new_address)
    (user,) = parents.get("users", email=new_address, exact="true")
    body = {"type": "password", "value": "Low-tide-9-morning", "temporary": False}
    parents.put(f"users/{user['id']}/reset-password", body, "")
    browser = Browser()
    answer = browser.submit(browser.start(oneview, **pkce()[1]), username=new_address, password=body["value"])
    assert not answer.headers.get("Location", "").startswith(oneview.redirect_uri)
    assert answer.status_code == 200 or "VERIFY_EMAIL" in answer.headers["Location"]


def test_an_account_nobody_ever_signed_in_with_is_deleted_after_a_month(
    parents: Realm, oneview: App, new_address: str
) -> None:
    """Nobody gets in unverified, so whoever signed in has verified: that, and nothing before, keeps it."""
    register(parents, oneview, new_address)
    (user,) = parents.get("users", email=new_address, exact="true")
    password = {"type": "password", "value": "Low-tide-9-morning", "temporary": False}
    parents.put(f"users/{user['id']}/reset-password", password, "")
    browser = Browser()
    browser.submit(browser.start(oneview, **pkce()[1]), username=new_address, password=password["value"])
    (step,) = planned(parents, user["id"])
    assert step["uses"] == "delete-user"
    assert 29.9 < (step["scheduled-at"] / 1000 - time.time()) / 86400 < 30.1
    parents.put(f"users/{user['id']}", {"emailVerified": True, "requiredActions": []}, "")
    sign_in(oneview, new_address, password["value"])
    assert planned(parents, user["id"]) == []


def planned(realm: Realm, user: str) -> list[dict[str, Any]]:
    """Return the steps of workflows that will run for an account later."""
    return [step for workflow in realm.get(f"workflows/scheduled/{user}") for step in workflow["steps"]]


@pytest.mark.parametrize(
    "address",
    [
        "jo@district.example",
        "JO@Mail.DISTRICT.example",
        "jo@district\u3002example",
        "jo@district.example\u200b",
    ],
)
def test_a_district_address_is_refused_with_the_reason(parents: Realm, oneview: App, address: str) -> None:
    answer = register(parents, oneview, address)
    assert answer.status_code == 200
    assert "addresses are for staff and students" in answer.text
    assert parents.get("users", email=address, exact="true") == []


def test_a_district_address_is_refused_in_spanish(parents: Realm, oneview: App) -> None:
    browser = Browser()
    page = browser.start(oneview, prompt="create", ui_locales="es", **pkce()[1])
    answer = browser.submit(page, email="jo@district.example", firstName="Jo", lastName="H")
    assert "Use su propio correo" in answer.text


def test_an_administrator_cannot_give_a_district_address_either(parents: Realm, parent: Person) -> None:
    body = Person("jo@district.example", "Low-tide-9-morning").representation()
    with pytest.raises(Refused, match="errorDistrictEmailNotAllowed"):
        parents.post("users", body, "")


def test_a_parent_cannot_read_or_write_links_by_the_account_api(
    parents: Realm, issuer: str, parent: Person
) -> None:
    console = App(issuer, "account-console", "", f"{issuer}/account/")
    tokens = sign_in(console, parent.name, parent.password)
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "Accept": "application/json"}
    account = requests.get(f"{issuer}/account", headers=headers, timeout=TIMEOUT_S).json()
    assert "student_links" not in json.dumps(account)
    account["attributes"] = {**account.get("attributes", {}), "student_links": [LINKS]}
    answer = requests.post(f"{issuer}/account", headers=headers, json=account, timeout=TIMEOUT_S)
    assert answer.status_code == 400
    assert parents.get(f"users/{parent.id}")["attributes"]["student_links"] == [EMPTY]


def test_a_value_that_is_not_ours_is_refused(parents: Realm, parent: Person) -> None:
    for value in ("{}", "[]", '{"links":[]}', LINKS + "x" * 8192):
        with pytest.raises(Refused, match="student_links"):
            write_links(parents, parent, value)
    write_links(parents, parent, LINKS)


# --- what tokens say -----------------------------------------------------------------------------


def test_links_go_to_the_id_token_and_userinfo_and_not_to_the_access_token(
    parents: Realm, oneview: App, parent: Person
) -> None:
    write_links(parents, parent, LINKS)
    tokens = sign_in(oneview, parent.name, parent.password)
    told = claims(tokens["id_token"])
    assert told["student_links"] == json.loads(LINKS)
    assert told["population"] == "parent"
    assert told["email_verified"] is True
    assert userinfo(oneview, tokens)["student_links"] == json.loads(LINKS)
    access = claims(tokens["access_token"])
    assert "student_links" not in access
    assert access["aud"] == "oneview"
    tries = [access, *(claims(sign_in(oneview, parent.name, parent.password)["access_token"]) for _ in "ab")]
    assert min(one["exp"] - one["iat"] for one in tries) == 300  # 301 where a second ends between the two


def test_the_phone_app_has_them_in_its_access_token_too(parents: Realm, mobile: App, parent: Person) -> None:
    write_links(parents, parent, LINKS)
    tokens = sign_in(mobile, parent.name, parent.password)
    assert claims(tokens["access_token"])["student_links"] == json.loads(LINKS)
    assert claims(tokens["id_token"])["student_links"] == json.loads(LINKS)


def test_the_bridge_itself_gets_no_links(parents: Realm, issuer: str, parent: Person) -> None:
    bridge = App(
        issuer, "idp-bridge", VALUES["BRIDGE_CLIENT_SECRET"], "http://localhost:18310/signin/parents/callback"
    )
    tokens = sign_in(bridge, parent.name, parent.password)
    assert "student_links" not in claims(tokens["id_token"])
    assert claims(tokens["id_token"])["population"] == "parent"
    assert "realm-management" not in claims(tokens["access_token"]).get("resource_access", {})
    browser = Browser()
    answer = browser.start(bridge, scope="openid student_links", **pkce()[1])
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["error"] == ["invalid_scope"]


def test_a_refresh_carries_the_new_value(parents: Realm, oneview: App, parent: Person) -> None:
    tokens = sign_in(oneview, parent.name, parent.password)
    write_links(parents, parent, LINKS)
    again = oneview.refresh(tokens).json()
    assert claims(again["id_token"])["student_links"] == json.loads(LINKS)


def test_a_group_cannot_give_links_to_a_new_parent(parents: Realm, oneview: App, parent: Person) -> None:
    made = parents.post("groups", {"name": "evil", "attributes": {"student_links": [LINKS]}}, "")
    try:
        parents.put(f"users/{parent.id}/groups/{made}", None, "")
        tokens = sign_in(oneview, parent.name, parent.password)
        assert claims(tokens["id_token"])["student_links"] == json.loads(EMPTY)
    finally:
        parents.delete(f"groups/{made}", "")


def test_introspection_answers_the_app_the_token_is_for(parents: Realm, oneview: App, parent: Person) -> None:
    tokens = sign_in(oneview, parent.name, parent.password)
    url = f"{oneview.issuer}/protocol/openid-connect/token/introspect"
    for client, secret, active in (
        ("oneview", VALUES["ONEVIEW_CLIENT_SECRET"], True),
        ("focus", VALUES["FOCUS_CLIENT_SECRET"], False),
    ):
        form = {"client_id": client, "client_secret": secret, "token": tokens["access_token"]}
        assert requests.post(url, data=form, timeout=TIMEOUT_S).json()["active"] is active


# --- the doors that are shut ---------------------------------------------------------------------


@pytest.mark.parametrize("client", ["oneview", "idp-bridge", "mobile", "admin-cli", "account-console"])
def test_the_password_grant_is_refused(parents: Realm, issuer: str, parent: Person, client: str) -> None:
    secret = {"oneview": VALUES["ONEVIEW_CLIENT_SECRET"], "idp-bridge": VALUES["BRIDGE_CLIENT_SECRET"]}
    app = App(issuer, client, secret.get(client, ""), "")
    answer = app.token(grant_type="password", username=parent.name, password=parent.password)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("kind", ["token", "id_token", "id_token token", "code token"])
def test_the_implicit_grant_is_refused(parents: Realm, oneview: App, kind: str) -> None:
    answer = Browser().start(oneview, response_type=kind, nonce="n", **pkce()[1])
    assert "unauthorized_client" in answer.headers["Location"]
    assert "access_token=" not in answer.headers["Location"]


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:18311/callback/parents/",
        "http://localhost:18311/callback/parents?x=1",
        "http://localhost:18311/callback/parents/../../evil",
        "http://localhost:18311/callback/district",
        "http://127.0.0.1:18311/callback/parents",
        "http://localhost:18311.evil.example/callback/parents",
        "http://evil.example/",
    ],
)
def test_only_the_exact_redirect_address_works(parents: Realm, oneview: App, address: str) -> None:
    answer = Browser().start(oneview, redirect_uri=address, **pkce()[1])
    assert answer.status_code == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize("client", ["oneview", "mobile"])
def test_pkce_is_required(parents: Realm, oneview: App, mobile: App, client: str) -> None:
    app = {"oneview": oneview, "mobile": mobile}[client]
    without = Browser().start(app)
    assert "error=invalid_request" in without.headers["Location"]
    assert "code_challenge" in without.headers["Location"]
    plain = Browser().start(app, code_challenge="x" * 43, code_challenge_method="plain")
    assert "error=invalid_request" in plain.headers["Location"]


def test_a_code_is_worthless_without_its_verifier(parents: Realm, mobile: App, parent: Person) -> None:
    answer = try_password(mobile, parent.name, parent.password)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    form = {"code": code, "redirect_uri": MOBILE, "code_verifier": "x" * 64}
    refused = mobile.token(grant_type="authorization_code", **form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_a_used_refresh_token_ends_the_apps_session(parents: Realm, mobile: App, parent: Person) -> None:
    tokens = sign_in(mobile, parent.name, parent.password)
    newer = mobile.refresh(tokens).json()
    assert mobile.refresh(tokens).json()["error"] == "invalid_grant"
    assert mobile.refresh(newer).json()["error"] == "invalid_grant"


def test_the_device_grant_is_refused(parents: Realm, issuer: str) -> None:
    url = f"{issuer}/protocol/openid-connect/auth/device"
    answer = requests.post(url, data={"client_id": "mobile"}, timeout=TIMEOUT_S)
    assert answer.status_code in (400, 401)
    assert "device_code" not in answer.json()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("openid-connect", {"redirect_uris": ["http://evil.example/"]}),
        ("default", {"clientId": "evil", "redirectUris": ["http://evil.example/"]}),
    ],
)
def test_nobody_can_register_a_client(parents: Realm, issuer: str, kind: str, body: dict[str, Any]) -> None:
    answer = requests.post(f"{issuer}/clients-registrations/{kind}", json=body, timeout=TIMEOUT_S)
    assert answer.status_code == 403
    assert "Trusted Hosts" in answer.text


def test_guessing_a_password_locks_for_a_while(
    parents: Realm, declared_parents: DeclaredRealm, oneview: App, parent: Person
) -> None:
    for _ in range(declared_parents.content["failureFactor"]):
        assert try_password(oneview, parent.name, "wrong").status_code == 200
    assert try_password(oneview, parent.name, parent.password).status_code == 200
    attacks = f"attack-detection/brute-force/users/{parent.id}"
    until = time.monotonic() + 5  # on a busy machine Keycloak counted the last one after its answer
    while not parents.get(attacks)["disabled"] and time.monotonic() < until:
        time.sleep(0.2)
    assert parents.get(attacks)["disabled"] is True
    parents.delete(f"attack-detection/brute-force/users/{parent.id}", "")
    assert try_password(oneview, parent.name, parent.password).status_code == 302


@pytest.mark.parametrize("password", ["Short-1", "password1234", "PASSWORD1234", "x" * 129, "IloveYou2026"])
def test_a_weak_password_is_refused(parents: Realm, parent: Person, password: str) -> None:
    body = {"type": "password", "value": password, "temporary": False}
    with pytest.raises(Refused, match="invalidPassword"):
        parents.put(f"users/{parent.id}/reset-password", body, "")


def test_the_address_is_no_password(parents: Realm, parent: Person) -> None:
    with pytest.raises(Refused, match="invalidPasswordNot"):
        parents.put(
            f"users/{parent.id}/reset-password", {"type": "password", "value": parent.name.upper()}, ""
        )


# --- what is written down ------------------------------------------------------------------------


def test_events_are_written_without_contents(parents: Realm, oneview: App, parent: Person) -> None:
    sign_in(oneview, parent.name, parent.password)
    try_password(oneview, parent.name, "wrong")
    kinds = {one["type"] for one in parents.get("events", user=parent.id)}
    assert kinds == {"LOGIN", "LOGIN_ERROR"}
    (made,) = parents.get("admin-events", resourcePath=f"users/{parent.id}", operationTypes="CREATE")
    assert "representation" not in made


def test_pages_carry_the_stricter_headers(parents: Realm, oneview: App) -> None:
    headers = Browser().start(oneview, **pkce()[1]).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "base-uri 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_parent_can_delete_the_account(parents: Realm, issuer: str, parent: Person) -> None:
    bridge = App(
        issuer, "idp-bridge", VALUES["BRIDGE_CLIENT_SECRET"], "http://localhost:18310/signin/parents/callback"
    )
    browser = Browser()
    start = {**pkce()[1], "kc_action": "delete_account"}
    answer = browser.submit(browser.start(bridge, **start), username=parent.name, password=parent.password)
    page = browser.get(answer.headers["Location"])
    assert "You do not have enough permissions" not in page.text
    browser.submit(page)
    assert parents.find(f"users/{parent.id}") is None
    parent.id = parents.post("users", parent.representation(), "user")


def test_discovery_offers_registration(parents: Realm, issuer: str) -> None:
    known: dict[str, Any] = requests.get(
        f"{issuer}/.well-known/openid-configuration", timeout=TIMEOUT_S
    ).json()
    assert "create" in known["prompt_values_supported"]
    assert "S256" in known["code_challenge_methods_supported"]
    assert known["backchannel_logout_session_supported"] is True


def test_signing_in_works_for_each_language(parents: Realm, oneview: App) -> None:
    for locale in ("en", "es", "ht", "pt-BR", "ar", "vi", "my"):
        page = Browser().start(oneview, ui_locales=locale, **pkce()[1])
        assert f'lang="{locale}"' in page.text.replace("'", '"')


def test_a_whole_registration_ends_at_the_app(
    parents: Realm, oneview: App, new_address: str, mailbox: Any
) -> None:
    browser = Browser()
    verifier, challenge = pkce()
    page = browser.start(oneview, prompt="create", **challenge)
    answer = browser.submit(page, email=new_address, firstName="Amara", lastName="Quintero")
    if answer.status_code == 302:
        browser.get(answer.headers["Location"])
    page = browser.get(mailbox.link_to(new_address))
    while page.status_code == 302:
        page = browser.get(page.headers["Location"])
    password = f"Low-tide-{secrets.token_hex(4)}"
    done = browser.submit(page, **{"password-new": password, "password-confirm": password})
    while not done.headers["Location"].startswith(oneview.redirect_uri):
        done = browser.get(done.headers["Location"])
    tokens = exchange(oneview, done.headers["Location"], verifier)
    told = claims(tokens["id_token"])
    assert told["email_verified"] is True
    assert told["student_links"] == json.loads(EMPTY)
    (user,) = parents.get("users", email=new_address, exact="true")
    assert [group["path"] for group in parents.get(f"users/{user['id']}/groups")] == ["/parents"]
