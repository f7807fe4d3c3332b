"""Give the contract tests the bridge's own gates, opened as `app.py` opens them on the running stack."""

from __future__ import annotations

import pytest

from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.keycloak import KeycloakAccounts
from tests.gates import directory_settings, keycloak_settings
from tools.stack.stack import Stack


@pytest.fixture
def bridge_accounts(stack: Stack) -> KeycloakAccounts:
    """The gate to the stack's realm `parents`, as the service account."""
    return KeycloakAccounts(keycloak_settings(stack))


@pytest.fixture(scope="session")
def bridge_directory(stack: Stack) -> LdapDirectory:
    """The gate to the stack's slapd."""
    return LdapDirectory(directory_settings(stack))
