"""Time several ways of doing the same, turn by turn, and say the medians; never judges them.

A run's figure is its fastest call: what a call costs when nobody else uses the machine, which a test machine
shared with others shows only now and then. The median is over runs of many calls each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of one call: the median of the runs, and the lowest and highest run."""

    ms: float
    lowest: float
    highest: float

    @property
    def spread(self) -> str:
        """Return the runs' lowest and highest, as the table shows it."""
        return f"{self.lowest:.2f} to {self.highest:.2f}"


def in_turns(works: tuple[Work, ...], runs: int, calls: int) -> tuple[Timed, ...]:
    """Return what each of `works` took. They take turns within a run, so that a busy minute hits all."""
    for work in works:
        work()  # caches are warm for everybody
    found: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        taken: list[list[float]] = [[] for _ in works]
        for _ in range(calls):
            for number, work in enumerate(works):
                taken[number].append(_ms(work))
        for number, some in enumerate(taken):
            found[number].append(min(some))
    return tuple(Timed(median(some), min(some), max(some)) for some in found)


def p99(figures: Sequence[float]) -> float:
    """Return the value that one in a hundred is above: of a hundred, the last but one."""
    return sorted(figures)[max(0, int(len(figures) * 0.99) - 1)]


def _ms(work: Work) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1000
