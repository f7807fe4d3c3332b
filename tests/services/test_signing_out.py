"""What has to end before an old token opens nothing: in this order, and the bridge's own pages too."""

from __future__ import annotations

import secrets
from datetime import timedelta

import sqlalchemy as sa

from idp_bridge.domain.people import ParentId
from idp_bridge.services.house import House
from idp_bridge.services.signing_out import endings
from idp_bridge.storage import journals
from idp_bridge.storage.sessions import ParentSessions, SqlSessions
from tests.conftest import AMARA, OTHER

ISSUER = "http://localhost:1/realms/parents"


def open_page(house: House, parent: ParentId, iss: str = ISSUER) -> None:
    """Let `parent` have a session at the bridge's pages."""
    now = house.clock.now()
    content = {"person": {"iss": iss, "sub": parent, "sid": secrets.token_hex(4)}}
    SqlSessions(house.store).save(secrets.token_hex(16), content, now, now + timedelta(days=3650))


def pages_of(house: House, parent: ParentId) -> int:
    """Count the sessions of `parent`."""
    query = sa.select(sa.func.count()).where(journals.sessions.c.sub == parent)
    with house.store.connection(write=False) as connection:
        return connection.execute(query).scalar_one()


def test_online_sessions_end_before_offline_tokens_and_the_own_pages_last(house):
    assert [step for step, _ in endings(house)] == ["sessions", "offline", "own-sessions"]


def test_each_step_may_be_done_twice(house, accounts):
    open_page(house, AMARA)
    for _step, end in endings(house) * 2:
        end(AMARA)
    assert pages_of(house, AMARA) == 0


def test_only_sessions_of_that_parent_in_that_realm_end(house):
    open_page(house, AMARA)
    open_page(house, AMARA)
    open_page(house, OTHER)
    open_page(house, AMARA, "http://localhost:1/realms/district")
    assert ParentSessions(house.store, ISSUER).end_of(AMARA) == 2
    assert (pages_of(house, AMARA), pages_of(house, OTHER)) == (1, 1)
