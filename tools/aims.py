"""Say what a measured figure should be: for `make bench` and `make faults`; never measures."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Aim:
    """The figure must lie between `low` and `high`, both included."""

    low: float = -inf
    high: float = inf

    def holds(self, figure: float) -> bool:
        """Tell whether `figure` is what it should be."""
        return self.low <= figure <= self.high

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.low:g}"
        if self.high == inf:
            return f">= {self.low:g}"
        return f"<= {self.high:g}" if self.low == -inf else f"{self.low:g} to {self.high:g}"


def at_least(low: float) -> Aim:
    """Return the aim of a figure that must not fall below `low`."""
    return Aim(low=low)


def at_most(high: float) -> Aim:
    """Return the aim of a figure that must not rise above `high`."""
    return Aim(high=high)


def between(low: float, high: float) -> Aim:
    """Return the aim of a figure that must stay in a band."""
    return Aim(low, high)


def exactly(figure: float) -> Aim:
    """Return the aim of a figure that can only be one."""
    return Aim(figure, figure)
