"""Taking a decision back: who, until when, what is cleared, what stands in the way; else nothing changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from idp_bridge.domain.errors import MoveRefused, NoDuty, NotThere, TooLate
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import LinkId, LinkState, Move, moved
from idp_bridge.domain.people import Parent, ParentId, SchoolCode, StudentNumber
from idp_bridge.services.correcting import correct_claim
from idp_bridge.services.counter import actor, decided, staff_member
from idp_bridge.services.disputing import hold_link, settle_dispute
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.leaving import delete_account
from idp_bridge.services.moving import move_links
from idp_bridge.services.notifying import send_due
from idp_bridge.services.recording import record
from idp_bridge.services.refusing import refuse_link, revoke_link
from idp_bridge.services.restricting import Order, ask_lift, confirm_lift, place
from idp_bridge.services.undoing import undo_decision
from idp_bridge.services.vanishing import vanished
from idp_bridge.services.verifying import find_visit, record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO, staff
from tests.web.families import asked, claim_for, confirmed, links_of

CLERK, COLLEAGUE, ELSEWHERE = "jo.hathaway", "pat.rivers", "sam.okafor"
LAKESIDE = SchoolCode("0552")


@pytest.fixture(autouse=True)
def _people(house):
    house.directory.people[COLLEAGUE] = staff(COLLEAGUE, "0552:office")
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en", NOW))
        rows.parents.save(Parent(OTHER, "bo@mail.example", "Bo", "Li", "en", NOW))


@pytest.fixture
def waiting(house):
    """Iris's mother waits, her identity is recorded."""
    link = asked(house, AMARA, claim_for(IRIS))
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    return link


@pytest.fixture
def verified(house, waiting):
    """The clerk verified a minute ago."""
    done = verify_link(house, CLERK, waiting.id, "school-record")
    house.clock.advance(minutes=1)
    return done


def handed_on(house, link, move: Move, event: str, **fields):
    """Ask for a second person, or refer, as the counter does."""
    who = staff_member(house, CLERK)
    done = decided(moved(link, move, house.clock.now()), who)
    done = replace(done, first_staff=who.directory_id) if move is Move.ASK_SECOND else done
    with house.store.transaction() as rows:
        record(rows, link, done, event, actor(who), school=LAKESIDE, **fields)
        rows.visits.save(replace(rows.visits.get(link.visit), closed_at=house.clock.now()))
    return done


def stored(house, link):
    with house.store.reading() as rows:
        return rows.links.get(link.id), rows.visits.get(link.visit)


def events(house, link):
    with house.store.reading() as rows:
        return rows.audit.of_link(link.id)


def mails(house) -> list[str]:
    send_due(house, house.clock.now())
    return [letter.kind for letter in house.mail.letters]


def assert_refused(house, link, refusal, uid=CLERK):
    before = (stored(house, link), events(house, link))
    house.wakeup.woken.clear()
    with pytest.raises(refusal):
        undo_decision(house, uid, link.id)
    assert (stored(house, link), events(house, link)) == before
    assert house.wakeup.woken == []


def test_a_verified_link_waits_again_without_anything_the_decision_wrote(house, waiting, verified):
    house.wakeup.woken.clear()
    done = undo_decision(house, CLERK, verified.id)
    link, visit = stored(house, waiting)
    assert link == done == replace(waiting, version=waiting.version + 2, changed_at=house.clock.now())
    assert visit.closed_at is None
    assert house.wakeup.woken == [AMARA]


def test_its_token_loses_it_at_once(house, verified):
    with house.store.transaction() as rows:
        lease = rows.projections.take(AMARA, house.clock.now(), house.clock.now() + timedelta(minutes=1))
        rows.projections.done(lease, 1, house.clock.now())
        before = rows.parents.get(AMARA).rev
    undo_decision(house, CLERK, verified.id)
    with house.store.transaction() as rows:
        assert rows.parents.get(AMARA).rev == before + 1
        now = house.clock.now()
        assert rows.projections.take(AMARA, now, now + timedelta(minutes=1)).after_loss


