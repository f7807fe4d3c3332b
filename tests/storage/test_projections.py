"""Due marks and leases: nothing is lost, two never write one parent at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp_bridge.domain.people import Parent, ParentId
from tests.conftest import AMARA, NOW, OTHER

SOON = NOW + timedelta(seconds=60)


@pytest.fixture
def parents(store):
    with store.transaction() as rows:
        for parent in (AMARA, OTHER):
            rows.parents.save(Parent(parent, f"{parent}@mail.example", "A", "B", "en", NOW))


def mark(store, parent=AMARA, *, loss=False, at=NOW):
    with store.transaction() as rows:
        rows.projections.mark_due(parent, at, loss=loss)


def take(store, parent=AMARA, now=NOW, until=SOON):
    with store.transaction() as rows:
        return rows.projections.take(parent, now, until)


@pytest.mark.usefixtures("parents")
class TestLease:
    def test_only_a_due_parent_can_be_taken(self, store):
        assert take(store) is None
        mark(store)
        assert take(store).fence == 1

    def test_two_never_hold_one_parent(self, store):
        mark(store)
        assert take(store)
        assert take(store) is None
        with store.reading() as rows:
            assert rows.projections.due(NOW, 10) == ()

    def test_a_lease_that_ran_out_is_taken_over_and_the_first_is_fenced_out(self, store):
        mark(store)
        first = take(store)
        second = take(store, now=SOON + timedelta(seconds=1), until=SOON + timedelta(seconds=60))
        assert second.fence == first.fence + 1
        with store.transaction() as rows:
            assert not rows.projections.done(first, 1, NOW)
            rows.projections.failed(first, "late", NOW)
            assert rows.projections.get(AMARA).last_error is None
            assert rows.projections.done(second, 1, NOW)

    def test_done_clears_the_mark(self, store):
        mark(store, loss=True)
        lease = take(store)
        assert lease.after_loss
        with store.transaction() as rows:
            assert rows.projections.done(lease, 5, NOW)
            row = rows.projections.get(AMARA)
        assert (row.due_since, row.done_rev, row.done_at, row.attempts) == (None, 5, NOW, 0)

    def test_a_mark_that_comes_during_the_write_survives_it_with_its_loss(self, store):
        mark(store)
        lease = take(store)
        mark(store, loss=True, at=NOW + timedelta(seconds=5))
        with store.transaction() as rows:
            rows.projections.done(lease, 5, NOW)
        again = take(store)
        assert again
        assert again.after_loss

    def test_a_failure_waits_and_keeps_the_loss(self, store):
        mark(store, loss=True)
        lease = take(store)
        later = NOW + timedelta(seconds=4)
        with store.transaction() as rows:
            rows.projections.failed(lease, "Unreachable: keycloak", later)
        assert take(store) is None
        again = take(store, now=later)
        assert (again.attempts, again.after_loss) == (1, True)

    def test_a_new_mark_ends_the_waiting(self, store):
        mark(store)
        with store.transaction() as rows:
            rows.projections.failed(rows.projections.take(AMARA, NOW, SOON), "x", NOW + timedelta(hours=1))
        mark(store)
        assert take(store)


@pytest.mark.usefixtures("parents")
def test_losses_first_then_the_oldest(store):
    mark(store, AMARA, at=NOW)
    mark(store, OTHER, loss=True, at=NOW + timedelta(seconds=9))
    with store.reading() as rows:
        assert rows.projections.due(NOW, 10) == (OTHER, AMARA)
        assert rows.projections.due(NOW, 1) == (OTHER,)


@pytest.mark.usefixtures("parents")
def test_overdue_is_who_failed_and_may_be_tried_again_losses_first(store):
    third = ParentId("33333333-3333-4333-8333-333333333333")
    with store.transaction() as rows:
        rows.parents.save(Parent(third, "c@mail.example", "A", "B", "en", NOW))
    mark(store, AMARA)
    mark(store, OTHER, loss=True, at=NOW + timedelta(seconds=1))
    mark(store, third)
    later = NOW + timedelta(seconds=4)
    for parent in (AMARA, OTHER):
        with store.transaction() as rows:
            rows.projections.failed(rows.projections.take(parent, NOW, SOON), "x", later)
    with store.reading() as rows:
        assert rows.projections.overdue(NOW, 10) == ()
        assert rows.projections.overdue(later, 10) == (OTHER, AMARA)
        assert rows.projections.overdue(later, 1) == (OTHER,)
