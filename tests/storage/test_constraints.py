"""What the database itself refuses, whoever asks: a second live link, a changed audit row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from idp_bridge.domain.errors import AlreadyAsked, ChangedMeanwhile
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import (
    LIVE,
    Claimed,
    Link,
    LinkId,
    LinkState,
    Move,
    Visit,
    VisitId,
    moved,
    verified,
)
from idp_bridge.domain.people import (
    Parent,
    Relationship,
    SchoolCode,
    StudentNumber,
)
from tests.conftest import AMARA, IRIS, NOW, OTHER
from tests.databases import NO_TRIGGERS

CLAIMED = Claimed(IRIS.number, IRIS.birth_date, IRIS.school, Relationship.PARENT)


def a_parent(store, parent=AMARA):
    with store.transaction() as rows:
        rows.parents.save(Parent(parent, f"{parent}@mail.example", "A", "B", "en", NOW))
        rows.visits.add(Visit(VisitId(f"v-{parent}"[:32]), parent, f"f-{parent}", 0, NOW, date(2026, 12, 8)))
    return parent


def a_link(link_id="l1", parent=AMARA, **more) -> Link:
    fields = {"student": IRIS.id, "state": LinkState.AWAITING_VISIT, **more}
    return Link(
        LinkId(link_id),
        parent,
        VisitId(f"v-{parent}"[:32]),
        CLAIMED,
        requested_at=NOW,
        changed_at=NOW,
        **fields,
    )


def test_a_link_comes_back_as_it_was_stored(store):
    a_parent(store)
    link = verified(a_link(), IRIS, "school-record", IRIS.school, NOW, ZoneInfo("America/New_York"))
    with store.transaction() as rows:
        rows.links.add(link)
    with store.reading() as rows:
        assert rows.links.get(link.id) == link
        assert rows.links.of_parent(AMARA) == rows.links.of_student(IRIS.id) == (link,)


@pytest.mark.parametrize("first", sorted(LIVE))
@pytest.mark.parametrize("second", sorted(LIVE))
def test_one_live_link_per_parent_and_student(store, first, second):
    a_parent(store)
    other_number = replace(CLAIMED, student_number=StudentNumber("00000001"))
    with store.transaction() as rows:
        rows.links.add(a_link("l1", state=LinkState(first)))
        with pytest.raises(AlreadyAsked):
            rows.links.add(replace(a_link("l2", state=LinkState(second)), claimed=other_number))
        assert len(rows.links.of_parent(AMARA)) == 1  # the transaction lives on


def test_an_ended_link_makes_room_and_another_parent_is_another_link(store):
    a_parent(store)
    a_parent(store, OTHER)
    with store.transaction() as rows:
        rows.links.add(a_link("l1", state=LinkState.ENDED))
        rows.links.add(a_link("l2"))
        rows.links.add(a_link("l3", parent=OTHER))


def test_one_waiting_request_per_parent_and_number_even_unmatched(store):
    a_parent(store)
    with store.transaction() as rows:
        rows.links.add(a_link("l1", student=None))
        with pytest.raises(AlreadyAsked):
            rows.links.add(a_link("l2", student=None))


def test_a_verified_link_needs_a_student(store):
    a_parent(store)
    with pytest.raises(AlreadyAsked), store.transaction() as rows:
        rows.links.add(a_link(student=None, state=LinkState.VERIFIED))


def test_a_write_on_an_older_version_is_refused(store):
    a_parent(store)
    with store.transaction() as rows:
        rows.links.add(a_link())
    cancelled = moved(a_link(), Move.CANCEL, NOW)
    with store.transaction() as rows:
        rows.links.save(cancelled)
    with pytest.raises(ChangedMeanwhile), store.transaction() as rows:
        rows.links.save(moved(a_link(), Move.DENY, NOW, "not-the-student"))
    with store.reading() as rows:
        assert rows.links.get(LinkId("l1")).state is LinkState.CANCELLED


def test_one_open_visit_per_parent(store):
    a_parent(store)
    with store.transaction() as rows, pytest.raises(AlreadyAsked):
        rows.visits.add(Visit(VisitId("v2"), AMARA, "f2", 0, NOW, date(2026, 12, 8)))
    with store.transaction() as rows:
        visit = rows.visits.open_of(AMARA)
        rows.visits.save(replace(visit, closed_at=NOW))
        rows.visits.add(Visit(VisitId("v2"), AMARA, "f2", 0, NOW, date(2026, 12, 8)))


def test_an_unknown_school_or_student_is_refused(store):
    a_parent(store)
    with pytest.raises(AlreadyAsked), store.transaction() as rows:
        rows.links.add(replace(a_link(), claimed=replace(CLAIMED, school=SchoolCode("none"))))


def events(store, number=3):
    who = Actor(ActorKind.STAFF, "entry-1")
    with store.transaction() as rows:
        for n in range(number):
            rows.audit.append(
                Event(
                    "identity:proven",
                    NOW + timedelta(seconds=n),
                    who,
                    parent="p",
                    link="l1",
                    fields={"kind": str(n)},
                )
            )


@pytest.mark.parametrize(
    "change", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DELETE FROM audit WHERE number = 3"]
)
def test_the_audit_takes_no_update_and_no_delete(store, change):
    events(store)
    with pytest.raises(DatabaseError, match="append-only"), store.connection(write=True) as connection:
        connection.execute(sa.text(change))
    with store.reading() as rows:
        assert rows.audit.first_bad() is None
        assert len(rows.audit.of_link("l1")) == 3


@pytest.mark.parametrize(
    ("tampering", "bad"),
    [
        ("UPDATE audit SET actor = 'x' WHERE number = 2", 2),
        ('UPDATE audit SET fields = \'{"kind": "9"}\' WHERE number = 1', 1),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("UPDATE audit SET hash = 'x' WHERE number = 3", 3),
    ],
)
def test_the_chain_names_the_first_bad_row(store, tampering, bad):
    events(store)
    with store.connection(write=True) as connection:
        if connection.dialect.name == "sqlite":
            for verb in ("UPDATE", "DELETE"):
                connection.exec_driver_sql(f"DROP TRIGGER audit_no_{verb}")
        else:
            connection.exec_driver_sql(NO_TRIGGERS)
        connection.exec_driver_sql(tampering)
    with store.reading() as rows:
        assert rows.audit.first_bad() == bad


def test_times_are_utc_and_naive_ones_refused(store):
    with pytest.raises(sa.exc.StatementError, match="time zone"), store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "a@b.example", "A", "B", "en", datetime(2026, 1, 1)))
    summer = datetime.fromisoformat("2026-07-01T12:00:00-04:00")
    with store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "a@b.example", "A", "B", "en", summer))
        assert rows.parents.get(AMARA).first_seen_at == datetime(2026, 7, 1, 16, tzinfo=UTC)
