"""Keep the figures that injected faults gave, print them and write them down; never injects one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tools.aims import Aim

LONG = os.environ.get("FAULTS") == "long"
"""True in `make faults`; `make test` runs the same tests with smaller counts."""
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
        """Write them as JSON: a list of `name`, `figure`, `aim`, `holds`."""
        file.parent.mkdir(exist_ok=True)
        rows = [
            {"name": one.name, "figure": one.figure, "aim": str(one.aim), "holds": one.holds}
            for one in self.found
        ]
        file.write_text(json.dumps(rows, indent=1) + "\n")


def noted(name: str, figure: float, aim: Aim, keep: Callable[[Figure], None]) -> None:
    """Keep a figure; raise AssertionError where it misses its aim, after it was kept."""
    one = Figure(name, round(figure, 3), aim)
    keep(one)
    assert one.holds, f"{name}: {figure:g}, the aim is {aim}"
