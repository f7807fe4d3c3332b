"""All accounts at once, and what happened to them: the same promises of the fake and of the real Keycloak."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from idp_bridge.domain.claims import EMPTY
from idp_bridge.domain.people import ParentId
from idp_bridge.outside import keycloak_events
from idp_bridge.services.ports import Account, AccountEvent, AccountEventKind, Author
from tests.contract.account_sides import Side, address
from tests.contract.test_accounts import LINKED

SMALL = 2
BEFORE = timedelta(milliseconds=1)
HAPPENINGS: dict[str, tuple[Callable[[Side, ParentId], None], AccountEventKind]] = {
    "an administrator saves a page": (
        lambda side, parent: side.change(parent, first_name="Zoe"),
        AccountEventKind.CHANGED_BY_SOMEBODY,
    ),
    "an administrator deletes the account": (
        lambda side, parent: side.remove(parent),
        AccountEventKind.CHANGED_BY_SOMEBODY,
    ),
    "the parent changes the e-mail": (
        lambda side, parent: side.change_own_email(parent, address()),
        AccountEventKind.EMAIL_CHANGED,
    ),
    "the parent changes the name": (
        lambda side, parent: side.change_own_name(parent, "Zofia"),
        AccountEventKind.PROFILE_CHANGED,
    ),
    "the parent deletes the account": (
        lambda side, parent: side.remove_own(parent),
        AccountEventKind.DELETED,
    ),
    "somebody sets a password with our key": (
        lambda side, parent: side.set_password_as_bridge(parent),
        AccountEventKind.PASSWORD_SET_BY_US,
    ),
}


def about(side: Side, parent: ParentId | None, since: datetime) -> list[AccountEvent]:
    return [event for event in side.accounts.events(since) if event.parent == parent]


def after_now(side: Side) -> datetime:
    """Return a time after everything until now: two things can share a millisecond."""
    moment = side.now()
    while side.now() - moment < BEFORE:
        pass
    return side.now()


def paged(side: Side, size: int) -> list[Account]:
    found: list[Account] = []
    while page := side.accounts.members(len(found), size):
        assert len(page) <= size
        found += page
    return found


def test_every_member_comes_once_with_attributes_whatever_the_page(side):
    made = {side.register(address()) for _ in range(2 * SMALL + 1)}
    one = next(iter(made))
    side.accounts.write_links(side.accounts.get(one), LINKED)
    whole = paged(side, 500)
    found = {account.id: account for account in whole}
    assert made <= found.keys()
    assert len(found) == len(whole)
    assert [account.id for account in paged(side, SMALL)] == [account.id for account in whole]
    for parent in made:
        assert found[parent] == side.accounts.get(parent) == side.stored(parent)
        expected = LINKED if parent == one else EMPTY
        assert found[parent].attributes["student_links"] == (expected,)


def test_nobody_outside_the_group_is_among_the_members(side, parent):
    outside = side.register(address(), outside=True)
    ids = {account.id for account in paged(side, 500)}
    assert parent in ids
    assert outside not in ids


def test_a_disabled_account_is_a_member_and_says_so(side):
    parent = side.register(address(), enabled=False)
    (found,) = (account for account in paged(side, 500) if account.id == parent)
    assert not found.enabled


@pytest.mark.parametrize("happening", HAPPENINGS)
def test_what_happens_to_an_account_is_told(side, parent, happening):
    do, kind = HAPPENINGS[happening]
    since = after_now(side)
    do(side, parent)
    told = about(side, parent, since)
    assert kind in {event.kind for event in told}
    assert {event.kind for event in told} <= {kind, AccountEventKind.CHANGED_BY_SOMEBODY}
    assert len({event.id for event in told}) == len(told)
    assert all(since <= event.at <= side.now() for event in told)


def test_what_the_bridge_does_is_not_told_but_for_when_it_last_wrote(side, parent):
    since = after_now(side)
    side.accounts.write_links(side.accounts.get(parent), EMPTY)
    between = after_now(side)
    side.accounts.write_links(side.accounts.get(parent), LINKED)
    side.accounts.end_sessions(parent)
    side.accounts.drop_offline_tokens(parent)
    assert about(side, parent, since) == []
    (newest,) = (event for event in side.accounts.events(since) if event.kind is AccountEventKind.OURS)
    assert newest.parent is None
    assert between <= newest.at <= side.now()
    assert newest in side.accounts.events(newest.at)


def test_signing_in_is_not_told(side, parent):
    side.sign_in(parent, "oneview")
    kinds = {event.kind for event in about(side, parent, side.now() - timedelta(minutes=1))}
    assert kinds <= {AccountEventKind.CHANGED_BY_SOMEBODY}  # how the administrator made the account


def test_a_changed_mapper_is_told_by_its_kind_and_about_nobody(side):
    since = after_now(side)
    side.change_mapper()
    (told,) = (event for event in side.accounts.events(since) if event.kind is AccountEventKind.REALM_CHANGED)
    assert (told.parent, told.what) == (None, "protocol_mapper")


def test_only_what_happened_since_then_is_told_the_oldest_first(side, parent):
    began = after_now(side)
    for name in ("Ann", "Bea"):
        side.change(parent, first_name=name)
    between = after_now(side)
    side.change(parent, first_name="Cleo")
    every, later = about(side, parent, began), about(side, parent, between)
    assert (len(every), len(later)) == (3, 1)
    assert later == every[2:]
    assert [event.at for event in every] == sorted(event.at for event in every)
    assert about(side, parent, after_now(side)) == []


@pytest.mark.live
def test_the_real_list_is_read_to_its_end(real_side, monkeypatch):
    parent = real_side.register(address())
    began = after_now(real_side)
    for number in range(2 * SMALL + 1):
        real_side.change(parent, first_name=f"Zoe {number}")
    monkeypatch.setattr(keycloak_events, "PAGE", SMALL)
    told = about(real_side, parent, began)
    assert len({event.id for event in told}) == len(told) == 2 * SMALL + 1


def test_nothing_is_told_of_somebody_who_never_was(side):
    assert about(side, ParentId(str(uuid.uuid4())), side.now() - timedelta(days=1)) == []


# --- what changed in accounts ---------------------------------------------------------------------


def changes_of(side, parent, since):
    return side.accounts.changes([parent], since)[parent]


def test_changes_of_an_account_are_told_with_who_made_them_and_what_the_parent_changed(side, parent):
    since = after_now(side)
    side.change_own_name(parent, "Zofia")
    side.accounts.write_links(side.accounts.get(parent), LINKED)
    side.change(parent, first_name="Zoe")
    own, ours, somebodys = changes_of(side, parent, since)
    assert [one.by for one in (own, ours, somebodys)] == [Author.PARENT, Author.BRIDGE, Author.SOMEBODY]
    assert (own.before, own.after) == ({"first_name": "Zoë"}, {"first_name": "Zofia"})
    assert [(one.before, one.after) for one in (ours, somebodys)] == [({}, {})] * 2
    assert since <= own.at <= ours.at <= somebodys.at <= side.now()
    assert len({one.id for one in (own, ours, somebodys)}) == 3


def test_a_new_e_mail_is_a_new_user_name_too(side, parent):
    since, before, after = after_now(side), side.stored(parent).email, address()
    side.change_own_email(parent, after)
    (own,) = changes_of(side, parent, since)
    assert own.before == {"email": before, "username": before}
    assert own.after == {"email": after, "username": after}


def test_where_the_parent_changed_nothing_nobodys_changes_are_told(side, parent):
    since = after_now(side)
    side.accounts.write_links(side.accounts.get(parent), LINKED)
    side.change(parent, first_name="Zoe")
    side.accounts.end_sessions(parent)
    side.change_own_name(side.register(address()), "Zofia")
    assert side.accounts.changes([parent], since) == {}


def test_only_changes_since_then_are_told(side, parent):
    side.change_own_name(parent, "Zofia")
    since = after_now(side)
    side.change(parent, first_name="Zoe")
    assert side.accounts.changes([parent], since) == {}


def test_of_several_those_are_told_whose_parent_changed_something(side, parent):
    since = after_now(side)
    other, idle, stranger = (side.register(address()) for _ in range(3))
    side.change_own_name(parent, "Zofia")
    side.change_own_name(stranger, "Olga")
    side.change(idle, first_name="Zoe")
    side.change_own_name(other, "Ottilie")
    side.accounts.write_links(side.accounts.get(other), LINKED)
    told = side.accounts.changes([idle, other, parent], since)
    assert told == {one: changes_of(side, one, since) for one in (other, parent)}
    assert [one.by for one in told[other]] == [Author.PARENT, Author.BRIDGE]
    assert side.accounts.changes([], since) == {}


def test_however_many_others_change_theirs_nobody_is_missed(real_side, monkeypatch):
    monkeypatch.setattr(keycloak_events, "PAGE", SMALL)
    parents = [real_side.register(address()) for _ in range(SMALL + 1)]
    since = after_now(real_side)
    for parent in parents:
        real_side.change_own_name(parent, "Zofia")
    last = parents[-2:]
    told = real_side.accounts.changes(last, since)
    assert [one.after for parent in last for one in told[parent]] == [{"first_name": "Zofia"}] * 2
