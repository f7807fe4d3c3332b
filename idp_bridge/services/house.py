"""Bundle everything a use case may need into one frozen value; never builds any of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from idp_bridge.domain.evidence import DEFAULT_POLICY, EvidencePolicy
from idp_bridge.domain.limits import Limits
from idp_bridge.services.ports import (
    Clock,
    Directory,
    Mail,
    Meter,
    OwnSessions,
    ParentAccounts,
    Sessionless,
    Unmetered,
    Wakeup,
)
from idp_bridge.services.rows import Store


def _new_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a district decides, taken from settings."""

    code_key: bytes
    """Secret under which visit codes are derived and hashed, at least 32 bytes."""
    zone: ZoneInfo
    email_domains: tuple[str, ...]
    visit_days: int = 14
    withdrawal_grace_days: int = 30
    """Days after which the links to a student who left the roster end."""
    undo_minutes: int = 15
    evidence: EvidencePolicy = field(default_factory=lambda: DEFAULT_POLICY)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class House:
    """Storage, outside and rules, as `app.py` (or a test) hands them in."""

    store: Store
    accounts: ParentAccounts
    directory: Directory
    mail: Mail
    wakeup: Wakeup
    clock: Clock
    rules: Rules
    new_id: Callable[[], str] = _new_id
    worker: str = ""
    """Name of the process that holds this house, for the leases it takes."""
    meter: Meter = field(default_factory=Unmetered)
    sessions: OwnSessions = field(default_factory=Sessionless)
