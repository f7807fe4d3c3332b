"""Due marks and leases: nothing is lost, two never write one parent at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.services.journals import Seen
from tests.conftest import AMARA, NOW, OTHER

THIRD = ParentId("33333333-3333-4333-8333-333333333333")
SOON = NOW + timedelta(seconds=60)


@pytest.fixture
def parents(store):
    with store.transaction() as rows:
        for parent in (AMARA, OTHER, THIRD):
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


def take_most_urgent(store, most=2, now=NOW):
    with store.transaction() as rows:
        return [lease.parent for lease in rows.projections.take_most_urgent(now, SOON, "here:1", most)]


@pytest.mark.usefixtures("parents")
class TestMostUrgent:
    def test_a_few_that_wait_longest_are_taken_at_once_and_by_nobody_else(self, store):
        for seconds, parent in enumerate((THIRD, AMARA, OTHER)):
            mark(store, parent, at=NOW + timedelta(seconds=seconds))
        assert take_most_urgent(store) == [THIRD, AMARA]
        assert take(store, AMARA) is None
        assert take_most_urgent(store) == [OTHER]
        assert take_most_urgent(store) == []

    def test_who_lost_something_is_taken_first_and_alone(self, store):
        for parent in (THIRD, AMARA):
            mark(store, parent, at=NOW)
        mark(store, OTHER, loss=True, at=NOW + timedelta(seconds=9))
        assert take_most_urgent(store, 3) == [OTHER]
        assert set(take_most_urgent(store, 3)) == {THIRD, AMARA}

    def test_the_lease_is_the_one_a_single_parent_would_get(self, store):
        mark(store, loss=True)
        with store.transaction() as rows:
            (lease,) = rows.projections.take_most_urgent(NOW, SOON, "here:1", 4)
            assert rows.projections.holders(NOW) == ("here:1",)
            assert rows.projections.done(lease, 3, NOW, Seen(3, "f" * 64))
        mark(store)
        again = take(store)
        assert (lease.fence, again.fence) == (1, 2)
        assert (lease.after_loss, again.after_loss) == (True, False)
        assert (lease.seen, again.seen) == (None, Seen(3, "f" * 64))

    def test_who_waits_for_the_next_try_or_was_stopped_is_passed_over(self, store):
        for parent in (AMARA, OTHER, THIRD):
            mark(store, parent)
        with store.transaction() as rows:
            rows.projections.failed(rows.projections.take(AMARA, NOW, SOON), "x", NOW + timedelta(hours=1))
            rows.projections.stop(rows.projections.take(OTHER, NOW, SOON), "x", NOW, Seen(9, "f" * 64))
        assert take_most_urgent(store, 3) == [THIRD]


@pytest.mark.usefixtures("parents")
def test_several_are_done_at_once_as_each_would_be_alone(store):
    """A newer mark survives, and who was fenced out changes nothing."""
    for parent in (AMARA, OTHER, THIRD):
        mark(store, parent)
    leases = {parent: take(store, parent) for parent in (AMARA, OTHER, THIRD)}
    mark(store, OTHER, loss=True, at=NOW + timedelta(seconds=5))
    later = SOON + timedelta(seconds=1)
    take(store, THIRD, now=later, until=later + timedelta(seconds=60))
    with store.transaction() as rows:
        rows.projections.all_done({lease: Seen(7, "a" * 64) for lease in leases.values()}, NOW)
        rows.projections.all_done({}, NOW)
        found = {parent: rows.projections.get(parent) for parent in leases}
    assert [found[parent].due_since is None for parent in leases] == [True, False, False]
    assert [found[parent].loss for parent in leases] == [False, True, False]
    assert [found[parent].done_rev for parent in leases] == [7, 7, 0]
    assert [found[parent].seen_rev for parent in leases] == [7, 7, None]
    assert found[AMARA].done_at == found[AMARA].seen_at == NOW
