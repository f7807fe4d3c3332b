"""The claim contract, version 1: bytes, order, size and what a damaged value reads as."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from idp_bridge.domain.claims import (
    EMPTY,
    MAX_LENGTH,
    ROLE,
    Shown,
    same,
    stored_revision,
    student_links,
)
from idp_bridge.domain.link import verified
from idp_bridge.domain.people import Relationship, StudentId, StudentNumber
from tests.conftest import IRIS, MATEO
from tests.domain.test_link import AT, a_link

ASOF = datetime(2026, 11, 24, tzinfo=UTC)


def shown(student, relationship=Relationship.PARENT) -> Shown:
    waiting = a_link()
    waiting = replace(waiting, claimed=replace(waiting.claimed, relationship=relationship))
    link = verified(waiting, student, "school-record", student.school, AT, ZoneInfo("America/New_York"))
    return Shown(link, student)


def test_the_bytes_of_the_contract():
    assert student_links(184, ASOF, (shown(IRIS),)) == (
        '{"v":1,"rev":184,"asof":1795478400,"links":[{"id":"46554860","rel":"parent",'
        '"pur":["choice","messages","records","transport"],"org":"0552","exp":2025493200}]}'
    )


def test_the_empty_value_is_what_the_workflow_writes():
    assert EMPTY == '{"v":1,"rev":0,"asof":0,"links":[]}'


def test_order_of_input_does_not_change_a_byte():
    one, two = shown(IRIS), shown(MATEO)
    assert student_links(1, ASOF, (one, two)) == student_links(1, ASOF, (two, one))


def test_no_name_birth_date_or_grade_leaves():
    text = student_links(1, ASOF, (shown(IRIS), shown(MATEO)))
    for private in (IRIS.given_name, IRIS.family_name, "2016", MATEO.given_name, "grade"):
        assert private not in text


@pytest.mark.parametrize("relationship", Relationship)
def test_every_relationship_has_one_of_onerosters_three_words(relationship):
    assert ROLE[relationship] in {"parent", "guardian", "relative"}


def test_what_does_not_fit_is_left_out_and_said():
    many = tuple(
        shown(replace(IRIS, id=StudentId(str(n)), number=StudentNumber(f"{n:08}"))) for n in range(120)
    )
    text = student_links(1, ASOF, many)
    value = json.loads(text)
    assert len(text) <= MAX_LENGTH
    assert value["more"] is True
    assert [link["id"] for link in value["links"]] == [f"{n:08}" for n in range(len(value["links"]))]
    assert len(value["links"]) > 60


@pytest.mark.parametrize(
    ("stored", "rev"),
    [
        ((), 0),
        ((EMPTY,), 0),
        (('{"v":1,"rev":7,"asof":1,"links":[]}',), 7),
        (('{"rev":7}', '{"rev":9}'), 9),
        (("not json",), 0),
        (("[1]",), 0),
        (('{"rev":true}',), 0),
        (('{"rev":"12"}',), 0),
    ],
)
def test_the_highest_stored_revision(stored, rev):
    assert stored_revision(stored) == rev


def test_same_means_one_value_and_the_same_bytes():
    assert same(EMPTY, (EMPTY,))
    assert not same(EMPTY, ())
    assert not same(EMPTY, (EMPTY, EMPTY))
    assert not same(EMPTY, (EMPTY + " ",))
