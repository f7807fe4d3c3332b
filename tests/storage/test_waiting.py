"""The desk's lists hold what links, visits and students say, after every kind of write."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.domain.link import LinkState, Move, moved
from idp_bridge.domain.people import Parent, SchoolCode
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.storage import tables
from idp_bridge.storage.waiting import true_places
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO
from tests.web.families import after, asked, claim, claim_for, confirmed

LAKESIDE = SchoolCode("0552")


@pytest.fixture(autouse=True)
def _parents(house):
    with house.store.transaction() as rows:
        for parent in (AMARA, OTHER):
            rows.parents.save(Parent(parent, f"{parent}@mail.example", "A", "Li", "en", NOW))


def listed(house) -> set[tuple[str, str, object, str]]:
    """Return list, school, day and link of every entry; the whole must be what the truth says."""
    with house.store.connection(write=False) as connection:
        kept = {tuple(row) for row in connection.execute(sa.select(tables.waiting_places))}
        assert kept == {tuple(row) for row in connection.execute(true_places(sa.true()))}
    return {(row[0], row[1], row[2], row[4]) for row in kept}


def saved(house, link, move: Move, **more):
    done = replace(moved(link, move, NOW), **more)
    with house.store.transaction() as rows:
        rows.links.save(done)
    return done


def day_of(house, link):
    with house.store.reading() as rows:
        return rows.visits.get(link.visit).visit_by


def test_a_request_waits_where_it_was_claimed_and_where_its_student_is(house):
    link = asked(house, AMARA, replace(claim_for(MATEO), school=LAKESIDE))
    day = day_of(house, link)
    assert listed(house) == {("visits", "0552", day, link.id), ("visits", "0610", day, link.id)}


def test_a_claim_that_fits_nobody_waits_where_it_was_claimed(house):
    link = asked(house, AMARA, claim("46999999"))
    assert listed(house) == {("visits", "0552", day_of(house, link), link.id)}


@pytest.mark.parametrize(("move", "which"), [(Move.ASK_SECOND, "second"), (Move.REFER, "referred")])
def test_what_waits_for_somebody_else_is_with_the_student_s_school(house, move, which):
    link = asked(house, AMARA, replace(claim_for(MATEO), school=LAKESIDE))
    saved(house, link, move)
    assert listed(house) == {(which, "0610", day_of(house, link), link.id)}


def test_a_referred_claim_that_fits_nobody_stays_with_the_school_named(house):
    link = saved(house, asked(house, AMARA, claim("46999999")), Move.REFER)
    assert {entry[:2] for entry in listed(house)} == {("referred", "0552")}
    saved(house, link, Move.DENY)
    assert listed(house) == set()


@pytest.mark.parametrize("move", [Move.DENY, Move.CANCEL, Move.LAPSE])
def test_what_is_decided_waits_nowhere(house, move):
    after(house, asked(house, AMARA, claim_for(IRIS)), move)
    assert listed(house) == set()


def test_what_is_verified_waits_nowhere_and_what_is_undone_again(house):
    done = confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)
    assert listed(house) == set()
    saved(house, done, Move.UNDO)
    assert {entry[:2] for entry in listed(house)} == {("visits", "0552")}


def test_another_last_day_moves_the_visit_in_the_list(house):
    link = asked(house, AMARA, claim_for(IRIS))
    later = day_of(house, link) + timedelta(days=5)
    with house.store.transaction() as rows:
        rows.visits.save(replace(rows.visits.get(link.visit), visit_by=later))
    assert {entry[2] for entry in listed(house)} == {later}


def test_a_visit_closed_and_opened_again_leaves_and_comes_back(house, clock):
    link = asked(house, AMARA, claim_for(IRIS))
    before = listed(house)
    with house.store.transaction() as rows:
        visit = rows.visits.get(link.visit)
        rows.visits.save(replace(visit, closed_at=clock.now()))
    assert listed(house) == set()
    with house.store.transaction() as rows:
        rows.visits.save(visit)
    assert listed(house) == before


def test_a_link_that_moves_to_another_visit_is_listed_there_only(house):
    mine, theirs = asked(house, AMARA, claim_for(IRIS)), asked(house, OTHER, claim_for(TEO))
    with house.store.transaction() as rows:
        rows.links.save(replace(mine, visit=theirs.visit, version=mine.version + 1))
    with house.store.connection(write=False) as connection:
        visits = set(connection.execute(sa.select(tables.waiting_places.c.visit)).scalars())
    assert visits == {theirs.visit}
    assert len(listed(house)) == 2


def test_a_student_who_changes_school_changes_the_list(house):
    link = asked(house, AMARA, claim_for(IRIS))
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, school=SchoolCode("0610")),)))
    assert {entry[1] for entry in listed(house)} == {"0552", "0610"}  # the slip still says 0552
    saved(house, link, Move.ASK_SECOND)
    assert {entry[1] for entry in listed(house)} == {"0610"}


def test_a_student_who_leaves_the_roster_changes_nothing_here(house):
    asked(house, AMARA, claim_for(IRIS))
    before = listed(house)
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(withdrawn=(IRIS.id,)))
    assert listed(house) == before != set()


def test_the_timer_empties_the_lists(house, clock):
    for child in (IRIS, TEO, MATEO):
        asked(house, AMARA, claim_for(child))
    assert len(listed(house)) == 3
    clock.advance(days=15)
    lapse_visits(house, clock.now())
    assert listed(house) == set()


def test_a_write_that_was_rolled_back_leaves_the_lists(house):
    link = asked(house, AMARA, claim_for(IRIS))
    before = listed(house)
    with suppress(RuntimeError), house.store.transaction() as rows:
        rows.links.save(moved(link, Move.DENY, NOW))
        raise RuntimeError
    assert listed(house) == before
    with house.store.reading() as rows:
        assert rows.links.get(link.id).state is LinkState.AWAITING_VISIT
