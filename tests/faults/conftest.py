"""Let a fault say its figure: `figure(name, value, aim)`; `times(short, long)` says how often to inject it.

`make test` runs few, `make faults` many and writes `var/faults.json`; both print the table at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.figures import ALL, LONG
from tests.faults.running import Bridge
from tools.aims import Aim


@pytest.fixture
def figure() -> Callable[[str, float, Aim], None]:
    """Return a function that keeps a figure and fails where it misses its aim."""
    return ALL.note


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
    if not ALL.found:
        return
    terminalreporter.section("figures of injected faults")
    for line in ALL.lines():
        terminalreporter.write_line(line)
    if LONG:
        ALL.write()
