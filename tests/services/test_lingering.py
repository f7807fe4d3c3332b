"""Accounts nobody ever verified are named after a time; nobody who came, and nothing is deleted."""

from __future__ import annotations

from datetime import timedelta

from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.services import comparing
from idp_bridge.services.lingering import never_verified
from tests.conftest import AMARA, NOW

DAYS = 30


def account(house, name, days, *, verified=False):
    parent = ParentId(f"p-{name}")
    house.accounts.add(parent, f"{name}@mail.example")
    house.accounts.change(parent, email_verified=verified, created_at=NOW - timedelta(days=days))
    return parent


def test_only_old_accounts_without_a_verified_email_are_named(house, accounts, monkeypatch):
    monkeypatch.setattr(comparing, "PAGE", 2)
    old = [account(house, f"old-{number}", DAYS + 1) for number in range(3)]
    account(house, "young", DAYS - 1)
    account(house, "verified", DAYS + 1, verified=True)
    assert never_verified(house, DAYS) == tuple(old)
    assert set(accounts.calls) == {"members"}


def test_who_came_to_the_bridge_is_left_out(house):
    known = account(house, "known", DAYS + 1)
    with house.store.transaction() as rows:
        rows.parents.save(Parent(known, "known@mail.example", "A", "B", "en", NOW))
    assert never_verified(house, DAYS) == ()


def test_an_account_of_unknown_age_is_left_out(house, accounts):
    accounts.change(AMARA, email_verified=False)
    assert accounts.stored(AMARA).created_at is None
    assert never_verified(house, DAYS) == ()
