"""Hand the live tests one running stack for the whole session; started only when a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tools.stack.ports import Ports
from tools.stack.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything: Keycloak with both realms, LDAP, mail, the bridge, its worker and the example apps."""
    with Stack(tmp_path_factory.mktemp("stack"), Ports.free()) as running:
        yield running


@dataclass(frozen=True)
class Administrator:
    """Keycloak as its administrator sees it."""

    url: str
    admin_user: str
    admin_password: str


@pytest.fixture(scope="session")
def keycloak(stack: Stack) -> Administrator:
    """The one Keycloak of the run."""
    server = stack.keycloak
    return Administrator(server.url, server.admin_user, server.admin_password)
