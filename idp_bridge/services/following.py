"""Follow what Keycloak says has happened to accounts, and look at each; never believes it without looking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.people import ParentId
from idp_bridge.services.failures import OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.ports import AccountEvent, AccountEventKind
from idp_bridge.services.rows import Rows

OVERLAP = timedelta(minutes=2)
"""Asked for again each time: two events can carry the same time, and a slow transaction comes in late."""
GLANCE = timedelta(seconds=10)
"""The same where it is asked every other second: while thousands are projected, every turn reads our own
writes of so long again."""
FIRST_LOOK = timedelta(hours=1)
WATCHER = Actor(ActorKind.SYSTEM, "worker")
ALARMS = {
    AccountEventKind.PASSWORD_SET_BY_US: "password",
    AccountEventKind.REALM_CHANGED: "realm",
}


def follow(house: House, now: datetime, overlap: timedelta = OVERLAP) -> int:
    """Have every account looked at that something happened to; return how many events were new.

    What happened longer than `overlap` before the newest event that was told is not asked for again.
    Raises OutsideFailure: the next turn asks again from the same time.
    """
    with house.store.reading() as rows:
        last = rows.seen_events.last_at()
    events = house.accounts.events((last or now - FIRST_LOOK) - overlap)
    if not events:
        return 0
    with house.store.transaction() as rows:
        fresh = [event for event in events if rows.seen_events.first_time(event.id, event.at)]
        touched = [parent for event in fresh if (parent := _dealt_with(rows, event, now))]
        rows.seen_events.forget(now - FIRST_LOOK - OVERLAP)
    for parent in dict.fromkeys(touched):
        house.wakeup.projection_due(parent)
    return len(fresh)


class Follower:
    """Follows turn by turn, and calls `back` once Keycloak was away and is back: to compare all parents.

    It may be back with yesterday's users: whoever restores a backup stops it first. Its events do not tell,
    nor does the length of the silence: one that was restored within 5.5 s was heard to be away for 4, and a
    rule of 5 left it wrong until the next hour. To compare for nothing writes nothing.
    """

    def __init__(self, house: House, back: Callable[[], None]) -> None:
        self._house = house
        self._back = back
        self._away = False

    def turn(self) -> None:
        """Follow once; where Keycloak does not answer, the next turn asks from the same time."""
        now = self._house.clock.now()
        try:
            follow(self._house, now, GLANCE)
        except OutsideFailure:
            self._away = True
            return
        if self._away:
            self._away = False
            self._back()


def _dealt_with(rows: Rows, event: AccountEvent, now: datetime) -> ParentId | None:
    """Note what the event asks for and return whose account is to be looked at."""
    if event.kind in ALARMS:
        what = event.what or ALARMS[event.kind]
        fields = {"what": what}
        rows.audit.append(Event("alarm:tampered", now, WATCHER, parent=event.parent, fields=fields))
    if event.parent is None or rows.parents.get(event.parent) is None:
        return None  # who never came to the bridge is looked at by the full comparison
    rows.projections.mark_due(event.parent, now, loss=False)
    return event.parent
