"""Realm `parents` behind its gate: the same promises of the fake and of the real Keycloak."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idp_bridge.domain.claims import EMPTY, MAX_LENGTH
from idp_bridge.domain.people import ParentId
from idp_bridge.services.failures import Gone, OutsideFailure, Refused
from idp_bridge.services.ports import Account, ParentAccounts
from tests.contract.account_sides import address

LINKED = '{"v":1,"rev":7,"asof":1795468790,"links":[{"id":"46554860","rel":"parent","pur":["records"]}]}'
CALLS: dict[str, Callable[[ParentAccounts, Account], object]] = {
    "get": lambda accounts, account: accounts.get(account.id),
    "write_links": lambda accounts, account: accounts.write_links(account, LINKED),
    "end_sessions": lambda accounts, account: accounts.end_sessions(account.id),
    "drop_offline_tokens": lambda accounts, account: accounts.drop_offline_tokens(account.id),
    "uses": lambda accounts, account: accounts.uses(account.id),
}


def test_an_account_is_read_as_it_stands(side):
    email = address()
    account = side.accounts.get(side.register(email))
    assert (account.username, account.email) == (email, email)
    assert (account.first_name, account.last_name) == ("Zoë", "Núñez-O’Brien")
    assert account.enabled
    assert account.email_verified
    assert abs(datetime.now(UTC) - account.created_at) < timedelta(seconds=5)
    assert dict(account.attributes) == {"locale": ("es",), "student_links": (EMPTY,)}


def test_a_new_account_holds_the_explicit_empty_value(side, parent):
    assert side.accounts.get(parent).attributes["student_links"] == (EMPTY,)


@pytest.mark.parametrize("call", CALLS)
def test_an_account_that_is_gone_is_gone_at_every_call(side, parent, call):
    account = side.accounts.get(parent)
    side.remove(parent)
    with pytest.raises(Gone):
        CALLS[call](side.accounts, account)


def test_several_accounts_are_read_at_once_each_as_it_stands(side):
    asked = [side.register(address()) for _ in range(3)]
    side.register(address())
    side.accounts.write_links(side.accounts.get(asked[1]), LINKED)
    found = side.accounts.get_all(asked)
    assert found == {parent: side.accounts.get(parent) for parent in asked}
    assert found[asked[1]].attributes["student_links"] == (LINKED,)
    assert side.accounts.get_all(asked[:1]) == {asked[0]: found[asked[0]]}
    assert side.accounts.get_all([]) == {}


def test_who_is_gone_or_outside_the_group_is_left_out_where_several_are_read(side, parent):
    gone, outside = side.register(address()), side.register(address(), outside=True)
    side.remove(gone)
    never = ParentId(str(uuid.uuid4()))
    assert side.accounts.get_all([gone, outside, never, ParentId("a b"), parent]).keys() == {parent}
    assert side.accounts.get_all([gone, outside]) == {}


def test_an_id_that_never_was_is_gone(side):
    with pytest.raises(Gone):
        side.accounts.get(ParentId(str(uuid.uuid4())))


@pytest.mark.parametrize("call", CALLS)
def test_somebody_outside_the_group_of_parents_is_refused_at_every_call(side, call):
    parent = side.register(address(), outside=True)
    before = side.stored(parent)
    with pytest.raises(Refused):
        CALLS[call](side.accounts, before)
    assert side.stored(parent) == before


def test_after_a_refusal_the_next_parent_is_served(side, parent):
    with pytest.raises(OutsideFailure):
        side.accounts.get(side.register(address(), outside=True))
    assert side.accounts.get(parent).id == parent


def test_a_write_changes_the_one_value_and_nothing_else(side, parent):
    before = side.accounts.get(parent)
    side.accounts.write_links(before, LINKED)
    after = side.accounts.get(parent)
    assert after == replace(before, attributes={**before.attributes, "student_links": (LINKED,)})
    assert side.stored(parent) == after


def test_every_write_replaces_the_value_before(side, parent):
    for rev in (1, 2, 3):
        value = LINKED.replace('"rev":7', f'"rev":{rev}')
        side.accounts.write_links(side.accounts.get(parent), value)
        assert side.accounts.get(parent).attributes["student_links"] == (value,)


def test_the_same_account_may_be_written_twice_after_a_lost_answer(side, parent):
    account = side.accounts.get(parent)
    side.accounts.write_links(account, LINKED)
    side.accounts.write_links(account, LINKED)
    assert side.accounts.get(parent).attributes["student_links"] == (LINKED,)


def test_the_longest_value_comes_back_byte_for_byte(side, parent):
    filler = "x" * (MAX_LENGTH - len(long_value("")))
    value = long_value(filler)
    assert len(value) == MAX_LENGTH
    side.accounts.write_links(side.accounts.get(parent), value)
    assert side.accounts.get(parent).attributes["student_links"] == (value,)


@pytest.mark.parametrize("value", ["x" * MAX_LENGTH, "[]", LINKED + "\n", None])
def test_a_value_that_is_no_claim_is_refused_without_telling_it(side, parent, value):
    value = long_value("x" * MAX_LENGTH) if value is None else value
    before = side.accounts.get(parent)
    with pytest.raises(Refused) as refusal:
        side.accounts.write_links(before, value)
    assert "student_links" in str(refusal.value)
    assert "xxx" not in str(refusal.value)
    assert side.accounts.get(parent) == before


def long_value(filler: str) -> str:
    """Return a value the declared pattern allows, as long as `filler` makes it."""
    return json.dumps({"v": 1, "rev": 1, "asof": 1, "links": [{"id": filler}]}, separators=(",", ":"))


def test_a_disabled_account_stays_disabled(side):
    parent = side.register(address(), enabled=False)
    account = side.accounts.get(parent)
    assert not account.enabled
    side.accounts.write_links(account, LINKED)
    assert not side.accounts.get(parent).enabled


def test_an_address_changed_between_reading_and_writing_is_put_back(side, parent):
    """Known and watched for: why reading and writing are milliseconds apart (facts, "Writing users")."""
    read = side.accounts.get(parent)
    side.change(parent, email=address())
    side.accounts.write_links(read, LINKED)
    assert side.accounts.get(parent).email == read.email


def test_ending_sessions_of_somebody_without_any_is_fine(side, parent):
    side.accounts.end_sessions(parent)
    side.accounts.drop_offline_tokens(parent)
    assert side.accounts.get(parent).enabled


def test_who_signed_in_nowhere_used_nothing(side, parent):
    assert side.accounts.uses(parent) == ()


def test_each_app_is_named_once_with_the_last_time_the_latest_first(side, parent):
    began = datetime.now(UTC) - timedelta(seconds=5)
    for client in ("oneview", "mobile", "oneview", "mobile"):
        side.sign_in(parent, client)
    uses = side.accounts.uses(parent)
    assert sorted(use.client for use in uses) == ["mobile", "oneview"]
    assert all(began < use.last_at < datetime.now(UTC) + timedelta(seconds=5) for use in uses)
    assert [use.last_at for use in uses] == sorted((use.last_at for use in uses), reverse=True)


def test_an_app_is_still_named_after_its_session_ended(side, parent):
    side.sign_in(parent, "oneview")
    side.accounts.end_sessions(parent)
    assert [use.client for use in side.accounts.uses(parent)] == ["oneview"]


def test_nobody_sees_what_another_parent_used(side, parent):
    side.sign_in(side.register(address()), "oneview")
    assert side.accounts.uses(parent) == ()
