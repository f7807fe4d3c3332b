"""A district's evidence policy in the environment: what it changes, and every fault at once."""

from __future__ import annotations

import json

import pytest

from idp_bridge import settings
from idp_bridge.app import make_house
from idp_bridge.domain.evidence import DEFAULT_POLICY, EvidenceKind
from idp_bridge.domain.people import Relationship

NAME = "IDP_BRIDGE_DISTRICT__EVIDENCE_POLICY"


@pytest.fixture
def load(environment, monkeypatch):
    def load(value: str) -> settings.Settings:
        for name, text in {**environment, NAME: value}.items():
            monkeypatch.setenv(name, text)
        return settings.load()

    return load


def test_a_district_sets_what_it_wants(load, store):
    policy = {"caregiver": {"referral": True}, "parent": {}}
    del policy["parent"]
    rules = make_house(load(json.dumps(policy)), store).rules.evidence
    assert rules[Relationship.CAREGIVER].referral
    assert rules[Relationship.CAREGIVER].kinds == DEFAULT_POLICY[Relationship.CAREGIVER].kinds
    assert rules[Relationship.PARENT] == DEFAULT_POLICY[Relationship.PARENT]


def test_the_example_of_the_documentation_works(load, store):
    from pathlib import Path

    text = (Path(settings.__file__).parents[1] / "docs" / "settings.md").read_text()
    (line,) = [one for one in text.splitlines() if one.startswith(f"{NAME}='")]
    rules = make_house(load(line.split("=", 1)[1].strip("'")), store).rules.evidence
    assert rules[Relationship.CAREGIVER].referral
    assert not rules[Relationship.SURROGATE].referral
    assert rules[Relationship.SURROGATE].second_person == {EvidenceKind.AGENCY_LETTER}


def test_without_the_variable_all_is_as_by_default(load, store):
    assert make_house(load("{}"), store).rules.evidence == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("uncle", [NAME]),
        ('["caregiver"]', [NAME]),
        ('{"uncle": {}}', [f"{NAME}__UNCLE"]),
        ('{"caregiver": {"kinds": ["a-promise"]}}', [f"{NAME}__CAREGIVER__KINDS__0", "school-record"]),
        ('{"caregiver": {"kinds": []}}', [f"{NAME}__CAREGIVER__KINDS"]),
        ('{"caregiver": {"referal": true}}', [f"{NAME}__CAREGIVER__REFERAL"]),
        ('{"caregiver": {"referral": "perhaps"}}', [f"{NAME}__CAREGIVER__REFERRAL"]),
        (
            '{"caregiver": {"kinds": ["school-record"], "second_person": ["court-order"]}}',
            [f"{NAME}__CAREGIVER", "second_person names a kind that kinds does not accept"],
        ),
        (
            '{"caregiver": {"end_date": 7}, "surrogate": {"kinds": ["a-word"]}}',
            [f"{NAME}__CAREGIVER__END_DATE", f"{NAME}__SURROGATE__KINDS__0"],
        ),
    ],
)
def test_words_that_are_none_are_faults_like_all_others(load, value, names):
    with pytest.raises(settings.SettingsFault) as caught:
        load(value)
    for name in names:
        assert name in str(caught.value)
