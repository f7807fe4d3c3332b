"""A figure that misses its aim fails the test that gave it, and is written down all the same."""

from __future__ import annotations

import json

import pytest

from tests.faults.figures import Figures, noted
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
