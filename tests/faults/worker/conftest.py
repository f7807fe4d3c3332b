"""Hand these tests a realm of their own for the session, and bridges on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.worker.bridge import OwnBridge, OwnRealm, own_realm_of
from tools.stack.stack import Stack


@pytest.fixture(scope="session")
def own_realm(stack: Stack) -> Iterator[OwnRealm]:
    """Realm `parents` under a name of its own, on the one Keycloak of the run."""
    with own_realm_of(stack) as own:
        yield own


@pytest.fixture
def bridges(own_realm: OwnRealm, filled: Path, tmp_path: Path) -> Iterator[Callable[[str], OwnBridge]]:
    """Return a function that makes a bridge on a SQLite file of its own; all end with the test."""
    with ExitStack() as ends:

        def make(name: str = "bridge") -> OwnBridge:
            folder = tmp_path / name
            folder.mkdir()
            shutil.copy(filled, folder / "bridge.db")
            bridge = OwnBridge(own_realm, folder, f"sqlite:///{folder}/bridge.db")
            ends.callback(bridge.stop)
            ends.callback(_say_logs, bridge)  # pytest shows it where the test failed
            return bridge

        yield make


def _say_logs(bridge: OwnBridge) -> None:
    for program in bridge.programs:
        print(program.log.name, program.last_lines(), sep="\n")


@pytest.fixture
def bridge(bridges: Callable[[str], OwnBridge]) -> OwnBridge:
    """One bridge of the test's own."""
    return bridges("bridge")
