"""Run every test of this folder on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from idp_bridge.storage.store import SqlStore
from tests.conftest import AMARA
from tests.fakes.accounts import FakeAccounts


@pytest.fixture
def store(both_stores: SqlStore) -> SqlStore:
    """A filled database of the test's own, once of each kind."""
    return both_stores


@pytest.fixture
def accounts(house) -> FakeAccounts:
    """Realm `parents` with Amara's account in it."""
    house.accounts.add(AMARA, "amara@mail.example", attributes={"locale": ("en",)})
    return house.accounts