def test_it_is_audited_once_and_the_chain_is_whole(house, verified):
    before = events(house, verified)
    undo_decision(house, CLERK, verified.id)
    *earlier, last = events(house, verified)
    assert tuple(earlier) == before
    assert (last.name, last.actor) == ("link:undone", Actor(ActorKind.STAFF, f"entry-{CLERK}"))
    assert last.fields == {"before": "verified", "after": "awaiting_visit"}
    assert (last.school, last.student) == ("0552", IRIS.id)
    with house.store.reading() as rows:
        assert rows.audit.first_bad() is None


def test_a_refused_link_waits_again_without_its_reason(house, waiting):
    refuse_link(house, CLERK, waiting.id, "not-the-student")
    done = undo_decision(house, CLERK, waiting.id)
    assert (done.state, done.reason, done.decided_by) == (LinkState.AWAITING_VISIT, None, None)


@pytest.mark.parametrize(
    ("move", "event", "fields"),
    [
        (Move.ASK_SECOND, "link:second-person-asked", {"evidence": "court-order"}),
        (Move.REFER, "link:referred", {}),
    ],
)
def test_what_was_handed_on_comes_back(house, waiting, move, event, fields):
    handed_on(house, waiting, move, event, **fields)
    done = undo_decision(house, CLERK, waiting.id)
    assert (done.state, done.first_staff, done.decided_by) == (LinkState.AWAITING_VISIT, None, None)
    assert stored(house, waiting)[1].closed_at is None


def test_the_same_code_opens_the_visit_again_and_it_can_be_verified(house, waiting, verified):
    from idp_bridge.domain.visit_code import make

    undo_decision(house, CLERK, verified.id)
    visit = stored(house, waiting)[1]
    code = make(house.rules.code_key, visit.id, visit.code_turn)
    assert find_visit(house, CLERK, code) == visit.id
    assert verify_link(house, COLLEAGUE, waiting.id, "birth-certificate").decided_by == f"entry-{COLLEAGUE}"


# --- who and until when --------------------------------------------------------------------------


def test_within_the_window_and_not_a_second_longer(house, verified):
    house.clock.advance(minutes=14)  # one has passed
    house.clock.advance(seconds=1)
    assert_refused(house, verified, TooLate)
    house.clock.advance(seconds=-1)
    assert undo_decision(house, CLERK, verified.id).state is LinkState.AWAITING_VISIT


def test_nobody_else_can(house, verified):
    assert_refused(house, verified, TooLate, COLLEAGUE)
    assert_refused(house, verified, TooLate, "dee.collins")


def test_without_the_duty_at_the_school_nobody_can(house, verified):
    assert_refused(house, verified, NoDuty, ELSEWHERE)
    assert_refused(house, verified, NoDuty, "tess.moore")
    house.directory.set_roles(CLERK, "0610:office")  # LDAP is asked afresh
    assert_refused(house, verified, NoDuty)


def test_with_ldap_down_nothing_is_undone(house, verified):
    house.directory.down = True
    assert_refused(house, verified, Unreachable)


def test_a_link_that_is_not_there(house):
    with pytest.raises(NotThere):
        undo_decision(house, CLERK, LinkId("0" * 32))


def test_what_waits_cannot_be_undone(house, waiting):
    assert_refused(house, waiting, MoveRefused)


def test_it_cannot_be_undone_twice(house, verified):
    undo_decision(house, CLERK, verified.id)
    assert_refused(house, verified, MoveRefused)


def test_what_ended_stays_ended(house, verified):
    revoke_link(house, Actor(ActorKind.OPERATOR, "cli"), verified.id, "court-order")
    assert_refused(house, verified, MoveRefused)


