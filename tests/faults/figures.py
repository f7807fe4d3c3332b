"""Keep the figures that injected faults gave, print them and write them down; never injects one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from tools.aims import Aim, at_most

LONG = os.environ.get("FAULTS") == "long"
"""True in `make faults`; `make test` runs the same tests with smaller counts."""
SHARED = 4
"""How many times as long work may take in `make test`, whose tests share two cores.

The same worker was right again after 2.1 s and, the next day on a slower machine, after 6.2 s where 5 are
promised. What waits for a sweep, a lease or an alarm that nobody gave is still seen: it takes a minute.
"""
RESULTS = Path("var/faults.json")


@dataclass(frozen=True, slots=True)
class Figure:
    """What one fault gave; the name says the unit."""

    name: str
    figure: float
    aim: Aim

    @property
    def holds(self) -> bool:
        """Tell whether it is what it should be."""
        return self.aim.holds(self.figure)


@dataclass
class Figures:
    """What all faults of a run gave, in the order they came."""

    found: list[Figure] = field(default_factory=list)

    def lines(self) -> Iterable[str]:
        """Yield the table, a line each."""
        yield f"{'fault':100} {'figure':>9} {'aim':>10}"
        for one in self.found:
            yield f"{one.name:100} {one.figure:9g} {one.aim!s:>10}{'' if one.holds else '  MISSED'}"

    def write(self, file: Path = RESULTS) -> None:
        """Write them as JSON: a list of `name`, `figure` (null: never came), `aim`, `holds`."""
        file.parent.mkdir(exist_ok=True)
        rows = [
            {
                "name": one.name,
                "figure": one.figure if isfinite(one.figure) else None,
                "aim": str(one.aim),
                "holds": one.holds,
            }
            for one in self.found
        ]
        file.write_text(json.dumps(rows, indent=1) + "\n")


def within(work_s: float, *, waits_s: float = 0) -> Aim:
    """Return the aim of a time: in `make faults` what is promised, in `make test` `SHARED` times the work.

    `waits_s` is what the code waits by the clock, which no machine makes longer.
    """
    return at_most(waits_s + work_s * (1 if LONG else SHARED))


def noted(name: str, figure: float, aim: Aim, keep: Callable[[Figure], None]) -> None:
    """Keep a figure; raise AssertionError where it misses its aim, after it was kept."""
    one = Figure(name, round(figure, 3), aim)
    keep(one)
    assert one.holds, f"{name}: {figure:g}, the aim is {aim}"
