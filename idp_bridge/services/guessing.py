"""Count what could be guessing, in the transaction of what is counted; never says whether a guess was right.

Hits and misses count alike. Windows end by themselves. A number's counter refuses nobody, so that a stranger
who tries a child's number never keeps the child's parent out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from idp_bridge.domain.access import StaffMember
from idp_bridge.domain.errors import TooManyGuesses
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.limits import CODE_WINDOW, DAY, HOUR, OWN_SHARE, UNMATCHED_ALARM, WEEK, counter_key
from idp_bridge.domain.people import ParentId, StudentNumber
from idp_bridge.services.house import House
from idp_bridge.services.journals import Counter
from idp_bridge.services.rows import Rows


@contextmanager
def counted(
    house: House, parent: ParentId, numbers: Sequence[StudentNumber], address: str, now: datetime
) -> Iterator[Rows]:
    """Open the transaction of a request for `numbers` and count it there.

    Raises TooManyGuesses, after the alarm about it is committed; nothing else is changed then.
    """
    with house.store.transaction() as rows:
        refusal = _refusal(house, rows, parent, len(numbers), address, now)
        if refusal is None:
            _count_numbers(house, rows, parent, numbers, now)
            yield rows
    if refusal is not None:
        raise refusal


def count_code(
    house: House, rows: Rows, staff: StaffMember, now: datetime, *, right: bool
) -> TooManyGuesses | None:
    """Count a wrong visit code; return the refusal of any code, right or wrong, once there were too many.

    The caller raises it after the commit, so that the alarm stays.
    """
    key = counter_key(house.rules.code_key, "code", staff.directory_id)
    known = rows.limits.get(key, now)
    most = house.rules.limits.wrong_codes
    if known is not None and known.amount >= most:
        who = Actor(ActorKind.STAFF, staff.directory_id)
        _alarm_once(rows, key, known, _guessing(now, who, "code", known.amount), now)
        return _wait(known, now)
    if not right:
        rows.limits.add(key, 1, now, now + CODE_WINDOW)
    return None


def count_verification(house: House, rows: Rows, staff: StaffMember, now: datetime) -> None:
    """Count that an employee verified a link; raise the alarm in the transaction that goes over the line."""
    limits = house.rules.limits
    for kind, window, most in (
        ("hour", HOUR, limits.verifications_per_hour),
        ("day", DAY, limits.verifications_per_day),
    ):
        key = counter_key(house.rules.code_key, f"verified-{kind}", staff.directory_id)
        counter = rows.limits.add(key, 1, now, now + window)
        if counter.amount == most + 1:
            rows.audit.append(
                Event(
                    "alarm:verifications-by-one-person",
                    now,
                    Actor(ActorKind.STAFF, staff.directory_id),
                    fields={"count": counter.amount},
                )
            )


def many_requests(house: House, rows: Rows, number: StudentNumber, now: datetime) -> bool:
    """Tell whether unusually many requests, or accounts, named this number: the desk marks the child."""
    limits = house.rules.limits
    requests = rows.limits.get(counter_key(house.rules.code_key, "number", number), now)
    accounts = rows.limits.get(counter_key(house.rules.code_key, "accounts", number), now)
    return (requests is not None and requests.amount > limits.requests_per_number) or (
        accounts is not None and accounts.amount >= limits.accounts_per_number
    )


def raise_alarms(house: House, now: datetime, limit: int = 100, *, dry_run: bool = False) -> int:
    """Alarm the district of up to `limit` accounts whose requests of a day matched no student too often.

    A timed job, so that a miss writes not one row more than a hit while the parent waits. Once a day for an
    account. Returns how many.
    """
    with house.store.reading() if dry_run else house.store.transaction() as rows:
        found = rows.alarms.many_misses(now - DAY, UNMATCHED_ALARM, limit)
        for parent, count in () if dry_run else found:
            who = Actor(ActorKind.PARENT, parent)
            rows.audit.append(
                Event("alarm:unmatched-requests", now, who, parent=parent, fields={"count": count})
            )
    return len(found)


def sweep_counters(house: House, now: datetime, limit: int = 5000, *, dry_run: bool = False) -> int:
    """Forget up to `limit` counters whose window is over; return how many there were."""
    if dry_run:
        with house.store.reading() as rows:
            return rows.limits.over(now, limit)
    with house.store.transaction() as rows:
        return rows.limits.sweep(now, limit)


def _refusal(
    house: House, rows: Rows, parent: ParentId, amount: int, address: str, now: datetime
) -> TooManyGuesses | None:
    """Count `amount` requests of the account and the address, unless one of the two has had enough."""
    limits = house.rules.limits
    account = counter_key(house.rules.code_key, "account", parent)
    place = counter_key(house.rules.code_key, "address", address) if address else ""
    mine = _fresh(rows, account, now, HOUR)
    here = _fresh(rows, place, now, HOUR) if place else None
    over = mine.amount + amount > limits.requests_per_account
    if over:
        _alarm_once(rows, account, mine, _asked_too_much(now, parent, "account", mine.amount), now)
        return _wait(mine, now)
    if here and here.amount + amount > limits.requests_per_address:
        _alarm_once(rows, place, here, _asked_too_much(now, parent, "address", here.amount), now)
        if mine.amount + amount > OWN_SHARE:
            return _wait(here, now)
    for key in filter(None, (account, place)):
        rows.limits.add(key, amount, now, now + HOUR)
    return None


def _count_numbers(
    house: House, rows: Rows, parent: ParentId, numbers: Sequence[StudentNumber], now: datetime
) -> None:
    secret, limits = house.rules.code_key, house.rules.limits
    for number in numbers:
        asked = rows.limits.add(counter_key(secret, "number", number), 1, now, now + DAY)
        if asked.amount == limits.requests_per_number + 1:
            _about_number(rows, "alarm:guessing", parent, number, now, by="number", count=asked.amount)
        first = rows.limits.add(counter_key(secret, "asked", f"{number}:{parent}"), 1, now, now + WEEK)
        accounts = counter_key(secret, "accounts", number)
        many = rows.limits.add(accounts, int(first.amount == 1), now, now + WEEK)
        if first.amount == 1 and many.amount == limits.accounts_per_number:
            _about_number(rows, "alarm:requests-for-one-student", parent, number, now, count=many.amount)


def _about_number(
    rows: Rows, name: str, parent: ParentId, number: StudentNumber, now: datetime, **fields: object
) -> None:
    """Write an alarm about a number; the student is named by id, if there is one."""
    student = rows.students.by_number(number)
    who = Actor(ActorKind.PARENT, parent)
    subject = student.id if student else None
    rows.audit.append(Event(name, now, who, parent=parent, student=subject, fields=fields))


def _asked_too_much(now: datetime, parent: ParentId, by: str, count: int) -> Event:
    return _guessing(now, Actor(ActorKind.PARENT, parent), by, count, parent)


def _guessing(now: datetime, who: Actor, by: str, count: int, parent: ParentId | None = None) -> Event:
    return Event("alarm:guessing", now, who, parent=parent, fields={"by": by, "count": count})


def _alarm_once(rows: Rows, key: str, counter: Counter, event: Event, now: datetime) -> None:
    """Write the alarm unless it was written in this window already."""
    if rows.limits.add(f"told:{key}", 1, now, counter.expires_at).amount == 1:
        rows.audit.append(event)


def _fresh(rows: Rows, key: str, now: datetime, window: timedelta) -> Counter:
    """Return the counter as it stands, or an empty one that would end after `window`."""
    return rows.limits.get(key, now) or Counter(0, now + window)


def _wait(counter: Counter, now: datetime) -> TooManyGuesses:
    return TooManyGuesses(max(1, int((counter.expires_at - now).total_seconds()) + 1))
