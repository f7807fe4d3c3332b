"""Keycloak and LDAP fail in every way a wire can: the right failure, within 5 s, and no help needed after."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from idp_bridge.domain.people import ParentId
from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.realms.server import AdminServer, Realm
from idp_bridge.services.failures import Unreachable
from tests.faults.proxy import GARBAGE, NOT_JSON, UNAVAILABLE, FaultyProxy, Mode
from tests.gates import directory_settings, keycloak_settings, port_of
from tests.realms.conftest import first_links

pytestmark = pytest.mark.live

LONGEST_S = 5
FAULTS: dict[str, dict[str, Any]] = {
    "hangs": {"mode": Mode.BLACK_HOLE},
    "resets": {"mode": Mode.RESET},
    "refuses": {"mode": Mode.REFUSE},
    "ends at once": {"mode": Mode.CUT, "after_bytes": 0},
    "ends in the middle": {"mode": Mode.CUT, "after_bytes": 150},
    "says 503": {"mode": Mode.ANSWER, "reply": UNAVAILABLE},
    "says something else": {"mode": Mode.ANSWER, "reply": NOT_JSON},
    "says nonsense": {"mode": Mode.ANSWER, "reply": GARBAGE},
    "says an empty object": {
        "mode": Mode.ANSWER,
        "reply": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    },
}
every_fault = pytest.mark.parametrize("fault", FAULTS)
on_either = pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds, f"took {took:.1f} s"


@pytest.fixture(scope="module")
def parent(stack) -> Iterator[ParentId]:
    server = stack.keycloak
    realm = Realm(AdminServer(server.url, server.admin_user, server.admin_password), "parents")
    email = f"p{secrets.token_hex(4)}@mail.example"
    body = {"username": email, "email": email, "firstName": "A", "lastName": "B", "enabled": True}
    user = realm.post("users", body, "")
    first_links(realm, user)
    yield ParentId(user)
    realm.delete(f"users/{user}", "")


@pytest.fixture
def to_keycloak(stack) -> Iterator[FaultyProxy]:
    with FaultyProxy(port_of(stack.keycloak.url)) as wire:
        yield wire


@pytest.fixture
def to_ldap(stack) -> Iterator[FaultyProxy]:
    with FaultyProxy(port_of(stack.ldap.url)) as wire:
        yield wire


@on_either
@every_fault
def test_keycloak_fails_and_comes_back(stack, to_keycloak, parent, fault, kept):
    accounts = KeycloakAccounts(keycloak_settings(stack, to_keycloak.port))
    if kept:
        accounts.get(parent)
    to_keycloak.switch(**FAULTS[fault])
    with within(LONGEST_S), pytest.raises(Unreachable) as failure:
        accounts.get(parent)
    assert failure.value.system == "keycloak"
    to_keycloak.mend()
    assert accounts.get(parent).id == parent


SLOW = {"mode": Mode.DELAY, "seconds": 1.7}


def test_steps_that_are_each_in_time_do_not_add_up(stack, to_keycloak, to_ldap, parent):
    """A token and a call, TLS and binding and two searches: slow ones end together within the limit."""
    for wire in (to_keycloak, to_ldap):
        wire.switch(**SLOW)
    with within(LONGEST_S), pytest.raises(Unreachable):
        KeycloakAccounts(keycloak_settings(stack, to_keycloak.port)).get(parent)
    with within(LONGEST_S), pytest.raises(Unreachable):
        LdapDirectory(directory_settings(stack, to_ldap.port)).staff("jo.hathaway")


def test_an_answer_of_ldap_that_took_long_is_not_used(stack, to_ldap):
    """A page asks up to three times: three such answers would be past the limit."""
    directory = LdapDirectory(directory_settings(stack, to_ldap.port))
    assert directory.staff("jo.hathaway")
    to_ldap.switch(Mode.DELAY, seconds=0.4)
    with within(LONGEST_S / 3 + 0.2), pytest.raises(Unreachable, match="slow"):
        directory.staff("jo.hathaway")
    to_ldap.mend()
    assert directory.staff("jo.hathaway")


@pytest.mark.parametrize("fault", ["hangs", "resets", "refuses", "ends at once", "says 503", "says nonsense"])
def test_a_write_that_fails_is_told_and_sent_once(stack, to_keycloak, parent, fault):
    accounts = KeycloakAccounts(keycloak_settings(stack, to_keycloak.port, timeout_s=1))
    account = accounts.get(parent)
    before = to_keycloak.connections
    to_keycloak.switch(**FAULTS[fault])
    with within(LONGEST_S), pytest.raises(Unreachable):
        accounts.write_links(account, '{"v":1,"rev":3,"asof":1,"links":[]}')
    assert to_keycloak.connections <= before + 1
    to_keycloak.mend()
    assert accounts.get(parent).username == account.username


@on_either
@every_fault
def test_ldap_fails_and_comes_back(stack, to_ldap, fault, kept):
    directory = LdapDirectory(directory_settings(stack, to_ldap.port))
    if kept:
        assert directory.staff("jo.hathaway")
    to_ldap.switch(**FAULTS[fault])
    with within(LONGEST_S), pytest.raises(Unreachable) as failure:
        directory.staff("jo.hathaway")
    assert failure.value.system == "directory"
    to_ldap.mend()
    assert directory.staff("jo.hathaway").roles


@pytest.mark.parametrize("fault", ["says 503", "says nonsense", "ends in the middle", "says an empty object"])
def test_somebody_else_answering_without_tls_is_a_failure_too(stack, fault):
    with FaultyProxy(port_of(stack.ldap.plain_url)) as wire:
        wire.switch(**FAULTS[fault])
        urls = (f"ldap://localhost:{wire.port}",)
        directory = LdapDirectory(directory_settings(stack, urls=urls))
        with pytest.raises(Unreachable):
            directory.staff("jo.hathaway")
        wire.mend()
        assert directory.staff("jo.hathaway")


def test_many_clerks_wait_for_a_hanging_ldap_no_longer_than_one(stack, to_ldap):
    directory = LdapDirectory(directory_settings(stack, to_ldap.port))
    assert directory.staff("jo.hathaway")
    to_ldap.switch(Mode.BLACK_HOLE)

    def ask(_number: int) -> float:
        began = time.monotonic()
        with pytest.raises(Unreachable):
            directory.staff("jo.hathaway")
        return time.monotonic() - began

    with ThreadPoolExecutor(6) as clerks:
        waits = list(clerks.map(ask, range(6)))
    assert max(waits) < LONGEST_S
    to_ldap.mend()
    assert directory.staff("jo.hathaway")


@pytest.mark.parametrize("fault", ["refuses", "resets", "hangs"])
def test_a_second_server_takes_over(stack, to_ldap, fault):
    to_ldap.switch(**FAULTS[fault])
    settings = directory_settings(stack, to_ldap.port, port_of(stack.ldap.url))
    directory = LdapDirectory(settings)
    with within(LONGEST_S):
        assert directory.staff("jo.hathaway")
    with within(0.5):
        assert directory.staff("ana.ruiz")


def test_five_servers_that_hang_are_not_all_waited_for(stack, to_ldap):
    to_ldap.switch(Mode.BLACK_HOLE)
    directory = LdapDirectory(directory_settings(stack, *[to_ldap.port] * 5))
    with within(LONGEST_S), pytest.raises(Unreachable):
        directory.staff("jo.hathaway")


def test_two_servers_that_hang_hide_a_third_only_once(stack, to_ldap):
    to_ldap.switch(Mode.BLACK_HOLE)
    directory = LdapDirectory(directory_settings(stack, to_ldap.port, to_ldap.port, port_of(stack.ldap.url)))
    with within(LONGEST_S), pytest.raises(Unreachable):
        directory.staff("jo.hathaway")
    with within(1):
        assert directory.staff("jo.hathaway")


def test_a_server_with_a_strangers_certificate_is_not_asked(stack):
    """The sample's own certificate is no authority: nothing it signed is trusted."""
    stranger = stack.ldap.folder / "tls" / "ldap.pem"
    directory = LdapDirectory(directory_settings(stack, ca_file=str(stranger)))
    with pytest.raises(Unreachable):
        directory.staff("jo.hathaway")


def test_a_wrong_bind_password_is_a_failure_and_not_told(stack):
    directory = LdapDirectory(directory_settings(stack, bind_password="not-the-password"))
    with pytest.raises(Unreachable) as failure:
        directory.staff("jo.hathaway")
    assert "not-the-password" not in str(failure.value)
