"""Let a fault say its figure: `figure(name, value, aim)`; `times(short, long)` says how often to inject it.

`make test` runs few, `make faults` many and writes `var/faults.json`; both print the table at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.figures import ALL, LONG
from tools.aims import Aim


@pytest.fixture
def figure() -> Callable[[str, float, Aim], None]:
    """Return a function that keeps a figure and fails where it misses its aim."""
    return ALL.note


@pytest.fixture
def times() -> Callable[[int, int], int]:
    """Return a function that chooses between the short and the long count."""
    return lambda short, long: long if LONG else short


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table; write it in the long run."""
    if not ALL.found:
        return
    terminalreporter.section("figures of injected faults")
    for line in ALL.lines():
        terminalreporter.write_line(line)
    if LONG:
        ALL.write()
