"""Run every check and keep what each found; never knows a rule itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from idp_bridge.outside.realms.server import AdminServer
from idp_bridge.settings import Settings
from idp_bridge.storage.store import SqlStore


class Health(StrEnum):
    """What a check can say."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "cannot tell"
    """Something the check needs was not given, or does not answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do where the rule does not hold."""

    health: Health
    what: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """What checks may look at."""

    settings: Settings
    store: SqlStore
    now: datetime
    administrator: AdminServer | None = None
    """An administrator of Keycloak, for the checks that need one."""
    realm_files: Path | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: `name` is its file's name, `rule` the sentence that must be true."""

    name: str
    rule: str
    look: Callable[[Installation], Finding]


def holds(what: str) -> Finding:
    """Return that the rule holds."""
    return Finding(Health.HOLDS, what)


def broken(what: str, todo: str) -> Finding:
    """Return that the rule does not hold, and what to do."""
    return Finding(Health.BROKEN, what, todo)


def unknown(what: str, todo: str) -> Finding:
    """Return that it cannot be told, and what would help."""
    return Finding(Health.UNKNOWN, what, todo)


def examine(installation: Installation, checks: Iterable[Check]) -> list[tuple[Check, Finding]]:
    """Run `checks`, each on its own: one that breaks does not keep the others from being asked."""
    return [(check, _looked(check, installation)) for check in checks]


def _looked(check: Check, installation: Installation) -> Finding:
    try:
        return check.look(installation)
    except Exception as fault:  # a check must never hide the others; the kind is told, values may be secret
        return unknown(
            f"the check ended with {type(fault).__name__}", "Look at the log of the system it asks."
        )
