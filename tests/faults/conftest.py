"""Let a fault say its figure: `figure(name, value, aim)`; `times(short, long)` says how often to inject it.

`make test` runs few, `make faults` many and writes `var/faults.json`; both print the table at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.figures import LONG, Figure, Figures, noted
from tests.faults.running import Bridge
from tools.aims import Aim

FIGURE = "figure"


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, float, Aim], None]:
    """Return a function that keeps a figure with its test and fails where it misses its aim."""
    kept = request.node.user_properties  # reaches the terminal from whichever process ran the test

    def note(name: str, figure: float, aim: Aim) -> None:
        noted(name, figure, aim, lambda one: kept.append((FIGURE, (one.name, one.figure, aim.low, aim.high))))

    return note


@pytest.fixture
def times() -> Callable[[int, int], int]:
    """Return a function that chooses between the short and the long count."""
    return lambda short, long: long if LONG else short


@pytest.fixture(scope="module")
def sqlite_bridge(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Bridge]]:
    """Return a function that runs web process and worker on a SQLite file; they end with the module."""
    with ExitStack() as ends:

        def start(folder: Path | None = None, *, worker: bool = True, **env: str) -> Bridge:
            place = folder or tmp_path_factory.mktemp("bridge") / "data"
            place.mkdir(exist_ok=True)
            shutil.copy(filled, place / "bridge.db")
            bridge = Bridge(place, f"sqlite:///{place}/bridge.db", env)
            ends.callback(bridge.stop)
            return bridge.start(worker=worker)

        yield start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table; write it in the long run."""
    figures = Figures(list(_told(terminalreporter)))
    if not figures.found:
        return
    terminalreporter.section("figures of injected faults")
    for line in figures.lines():
        terminalreporter.write_line(line)
    if LONG:
        figures.write()


def _told(reporter: pytest.TerminalReporter) -> Iterator[Figure]:
    """Yield the figures of all tests that ran, also of those that failed."""
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, ()):
            for name, value in report.user_properties if report.when == "call" else ():
                if name == FIGURE:
                    said, figure, low, high = value
                    yield Figure(said, figure, Aim(low, high))
