"""A parent deletes the account by our page and Keycloak's; the same address registered again has nothing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from idp_bridge.outside.realms.server import AdminServer, Realm
from tests.journey.conftest import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]


@pytest.fixture
def realm(stack) -> Realm:
    server = stack.keycloak
    return Realm(AdminServer(server.url, server.admin_user, server.admin_password), "parents")


def leave_for_keycloak(page: Page, bridge: str) -> None:
    """Press the button on our page and arrive at Keycloak's."""
    page.goto(f"{bridge}/account")
    page.get_by_role("link", name="Delete my account").click()
    page.get_by_role("button", name="Delete my account").click()
    page.wait_for_url(re.compile("/realms/parents/"))


def prove(page: Page, name: str, password: str) -> None:
    """Sign in again where Keycloak asks for it; it does before it deletes anything."""
    if page.locator("#username").is_visible():
        page.fill("#username", name)
    if page.locator("#password").is_visible():
        page.fill("#password", password)
        page.click("#kc-form-login [type=submit]")


def test_the_account_goes_and_the_same_address_starts_with_nothing(stack, walk, student, newcomer, realm):
    mateo, parent = student("Mateo Quintero-Bell"), newcomer("Rosa")
    page = walk.register(parent)
    code = walk.ask(parent, mateo)
    walk.settle("sam.okafor", PASSWORD, code)
    walk.linked(parent, {mateo["student_number"]})
    (before,) = realm.get("users", email=parent.email, exact="true")

    leave_for_keycloak(page, stack.bridge_url)
    prove(page, parent.email, parent.password)
    page.wait_for_load_state()
    assert "elet" in page.inner_text("main, body"), page.content()
    page.locator("form [type=submit]:not([name=cancel-aia])").first.click()
    page.wait_for_load_state()
    assert realm.get("users", email=parent.email, exact="true") == [], page.content()

    page.goto(f"{stack.bridge_url}/children")
    assert "/realms/parents/" in page.url  # nobody is signed in any more
    walk.windows.pop(parent.email).context.close()

    page = walk.register(parent)
    (after,) = realm.get("users", email=parent.email, exact="true")
    assert after["id"] != before["id"]
    assert "No child is linked to you yet" in page.inner_text("main")
    assert walk.token(parent)["student_links"]["links"] == []


def test_who_turns_back_at_keycloak_has_an_account_without_links(stack, walk, student, newcomer, realm):
    noa, parent = student("Noa Quintero-Bell"), newcomer("Ines")
    page = walk.register(parent)
    walk.ask(parent, noa)
    leave_for_keycloak(page, stack.bridge_url)
    prove(page, parent.email, parent.password)
    page.wait_for_load_state()
    page.locator("[name=cancel-aia]").click()
    page.wait_for_url(re.compile(f"^{re.escape(stack.bridge_url)}/"))
    page.goto(f"{stack.bridge_url}/children")
    assert "No child is linked to you yet" in page.inner_text("main")
    assert len(realm.get("users", email=parent.email, exact="true")) == 1
