"""What suffices for which relationship, until when, and for what reason a person is turned away."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from idp_bridge import settings
from idp_bridge.domain.errors import BadInput
from idp_bridge.domain.evidence import DEFAULT_POLICY, Accepted, EvidenceKind, adapted, check_until
from idp_bridge.domain.people import Relationship
from idp_bridge.domain.reasons import (
    DENIAL_REASONS,
    REVOCATION_REASONS,
    Ground,
    check_reason,
    is_final,
)

TODAY = date(2026, 11, 24)


def test_settings_know_the_words_of_the_domain():
    assert set(get_args(settings.RelationshipWord)) == set(Relationship)
    assert set(get_args(settings.EvidenceWord)) == set(EvidenceKind)


@pytest.mark.parametrize("relationship", Relationship)
def test_the_default_policy_is_whole(relationship):
    accepted = DEFAULT_POLICY[relationship]
    assert accepted.kinds
    assert accepted.second_person <= accepted.kinds


def test_what_is_not_named_stays():
    assert adapted({}) == DEFAULT_POLICY
    changed = adapted({"surrogate": {"referral": False}})
    assert changed[Relationship.SURROGATE] == Accepted(DEFAULT_POLICY[Relationship.SURROGATE].kinds)
    assert {**changed, Relationship.SURROGATE: DEFAULT_POLICY[Relationship.SURROGATE]} == DEFAULT_POLICY


def test_kinds_alone_keep_the_second_person_for_those_that_remain():
    changed = adapted({"legal-guardian": {"kinds": ["court-order"]}})[Relationship.LEGAL_GUARDIAN]
    assert changed == Accepted(frozenset({EvidenceKind.COURT_ORDER}), frozenset({EvidenceKind.COURT_ORDER}))
    gone = adapted({"legal-guardian": {"kinds": ["school-record"]}})[Relationship.LEGAL_GUARDIAN]
    assert gone.second_person == frozenset()


@pytest.mark.parametrize("until", [date(2026, 11, 25), date(2031, 11, 23)])
@pytest.mark.parametrize("needed", [True, False])
def test_a_last_day_in_the_next_five_years(until, needed):
    assert check_until(Accepted(frozenset(), end_date=needed), until, TODAY) == until


@pytest.mark.parametrize(
    ("until", "why"),
    [(None, "enter"), (TODAY, "in-past"), (date(1, 1, 1), "in-past"), (date(9999, 12, 31), "too-far")],
)
def test_any_other_last_day(until, why):
    with pytest.raises(BadInput) as caught:
        check_until(Accepted(frozenset(), end_date=True), until, TODAY)
    assert caught.value.fields == {"until": why}


def test_no_last_day_where_none_is_needed():
    assert check_until(Accepted(frozenset()), None, TODAY) is None


# --- reasons -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [*DENIAL_REASONS, *REVOCATION_REASONS])
def test_custody_is_no_reason(code):
    """34 CFR 99.4: full rights to either parent unless a court order, statute or document revokes them."""
    assert "custody" not in code


@pytest.mark.parametrize("known", [DENIAL_REASONS, REVOCATION_REASONS])
def test_every_reason_rests_on_something(known):
    for reason in known.values():
        assert reason.source
        assert reason.source.startswith("34 CFR 99.") == (reason.ground is Ground.LEGAL)


def test_no_reason_of_the_counter_tells_of_a_restriction():
    for code in DENIAL_REASONS:
        assert not {"court", "restriction", "order"} & set(code.split("-"))


@pytest.mark.parametrize("code", ["", "custody", "not-entitled "])
def test_a_reason_of_no_list(code):
    with pytest.raises(BadInput):
        check_reason(code, DENIAL_REASONS)


def test_a_reason_nobody_knows_is_taken_for_a_judgement():
    assert is_final(None, DENIAL_REASONS)
    assert is_final("of-old", REVOCATION_REASONS)
    assert not is_final("identity-not-shown", DENIAL_REASONS)