def test_what_a_restriction_suspended_stays_suspended(house, verified):
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    place(
        house,
        "ana.ruiz",
        Order(IRIS.number, "Amara", "Quintero-Bell", True, False, "court-order", date(2027, 6, 1)),
    )
    assert_refused(house, verified, MoveRefused)


def test_what_was_held_in_a_dispute_and_settled_is_not_a_decision_any_more(house, verified):
    """Not the clerk's, who decided before, nor the principal's, whose name and time the row has."""
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    hold_link(house, "ana.ruiz", verified.id)
    settle_dispute(house, "ana.ruiz", verified.id)
    assert stored(house, verified)[0].state is LinkState.VERIFIED
    assert_refused(house, verified, TooLate)
    assert_refused(house, verified, TooLate, "ana.ruiz")


def test_nor_is_what_a_restriction_held_until_it_was_lifted(house, verified):
    house.directory.people |= {uid: staff(uid, "0552:principal") for uid in ("ana.ruiz", "max.ott")}
    restriction = place(
        house,
        "ana.ruiz",
        Order(IRIS.number, "Amara", "Quintero-Bell", True, False, "court-order", date(2027, 6, 1)),
    )
    ask_lift(house, "ana.ruiz", restriction.id)
    confirm_lift(house, "max.ott", restriction.id)
    link = stored(house, verified)[0]
    assert (link.state, link.decided_by) == (LinkState.VERIFIED, f"entry-{CLERK}")
    assert_refused(house, verified, TooLate)


def test_a_link_that_moved_from_an_earlier_account_was_nobodys_decision(house, verified):
    new = Parent(ParentId("new-account"), "new@mail.example", "Amara", "Quintero-Bell", "en", NOW)
    with house.store.transaction() as rows:
        rows.parents.save(new)
    visit = asked(house, new.id, claim_for(IRIS)).visit
    record_identity(house, CLERK, visit, LAKESIDE, "passport")
    (link,) = move_links(house, CLERK, visit, AMARA)
    assert (link.state, link.decided_by) == (LinkState.VERIFIED, None)
    assert_refused(house, link, TooLate)
    assert_refused(house, verified, MoveRefused)  # the earlier account's is ended


def test_a_decision_others_have_built_on_is_not_mine_to_undo(house, waiting):
    """A second person verified what I asked: theirs is the last word, though mine is young."""
    handed_on(house, waiting, Move.ASK_SECOND, "link:second-person-asked", evidence="court-order")
    with house.store.reading() as rows:
        link = rows.links.get(waiting.id)
    who = staff_member(house, COLLEAGUE)
    done = decided(confirmed(house, link, IRIS), who)
    with house.store.transaction() as rows:
        record(rows, link, replace(done, version=done.version + 1), "link:verified", actor(who), evidence="x")
    assert_refused(house, waiting, TooLate, CLERK)
    assert undo_decision(house, COLLEAGUE, waiting.id).first_staff is None


# --- the visit -----------------------------------------------------------------------------------


def test_the_link_moves_to_the_visit_the_parent_opened_meanwhile(house, verified):
    other = asked(house, AMARA, claim_for(MATEO))
    assert other.visit != verified.visit
    done = undo_decision(house, CLERK, verified.id)
    assert done.visit == other.visit
    with house.store.reading() as rows:
        assert rows.visits.get(verified.visit).closed_at is not None
        assert {link.id for link in rows.links.of_visit(other.visit)} == {other.id, done.id}


def test_a_visit_that_is_still_open_for_another_child_takes_it_back(house, waiting):
    other = asked(house, AMARA, claim_for(TEO))
    refuse_link(house, CLERK, waiting.id, "not-the-student")
    done = undo_decision(house, CLERK, waiting.id)
    assert done.visit == waiting.visit == other.visit


