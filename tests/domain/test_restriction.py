"""Whom a restriction stands against: the account, or the person's name and birth date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from idp_bridge.domain.birth_date import birth_date_hash, check_born
from idp_bridge.domain.errors import BadInput, MoveRefused
from idp_bridge.domain.link import (
    DISPUTE,
    Claimed,
    Link,
    LinkId,
    LinkState,
    VisitId,
    dispute_settled,
    disputed,
    held_for_dispute,
)
from idp_bridge.domain.matching import same_name
from idp_bridge.domain.people import Parent, ParentId, Relationship, SchoolCode, StudentId, StudentNumber
from idp_bridge.domain.restriction import Basis, Restriction, RestrictionId, against, reviewed

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
KEY = b"k" * 32
BORN, OTHER_DAY = date(1980, 1, 2), date(1980, 2, 1)


def order(**changes) -> Restriction:
    return replace(
        Restriction(
            RestrictionId("r"), StudentId("s"), "Idris", "Marchetti-Cole", BORN, None, True, True,
            Basis.COURT_ORDER, "", date(2027, 6, 1), "entry-1", NOW,
        ),
        **changes,
    )  # fmt: skip


def account(name: str, id: str = "p") -> Parent:
    given, _, family = name.partition(" ")
    return Parent(ParentId(id), "x@mail.example", given, family, "en", NOW)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Idris Marchetti-Cole", "IDRIS MARCHETTI COLE", True),
        ("Idris Marchetti-Cole", "Marchetti-Cole Idris", True),
        ("Ídris Marchettí", "Idris Anton Marchetti-Cole", True),
        ("Sean O’Brien", "Sean OBrien", True),
        ("Sean O'Brien", "Sean O’Brien", True),
        ("Idris Marchetti", "Idris Cole", False),
        ("Idris", "Idris Marchetti", False),
        ("", "", False),
        ("", "Idris Marchetti", False),
    ],
)
def test_names_of_one_person(one, other, same):
    assert same_name(one, other) is same
    assert same_name(other, one) is same


@pytest.mark.parametrize(
    ("on_paper", "on_the_id", "stands"),
    [
        (BORN, BORN, True),
        (BORN, OTHER_DAY, False),
        (BORN, None, True),
        (None, BORN, True),
        (None, None, True),
    ],
)
def test_a_namesake_is_told_by_both_birth_dates_only(on_paper, on_the_id, stands):
    proof = birth_date_hash(KEY, on_the_id) if on_the_id else None
    assert against(order(birth_date=on_paper), account("Idris Marchetti"), proof, KEY) is stands


def test_the_account_itself_whatever_its_name_and_birth_date():
    known = order(parent=ParentId("p"))
    assert against(known, account("Ann Other"), birth_date_hash(KEY, OTHER_DAY), KEY)
    assert against(known, account("Idris Marchetti", "second"), None, KEY)  # a second account is no way out
    assert not against(known, account("Ann Other", "second"), None, KEY)


def test_a_lifted_one_stands_against_nobody():
    assert not against(order(lifted_at=NOW), account("Idris Marchetti"), None, KEY)


def test_the_hash_needs_the_key_and_tells_days_apart():
    hashes = {birth_date_hash(key, day) for key in (KEY, b"j" * 32) for day in (BORN, OTHER_DAY)}
    assert len(hashes) == 4
    assert all(len(one) == 64 and "1980" not in one for one in hashes)


@pytest.mark.parametrize(
    ("born", "reason"), [(date(2026, 11, 25), "in-future"), (date(1899, 1, 1), "too-long-ago")]
)
def test_a_birth_date_nobody_has(born, reason):
    check_born(None, NOW.date())
    check_born(NOW.date(), NOW.date())
    with pytest.raises(BadInput) as fault:
        check_born(born, NOW.date())
    assert fault.value.fields == {"born": reason}


def test_a_review_moves_the_day_and_lifts_nothing():
    late = order(review_on=date(2026, 11, 24))
    assert late.overdue(NOW.date())
    assert not order().overdue(NOW.date())
    done = reviewed(late, date(2027, 1, 1), NOW.date())
    assert (done.stands, done.version, done.overdue(NOW.date())) == (True, 1, False)
    for day, reason in ((NOW.date(), "in-past"), (date(2030, 1, 1), "too-far")):
        with pytest.raises(BadInput) as fault:
            reviewed(late, day, NOW.date())
        assert fault.value.fields == {"review_on": reason}
    with pytest.raises(MoveRefused):
        reviewed(order(lifted_at=NOW), date(2027, 1, 1), NOW.date())


def link(state: LinkState, reason: str | None = None) -> Link:
    claimed = Claimed(StudentNumber("46554860"), BORN, SchoolCode("0552"), Relationship.PARENT)
    return Link(LinkId("l"), ParentId("p"), VisitId("v"), claimed, StudentId("s"), state, NOW, NOW, reason)


def test_a_dispute_holds_and_settles():
    on_hold = held_for_dispute(link(LinkState.VERIFIED), NOW)
    assert (on_hold.state, on_hold.reason, disputed(on_hold)) == (LinkState.SUSPENDED, DISPUTE, True)
    assert dispute_settled(on_hold, NOW, restricted=False).state is LinkState.VERIFIED
    kept = dispute_settled(on_hold, NOW, restricted=True)
    assert (kept.state, kept.reason, kept.version) == (LinkState.SUSPENDED, None, 2)
    with pytest.raises(MoveRefused):
        held_for_dispute(on_hold, NOW)
    with pytest.raises(MoveRefused):
        dispute_settled(kept, NOW, restricted=False)


@pytest.mark.parametrize("state", sorted(set(LinkState) - {LinkState.VERIFIED, LinkState.SUSPENDED}))
def test_only_a_link_that_works_or_is_on_hold_can_be_disputed(state):
    with pytest.raises(MoveRefused):
        held_for_dispute(link(state), NOW)
