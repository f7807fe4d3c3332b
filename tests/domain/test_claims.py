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
    narrowed,
    same,
    stored_revision,
    stored_second,
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


# --- no more than both sides say -----------------------------------------------------------------

LATER = datetime(2026, 11, 25, tzinfo=UTC)
ONE, TWO, THREE = ("46000001", "46000002", "46000003")
ALL = ["choice", "messages", "records", "transport"]


def value(rev: int, *links: dict, **more: object) -> str:
    return json.dumps({"v": 1, "rev": rev, "asof": 1, "links": list(links), **more}, separators=(",", ":"))


def entry(id: str, purposes: list[str] | None = None, **more: object) -> dict:
    return {"id": id, "rel": "parent", "pur": ALL if purposes is None else purposes, "org": "0552", **more}


def read(text: str) -> dict:
    return json.loads(text)


def test_what_only_one_side_knows_is_left_out_and_the_revision_rises_above_theirs():
    both = read(narrowed((value(9, entry(ONE), entry(TWO)),), value(4, entry(TWO), entry(THREE)), LATER))
    assert both == {"v": 1, "rev": 10, "asof": int(LATER.timestamp()), "links": [entry(TWO)]}


def test_of_a_link_both_know_the_purposes_of_both_remain_and_the_earlier_end():
    theirs = value(9, entry(ONE, ["records", "transport"], exp=200), entry(TWO, exp=300), entry(THREE))
    ours = value(4, entry(ONE, ["messages", "records"], exp=100), entry(TWO), entry(THREE, exp=400))
    assert read(narrowed((theirs,), ours, LATER))["links"] == [
        entry(ONE, ["records"], exp=100),
        entry(TWO, exp=300),
        entry(THREE, exp=400),
    ]


def test_a_link_without_a_common_purpose_is_none():
    theirs, ours = value(9, entry(ONE, ["messages"])), value(4, entry(ONE, ["records"]))
    assert read(narrowed((theirs,), ours, LATER))["links"] == []


def test_what_says_no_more_than_ours_stays_as_it_is():
    theirs = value(9, entry(ONE, ["records"], exp=100))
    assert narrowed((theirs,), value(4, entry(ONE), entry(TWO)), LATER) == theirs
    assert narrowed((value(9),), value(4, entry(ONE)), LATER) == value(9)


@pytest.mark.parametrize(
    "stored",
    [
        (),
        ("not json",),
        ("[]",),
        (value(9, entry(ONE)), value(9, entry(TWO))),
        (value(9, entry(ONE)), "{}"),
        (value(9, {"id": ONE, "pur": "records"}),),
        (value(9, {"id": 46000001, "pur": ALL}),),
        ('{"v":1,"rev":9,"asof":1,"links":{"id":"46000001"}}',),
    ],
)
def test_what_cannot_be_read_or_is_said_by_one_value_alone_opens_nothing(stored):
    assert read(narrowed(stored, value(4, entry(ONE)), LATER))["links"] == []


def test_one_child_listed_twice_is_written_anew():
    theirs = value(9, entry(ONE, ["records", "messages"]), entry(ONE, ["records"]))
    assert read(narrowed((theirs,), value(4, entry(ONE, ["records"])), LATER))["links"] == [
        entry(ONE, ["records"])
    ]


def test_more_than_fits_is_still_said():
    assert read(narrowed((value(9, entry(ONE)),), value(4, more=True), LATER))["more"] is True


def test_when_a_stored_revision_was_raised():
    assert stored_second(()) == 0
    assert stored_second(("not json", '{"rev":3,"asof":20}', '{"rev":2,"asof":99}')) == 20
    assert stored_second(('{"rev":3,"asof":true}',)) == 0
