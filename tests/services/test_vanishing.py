"""An account Keycloak does not have ends its links, but not on the first word, and not for a whole realm."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.services import vanishing
from idp_bridge.services.linking import SignedIn, arrive
from idp_bridge.services.projecting import Outcome, project
from idp_bridge.storage import journals
from tests.conftest import AMARA, TEO
from tests.services.test_linking import _parents, settle  # noqa: F401  (autouse fixture)
from tests.services.test_projecting import alarms, row
from tests.web.families import asked, claim_for, links_of


def tried(house, clock, times: int) -> list[Outcome]:
    outcomes = []
    for _ in range(times):
        outcomes.append(project(house, AMARA))
        clock.advance(seconds=20)
    return outcomes


def audited(house, name: str) -> int:
    with house.store.reading() as rows:
        return rows.audit.count(name, house.clock.now() - vanishing.HOUR)


def test_links_end_after_three_answers_and_the_reason_is_kept(house, accounts, clock):
    settle(house)
    asked(house, AMARA, claim_for(TEO))
    accounts.remove(AMARA)
    assert tried(house, clock, 2) == [Outcome.FAILED] * 2
    assert LinkState.VERIFIED in {link.state for link in links_of(house, AMARA)}
    assert tried(house, clock, 1) == [Outcome.GONE]
    assert sorted(link.state for link in links_of(house, AMARA)) == [LinkState.CANCELLED, LinkState.ENDED]
    assert row(house).due_since is None
    with house.store.connection(write=False) as connection:
        query = sa.select(journals.audit.c.fields).where(
            journals.audit.c.name.in_(("link:left", "link:cancelled"))
        )
        assert {fields["reason"] for fields in connection.execute(query).scalars()} == {"account-gone"}
    assert audited(house, "parent:gone") == 1
    with house.store.reading() as rows:
        assert rows.visits.open_of(AMARA) is None  # its code opens nothing any more


def test_whoever_signs_in_again_has_an_account_again(house, accounts, clock):
    settle(house)
    accounts.remove(AMARA)
    tried(house, clock, 3)
    with house.store.reading() as rows:
        assert rows.parents.get(AMARA).deleted_at is not None
    arrive(house, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    with house.store.reading() as rows:
        assert rows.parents.get(AMARA).deleted_at is None


def test_one_answer_that_was_wrong_ends_nothing(house, accounts, clock):
    settle(house)
    account = accounts.stored(AMARA)
    accounts.remove(AMARA)
    tried(house, clock, 2)
    accounts.add(AMARA, account.email)
    assert tried(house, clock, 1) == [Outcome.WRITTEN]
    assert [link.state for link in links_of(house, AMARA)] == [LinkState.VERIFIED]


def test_a_lost_realm_ends_nobodys_links_but_the_first(house, accounts, clock, monkeypatch):
    monkeypatch.setattr(vanishing, "MOST_AN_HOUR", 2)
    for number in range(4):
        other = ParentId(f"p-{number}")
        with house.store.transaction() as rows:
            rows.parents.save(Parent(other, "x@mail.example", "A", "B", "en", clock.now()))
            rows.projections.mark_due(other, clock.now(), loss=False)
        accounts.remove(other)
        for _ in range(3):
            project(house, other)
            clock.advance(seconds=20)
    assert audited(house, "parent:gone") == 2
    assert alarms(house) == ["alarm:accounts-gone"]


@pytest.mark.parametrize("again", [False, True])
def test_who_registers_again_inherits_nothing(house, accounts, clock, again):
    settle(house)
    accounts.remove(AMARA)
    tried(house, clock, 3)
    fresh = AMARA if again else ParentId("99999999-9999-4999-8999-999999999999")
    accounts.add(fresh, "amara@mail.example")
    with house.store.transaction() as rows:
        rows.parents.save(Parent(fresh, "amara@mail.example", "Amara", "Quintero", "en", clock.now()))
        rows.projections.mark_due(fresh, clock.now(), loss=False)
    project(house, fresh)
    assert '"links":[]' in accounts.get(fresh).attributes["student_links"][0]
