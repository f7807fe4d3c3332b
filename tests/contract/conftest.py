"""Give the contract tests the bridge's own gates, opened as `app.py` opens them on the running stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from idp_bridge.domain.people import ParentId
from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.outside.realms.server import AdminServer, Realm
from tests.contract.account_sides import FakeSide, RealSide, Side, address
from tests.gates import directory_settings, keycloak_settings
from tests.realms.signing_in import App
from tools.stack.stack import Stack


@pytest.fixture
def bridge_accounts(stack: Stack) -> KeycloakAccounts:
    """The gate to the stack's realm `parents`, as the service account."""
    return KeycloakAccounts(keycloak_settings(stack))


@pytest.fixture(scope="session")
def bridge_directory(stack: Stack) -> LdapDirectory:
    """The gate to the stack's slapd."""
    return LdapDirectory(directory_settings(stack))


@pytest.fixture
def fake_side() -> FakeSide:
    """Realm `parents` in memory."""
    return FakeSide()


@pytest.fixture
def real_side(stack: Stack, bridge_accounts: KeycloakAccounts) -> Iterator[RealSide]:
    """Realm `parents` of the stack; whoever a test registers is deleted after it."""
    admin = AdminServer(stack.keycloak.url, stack.keycloak.admin_user, stack.keycloak.admin_password)
    issuer, urls = stack.issuer("parents"), stack.realm_env()
    back = f"{stack.app_urls['oneview']}/callback/parents"
    apps = {
        "oneview": App(issuer, "oneview", stack.secrets["oneview"], back),
        "mobile": App(issuer, "mobile", "", urls["MOBILE_REDIRECT_URI"]),
    }
    side = RealSide(Realm(admin, "parents"), bridge_accounts, [], apps, stack.mail_url)
    yield side
    for user in side.made:
        side.realm.delete(f"users/{user}", "")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.live)])
def side(request: pytest.FixtureRequest) -> Side:
    """Each test twice: on the fake, and on the real thing."""
    chosen: Side = request.getfixturevalue(f"{request.param}_side")
    return chosen


@pytest.fixture
def parent(side: Side) -> ParentId:
    """A parent with an account."""
    return side.register(address())
