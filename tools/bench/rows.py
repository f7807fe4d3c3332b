"""Keep the list of what `make bench` measures, each row with its aim; never measures anything itself.

A row is a function that takes a `Bench` and returns `Figures`. Put it in a module of this package, mark it
with `@row("what it is", aim=at_least(0.5))`, and name the module in `tools/bench/__main__.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.aims import Aim

if TYPE_CHECKING:
    from tools.bench.places import Bench


@dataclass(frozen=True, slots=True)
class Figures:
    """What one row found. `ours` and `against` are in `unit`; `ratio` is what the aim is about."""

    ours: float
    against: float
    ratio: float
    unit: str = "ms"
    spread: str = ""
    """Lowest and highest of the runs behind `ours`, for the reader; empty where there is but one."""


Measure = Callable[["Bench"], Figures]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    aim: Aim
    measure: Measure


ROWS: list[Row] = []
"""In the order of the table."""


def row(name: str, *, aim: Aim) -> Callable[[Measure], Measure]:
    """Add the function below to the table under `name`."""

    def add(measure: Measure) -> Measure:
        ROWS.append(Row(name, aim, measure))
        return measure

    return add
