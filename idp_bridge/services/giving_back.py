"""Find what a parent changed in their own account and a write undid; never takes a value from anywhere else.

Keycloak's Admin API has no "only if unchanged": a PUT puts back what was read before it, and with it whatever
the parent changed in the milliseconds between (seen on 26.7.4). All times are Keycloak's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from idp_bridge.domain.claims import ATTRIBUTE
from idp_bridge.domain.events import Actor, Event
from idp_bridge.domain.people import ParentId
from idp_bridge.services.house import House
from idp_bridge.services.ports import Account, AccountChange, Author
from idp_bridge.services.rows import Rows

LOOK_BACK = timedelta(minutes=5)
"""Longer than a killed worker's lease and the wait after a PUT that hung: what either undid is still seen."""
FIELDS = ("username", "email", "first_name", "last_name")
"""What an account has beside its attributes."""


@dataclass(frozen=True, slots=True)
class Undone:
    """An edit of the parent's own of which the account holds some `fields` as they were before."""

    edit: str
    at: datetime
    by: Author
    fields: Mapping[str, str]
    """Name -> what the parent had set."""


def recent_changes(
    house: House, parents: Collection[ParentId]
) -> Mapping[ParentId, tuple[AccountChange, ...]]:
    """Return the changes of the last minutes of those `parents` who edited their account in them.

    Raises OutsideFailure.
    """
    return house.accounts.changes(parents, house.clock.now() - LOOK_BACK)


def undone_edits(account: Account, changes: tuple[AccountChange, ...]) -> tuple[Undone, ...]:
    """Return what of the parent's edits among `changes` the account, read after them, has lost."""
    return tuple(_undone(account, changes))


def restored(account: Account, lost: Iterable[Undone]) -> Account:
    """Return the account with what the parent had set."""
    fields = {name: value for one in lost for name, value in one.fields.items()}
    own: dict[str, Any] = {name: value for name, value in fields.items() if name in FIELDS}
    others = {name: (value,) for name, value in fields.items() if name not in FIELDS}
    return replace(account, attributes={**account.attributes, **others}, **own)


def note_undone(rows: Rows, account: Account, found: Iterable[Undone], now: datetime, who: Actor) -> None:
    """Raise an alarm for each edit that was undone, once; it names fields and no value.

    Runs inside the caller's transaction; `account` is what stands there now.
    """
    for one in found:
        if rows.seen_events.first_time(f"{one.by}:{one.edit}", one.at):
            back = all(_held(account, name) == value for name, value in one.fields.items())
            fields = {"by": one.by, "what": sorted(one.fields), "given_back": back}
            rows.audit.append(Event("alarm:edit-undone", now, who, parent=account.id, fields=fields))


def _undone(account: Account, changes: tuple[AccountChange, ...]) -> Iterator[Undone]:
    """Yield the edits of which a field is again what it was before.

    A third value is somebody's own decision. So may be an administrator's write since the edit: their page
    may have been old, or they put the parent's edit back on purpose, which nobody can tell.
    """
    last = {name: change for change in changes for name in change.after}
    for edit in changes:
        by = _undone_by(edit, changes)
        fields = {
            name: value
            for name, value in edit.after.items()
            if last[name] is edit and name != ATTRIBUTE
            if value != _held(account, name) == edit.before.get(name, "")
        }
        if by and fields:
            yield Undone(edit.id, edit.at, by, fields)


def _undone_by(edit: AccountChange, changes: Iterable[AccountChange]) -> Author | None:
    since = {change.by for change in changes if change.at >= edit.at}
    return next((by for by in (Author.SOMEBODY, Author.BRIDGE) if by in since), None)


def _held(account: Account, name: str) -> str:
    if name in FIELDS:
        return str(getattr(account, name))
    return "".join(account.attributes.get(name, ())[:1])
