"""A figure that misses its aim fails the test that gave it, and is written down all the same."""

from __future__ import annotations

import json
from math import inf

import pytest

from tests.faults.figures import SHARED, Figures, noted, within
from tools.aims import at_most, exactly


def test_what_missed_is_kept_printed_and_fails(tmp_path):
    figures = Figures()
    noted("seconds until it is up again", 1.25, at_most(5), figures.found.append)
    with pytest.raises(AssertionError, match="lost: 2, the aim is 0"):
        noted("lost", 2, exactly(0), figures.found.append)
    figures.write(tmp_path / "var" / "faults.json")
    assert json.loads((tmp_path / "var" / "faults.json").read_text()) == [
        {"name": "seconds until it is up again", "figure": 1.25, "aim": "<= 5", "holds": True},
        {"name": "lost", "figure": 2, "aim": "0", "holds": False},
    ]
    assert [line.rstrip().endswith("MISSED") for line in figures.lines()] == [False, False, True]


def test_what_never_came_is_written_without_a_number(tmp_path):
    figures = Figures()
    with pytest.raises(AssertionError, match="up again: inf"):
        noted("seconds until it is up again", inf, at_most(5), figures.found.append)
    figures.write(tmp_path / "faults.json")
    assert json.loads((tmp_path / "faults.json").read_text())[0]["figure"] is None


@pytest.mark.parametrize(("long", "longest"), [(True, 12), (False, 10 + 2 * SHARED)])
def test_only_work_may_take_longer_where_tests_share_the_machine(monkeypatch, long, longest):
    monkeypatch.setattr("tests.faults.figures.LONG", long)
    assert within(2, waits_s=10) == at_most(longest)