def test_where_the_last_day_passed_meanwhile_today_is_the_last_day(house):
    house.clock.advance(hours=13, minutes=50)  # ten minutes to midnight in Florida
    link = asked(house, AMARA, claim_for(IRIS))
    with house.store.transaction() as rows:
        rows.visits.save(replace(rows.visits.get(link.visit), visit_by=date(2026, 11, 24)))
    refuse_link(house, CLERK, link.id, "not-the-student")
    house.clock.advance(minutes=12)
    undo_decision(house, CLERK, link.id)
    assert stored(house, link)[1].visit_by == date(2026, 11, 25)


@pytest.mark.parametrize("again", [claim_for(IRIS), replace(claim_for(IRIS), birth_date=date(2016, 3, 8))])
def test_a_new_request_for_the_same_child_stands_in_the_way(house, waiting, again):
    refuse_link(house, CLERK, waiting.id, "not-the-student")
    asked(house, AMARA, again)
    assert_refused(house, waiting, MoveRefused)


def test_nor_can_two_wait_for_the_number_that_was_typed_before_it_was_corrected(house):
    """The database holds one waiting request for each number a parent typed."""
    typed = replace(claim_for(IRIS), student_number=StudentNumber("46999999"))
    link = asked(house, AMARA, typed)
    correct_claim(house, CLERK, link.id, IRIS.number, IRIS.birth_date)
    refuse_link(house, CLERK, link.id, "relationship-not-shown")
    asked(house, AMARA, typed)
    assert_refused(house, link, MoveRefused)


def test_an_account_that_was_deleted_meanwhile_gets_no_request_back(house, waiting):
    refuse_link(house, CLERK, waiting.id, "relationship-not-shown")
    delete_account(house, AMARA)
    assert_refused(house, waiting, MoveRefused)
    with house.store.reading() as rows:
        assert rows.visits.open_of(AMARA) is None


def test_nor_does_one_that_keycloak_no_longer_has(house, waiting):
    refuse_link(house, CLERK, waiting.id, "relationship-not-shown")
    with house.store.transaction() as rows:
        assert vanished(rows, AMARA, house.clock.now())
    assert_refused(house, waiting, MoveRefused)


def test_a_request_of_the_other_parent_or_for_the_other_child_does_not(house, waiting):
    refuse_link(house, CLERK, waiting.id, "not-the-student")
    asked(house, OTHER, claim_for(IRIS))
    asked(house, AMARA, claim_for(TEO))
    assert undo_decision(house, CLERK, waiting.id).state is LinkState.AWAITING_VISIT


# --- mails ---------------------------------------------------------------------------------------


def test_a_mail_about_the_decision_that_has_not_gone_does_not_go(house, verified):
    undo_decision(house, CLERK, verified.id)
    assert mails(house) == ["request-received"]


def test_nor_does_the_other_guardian_hear_of_it(house, waiting):
    confirmed(house, asked(house, OTHER, claim_for(IRIS)), IRIS)
    mails(house)
    house.mail.letters.clear()
    verify_link(house, CLERK, waiting.id, "school-record")
    undo_decision(house, CLERK, waiting.id)
    assert mails(house) == []


def test_a_mail_of_another_child_goes(house, waiting):
    other = asked(house, AMARA, claim_for(TEO))
    refuse_link(house, CLERK, other.id, "not-the-student")
    refuse_link(house, CLERK, waiting.id, "not-the-student")
    undo_decision(house, CLERK, waiting.id)
    assert sorted(mails(house)) == ["refused", "request-received"]


def test_after_a_mail_went_the_next_decision_is_told_again(house, waiting):
    for _ in range(3):
        refuse_link(house, CLERK, waiting.id, "not-the-student")
        mails(house)
        house.clock.advance(seconds=1)
        undo_decision(house, CLERK, waiting.id)
    assert mails(house) == [*["refused"] * 3, "taken-back"]
    assert len({letter.id for letter in house.mail.letters}) == 4  # each a mail, and so an id, of its own
    assert len(links_of(house, AMARA)) == 1
