"""Visits lapse by the clock, all of them or none in a dry run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.domain.errors import MoveRefused, NotThere
from idp_bridge.domain.link import LinkId, LinkState, Move, moved
from idp_bridge.domain.people import Purpose
from idp_bridge.services.auditing import disclosures, first_bad_row
from idp_bridge.services.expiring import end_links, lapse_visits
from idp_bridge.services.granting import Owner, grant
from idp_bridge.services.linking import leave_link, request_link
from idp_bridge.services.reading import children_of
from idp_bridge.storage import tables
from tests.conftest import AMARA, IRIS, OTHER
from tests.services.test_linking import CLAIM, MISS, _parents, mine, settle  # noqa: F401  (autouse fixture)


@pytest.fixture
def overdue(house, clock):
    for parent in (AMARA, OTHER):
        request_link(house, parent, CLAIM)
        request_link(house, parent, MISS)
    clock.advance(days=15)


@pytest.mark.usefixtures("overdue")
class TestLapse:
    def test_a_dry_run_counts_and_changes_nothing(self, house, clock):
        assert lapse_visits(house, clock.now(), dry_run=True) == 2
        assert {link.state for link in mine(house)} == {LinkState.AWAITING_VISIT}

    def test_every_waiting_request_lapses_once_with_one_event(self, house, clock):
        assert lapse_visits(house, clock.now()) == 2
        assert lapse_visits(house, clock.now()) == 0
        for child in children_of(house, AMARA):
            assert child.link.state is LinkState.LAPSED
            assert [step.event for step in child.steps] == ["link:requested", "link:lapsed"]

    def test_the_limit_holds(self, house, clock):
        assert lapse_visits(house, clock.now(), limit=1) == 1
        assert lapse_visits(house, clock.now(), limit=1) == 1
        assert lapse_visits(house, clock.now(), limit=1) == 0


def test_nothing_lapses_before_its_last_day_is_over(house, clock):
    request_link(house, AMARA, CLAIM)
    clock.advance(days=14)
    assert lapse_visits(house, clock.now()) == 0


class TestEndLinks:
    def end_of(self, house):
        (link,) = [link for link in mine(house) if link.student]
        return link.expires_at

    def test_at_18_the_link_ends_and_the_token_loses_it(self, house, clock):
        settle(house)
        clock.at = self.end_of(house)
        assert end_links(house, clock.now(), dry_run=True) == 1
        assert mine(house)[0].state is LinkState.VERIFIED
        assert end_links(house, clock.now()) == 1
        assert (mine(house)[0].state, mine(house)[0].reason) == (LinkState.ENDED, "student_is_18")
        assert house.wakeup.woken[-1] == AMARA
        with house.store.reading() as rows:
            assert rows.parents.get(AMARA).rev == 2
            assert rows.projections.get(AMARA).due_since is not None
            assert [event.name for event in rows.audit.of_link(mine(house)[0].id)][-1] == "link:came-of-age"
        assert end_links(house, clock.now()) == 0

    def test_a_second_earlier_it_holds(self, house, clock):
        settle(house)
        clock.at = self.end_of(house) - timedelta(seconds=1)
        assert end_links(house, clock.now()) == 0

    def test_an_end_date_before_18_expires(self, house, clock):
        link = settle(house)
        with house.store.transaction() as rows:
            rows.links.save(
                replace(link, expires_at=clock.now() + timedelta(days=30), version=link.version + 1)
            )
        clock.advance(days=30)
        assert end_links(house, clock.now()) == 1
        assert mine(house)[0].reason == "expired"

    def test_a_suspended_link_ends_too(self, house, clock):
        link = settle(house)
        with house.store.transaction() as rows:
            rows.links.save(moved(link, Move.SUSPEND, clock.now()))
        clock.at = self.end_of(house)
        assert end_links(house, clock.now()) == 1

    @pytest.mark.parametrize("state", [LinkState.VERIFIED, LinkState.SUSPENDED])
    def test_a_birth_date_the_roster_corrects_ends_it_on_the_real_birthday(self, house, clock, state):
        link = settle(house)
        if state is LinkState.SUSPENDED:
            with house.store.transaction() as rows:
                rows.links.save(moved(link, Move.SUSPEND, clock.now()))
        today = clock.now().astimezone(house.rules.zone).date()
        born(house, today.replace(year=today.year - 18) + timedelta(days=1))
        assert end_links(house, clock.now()) == 0
        clock.advance(days=1)
        assert end_links(house, clock.now(), dry_run=True) == 1
        assert mine(house)[0].state is state
        assert end_links(house, clock.now()) == 1
        assert (mine(house)[0].state, mine(house)[0].reason) == (LinkState.ENDED, "student_is_18")
        assert house.wakeup.woken[-1] == AMARA
        assert end_links(house, clock.now()) == 0

    def test_the_limit_counts_both_kinds_of_end(self, house, clock):
        other = settle(house, OTHER)
        settle(house)
        born(house, date(2000, 1, 1))
        with house.store.transaction() as rows:
            rows.links.save(replace(other, expires_at=clock.now(), version=other.version + 1))
        assert [end_links(house, clock.now(), limit=1) for _ in range(3)] == [1, 1, 0]

    def test_what_the_student_allows_at_18_stays(self, house, clock):
        link = settle(house)
        born(house, date(2000, 1, 1))
        end_links(house, clock.now())
        grant(house, Owner(IRIS.number, "sub-iris"), link.id, [Purpose.RECORDS])
        assert end_links(house, clock.now()) == 0


def born(house, day: date) -> None:
    """Let an import bring another birth date of the student."""
    with house.store.connection(write=True) as connection:
        students = tables.students
        connection.execute(sa.update(students).where(students.c.id == IRIS.id).values(birth_date=day))


class TestLeave:
    def test_a_parent_ends_their_own_link(self, house):
        link = settle(house)
        leave_link(house, AMARA, link.id)
        assert (mine(house)[0].state, mine(house)[0].reason) == (LinkState.ENDED, "left")
        with house.store.transaction() as rows:
            lease = rows.projections.take(AMARA, house.clock.now(), house.clock.now())
        assert lease.after_loss

    def test_nobody_elses(self, house):
        link = settle(house)
        with pytest.raises(NotThere):
            leave_link(house, OTHER, link.id)
        with pytest.raises(NotThere):
            leave_link(house, AMARA, LinkId("none"))

    def test_a_waiting_request_is_cancelled_not_left(self, house):
        request_link(house, AMARA, CLAIM)
        with pytest.raises(MoveRefused):
            leave_link(house, AMARA, mine(house)[0].id)


def test_the_record_of_disclosures_names_who_and_when_by_ids(house):
    link = settle(house)
    leave_link(house, AMARA, link.id)
    events = disclosures(house, "4655 4860")
    assert [event.name for event in events] == ["link:requested", "link:verified", "link:left"]
    assert {event.parent for event in events} == {AMARA}
    with pytest.raises(NotThere):
        disclosures(house, "00000000")
    assert first_bad_row(house) is None
