"""The doctor on the real, running stack: all well; then one thing after the other is broken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

import certifi
import pytest
import requests

from idp_bridge.app import make_web
from idp_bridge.doctor import (
    clock_right,
    ldap_certificate,
    limits_shared,
    mail_taken,
    no_administrator_in_parents,
    realm_as_declared,
    service_account_sees_members_only,
    theme_present,
)
from idp_bridge.doctor.checks import CHECKS
from idp_bridge.doctor.examining import Health, Installation, examine
from idp_bridge.outside.realms.server import AdminServer, Realm
from idp_bridge.settings import Settings
from idp_bridge.storage.store import SqlStore
from tests.realms.conftest import first_links

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(stack, monkeypatch) -> Iterator[Installation]:
    for name in list(os.environ):
        if name.startswith("IDP_BRIDGE_"):
            monkeypatch.delenv(name)
    for name, value in {**stack.bridge_env(), **stack.realm_env()}.items():
        monkeypatch.setenv(name, value)
    server = stack.keycloak
    store = SqlStore(stack.database_url)
    yield Installation(
        Settings(), store, datetime.now(UTC),
        AdminServer(server.url, server.admin_user, server.admin_password), ROOT / "realm-config",
    )  # fmt: skip
    store.close()


@contextmanager
def member(here: Installation) -> Iterator[str]:
    realm = Realm(here.administrator, "parents")
    address = "doc@mail.example"
    named = {"username": address, "email": address, "firstName": "D", "lastName": "O"}
    body = {**named, "enabled": True, "emailVerified": True}
    user = realm.post("users", body, "")
    first_links(realm, user)
    try:
        yield user
    finally:
        realm.delete(f"users/{user}", "")


def test_everything_holds(here):
    with member(here):
        found = {check.name: finding for check, finding in examine(here, CHECKS)}
    assert {
        name: (one.health, one.what) for name, one in found.items() if one.health is not Health.HOLDS
    } == {}


def test_an_administrator_among_the_parents_is_named_by_id(here):
    realm = Realm(here.administrator, "parents")
    with member(here) as user:
        client = realm.client_ids()["realm-management"]
        role = realm.get(f"clients/{client}/roles/view-users")
        realm.post(f"users/{user}/role-mappings/clients/{client}", [role], "")
        found = no_administrator_in_parents.look(here)
        assert (found.health, user in found.what) == (Health.BROKEN, True)
    assert no_administrator_in_parents.look(here).health is Health.HOLDS


def test_a_realm_that_was_changed_is_broken(here):
    realm = Realm(here.administrator, "parents")
    realm.put("", {"realm": "parents", "verifyEmail": False}, "")
    try:
        found = realm_as_declared.look(here)
        assert (found.health, "verifyEmail" in found.what) == (Health.BROKEN, True)
    finally:
        realm.put("", {"realm": "parents", "verifyEmail": True}, "")
    assert realm_as_declared.look(here).health is Health.HOLDS


def test_a_service_account_that_sees_too_much_or_nothing(here):
    realm = Realm(here.administrator, "parents")
    client = realm.client_ids()["realm-management"]
    account = realm.get(f"clients/{realm.client_ids()['idp-bridge']}/service-account-user")["id"]
    mapped = f"users/{account}/role-mappings/clients/{client}"
    allowed = f"clients/{realm.client_ids()['idp-bridge']}/scope-mappings/clients/{client}"
    more = [realm.get(f"clients/{client}/roles/view-clients")]
    realm.post(mapped, more, "")
    realm.post(allowed, more, "")  # a role alone does not reach its token
    try:
        found = service_account_sees_members_only.look(here)
        assert (found.health, "clients" in found.what) == (Health.BROKEN, True)
    finally:
        realm.delete(allowed, "", more)
        realm.delete(mapped, "", more)
    less = [realm.get(f"clients/{client}/roles/query-users")]
    realm.delete(mapped, "", less)
    try:
        assert service_account_sees_members_only.look(here).health is Health.BROKEN
    finally:
        realm.post(mapped, less, "")


def test_clocks_that_differ(here):
    late = replace(here, now=here.now - timedelta(minutes=2))
    assert clock_right.look(late).health is Health.BROKEN


def test_a_certificate_that_ends_soon(here):
    assert ldap_certificate.look(here).health is Health.HOLDS
    years_later = replace(here, now=here.now + timedelta(days=365 * 30))
    assert ldap_certificate.look(years_later).health is Health.BROKEN


def test_a_certificate_nobody_vouches_for(here):
    directory = here.settings.directory.model_copy(update={"ca_file": certifi.where()})
    settings = here.settings.model_copy(update={"directory": directory})
    found = ldap_certificate.look(replace(here, settings=settings))
    assert (found.health, "certificate" in found.what) == (Health.BROKEN, True)


def test_another_stylesheet_is_another_version(here, monkeypatch, tmp_path):
    other = tmp_path / "site.css"
    other.write_text("body{}")
    monkeypatch.setattr(theme_present, "OURS", other)
    assert theme_present.look(here).health is Health.BROKEN


def test_mail_is_taken_and_none_is_sent(here, stack):
    assert mail_taken.look(here).health is Health.HOLDS


def test_web_workers_that_count_elsewhere_are_noticed(here, sqlite_store):
    """The pages that answer have another database, or another key, than this installation."""
    assert limits_shared.look(here).health is Health.HOLDS
    found = limits_shared.look(replace(here, store=sqlite_store))
    assert (found.health, "only 0" in found.what) == (Health.BROKEN, True)


def test_a_web_process_that_counts_with_another_key_is_noticed(here, stack, monkeypatch):
    """As after a change of the key that reached one machine of two only."""
    monkeypatch.setenv("IDP_BRIDGE_WEB__CODE_KEY", "k" * 40)
    with serving(make_web(Settings())) as second, taking_turns(stack.bridge_url, second) as both:
        web = here.settings.web.model_copy(update={"url": both})
        found = limits_shared.look(replace(here, settings=here.settings.model_copy(update={"web": web})))
    assert (found.health, "only 6" in found.what) == (Health.BROKEN, True)


@contextmanager
def serving(app) -> Iterator[str]:
    """Serve a WSGI or plain handler on a port of its own."""
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def taking_turns(*urls: str) -> Iterator[str]:
    """Serve as a balancer does: each request goes to the next of `urls`."""
    turns = cycle(urls)

    def balance(environ, start):
        requests.get(next(turns) + environ["PATH_INFO"], timeout=5)
        start("404 Not Found", [])
        return [b""]

    with serving(balance) as url:
        yield url
