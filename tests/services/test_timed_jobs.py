"""What the clock does beside lapsing and expiring: warn of an end, end links to students who left."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from idp_bridge.domain.link import LinkState, Move, end_of_childhood, moved
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.domain.roster import Roster
from idp_bridge.services.expiring import end_links, end_withdrawn
from idp_bridge.services.linking import request_link
from idp_bridge.services.notifying import send_due, warn_ends
from idp_bridge.services.rostering import import_roster
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, SCHOOLS, TEO
from tests.services.test_linking import _parents, mine  # noqa: F401  (autouse fixture)
from tests.web.families import asked, claim_for, confirmed


def linked(house, student=IRIS, parent=AMARA, ends: datetime | None = None):
    """Verify a link; with `ends` it ends then."""
    link = confirmed(house, asked(house, parent, claim_for(student)), student)
    if ends:
        link = replace(link, expires_at=ends, version=link.version + 1)
        with house.store.transaction() as rows:
            rows.links.save(link)
    return link


def warned(house):
    """Send what is due and return each warning's reason and day."""
    send_due(house, house.clock.now())
    letters = [one for one in house.mail.letters if one.kind is NoticeKind.ENDS_SOON]
    house.mail.letters.clear()
    return [(letter.reason, letter.day) for letter in letters]


def of(house, link):
    with house.store.reading() as rows:
        return rows.links.get(link.id)


class TestWarnEnds:
    def test_90_30_and_7_days_before_the_birthday_each_once(self, house, clock):
        linked(house)
        birthday = date(2034, 3, 9)
        ends = end_of_childhood(IRIS.birth_date, house.rules.zone)
        told = []
        clock.at = ends - timedelta(days=100)
        for _ in range(99):
            warn_ends(house, clock.now())
            told += [(clock.now(), one) for one in warned(house)]
            clock.advance(days=1)
        assert [one for _, one in told] == [("student_is_18", birthday)] * 3
        assert [(ends - at).days for at, _ in told] == [90, 30, 7]

    def test_a_link_verified_20_days_before_its_end_is_told_at_once_and_at_7_days(self, house, clock):
        last = date(2026, 12, 14)
        linked(house, ends=datetime.combine(last + timedelta(days=1), time.min, house.rules.zone))
        told = []
        for _ in range(21):
            warn_ends(house, clock.now())
            told += [(clock.now().date(), one) for one in warned(house)]
            clock.advance(days=1)
        assert [one for _, one in told] == [("expired", last)] * 2
        assert [at for at, _ in told] == [NOW.date(), date(2026, 12, 8)]

    def test_a_dry_run_counts_and_notes_nothing(self, house, clock):
        linked(house, ends=NOW + timedelta(days=5))
        assert warn_ends(house, clock.now(), dry_run=True) == 1
        assert warned(house) == []
        assert [warn_ends(house, clock.now()), warn_ends(house, clock.now())] == [1, 0]

    def test_the_limit_holds_and_the_rest_is_not_starved(self, house, clock):
        for student in (IRIS, TEO, MATEO):
            linked(house, student, ends=NOW + timedelta(days=5))
        counts = [warn_ends(house, clock.now(), limit=1) for _ in range(4)]
        assert counts == [1, 1, 1, 0]
        assert len(warned(house)) == 3

    def test_a_worker_that_was_down_for_weeks_tells_the_nearest_only(self, house, clock):
        linked(house, ends=NOW + timedelta(days=100))
        clock.advance(days=95)
        warn_ends(house, clock.now())
        assert len(warned(house)) == 1

    def test_a_link_on_hold_is_not_written_to(self, house, clock):
        link = linked(house, ends=NOW + timedelta(days=5))
        with house.store.transaction() as rows:
            rows.links.save(moved(link, Move.SUSPEND, clock.now()))
        assert warn_ends(house, clock.now()) == 0

    def test_what_is_on_hold_or_ended_before_the_mail_goes_is_not_told(self, house, clock):
        link = linked(house, ends=NOW + timedelta(days=5))
        warn_ends(house, clock.now())
        with house.store.transaction() as rows:
            rows.links.save(moved(link, Move.SUSPEND, clock.now()))
        assert warned(house) == []

    def test_a_request_has_no_end_to_warn_of(self, house, clock):
        request_link(house, AMARA, claim_for(IRIS))
        clock.at = end_of_childhood(IRIS.birth_date, house.rules.zone) - timedelta(days=6)
        assert warn_ends(house, clock.now()) == 0


