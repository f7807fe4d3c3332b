"""What only a real Keycloak can show of the gate: lockouts, sessions, offline tokens, token requests."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from idp_bridge.domain.people import ParentId
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.realms.server import AdminServer, Realm
from idp_bridge.services.failures import Gone, Refused, Unreachable
from idp_bridge.settings import Keycloak
from tests.contract.test_accounts import LINKED
from tests.faults.proxy import FaultyProxy, Mode
from tests.gates import keycloak_settings, port_of
from tests.realms.conftest import first_links
from tests.realms.signing_in import App, Person, claims, sign_in, try_password, userinfo

pytestmark = pytest.mark.live

FAILURES = 10
"""`failureFactor` of the realm."""


@pytest.fixture(scope="module")
def realm(stack) -> Realm:
    server = stack.keycloak
    return Realm(AdminServer(server.url, server.admin_user, server.admin_password), "parents")


@pytest.fixture
def person(realm) -> Iterator[Person]:
    person = Person(f"p{secrets.token_hex(4)}@mail.example", f"Tide-{secrets.token_hex(6)}")
    person.id = realm.post("users", person.representation(), "")
    first_links(realm, person.id)
    yield person
    realm.delete(f"users/{person.id}", "")


@pytest.fixture
def oneview(stack) -> App:
    redirect = f"{stack.app_urls['oneview']}/callback/parents"
    return App(stack.issuer("parents"), "oneview", stack.secrets["oneview"], redirect)


@pytest.fixture
def mobile(stack) -> App:
    return App(stack.issuer("parents"), "mobile", "", stack.realm_env()["MOBILE_REDIRECT_URI"])


def test_writing_does_not_let_a_locked_account_in(bridge_accounts, realm, oneview, person):
    for _ in range(FAILURES):
        try_password(oneview, person.name, "wrong")
    locked = _locked(realm, person)
    bridge_accounts.write_links(bridge_accounts.get(person.id), LINKED)
    assert realm.get(f"attack-detection/brute-force/users/{person.id}") == locked
    assert try_password(oneview, person.name, person.password).status_code == 200  # the form again


def test_writing_changes_neither_password_nor_what_is_to_be_done(bridge_accounts, realm, oneview, person):
    user = realm.get(f"users/{person.id}")
    realm.put(f"users/{person.id}", {**user, "requiredActions": ["UPDATE_PROFILE"]}, "")
    bridge_accounts.write_links(bridge_accounts.get(person.id), LINKED)
    assert realm.get(f"users/{person.id}")["requiredActions"] == ["UPDATE_PROFILE"]
    realm.put(f"users/{person.id}", {**realm.get(f"users/{person.id}"), "requiredActions": []}, "")
    assert claims(sign_in(oneview, person.name, person.password)["id_token"])["student_links"]["rev"] == 7


def test_what_was_written_is_in_userinfo_at_once(bridge_accounts, oneview, person):
    tokens = sign_in(oneview, person.name, person.password)
    assert userinfo(oneview, tokens)["student_links"]["links"] == []
    bridge_accounts.write_links(bridge_accounts.get(person.id), LINKED)
    assert userinfo(oneview, tokens)["student_links"]["rev"] == 7


def test_ending_sessions_refuses_the_old_refresh_token_and_lets_a_new_sign_in(
    bridge_accounts, oneview, person
):
    tokens = sign_in(oneview, person.name, person.password)
    renewed = oneview.refresh(tokens)
    assert renewed.status_code == 200
    bridge_accounts.end_sessions(person.id)
    refused = oneview.refresh(renewed.json())
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_grant"
    assert sign_in(oneview, person.name, person.password)["refresh_token"]


def test_no_offline_token_outlives_a_loss_even_one_of_the_same_second(bridge_accounts, mobile, person):
    time.sleep(1 - time.time() % 1)  # so that token and logout share a clock second
    tokens = sign_in(mobile, person.name, person.password, "openid offline_access")
    bridge_accounts.end_sessions(person.id)
    bridge_accounts.drop_offline_tokens(person.id)
    refused = mobile.refresh(tokens)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"] == "invalid_grant"


def test_dropping_offline_tokens_alone_leaves_an_online_session(bridge_accounts, mobile, oneview, person):
    offline = sign_in(mobile, person.name, person.password, "openid offline_access")
    online = sign_in(oneview, person.name, person.password)
    bridge_accounts.drop_offline_tokens(person.id)
    assert mobile.refresh(offline).status_code == 400
    assert oneview.refresh(online).status_code == 200


def test_an_app_with_an_offline_token_alone_is_named(bridge_accounts, realm, mobile, person):
    sign_in(mobile, person.name, person.password, "openid offline_access")
    realm.delete("events", "")  # so that no sign-in is remembered, only the token
    (use,) = bridge_accounts.uses(ParentId(person.id))
    assert use.client == "mobile"


@pytest.fixture
def wire(stack) -> Iterator[FaultyProxy]:
    """The wire to Keycloak: each token request of a fresh object opens a connection of its own."""
    with FaultyProxy(port_of(stack.keycloak.url)) as wire:
        yield wire


FOR_THE_TOKEN, FOR_THE_CALLS = 1, 1


def test_threads_share_one_token_request(stack, wire, person):
    accounts, together = KeycloakAccounts(keycloak_settings(stack, wire.port)), Barrier(8)

    def look(_number: int) -> str:
        together.wait()
        return accounts.get(ParentId(person.id)).id

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(look, range(8))) == {person.id}
    assert wire.connections == FOR_THE_TOKEN + FOR_THE_CALLS


def test_several_connections_share_one_token_and_one_that_is_refused_costs_one_more(stack, wire, person):
    accounts, together = KeycloakAccounts(keycloak_settings(stack, wire.port), connections=4), Barrier(4)

    def look(_number: int) -> str:
        together.wait()
        return accounts.get(ParentId(person.id)).id

    with ThreadPoolExecutor(4) as threads:
        for _ in range(2):
            assert set(threads.map(look, range(4))) == {person.id}
        assert wire.connections == FOR_THE_TOKEN + 4
        wire.switch(Mode.RESET)
        with pytest.raises(Unreachable):
            accounts.get(ParentId(person.id))
        wire.mend()
        assert set(threads.map(look, range(4))) == {person.id}


def test_an_account_that_is_gone_costs_no_new_token(stack, wire, person):
    accounts = KeycloakAccounts(keycloak_settings(stack, wire.port))
    for _ in range(3):
        accounts.get(person.id)
        with pytest.raises(Gone):
            accounts.get(ParentId("00000000-0000-4000-8000-000000000000"))
    assert wire.connections == FOR_THE_TOKEN + FOR_THE_CALLS


def test_a_wrong_secret_is_refused_and_not_told(stack):
    accounts = KeycloakAccounts(
        Keycloak.model_validate({"url": stack.keycloak.url, "client_secret": "not-the-secret"})
    )
    with pytest.raises(Refused) as refusal:
        accounts.get(ParentId("00000000-0000-4000-8000-000000000000"))
    assert "not-the-secret" not in str(refusal.value)


def _locked(realm: Realm, person: Person) -> dict[str, Any]:
    """Return what brute-force detection holds; it counts a moment after the answer."""
    for _ in range(50):
        status: dict[str, Any] = realm.get(f"attack-detection/brute-force/users/{person.id}")
        if status["disabled"]:
            return status
        time.sleep(0.1)
    raise AssertionError(status)
