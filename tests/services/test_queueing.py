"""The front page and its search: which lists, whose, how many, in which order; nothing of other schools."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from idp_bridge.domain.errors import NoDuty
from idp_bridge.domain.link import Move, moved
from idp_bridge.domain.people import Parent, ParentId, SchoolCode
from idp_bridge.services import queueing
from idp_bridge.services.counter import staff_member
from idp_bridge.services.disputing import hold_link, settle_dispute
from idp_bridge.services.linking import leave_link
from idp_bridge.services.queueing import Tab, queue, search
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.restricting import Order, ask_lift, confirm_lift, place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO, staff
from tests.web.families import after, asked, claim, claim_for, confirmed

CLERK, ELSEWHERE, DISTRICT = "jo.hathaway", "sam.okafor", "dee.collins"
EMAILS = {AMARA: "Amara@Mail.example", OTHER: "bo@mail.example"}


@pytest.fixture(autouse=True)
def _parents(house):
    with house.store.transaction() as rows:
        for parent, email in EMAILS.items():
            rows.parents.save(Parent(parent, email, "Amara", "Quintero-Bell", "en", NOW))


def page(house, uid: str, tab: Tab = Tab.ALL, first: int = 0, size: int = 10):
    return queue(house, staff_member(house, uid), tab, first, size)


def found(house, uid: str, words: str) -> list[str]:
    return [one.link.id for one in search(house, staff_member(house, uid), words)]


def changed(house, link, move: Move, **more):
    done = replace(moved(link, move, house.clock.now()), **more)
    with house.store.transaction() as rows:
        rows.links.save(done)
    return done


def crowd(house, many: int) -> None:
    for number in range(many):
        parent = ParentId(f"p-{number:04}")
        with house.store.transaction() as rows:
            rows.parents.save(Parent(parent, f"{number}@mail.example", "P", "Li", "en", NOW))
        asked(house, parent, claim("46999999"))


def test_all_are_the_visits_that_wait_at_my_schools(house, clock):
    asked(house, AMARA, claim_for(IRIS))
    clock.advance(days=1)
    asked(house, OTHER, claim_for(MATEO))
    mine = page(house, CLERK)
    assert ([row.parent.id for row in mine.rows], mine.counts[Tab.ALL]) == ([AMARA], 1)
    assert (mine.school.code, mine.schools) == ("0552", {"0552"})
    every = page(house, DISTRICT, first=1, size=1)
    assert ([row.parent.id for row in every.rows], every.counts[Tab.ALL], every.first) == ([OTHER], 2, 1)
    assert (every.school, every.schools, every.today) == (None, None, date(2026, 11, 25))


def test_a_clerk_at_two_schools_sees_both_lists_in_one_order(house, clock):
    house.directory.set_roles(CLERK, "0552:office", "0610:principal")
    asked(house, AMARA, claim_for(MATEO))
    clock.advance(days=1)
    asked(house, OTHER, claim_for(IRIS))
    shown = page(house, CLERK)
    assert [row.parent.id for row in shown.rows] == [AMARA, OTHER]
    assert shown.counts[Tab.ALL] == 2


def test_a_visit_that_waits_at_two_of_my_schools_counts_once(house):
    house.directory.set_roles(CLERK, "0552:office", "0610:office")
    asked(house, AMARA, replace(claim_for(MATEO), school=SchoolCode("0552")))
    for uid in (CLERK, DISTRICT):
        shown = page(house, uid)
        assert (len(shown.rows), shown.counts[Tab.ALL], shown.counts[Tab.WEEK]) == (1, 1, 0)


def test_this_week_ends_on_sunday_and_holds_what_is_overdue(house, clock):
    asked(house, AMARA, claim_for(IRIS))  # Tuesday, November 24: until Tuesday, December 8
    assert page(house, CLERK).counts[Tab.WEEK] == 0
    clock.advance(days=12)  # Sunday, December 6
    assert page(house, CLERK).counts[Tab.WEEK] == 0
    clock.advance(days=1)
    assert [row.parent.id for row in page(house, CLERK, Tab.WEEK).rows] == [AMARA]
    clock.advance(days=7)
    assert page(house, CLERK).counts[Tab.WEEK] == 1


def test_what_waits_for_a_second_person_is_listed_though_the_visit_is_over(house, clock):
    link = asked(house, AMARA, claim_for(IRIS))
    changed(house, link, Move.ASK_SECOND, first_staff="entry-jo.hathaway")
    with house.store.transaction() as rows:
        rows.visits.save(replace(rows.visits.get(link.visit), closed_at=clock.now()))
    for uid in (CLERK, DISTRICT):
        shown = page(house, uid, Tab.SECOND)
        assert shown.counts[Tab.SECOND] == 1
        assert [one.first_staff for one in shown.rows[0].links] == ["entry-jo.hathaway"]
        assert page(house, uid).rows == ()
    assert page(house, ELSEWHERE, Tab.SECOND).rows == ()


def test_what_is_referred_is_the_district_s_alone(house):
    link = asked(house, AMARA, claim_for(IRIS))
    changed(house, link, Move.REFER)
    assert [row.visit.id for row in page(house, DISTRICT, Tab.REFERRED).rows] == [link.visit]
    clerk = page(house, CLERK, Tab.REFERRED)
    assert (clerk.tab, clerk.rows) == (Tab.ALL, ())
    assert Tab.REFERRED not in clerk.counts


def test_what_has_not_arrived_in_the_apps_is_listed_with_since_when(house, clock):
    link = confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS, arrived=False)
    since = clock.now()
    clock.advance(hours=2)
    for uid, many in ((CLERK, 1), (DISTRICT, 1), (ELSEWHERE, 0)):
        shown = page(house, uid, Tab.APPS)
        assert shown.counts[Tab.APPS] == many
        assert [(one.link.id, one.student, one.since) for one in shown.arriving] == [
            (link.id, IRIS, since)
        ] * many
    with house.store.transaction() as rows:
        lease = rows.projections.take(AMARA, clock.now(), clock.now() + timedelta(minutes=1))
        rows.projections.done(lease, 1, clock.now())
    assert page(house, CLERK, Tab.APPS).arriving == ()


def test_a_loss_on_its_way_is_no_link_that_has_not_arrived(house):
    done = confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS, arrived=False)
    after(house, done, Move.REVOKE)
    assert page(house, CLERK).counts[Tab.APPS] == 0


def test_pages_follow_each_other_and_one_past_the_end_is_the_last(house):
    crowd(house, 5)
    seen = [row.visit.id for first in (0, 2, 4) for row in page(house, CLERK, first=first, size=2).rows]
    assert len(set(seen)) == 5
    assert [row.visit.id for row in page(house, CLERK, first=40, size=2).rows] == seen[4:]
    assert page(house, CLERK, first=-3, size=2).first == 0


def test_nobody_counts_or_leafs_further_than_the_most(house, monkeypatch):
    monkeypatch.setattr(queueing, "MOST", 4)
    monkeypatch.setattr(queueing, "GLANCE", 2)
    crowd(house, 7)
    shown = page(house, CLERK, size=2)
    assert (shown.counts[Tab.ALL], shown.most[Tab.ALL]) == (3, 2)  # one more than the most: there are more
    shown = page(house, CLERK, first=6, size=2)
    assert (shown.counts[Tab.ALL], shown.most[Tab.ALL]) == (5, 4)
    assert (shown.first, len(shown.rows)) == (2, 2)


@pytest.mark.parametrize("uid", ["tess.moore", "ira.novak"])
def test_without_a_duty_nothing_is_shown(house, uid):
    asked(house, AMARA, claim_for(IRIS))
    with pytest.raises(NoDuty):
        page(house, uid)
    with pytest.raises(NoDuty):
        search(house, staff_member(house, uid), IRIS.number)


# --- what I just decided -------------------------------------------------------------------------


def decide(house, clock):
    """Let the clerk verify Iris and a minute later refuse Teo."""
    first, second = (asked(house, AMARA, claim_for(child)) for child in (IRIS, TEO))
    record_identity(house, CLERK, first.visit, SchoolCode("0552"), "passport")
    verify_link(house, CLERK, first.id, "school-record")
    clock.advance(minutes=1)
    refuse_link(house, CLERK, second.id, "not-the-student")
    return first, second


def test_my_last_decisions_stand_newest_first(house, clock):
    first, second = decide(house, clock)
    assert [(one.link.id, one.undo) for one in page(house, CLERK).decided] == [
        (second.id, True),
        (first.id, True),
    ]
    assert page(house, DISTRICT).decided == ()


def test_they_are_final_after_the_window_and_gone_the_next_day(house, clock):
    decide(house, clock)
    clock.advance(minutes=15)
    assert [one.undo for one in page(house, CLERK).decided] == [True, False]
    clock.advance(minutes=1)
    assert [one.undo for one in page(house, CLERK).decided] == [False, False]
    clock.advance(hours=14)  # after midnight in Florida
    assert page(house, CLERK).decided == ()


def test_shortly_after_midnight_they_can_still_be_taken_back(house, clock):
    clock.advance(hours=13, minutes=58)  # two minutes to midnight in Florida
    decide(house, clock)
    clock.advance(minutes=5)
    assert [one.undo for one in page(house, CLERK).decided] == [True, True]


def test_at_most_five_are_shown(house, clock):
    crowd(house, 6)
    for row in page(house, CLERK).rows:
        clock.advance(seconds=1)
        refuse_link(house, CLERK, row.links[0].id, "not-the-student")
    assert len(page(house, CLERK).decided) == 5


def test_what_ended_since_is_not_called_decided(house, clock):
    first, second = decide(house, clock)
    leave_link(house, AMARA, first.id)
    assert [one.link.id for one in page(house, CLERK).decided] == [second.id]


def test_nor_is_what_somebody_settled_or_lifted_since(house, clock):
    """The row names who decided before, and its last change is young; the decision is not."""
    first, second = decide(house, clock)
    house.directory.people |= {uid: staff(uid, "0552:principal") for uid in ("ana.ruiz", "max.ott")}
    hold_link(house, "ana.ruiz", first.id)
    settle_dispute(house, "ana.ruiz", first.id)
    assert page(house, "ana.ruiz").decided == ()
    clock.advance(minutes=1)
    order = place(
        house,
        "ana.ruiz",
        Order(IRIS.number, "Amara", "Quintero-Bell", True, False, "court-order", date(2027, 6, 1)),
    )
    ask_lift(house, "ana.ruiz", order.id)
    confirm_lift(house, "max.ott", order.id)
    assert [one.link.id for one in page(house, CLERK).decided] == [second.id]


# --- search --------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["46554860", "4655 4860", " 4655-4860 "])
def test_a_number_finds_the_requests_for_it_open_and_past(house, clock, words):
    past = after(house, asked(house, OTHER, claim_for(IRIS)), Move.DENY, "not-the-student")
    clock.advance(days=1)
    waits = asked(house, AMARA, claim_for(IRIS))
    assert found(house, CLERK, words) == [waits.id, past.id]


def test_a_number_finds_what_was_corrected_to_it_and_who_has_it(house):
    typed = asked(house, AMARA, claim("46999998"))
    changed(house, typed, Move.REFER, corrected_number=IRIS.number)
    named = asked(house, OTHER, claim("46999997"))
    changed(house, named, Move.REFER, student=IRIS.id)
    assert set(found(house, CLERK, IRIS.number)) == {typed.id, named.id}


@pytest.mark.parametrize("words", ["amara@mail.example", "AMARA@MAIL.EXAMPLE", "  Amara@mail.example "])
def test_an_e_mail_finds_all_of_the_account_in_any_case(house, clock, words):
    first = asked(house, AMARA, claim_for(IRIS))
    clock.advance(seconds=1)
    second = asked(house, AMARA, claim_for(TEO))
    asked(house, OTHER, claim_for(IRIS))
    assert found(house, CLERK, words) == [second.id, first.id]


@pytest.mark.parametrize(
    "words", ["amara@mail.exampl", "mara@mail.example", "%@mail.example", "_mara@mail.example"]
)
def test_only_the_whole_e_mail_finds(house, words):
    asked(house, AMARA, claim_for(IRIS))
    assert found(house, CLERK, words) == []


def test_what_is_at_another_school_is_as_good_as_not_there(house):
    link = confirmed(house, asked(house, AMARA, claim_for(MATEO)), MATEO)
    for words in (MATEO.number, EMAILS[AMARA]):
        assert found(house, CLERK, words) == found(house, CLERK, "46999999") == []
        assert found(house, ELSEWHERE, words) == found(house, DISTRICT, words) == [link.id]


def test_a_claim_at_my_school_stays_to_be_found_whatever_became_of_it(house):
    """Else its going would tell the clerk that the number fits a child of another school."""
    hit = asked(house, AMARA, replace(claim_for(MATEO), school=SchoolCode("0552")))
    miss = asked(house, OTHER, claim("46999999"))
    for link in (hit, miss):
        after(house, link, Move.LAPSE)
    assert found(house, CLERK, MATEO.number) == [hit.id]
    assert found(house, CLERK, "46999999") == [miss.id]


def test_what_the_parent_took_back_is_not_found(house):
    after(house, asked(house, AMARA, claim_for(IRIS)), Move.CANCEL)
    assert found(house, CLERK, IRIS.number) == []


def test_a_long_list_of_results_is_cut_off(house, monkeypatch):
    monkeypatch.setattr(queueing, "MOST_FOUND", 3)
    crowd(house, 5)
    assert len(found(house, CLERK, "46999999")) == 3
