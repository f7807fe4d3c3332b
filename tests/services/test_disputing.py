"""A principal holds, settles and ends links; a dispute and a restriction never free each other's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idp_bridge.domain.errors import BadInput, ConflictOfInterest, MoveRefused, NoDuty, NotThere
from idp_bridge.domain.link import DISPUTE, LinkState
from idp_bridge.services.disputing import end_link, hold_link, settle_dispute
from idp_bridge.services.linking import request_link
from idp_bridge.services.reading import children_of
from idp_bridge.services.restricting import ask_lift, confirm_lift, place
from tests.conftest import AMARA, IRIS, OTHER, TEO, staff
from tests.services.test_linking import CLAIM, _parents, mine, settle  # noqa: F401  (autouse fixture)
from tests.services.test_restricting import ORDER, _principals, events, numbers  # noqa: F401


def lift(house, restriction):
    ask_lift(house, "ana.ruiz", restriction.id)
    confirm_lift(house, "max.ott", restriction.id)


def state(house, parent=AMARA):
    link = mine(house, parent)[0]
    return link.state, link.reason


def test_a_hold_takes_the_claim_away_and_touches_nothing_else(house):
    link = settle(house)
    settle(house, claim=replace(CLAIM, student_number=TEO.number, birth_date=TEO.birth_date))
    settle(house, OTHER)
    numbers(house)
    house.wakeup.woken.clear()
    done = hold_link(house, "ana.ruiz", link.id)
    assert (done.state, done.reason, done.decided_by) == (LinkState.SUSPENDED, DISPUTE, "entry-ana.ruiz")
    assert house.wakeup.woken == [AMARA]
    assert set(numbers(house)) == {TEO.number}
    assert house.accounts.ended == [AMARA]
    assert set(numbers(house, OTHER)) == {IRIS.number}
    settle_dispute(house, "dee.collins", link.id)
    assert set(numbers(house)) == {IRIS.number, TEO.number}
    assert events(house)[-2:] == ["link:disputed", "link:dispute-settled"]


def test_lifting_a_restriction_does_not_resume_a_disputed_link(house):
    link = settle(house)
    hold_link(house, "ana.ruiz", link.id)
    restriction = place(house, "ana.ruiz", ORDER)
    lift(house, restriction)
    assert state(house) == (LinkState.SUSPENDED, DISPUTE)
    settle_dispute(house, "ana.ruiz", link.id)
    assert state(house) == (LinkState.VERIFIED, None)


def test_settling_a_dispute_does_not_resume_a_restricted_link(house):
    link = settle(house)
    hold_link(house, "ana.ruiz", link.id)
    restriction = place(house, "ana.ruiz", ORDER)
    settle_dispute(house, "ana.ruiz", link.id)
    assert state(house) == (LinkState.SUSPENDED, None)
    lift(house, restriction)
    assert state(house) == (LinkState.VERIFIED, None)


def test_a_link_a_restriction_holds_can_be_disputed_too(house):
    link = settle(house)
    restriction = place(house, "ana.ruiz", ORDER)
    hold_link(house, "max.ott", link.id)
    lift(house, restriction)
    assert state(house) == (LinkState.SUSPENDED, DISPUTE)
    with pytest.raises(MoveRefused):
        hold_link(house, "max.ott", link.id)


def test_what_only_changes_why_it_is_held_is_no_news_for_the_parent(house):
    link = settle(house)
    place(house, "ana.ruiz", ORDER)
    before = [step.event for step in children_of(house, AMARA)[0].steps]
    hold_link(house, "max.ott", link.id)
    settle_dispute(house, "max.ott", link.id)
    assert [step.event for step in children_of(house, AMARA)[0].steps] == before


def test_a_principal_ends_a_link_with_a_reason(house):
    link = settle(house)
    with pytest.raises(BadInput):
        end_link(house, "ana.ruiz", link.id, "custody")
    assert state(house)[0] is LinkState.VERIFIED
    end_link(house, "ana.ruiz", link.id, "court-order")
    assert state(house)[0] is LinkState.ENDED
    assert numbers(house) == {}
    assert events(house)[-1] == "link:revoked"
    with house.store.reading() as rows:
        event = rows.audit.of_link(link.id)[-1]
    assert (event.fields["reason"], event.actor.id, event.school) == ("court-order", "entry-ana.ruiz", "0552")
    for again in (
        end_link,
        lambda h, u, i, _r: hold_link(h, u, i),
        lambda h, u, i, _r: settle_dispute(h, u, i),
    ):
        with pytest.raises(MoveRefused):
            again(house, "ana.ruiz", link.id, "court-order")


def test_a_link_that_works_again_writes_to_nobody(house):
    link = settle(house)
    hold_link(house, "ana.ruiz", link.id)
    restriction = place(house, "ana.ruiz", ORDER)
    settle(house, OTHER)
    before = _mails(house)
    settle_dispute(house, "ana.ruiz", link.id)
    lift(house, restriction)
    assert state(house)[0] is LinkState.VERIFIED
    assert _mails(house) == before


def _mails(house) -> set[str]:
    with house.store.connection(write=False) as connection:
        return {row[0] for row in connection.exec_driver_sql("SELECT key FROM notice")}


def test_a_held_link_can_be_ended(house):
    link = settle(house)
    place(house, "ana.ruiz", ORDER)
    end_link(house, "ana.ruiz", link.id, "court-order")
    assert state(house)[0] is LinkState.ENDED


def test_a_waiting_request_can_be_neither_held_nor_ended(house):
    request_link(house, AMARA, CLAIM)
    (link,) = mine(house)
    for act in acts(link):
        with pytest.raises(MoveRefused):
            act(house, "ana.ruiz")
    assert mine(house) == (link,)


def acts(link):
    return (
        lambda house, uid: hold_link(house, uid, link.id),
        lambda house, uid: settle_dispute(house, uid, link.id),
        lambda house, uid: end_link(house, uid, link.id, "court-order"),
    )


@pytest.mark.parametrize(
    ("uid", "refusal"), [("jo.hathaway", NoDuty), ("ira.novak", NoDuty), ("eve.park", NotThere)]
)
def test_only_the_duty_at_the_school(house, uid, refusal):
    house.directory.people["eve.park"] = staff("eve.park", "0610:principal")
    link = settle(house)
    before = events(house)
    for act in acts(link):
        with pytest.raises(refusal):
            act(house, uid)
    assert (mine(house), events(house)) == ((link,), before)


def test_never_the_own_child_and_the_try_is_written_down(house):
    house.directory.people["amara.quintero"] = staff("amara.quintero", "0552:principal")
    link = settle(house, OTHER)
    before = events(house)
    for act in acts(link):
        with pytest.raises(ConflictOfInterest):
            act(house, "amara.quintero")
    assert mine(house, OTHER) == (link,)
    assert events(house) == [*before, *["verification:refused"] * 3]
