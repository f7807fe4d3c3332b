"""Realm `parents` behind its gate: the same promises of the fake and of the real Keycloak."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from idp_bridge.domain.claims import EMPTY, MAX_LENGTH
from idp_bridge.domain.people import ParentId
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.realms.server import AdminServer, Realm
from idp_bridge.services.failures import Gone, OutsideFailure, Refused
from idp_bridge.services.ports import Account, ParentAccounts
from tests.fakes.accounts import FakeAccounts
from tests.realms.conftest import first_links
from tests.realms.signing_in import App, sign_in

LINKED = '{"v":1,"rev":7,"asof":1795468790,"links":[{"id":"46554860","rel":"parent","pur":["records"]}]}'
CALLS: dict[str, Callable[[ParentAccounts, Account], object]] = {
    "get": lambda accounts, account: accounts.get(account.id),
    "write_links": lambda accounts, account: accounts.write_links(account, LINKED),
    "end_sessions": lambda accounts, account: accounts.end_sessions(account.id),
    "drop_offline_tokens": lambda accounts, account: accounts.drop_offline_tokens(account.id),
    "uses": lambda accounts, account: accounts.uses(account.id),
}


class Side(Protocol):
    """A realm, fake or real, with what tests do behind the bridge's back."""

    accounts: ParentAccounts

    def register(self, email: str, *, enabled: bool = True, outside: bool = False) -> ParentId: ...
    def change(self, parent: ParentId, **fields: Any) -> None: ...
    def stored(self, parent: ParentId) -> Account: ...
    def remove(self, parent: ParentId) -> None: ...
    def sign_in(self, parent: ParentId, client: str) -> None: ...


class FakeSide:
    """The fake of every other test."""

    def __init__(self) -> None:
        self.accounts = FakeAccounts()

    def register(self, email: str, *, enabled: bool = True, outside: bool = False) -> ParentId:
        parent = ParentId(str(uuid.uuid4()))
        attributes = {"locale": ("es",), "student_links": (EMPTY,)}
        self.accounts.add(parent, email, attributes=attributes, enabled=enabled, outside=outside)
        self.accounts.change(parent, first_name="Zoë", last_name="Núñez-O’Brien")
        return parent

    def change(self, parent: ParentId, **fields: Any) -> None:
        self.accounts.change(parent, **fields)

    def stored(self, parent: ParentId) -> Account:
        return self.accounts.stored(parent)

    def remove(self, parent: ParentId) -> None:
        self.accounts.remove(parent)

    def sign_in(self, parent: ParentId, client: str) -> None:
        self.accounts.used(parent, client, datetime.now(UTC))


@dataclass
class RealSide:
    """Realm `parents` of the stack; people are made and looked at by its administrator."""

    realm: Realm
    accounts: KeycloakAccounts
    made: list[str]
    apps: dict[str, App]

    def register(self, email: str, *, enabled: bool = True, outside: bool = False) -> ParentId:
        body = {
            "username": email,
            "email": email,
            "firstName": "Zoë",
            "lastName": "Núñez-O’Brien",
            "enabled": enabled,
            "emailVerified": True,
            "attributes": {"locale": ["es"]},
        }
        user = self.realm.post("users", body, "")
        self.made.append(user)
        first_links(self.realm, user)
        if outside:
            group = self.realm.get("group-by-path/parents")["id"]
            self.realm.delete(f"users/{user}/groups/{group}", "")
        return ParentId(user)

    def change(self, parent: ParentId, **fields: Any) -> None:
        user = self.realm.get(f"users/{parent}")
        if "email" in fields:
            user |= {"email": fields["email"], "username": fields["email"]}
        self.realm.put(f"users/{parent}", user, "")

    def stored(self, parent: ParentId) -> Account:
        user = self.realm.get(f"users/{parent}")
        attributes = {name: tuple(values) for name, values in user["attributes"].items()}
        return Account(
            parent, user["username"], user["email"], user["firstName"], user["lastName"],
            user["enabled"], user["emailVerified"], attributes,
        )  # fmt: skip

    def remove(self, parent: ParentId) -> None:
        self.realm.delete(f"users/{parent}", "")
        self.made.remove(parent)

    def sign_in(self, parent: ParentId, client: str) -> None:
        password = {"type": "password", "value": f"Tide-{secrets.token_hex(6)}", "temporary": False}
        self.realm.put(f"users/{parent}/reset-password", password, "")
        sign_in(self.apps[client], self.stored(parent).username, password["value"])


@pytest.fixture
def fake_side():
    return FakeSide()


@pytest.fixture
def real_side(stack, bridge_accounts):
    admin = AdminServer(stack.keycloak.url, stack.keycloak.admin_user, stack.keycloak.admin_password)
    issuer, urls = stack.issuer("parents"), stack.realm_env()
    apps = {
        "oneview": App(
            issuer, "oneview", stack.secrets["oneview"], f"{stack.app_urls['oneview']}/callback/parents"
        ),
        "mobile": App(issuer, "mobile", "", urls["MOBILE_REDIRECT_URI"]),
    }
    side = RealSide(Realm(admin, "parents"), bridge_accounts, [], apps)
    yield side
    for user in side.made:
        side.realm.delete(f"users/{user}", "")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.live)])
def side(request) -> Side:
    return request.getfixturevalue(f"{request.param}_side")


@pytest.fixture
def parent(side) -> ParentId:
    return side.register(address())


def address() -> str:
    return f"zoe{secrets.token_hex(4)}@mail.example"


