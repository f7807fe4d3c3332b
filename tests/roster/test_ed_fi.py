"""A public roster of 960 students goes in whole, on both databases; see `data/ed-fi-5.2/README.md`."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from idp_bridge.domain.people import StudentNumber, eighteenth_birthday
from idp_bridge.outside.oneroster import read_bundle
from idp_bridge.outside.roster_bundle import digest
from idp_bridge.services.rostering import RosterCounts, import_roster
from tests.roster.bundles import TODAY

SOURCE = Path(__file__).parent / "data" / "ed-fi-5.2" / "oneroster"
WITHIN_S = 10
"""Generous: half a second on two idle cores."""


@pytest.fixture(scope="module")
def roster():
    return read_bundle(SOURCE, TODAY)


def test_everybody_is_read(roster):
    assert len(roster.students) == 960
    assert [school.code for school in roster.schools] == ["0107", "0044", "0001"]
    assert sum(len(hints) for hints in roster.hints.values()) == 1872
    assert Counter(hint.role for hints in roster.hints.values() for hint in hints) == {"parent": 1872}
    assert sum(bool(hint.email) for hints in roster.hints.values() for hint in hints) == 100


def test_a_student_and_their_parents_by_name(roster):
    student = next(one for one in roster.students if one.number == "00604821")
    assert (student.name, student.birth_date.isoformat(), student.school) == (
        "Tyrone Dyer", "2014-11-13", "0044",
    )  # fmt: skip
    hints = [(hint.name, hint.phone) for hint in roster.hints[student.id]]
    assert hints == [("Carmen Dyer", "(950) 342 7522"), ("Manuel Dyer", "(950) 978 3450")]


def test_many_are_18_already_and_are_students_all_the_same(roster):
    grown = [one for one in roster.students if eighteenth_birthday(one.birth_date) <= TODAY]
    assert len(grown) > 300


def test_it_goes_in_once_and_the_next_run_changes_nothing(house, roster):
    began = time.monotonic()
    counts = import_roster(house, roster, digest(SOURCE))
    assert time.monotonic() - began < WITHIN_S
    assert counts == RosterCounts(schools=3, students=960, withdrawn=3, guardians=960)
    assert import_roster(house, roster, digest(SOURCE)) == RosterCounts(0, 0, 0, 0)
    with house.store.reading() as rows:
        student = rows.students.by_number(StudentNumber("00604821"))
        assert len(rows.students.hints(student.id)) == 2
        assert rows.audit.first_bad() is None
