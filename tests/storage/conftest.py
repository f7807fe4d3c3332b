"""Run every test of this folder on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from idp_bridge.storage.store import SqlStore


@pytest.fixture
def store(both_stores: SqlStore) -> SqlStore:
    """A filled database of the test's own, once of each kind."""
    return both_stores
