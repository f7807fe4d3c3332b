"""Show the office what waits: its lists with counts, what I just decided, and search; never decides.

What is not at the schools of who asks and what is not there give the same answer: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from idp_bridge.domain.access import Action, StaffMember, reach, require_somewhere
from idp_bridge.domain.link import Link
from idp_bridge.domain.people import School, SchoolCode, read_student_number
from idp_bridge.services.house import House
from idp_bridge.services.rows import Arriving, DeskList, Found, QueueRow, Rows, Where
from idp_bridge.services.undoing import own_decision, undo_window

MOST = 1000
"""Pages stop here: nobody leafs further, and the cost of one stays that of a page."""
GLANCE = 100
"""Counts stop so far after what is shown ("100+"): to count all that waits would cost more than the page."""
MOST_FOUND = 50
MOST_DECIDED = 5


class Tab(StrEnum):
    """The lists of the front page."""

    ALL = "all"
    WEEK = "week"
    SECOND = "second"
    REFERRED = "referred"
    APPS = "apps"


@dataclass(frozen=True, slots=True)
class Decided:
    """One of my own last decisions."""

    link: Link
    undo: bool
    """True while I can still take it back."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The front page: one page of one list, and what stands beside it."""

    tab: Tab
    counts: dict[Tab, int]
    """Of the lists this person sees, in order; one more than `most` stands for more than that."""
    most: dict[Tab, int]
    """How far each list was counted."""
    rows: tuple[QueueRow, ...]
    arriving: tuple[Arriving, ...]
    """Instead of `rows`, where the list is of what has not arrived in the apps."""
    first: int
    size: int
    school: School | None
    """The one school of a clerk who has but one."""
    schools: frozenset[SchoolCode] | None
    """None for every school."""
    today: date
    decided: tuple[Decided, ...]


def queue(house: House, staff: StaffMember, tab: Tab, first: int, size: int) -> Queue:
    """Return a page of a list for `staff`; one past the end is the last one. Raises NoDuty.

    A list `staff` has no duty for is answered as the first one.
    """
    require_somewhere(staff, Action.FIND_VISIT)
    now = house.clock.now()
    today = now.astimezone(house.rules.zone).date()
    mine = reach(staff, Action.VERIFY)
    parts = _parts(staff, today)
    with house.store.reading() as rows:
        tabs = (*parts, Tab.APPS)
        tab = tab if tab in tabs else Tab.ALL
        most = {one: min(MOST, max(0, first) + GLANCE) if one is tab else GLANCE for one in tabs}
        limits = tuple(far + 1 for far in most.values())
        counts = dict(zip(tabs, rows.queue.counts(tuple(parts.values()), mine, now, limits), strict=True))
        first = _within(first, size, counts[tab])
        return Queue(
            tab=tab,
            counts=counts,
            most=most,
            rows=rows.queue.page(parts[tab], first, size) if tab in parts else (),
            arriving=rows.queue.arriving(mine, now, first, size) if tab is Tab.APPS else (),
            first=first,
            size=size,
            school=_only_school(rows, mine),
            schools=mine,
            today=today,
            decided=_decided(house, rows, staff, now),
        )


def search(house: House, staff: StaffMember, words: str) -> tuple[Found, ...]:
    """Return open and past links of a student number, or of a parent's e-mail, at the schools of `staff`.

    Raises NoDuty. Nothing is said of what is elsewhere.
    """
    require_somewhere(staff, Action.FIND_VISIT)
    mine = reach(staff, Action.VERIFY)
    number = read_student_number(words)
    with house.store.reading() as rows:
        if number is not None:
            return rows.queue.by_number(number, mine, MOST_FOUND)
        return rows.queue.by_email(words.strip(), mine, MOST_FOUND)


def only_school(house: House, staff: StaffMember) -> School | None:
    """Return the school of staff who have but one. Raises NoDuty."""
    require_somewhere(staff, Action.FIND_VISIT)
    with house.store.reading() as rows:
        return _only_school(rows, reach(staff, Action.VERIFY))


def _only_school(rows: Rows, mine: frozenset[SchoolCode] | None) -> School | None:
    return rows.schools.get(next(iter(mine))) if mine and len(mine) == 1 else None


def _parts(staff: StaffMember, today: date) -> dict[Tab, Where]:
    mine = reach(staff, Action.VERIFY)
    sunday = today + timedelta(days=6 - today.weekday())
    parts = {
        Tab.ALL: Where(DeskList.VISITS, mine),
        Tab.WEEK: Where(DeskList.VISITS, mine, until=sunday),
        Tab.SECOND: Where(DeskList.SECOND, mine),
    }
    settles = reach(staff, Action.SETTLE_REFERRED)
    if settles is None or settles:
        parts[Tab.REFERRED] = Where(DeskList.REFERRED, settles)
    return parts


def _within(first: int, size: int, count: int) -> int:
    """Return where a page begins that is there: somebody may have decided the last ones meanwhile."""
    last = max(0, min(count, MOST) - 1) // size * size
    return min(max(0, first), last)


def _decided(house: House, rows: Rows, staff: StaffMember, now: datetime) -> tuple[Decided, ...]:
    today = datetime.combine(now.astimezone(house.rules.zone).date(), time.min, house.rules.zone)
    undo_from = now - undo_window(house)
    links = rows.queue.decided_by(staff.directory_id, min(today, undo_from), MOST_DECIDED)
    mine = ((link, own_decision(rows, staff, link)) for link in links)
    return tuple(Decided(link, undo=at >= undo_from) for link, at in mine if at)