def test_an_account_is_read_as_it_stands(side):
    email = address()
    account = side.accounts.get(side.register(email))
    assert (account.username, account.email) == (email, email)
    assert (account.first_name, account.last_name) == ("Zoë", "Núñez-O’Brien")
    assert account.enabled
    assert account.email_verified
    assert dict(account.attributes) == {"locale": ("es",), "student_links": (EMPTY,)}


def test_a_new_account_holds_the_explicit_empty_value(side, parent):
    assert side.accounts.get(parent).attributes["student_links"] == (EMPTY,)


@pytest.mark.parametrize("call", CALLS)
def test_an_account_that_is_gone_is_gone_at_every_call(side, parent, call):
    account = side.accounts.get(parent)
    side.remove(parent)
    with pytest.raises(Gone):
        CALLS[call](side.accounts, account)


def test_an_id_that_never_was_is_gone(side):
    with pytest.raises(Gone):
        side.accounts.get(ParentId(str(uuid.uuid4())))


@pytest.mark.parametrize("call", CALLS)
def test_somebody_outside_the_group_of_parents_is_refused_at_every_call(side, call):
    parent = side.register(address(), outside=True)
    before = side.stored(parent)
    with pytest.raises(Refused):
        CALLS[call](side.accounts, before)
    assert side.stored(parent) == before


def test_after_a_refusal_the_next_parent_is_served(side, parent):
    with pytest.raises(OutsideFailure):
        side.accounts.get(side.register(address(), outside=True))
    assert side.accounts.get(parent).id == parent


def test_a_write_changes_the_one_value_and_nothing_else(side, parent):
    before = side.accounts.get(parent)
    side.accounts.write_links(before, LINKED)
    after = side.accounts.get(parent)
    assert after == replace(before, attributes={**before.attributes, "student_links": (LINKED,)})
    assert side.stored(parent) == after


def test_every_write_replaces_the_value_before(side, parent):
    for rev in (1, 2, 3):
        value = LINKED.replace('"rev":7', f'"rev":{rev}')
        side.accounts.write_links(side.accounts.get(parent), value)
        assert side.accounts.get(parent).attributes["student_links"] == (value,)


def test_the_same_account_may_be_written_twice_after_a_lost_answer(side, parent):
    account = side.accounts.get(parent)
    side.accounts.write_links(account, LINKED)
    side.accounts.write_links(account, LINKED)
    assert side.accounts.get(parent).attributes["student_links"] == (LINKED,)


def test_the_longest_value_comes_back_byte_for_byte(side, parent):
    filler = "x" * (MAX_LENGTH - len(long_value("")))
    value = long_value(filler)
    assert len(value) == MAX_LENGTH
    side.accounts.write_links(side.accounts.get(parent), value)
    assert side.accounts.get(parent).attributes["student_links"] == (value,)


@pytest.mark.parametrize("value", ["x" * MAX_LENGTH, "[]", LINKED + "\n", None])
def test_a_value_that_is_no_claim_is_refused_without_telling_it(side, parent, value):
    value = long_value("x" * MAX_LENGTH) if value is None else value
    before = side.accounts.get(parent)
    with pytest.raises(Refused) as refusal:
        side.accounts.write_links(before, value)
    assert "student_links" in str(refusal.value)
    assert "xxx" not in str(refusal.value)
    assert side.accounts.get(parent) == before


def long_value(filler: str) -> str:
    """Return a value the declared pattern allows, as long as `filler` makes it."""
    return json.dumps({"v": 1, "rev": 1, "asof": 1, "links": [{"id": filler}]}, separators=(",", ":"))


def test_a_disabled_account_stays_disabled(side):
    parent = side.register(address(), enabled=False)
    account = side.accounts.get(parent)
    assert not account.enabled
    side.accounts.write_links(account, LINKED)
    assert not side.accounts.get(parent).enabled


def test_an_address_changed_between_reading_and_writing_is_put_back(side, parent):
    """Known and watched for: why reading and writing are milliseconds apart (facts, "Writing users")."""
    read = side.accounts.get(parent)
    side.change(parent, email=address())
    side.accounts.write_links(read, LINKED)
    assert side.accounts.get(parent).email == read.email


def test_ending_sessions_of_somebody_without_any_is_fine(side, parent):
    side.accounts.end_sessions(parent)
    side.accounts.drop_offline_tokens(parent)
    assert side.accounts.get(parent).enabled


def test_who_signed_in_nowhere_used_nothing(side, parent):
    assert side.accounts.uses(parent) == ()


def test_each_app_is_named_once_with_the_last_time_the_latest_first(side, parent):
    began = datetime.now(UTC) - timedelta(seconds=5)
    for client in ("oneview", "mobile", "oneview", "mobile"):
        side.sign_in(parent, client)
    uses = side.accounts.uses(parent)
    assert sorted(use.client for use in uses) == ["mobile", "oneview"]
    assert all(began < use.last_at < datetime.now(UTC) + timedelta(seconds=5) for use in uses)
    assert [use.last_at for use in uses] == sorted((use.last_at for use in uses), reverse=True)


def test_an_app_is_still_named_after_its_session_ended(side, parent):
    side.sign_in(parent, "oneview")
    side.accounts.end_sessions(parent)
    assert [use.client for use in side.accounts.uses(parent)] == ["oneview"]


def test_nobody_sees_what_another_parent_used(side, parent):
    side.sign_in(side.register(address()), "oneview")
    assert side.accounts.uses(parent) == ()
