"""The district's alarms, the audit's search and the projection's state: who may, what is found, how fast."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.domain.errors import NoDuty, NotThere
from idp_bridge.domain.events import FIRST_HASH, Actor, ActorKind, Event, chained
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.services.guessing import raise_alarms
from idp_bridge.services.journals import AuditQuery
from idp_bridge.services.linking import request_link
from idp_bridge.services.watching import (
    Search,
    alarms,
    check_chain,
    disclosures_for,
    projection,
    search_audit,
    see,
)
from idp_bridge.storage import journals, tables
from tests.conftest import AMARA, IRIS, NOW, OTHER
from tests.web.families import asked, claim, claim_for

ADMIN, OFFICE, CLERK = "ira.novak", "dee.collins", "jo.hathaway"
PARENT = Actor(ActorKind.PARENT, AMARA)


@pytest.fixture
def known(house):
    """A house with two parents."""
    with house.store.transaction() as rows:
        for parent in (AMARA, OTHER):
            rows.parents.save(Parent(parent, f"{parent}@mail.example", "A", "B", "en", NOW))
    return house


def who(house, uid):
    return house.directory.staff(uid)


def alarm(house, name="alarm:wrong-child", **more):
    with house.store.transaction() as rows:
        rows.audit.append(Event(name, house.clock.now(), PARENT, parent=AMARA, student=IRIS.id, **more))
        return rows.audit.length()


def listed(house, *, seen=False, before=None, size=10):
    return alarms(house, who(house, OFFICE), seen=seen, before=before, size=size)


def found(house, before=None, size=10, **wanted):
    page = search_audit(house, who(house, ADMIN), Search(**wanted), before, size)
    return [(row.number, row.event.name) for row in page.rows], page.older


# --- who may ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uid", "sees_alarms", "sees_rest"), [(ADMIN, True, True), (OFFICE, True, False), (CLERK, False, False)]
)
def test_each_page_asks_for_its_duty(known, uid, sees_alarms, sees_rest):
    number = alarm(known)
    staff = who(known, uid)
    pages = {
        "alarms": lambda: alarms(known, staff, seen=False, before=None, size=5),
        "see": lambda: see(known, uid, number),
        "audit": lambda: search_audit(known, staff, Search(), None, 5),
        "chain": lambda: check_chain(known, staff, 1),
        "disclosures": lambda: disclosures_for(known, staff, IRIS.number),
        "projection": lambda: projection(known, staff, ""),
    }
    opened = set()
    for name, page in pages.items():
        try:
            page()
        except NoDuty:
            continue
        opened.add(name)
    assert opened == ({"alarms", "see"} if sees_alarms else set()) | (
        {"audit", "chain", "disclosures", "projection"} if sees_rest else set()
    )
    assert listed(known).unseen == (0 if sees_alarms else 1)


# --- alarms ----------------------------------------------------------------------------------------


def test_alarms_come_newest_first_and_leave_the_list_once_seen(known, clock):
    first, second = alarm(known), alarm(known, "alarm:guessing", fields={"by": "number", "count": 11})
    page = listed(known)
    assert [one.number for one in page.alarms] == [second, first]
    assert (page.unseen, page.older, page.numbers) == (2, None, {IRIS.id: IRIS.number})
    clock.advance(minutes=1)
    see(known, OFFICE, first)
    assert [one.number for one in listed(known).alarms] == [second]
    (one,) = listed(known, seen=True).alarms
    assert (one.number, one.seen_by, one.seen_at) == (first, "entry-dee.collins", clock.now())
    assert found(known, size=1)[0] == [(3, "alarm:seen")]


def test_seeing_an_alarm_again_changes_nothing(known, clock):
    number = alarm(known)
    see(known, OFFICE, number)
    clock.advance(minutes=1)
    see(known, ADMIN, number)
    assert listed(known, seen=True).alarms[0].seen_by == "entry-dee.collins"
    assert len(found(known)[0]) == 2


def test_what_is_no_alarm_cannot_be_seen(known):
    asked(known, AMARA, claim_for(IRIS))
    see_it = [1, 99]
    for number in see_it:
        with pytest.raises(NotThere):
            see(known, OFFICE, number)
    assert [name for _, name in found(known)[0]] == ["link:requested"]


def test_alarms_are_paged(known):
    numbers = [alarm(known) for _ in range(5)]
    first = listed(known, size=2)
    second = listed(known, before=first.older, size=2)
    third = listed(known, before=second.older, size=2)
    assert [one.number for page in (first, second, third) for one in page.alarms] == numbers[::-1]
    assert third.older is None


def test_every_alarm_of_the_rules_is_listed_without_further_doing(known):
    for _ in range(3):
        known.new_id()
    for number in (46000001, 46000002, 46000003):
        request_link(known, AMARA, claim(str(number)))
    raise_alarms(known, known.clock.now())
    assert [one.event.name for one in listed(known).alarms] == ["alarm:unmatched-requests"]


# --- the audit -------------------------------------------------------------------------------------


@pytest.fixture
def busy(known, clock):
    """Two parents asked for children on two days, and one alarm."""
    asked(known, AMARA, claim_for(IRIS))
    clock.advance(days=1)
    asked(known, OTHER, claim("46000001"))
    alarm(known)
    return known


def test_the_search_finds_by_each_part_and_by_several(busy):
    link = asked(busy, OTHER, claim("46000002"))
    assert [number for number, _ in found(busy)[0]] == [4, 3, 2, 1]
    assert found(busy, student=IRIS.number)[0] == [(3, "alarm:wrong-child"), (1, "link:requested")]
    assert found(busy, student=IRIS.id) == found(busy, student="4655 4860")
    assert [number for number, _ in found(busy, parent=OTHER)[0]] == [4, 2]
    assert [number for number, _ in found(busy, staff=OTHER)[0]] == [4, 2]
    assert [number for number, _ in found(busy, link=link.id)[0]] == [4]
    assert [number for number, _ in found(busy, event="alarm:wrong-child")[0]] == [3]
    assert [number for number, _ in found(busy, event="link:requested", parent=AMARA)[0]] == [1]
    assert found(busy, student="nobody") == ([], None)


def test_days_are_the_districts_and_both_ends_count(busy):
    monday, tuesday = date(2026, 11, 24), date(2026, 11, 25)
    assert [number for number, _ in found(busy, since=tuesday)[0]] == [3, 2]
    assert [number for number, _ in found(busy, until=monday)[0]] == [1]
    assert [number for number, _ in found(busy, since=monday, until=tuesday)[0]] == [3, 2, 1]
    assert found(busy, since=date(2027, 1, 1)) == ([], None)
    assert found(busy, until=date(2020, 1, 1)) == ([], None)


def test_a_late_evening_belongs_to_the_day_in_the_district(known, clock):
    clock.at = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # ten in the evening of the 24th in Florida
    alarm(known)
    assert len(found(known, until=date(2026, 11, 24))[0]) == 1
    assert found(known, since=date(2026, 11, 25))[0] == []


def test_the_search_is_paged_by_number(busy):
    first, older = found(busy, size=2)
    assert ([number for number, _ in first], older) == ([3, 2], 2)
    assert found(busy, before=older, size=2) == ([(1, "link:requested")], None)


def test_the_chain_is_checked_in_pieces(busy):
    staff = who(busy, ADMIN)
    whole = [check_chain(busy, staff, first, 2) for first in (1, 3, 5)]
    assert [(piece.first, piece.last, piece.length, piece.bad) for piece in whole] == [
        (1, 2, 3, None),
        (3, 3, 3, None),
        (5, 3, 3, None),
    ]


@pytest.mark.parametrize(
    ("name", "fields"), [("parent:deleted", {}), ("link:left", {}), ("no:such-event", {"a": 1})]
)
def test_a_row_that_is_not_ours_shows_in_its_piece(busy, name, fields):
    with busy.store.connection(write=True) as connection:
        row = {
            "name": "link:left",
            "at": NOW,
            "actor_kind": "system",
            "actor": "x",
            "fields": {},
            "hash": "x",
        }
        connection.execute(sa.insert(journals.audit).values(number=4, **row))
    staff = who(busy, ADMIN)
    assert [check_chain(busy, staff, first, 2).bad for first in (1, 3, 4)] == [None, 4, 4]


def test_the_record_of_disclosures_is_the_commands(busy):
    events = disclosures_for(busy, who(busy, ADMIN), IRIS.number)
    assert [event.name for event in events] == ["link:requested", "alarm:wrong-child"]
    with pytest.raises(NotThere):
        disclosures_for(busy, who(busy, ADMIN), "46000001")


# --- the projection --------------------------------------------------------------------------------


def test_the_projection_says_what_is_due_and_what_did_not_arrive(known, clock):
    staff = who(known, ADMIN)
    assert projection(known, staff, "").counts.due == 0
    with known.store.transaction() as rows:
        rows.parents.raise_revision(AMARA, NOW)
        rows.projections.mark_due(AMARA, NOW, loss=False)
        lease = rows.projections.take(AMARA, NOW, NOW + timedelta(minutes=1))
        rows.projections.failed(lease, "Unreachable: keycloak", NOW + timedelta(minutes=2))
        rows.projections.mark_due(OTHER, NOW + timedelta(minutes=1), loss=False)
    shown = projection(known, staff, AMARA)
    assert (shown.counts.due, shown.counts.oldest_due) == (2, NOW)
    assert [(row.parent, row.attempts, row.last_error) for row in shown.behind if row.attempts] == [
        (AMARA, 1, "Unreachable: keycloak")
    ]
    assert (shown.rev, shown.one.done_rev) == (1, 0)
    assert projection(known, staff, "nobody").rev is None


# --- many rows (MANY_ROWS=200000 for as many as the design names) ------------------------------------

MANY = int(os.environ.get("MANY_ROWS", "40000"))


def _many(store):
    """Write MANY events as the bridge would have, 40 every hour, every hundredth an alarm."""
    start, before = datetime(2026, 1, 1, tzinfo=UTC), FIRST_HASH
    rows, listed_alarms = [], []
    for number in range(1, MANY + 1):
        name = "alarm:wrong-child" if number % 100 == 0 else "parent:data-downloaded"
        event = Event(
            name,
            start + timedelta(seconds=90 * number),
            Actor(ActorKind.STAFF if number % 2 else ActorKind.PARENT, f"actor-{number % 3}"),
            parent=f"parent-{number % 5000}",
            student=f"student-{number % 7000}",
        )
        before = chained(before, event) if number <= 5_000 else str(number)
        rows.append(
            {
                "number": number,
                "name": name,
                "at": event.at,
                "actor_kind": event.actor.kind,
                "actor": event.actor.id,
                "parent": event.parent,
                "student": event.student,
                "link": None,
                "school": None,
                "fields": {},
                "hash": before,
            }
        )
        if number % 100 == 0:
            listed_alarms.append({"number": number, "seen_at": None if number % 200 else event.at})
    with store.connection(write=True) as connection:
        for first in range(0, MANY, 20_000):
            connection.execute(sa.insert(journals.audit), rows[first : first + 20_000])
        connection.execute(sa.insert(journals.alarms), listed_alarms)
        connection.exec_driver_sql("ANALYZE")


def _ms(act) -> float:
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        act()
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


def test_pages_stay_quick_with_many_rows(house):
    """A page of 25 within 100 ms here, a scan of all rows would take a second: the indexes carry it."""
    _many(house.store)
    middle = datetime(2026, 2, 1, tzinfo=UTC)
    searches = {
        "newest": AuditQuery(),
        "deep page": AuditQuery(before=MANY // 2),
        "student": AuditQuery(student="student-77"),
        "parent": AuditQuery(parent="parent-77"),
        "one of three actors": AuditQuery(actor="actor-2"),
        "nobody": AuditQuery(actor="nobody"),
        "event": AuditQuery(name="alarm:wrong-child", before=MANY // 2),
        "days": AuditQuery(since=middle, until=middle + timedelta(days=1)),
        "student in days": AuditQuery(student="student-77", since=middle),
    }
    with house.store.reading() as rows:
        taken = {name: _ms(lambda q=query: rows.audit.search(q, 26)) for name, query in searches.items()}
        taken["alarms"] = _ms(lambda: rows.alarms.listed(seen=False, before=MANY // 2, limit=26))
        taken["unseen"] = _ms(rows.alarms.unseen)
        taken["length"] = _ms(rows.audit.length)
        taken["a piece of the chain"] = _ms(lambda: rows.audit.first_bad(1, 5_000)) / 20
        assert rows.audit.first_bad(1, 5_000) is None
    print({name: round(ms, 1) for name, ms in taken.items()})
    assert {name: round(ms) for name, ms in taken.items() if ms > 100} == {}


def test_the_projections_state_is_quick_with_many_parents(house):
    with house.store.connection(write=True) as connection:
        parents = [
            {
                "id": f"p{n}",
                "email": "x",
                "given_name": "",
                "family_name": "",
                "locale": "en",
                "first_seen_at": NOW,
            }
            for n in range(MANY)
        ]
        connection.execute(sa.insert(tables.parents), parents)
        idle = {
            "turn": 0,
            "loss": False,
            "fence": 0,
            "fence_turn": 0,
            "attempts": 0,
            "done_rev": 1,
            "last_error": "x",
        }
        connection.execute(
            sa.insert(journals.projections),
            [{"parent": f"p{n}", "due_since": NOW if n % 2 else None, **idle} for n in range(MANY)],
        )
        connection.exec_driver_sql("ANALYZE")
    with house.store.reading() as rows:
        counts, behind = rows.projections.counts(), rows.projections.behind(50)
        assert (counts.due, len(behind)) == (MANY // 2, 50)
        assert _ms(rows.projections.counts) < 150
        assert _ms(lambda: rows.projections.behind(50)) < 150


def test_an_unknown_parent_is_nobody(known):
    assert projection(known, who(known, ADMIN), ParentId("x")).one is None