class TestEndWithdrawn:
    @pytest.fixture
    def leaves(self, house):
        """Return a function that imports a roster which holds `students` and nobody else."""

        def leave(*students):
            with house.store.reading() as rows:
                hints = rows.roster.hints()
            import_roster(house, Roster(SCHOOLS, students, hints), "0" * 64)

        return leave

    def left_on(self, house):
        with house.store.reading() as rows:
            return rows.students.get(IRIS.id).left_on

    def test_after_the_grace_the_link_ends_once_and_the_token_loses_it(self, house, clock, leaves):
        link = linked(house)
        leaves(TEO, MATEO)
        assert self.left_on(house) == date(2026, 11, 24)
        clock.advance(days=29)
        assert end_withdrawn(house, clock.now()) == 0
        clock.advance(days=1)
        assert end_withdrawn(house, clock.now(), dry_run=True) == 1
        assert of(house, link).state is LinkState.VERIFIED
        assert [end_withdrawn(house, clock.now()) for _ in range(2)] == [1, 0]
        assert (of(house, link).state, of(house, link).reason) == (LinkState.ENDED, "withdrew")
        assert house.wakeup.woken[-1] == AMARA
        send_due(house, clock.now())
        assert (house.mail.letters[-1].kind, house.mail.letters[-1].reason) == (NoticeKind.ENDED, "withdrew")
        with house.store.transaction() as rows:
            assert [event.name for event in rows.audit.of_link(link.id)][-1] == "link:withdrawn"
            assert rows.projections.take(AMARA, clock.now(), clock.now()).after_loss

    def test_who_comes_back_within_the_grace_keeps_the_link(self, house, clock, leaves):
        link = linked(house)
        leaves(TEO, MATEO)
        clock.advance(days=29)
        leaves(IRIS, TEO, MATEO)
        assert self.left_on(house) is None
        clock.advance(days=60)
        assert end_withdrawn(house, clock.now()) == 0
        assert of(house, link).state is LinkState.VERIFIED

    def test_the_day_of_leaving_stays_over_later_imports(self, house, clock, leaves):
        linked(house)
        leaves(TEO, MATEO)
        clock.advance(days=20)
        leaves(replace(TEO, grade="3"), MATEO)
        assert self.left_on(house) == date(2026, 11, 24)

    def test_a_transfer_keeps_the_link(self, house, clock, leaves):
        linked(house)
        leaves(replace(IRIS, school=MATEO.school), TEO, MATEO)
        clock.advance(days=90)
        assert end_withdrawn(house, clock.now()) == 0

    def test_the_limit_holds_and_other_children_are_untouched(self, house, clock, leaves):
        gone = [linked(house, IRIS), linked(house, IRIS, OTHER), linked(house, TEO)]
        kept = linked(house, MATEO)
        leaves(MATEO)
        clock.advance(days=30)
        assert [end_withdrawn(house, clock.now(), limit=2) for _ in range(3)] == [2, 1, 0]
        assert {of(house, link).state for link in gone} == {LinkState.ENDED}
        assert of(house, kept).state is LinkState.VERIFIED

    def test_a_link_on_hold_ends_too_and_a_request_does_not(self, house, clock, leaves):
        link = linked(house)
        waiting = asked(house, OTHER, claim_for(IRIS))
        with house.store.transaction() as rows:
            rows.links.save(moved(link, Move.SUSPEND, clock.now()))
        leaves(TEO, MATEO)
        clock.advance(days=30)
        assert end_withdrawn(house, clock.now()) == 1
        assert of(house, link).state is LinkState.ENDED
        assert of(house, waiting).state is LinkState.AWAITING_VISIT

    def test_a_dry_import_notes_no_day(self, house, leaves):
        with house.store.reading() as rows:
            hints = rows.roster.hints()
        import_roster(house, Roster(SCHOOLS, (TEO,), hints), "0" * 64, dry_run=True)
        assert self.left_on(house) is None


def test_a_request_for_the_second_person_never_stops_the_job_that_ends_links(house, clock):
    """It may hold an end date already, and yet it cannot expire: it is not verified."""
    waits = asked(house, AMARA, claim_for(IRIS))
    second = replace(moved(waits, Move.ASK_SECOND, clock.now()), expires_at=NOW - timedelta(days=1))
    with house.store.transaction() as rows:
        rows.links.save(second)
    linked(house, TEO, ends=NOW)
    assert end_links(house, clock.now()) == 1
    assert of(house, second).state is LinkState.AWAITING_SECOND
