"""A parent goes: from a child that is not theirs, or altogether; nothing of it can be undone by accident."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from idp_bridge.domain.errors import MoveRefused, NotThere
from idp_bridge.domain.link import LinkId, LinkState, Move
from idp_bridge.services.failures import Gone, Unreachable
from idp_bridge.services.leaving import delete_account, report_wrong_child
from idp_bridge.services.linking import SignedIn, arrive, request_link, request_links
from idp_bridge.services.projecting import Outcome, project
from idp_bridge.services.reading import children_of
from idp_bridge.storage import journals
from tests.conftest import AMARA, IRIS, MATEO, OTHER, TEO
from tests.services.test_linking import CLAIM, MISS, _parents, mine, settle  # noqa: F401  (autouse)
from tests.web.families import after, asked, claim_for, confirmed


def events(house, *names):
    """Return (name, link, fields) of every event, or of those with these names."""
    with house.store.connection(write=False) as connection:
        found = connection.execute(sa.select(journals.audit).order_by(journals.audit.c.number)).all()
    return [(row.name, row.link, row.fields) for row in found if not names or row.name in names]


def unsent(house, parent=AMARA):
    with house.store.connection(write=False) as connection:
        rows = journals.notices
        query = sa.select(rows.c.kind).where(rows.c.parent == parent, rows.c.sent_at.is_(None))
        return set(connection.execute(query).scalars())


def whole(house):
    with house.store.reading() as rows:
        return rows.audit.first_bad() is None


@pytest.mark.parametrize("claim", [CLAIM, MISS])
@pytest.mark.parametrize("move", [None, Move.ASK_SECOND, Move.REFER])
def test_a_request_for_a_wrong_child_is_taken_back_hit_or_miss(house, claim, move):
    link = asked(house, AMARA, claim)
    link = after(house, link, move) if move else link
    before = link.state
    report_wrong_child(house, AMARA, link.id)
    (after_it,) = mine(house)
    assert after_it.state is LinkState.CANCELLED
    (event,) = events(house, "link:cancelled")
    assert event[2] == {"before": before, "after": "cancelled", "reason": "not-my-child"}
    assert events(house, "alarm:wrong-child") == []
    with house.store.reading() as rows:
        assert rows.visits.open_of(AMARA) is None


@pytest.mark.parametrize("held", [False, True])
def test_a_link_to_a_wrong_child_ends_and_alarms_the_district(house, held):
    link = settle(house)
    if held:
        link = after(house, link, Move.SUSPEND)
    house.wakeup.woken.clear()
    report_wrong_child(house, AMARA, link.id)
    (ended,) = mine(house)
    assert (ended.state, ended.reason) == (LinkState.ENDED, "left")
    (left,) = events(house, "link:left")
    assert left[2]["reason"] == "not-my-child"
    assert events(house, "alarm:wrong-child") == [("alarm:wrong-child", link.id, {})]
    assert house.wakeup.woken == [AMARA]
    with house.store.reading() as rows:
        assert rows.projections.get(AMARA).due_since is not None
    assert whole(house)


def test_somebody_elses_link_none_and_an_ended_one_change_nothing(house):
    link = settle(house)
    for parent, name in ((OTHER, link.id), (AMARA, LinkId("none"))):
        with pytest.raises(NotThere):
            report_wrong_child(house, parent, name)
    assert mine(house)[0].state is LinkState.VERIFIED
    report_wrong_child(house, AMARA, link.id)
    said = len(events(house))
    with pytest.raises(MoveRefused):
        report_wrong_child(house, AMARA, link.id)
    assert len(events(house)) == said


@pytest.fixture
def family(house):
    """A parent with a link of each kind that can still end."""
    settle(house)
    after(house, confirmed(house, asked(house, AMARA, claim_for(MATEO)), MATEO), Move.SUSPEND)
    after(house, asked(house, AMARA, MISS), Move.REFER)
    asked(house, AMARA, claim_for(TEO))
    settle_other = asked(house, OTHER, claim_for(TEO))
    return settle_other


def test_deleting_the_account_ends_everything_and_keeps_the_audit_by_id(house, family):
    before = len(events(house))
    delete_account(house, AMARA)
    assert sorted(link.state for link in mine(house)) == [
        LinkState.CANCELLED, LinkState.CANCELLED, LinkState.ENDED, LinkState.ENDED,
    ]  # fmt: skip
    with house.store.reading() as rows:
        parent = rows.parents.get(AMARA)
        assert (parent.email, parent.name, parent.deleted_at) == ("", "", house.clock.now())
        assert rows.proofs.get(AMARA) is None
        assert rows.visits.open_of(AMARA) is None
        assert rows.projections.get(AMARA).due_since is not None
    assert unsent(house) == set()
    names = sorted(name for name, _link, _fields in events(house)[before:])
    assert names == ["link:cancelled"] * 2 + ["link:left"] * 2 + ["parent:deleted"]
    assert whole(house)
    assert house.wakeup.woken[-1] == AMARA


def test_nobody_elses_links_and_mails_are_touched(house, family):
    theirs = unsent(house, OTHER)
    assert theirs
    delete_account(house, AMARA)
    assert mine(house, OTHER) == (family,)
    assert unsent(house, OTHER) == theirs


def test_deleting_twice_writes_down_twice_and_harms_nothing(house, family):
    delete_account(house, AMARA)
    states = [link.state for link in mine(house)]
    delete_account(house, AMARA)
    assert [link.state for link in mine(house)] == states


def test_who_never_signed_in_has_nothing_to_delete(house):
    with pytest.raises(NotThere):
        delete_account(house, type(AMARA)("nobody"))
    assert events(house) == []


def test_who_turns_back_at_the_sign_in_page_is_known_again_without_links(house, family):
    delete_account(house, AMARA)
    parent = arrive(house, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    assert (parent.email, parent.deleted_at) == ("amara@mail.example", None)
    assert [child.link.state for child in children_of(house, AMARA)] == [LinkState.ENDED] * 2
    house.accounts.add(AMARA, "amara@mail.example")
    request_link(house, AMARA, CLAIM)
    assert any(link.student == IRIS.id and link.state is LinkState.AWAITING_VISIT for link in mine(house))


def test_once_keycloak_deleted_the_user_the_worker_is_done(house, family):
    house.accounts.add(AMARA, "amara@mail.example")
    delete_account(house, AMARA)
    house.accounts.remove(AMARA)
    assert project(house, AMARA) is Outcome.GONE
    assert project(house, AMARA) is Outcome.NOT_DUE


def test_until_then_the_claim_is_emptied_and_sessions_end(house, family):
    house.accounts.add(AMARA, "amara@mail.example")
    delete_account(house, AMARA)
    assert project(house, AMARA) is Outcome.WRITTEN
    assert '"links":[]' in house.accounts.stored(AMARA).attributes["student_links"][0]
    assert house.accounts.ended == [AMARA]


@pytest.mark.parametrize("failure", [Gone("keycloak", "404"), Unreachable("keycloak", "down")])
def test_a_parent_who_deleted_nothing_is_tried_again(house, failure):
    house.accounts.add(AMARA, "amara@mail.example")
    settle(house)
    house.accounts.fail("get", failure)
    assert project(house, AMARA) is Outcome.FAILED


def test_a_deleted_parent_is_tried_again_while_keycloak_is_down(house, family):
    house.accounts.add(AMARA, "amara@mail.example")
    delete_account(house, AMARA)
    house.accounts.fail("get", Unreachable("keycloak", "down"))
    assert project(house, AMARA) is Outcome.FAILED


def test_several_requests_end_with_the_account(house):
    request_links(house, AMARA, (CLAIM, claim_for(TEO)))
    delete_account(house, AMARA)
    assert {link.state for link in mine(house)} == {LinkState.CANCELLED}
