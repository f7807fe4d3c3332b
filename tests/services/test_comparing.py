"""The full comparison finds whatever differs, writes nothing while all is equal, and asks no parent alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.domain.claims import EMPTY
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.services import comparing
from idp_bridge.services.comparing import Comparer, compare
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.projecting import project, sweep
from idp_bridge.services.refusing import revoke_link
from idp_bridge.services.restricting import Order, place
from tests.conftest import AMARA, IRIS, OTHER, staff
from tests.services.test_linking import _parents, settle  # noqa: F401  (autouse fixture)

OPERATOR = Actor(ActorKind.OPERATOR, "cli")


@pytest.fixture
def accounts(house):
    for parent, name in ((AMARA, "amara"), (OTHER, "bo")):
        house.accounts.add(parent, f"{name}@mail.example", attributes={"student_links": (EMPTY,)})
    return house.accounts


@pytest.fixture
def linked(house, accounts):
    """Amara is linked and her token says so."""
    link = settle(house)
    project(house, AMARA)
    return link


def counted(house, do) -> list[str]:
    """Run `do` and return the SQL statements it took."""
    said: list[str] = []

    def note(_connection, _cursor, statement, *_):
        said.append(statement.split()[0])

    sa.event.listen(house.store.engine, "before_cursor_execute", note)
    try:
        do()
    finally:
        sa.event.remove(house.store.engine, "before_cursor_execute", note)
    return said


def test_all_equal_is_no_write_and_no_query_of_a_parents_own(house, accounts, linked):
    one_parent = counted(house, lambda: compare(house))
    for number in range(50):
        parent = ParentId(f"p-{number:02}")
        accounts.add(parent, f"{number:02}@mail.example", attributes={"student_links": (EMPTY,)})
        with house.store.transaction() as rows:
            rows.parents.save(Parent(parent, f"{number:02}@mail.example", "A", "B", "en", house.clock.now()))
    many = counted(house, lambda: compare(house))
    assert many == one_parent
    assert {"INSERT", "UPDATE", "DELETE"}.isdisjoint(many)
    found = compare(house)
    assert (found.accounts, found.differing, found.missing) == (52, [], [])
    assert accounts.writes == 1


@pytest.mark.parametrize(
    "planted", [(), (EMPTY,), ("{}",), (EMPTY, EMPTY), ('{"v":1,"rev":1,"asof":0,"links":[{"id":"1"}]}',)]
)
def test_whatever_differs_is_found_and_repaired(house, accounts, linked, planted):
    (ours,) = accounts.get(AMARA).attributes["student_links"]
    accounts.put(AMARA, "student_links", planted)
    assert compare(house, dry_run=True).differing == [AMARA]
    assert sweep(house, house.clock.now(), dry_run=True) == 0
    assert compare(house).differing == [AMARA]
    assert sweep(house, house.clock.now()) == 1
    assert accounts.get(AMARA).attributes["student_links"] == (ours,)
    assert compare(house).differing == []


def test_links_given_to_an_account_that_never_came_are_taken_away(house, accounts):
    stranger = ParentId("33333333-3333-4333-8333-333333333333")
    forged = EMPTY.replace("[]", '[{"id":"46554860"}]')
    accounts.add(stranger, "new@mail.example", attributes={"student_links": (forged,)})
    assert compare(house).differing == [stranger]
    sweep(house, house.clock.now())
    assert accounts.get(stranger).attributes["student_links"] == (EMPTY,)


def test_a_linked_parent_whose_account_is_gone_is_marked(house, accounts, linked):
    accounts.remove(AMARA)
    assert compare(house).missing == [AMARA]
    assert sweep(house, house.clock.now(), dry_run=True) == 1


def test_what_is_due_anyway_is_no_difference_once_it_arrived(house, accounts, linked):
    revoke_link(house, OPERATOR, linked.id, "court-order")
    assert compare(house).differing == [AMARA]
    sweep(house, house.clock.now())
    assert compare(house).differing == []
    assert accounts.ended == [AMARA]


def test_a_parent_without_messages_is_equal_too(house, accounts, linked):
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    order = Order(IRIS.number, "Amara", "Quintero-Bell", False, True, "court-order", date(2027, 6, 1))
    place(house, "ana.ruiz", order)
    sweep(house, house.clock.now())
    assert "messages" not in accounts.get(AMARA).attributes["student_links"][0]
    assert compare(house).differing == []


def test_pages_follow_each_other_to_the_end(house, accounts, linked, monkeypatch):
    monkeypatch.setattr(comparing, "PAGE", 1)
    accounts.put(OTHER, "student_links", ("{}",))
    found = compare(house)
    assert (found.accounts, found.differing) == (2, [OTHER])


def test_a_server_that_does_not_answer_changes_nothing(house, accounts, linked):
    accounts.fail("members", Unreachable("keycloak"))
    with pytest.raises(Unreachable):
        compare(house)
    assert sweep(house, house.clock.now(), dry_run=True) == 0


def test_the_wanted_value_follows_a_transfer(house, accounts, linked):
    from idp_bridge.domain.roster import RosterChanges

    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, school="0610"),)))
    assert compare(house).differing == [AMARA]
    sweep(house, house.clock.now())
    assert '"org":"0610"' in accounts.get(AMARA).attributes["student_links"][0]


def test_a_number_handed_on_to_another_child_leaves_the_first_parents_token(house, accounts, linked):
    """A student who left keeps the link for a time, but the number may name somebody else by then."""
    from idp_bridge.domain.roster import Roster
    from idp_bridge.services.rostering import import_roster

    with house.store.reading() as rows:
        schools, students = tuple(rows.roster.schools().values()), rows.roster.students()
    stay = tuple(one for one in students.values() if one.id != IRIS.id)
    import_roster(house, Roster(schools, stay, {}), "d1")
    sweep(house, house.clock.now())
    assert IRIS.number in accounts.get(AMARA).attributes["student_links"][0]
    other = replace(IRIS, id="s-other", given_name="Otto")
    import_roster(house, Roster(schools, (*stay, other), {}), "d2")
    assert house.wakeup.woken[-1] == AMARA
    sweep(house, house.clock.now())
    assert IRIS.number not in accounts.get(AMARA).attributes["student_links"][0]
    assert accounts.ended == [AMARA]
    assert compare(house).differing == []


# --- by the clock --------------------------------------------------------------------------------


def compared(accounts) -> int:
    """Return how often accounts were asked for since the last time."""
    asked = accounts.calls.count("members")
    accounts.calls.clear()
    return asked


def turned(comparer, accounts) -> int:
    """Let it have a turn; return how many pages it asked for."""
    accounts.calls.clear()
    comparer.turn()
    return compared(accounts)


WHOLE = 2
"""A page, and the empty one behind it."""


def test_it_is_done_at_the_start_and_then_every_so_often(house, accounts, linked, clock):
    comparer, done = Comparer(house, timedelta(minutes=3)), []
    for _ in range(7):
        done.append(turned(comparer, accounts))
        clock.advance(minutes=1)
    assert done == [WHOLE, 0, 0, WHOLE, 0, 0, WHOLE]


def test_where_keycloak_did_not_answer_it_is_done_soon_again(house, accounts, linked, clock):
    comparer = Comparer(house, timedelta(hours=1))
    accounts.fail("members", Unreachable("keycloak"))
    assert turned(comparer, accounts) == 1
    waits = [0] * 8
    for number in range(len(waits)):
        while not turned(comparer, accounts):
            clock.advance(seconds=1)
            waits[number] += 1
    assert waits == [2, 4, 8, 15, 15, 15, 15, 15]


def test_after_one_that_worked_the_next_failure_is_made_up_for_as_soon(house, accounts, linked, clock):
    comparer = Comparer(house, timedelta(hours=1))
    for _ in range(2):
        accounts.fail("members", Unreachable("keycloak"))
        assert turned(comparer, accounts) == 1
        clock.advance(seconds=1)
        assert turned(comparer, accounts) == 0
        accounts.mend()
        clock.advance(seconds=1)
        assert turned(comparer, accounts) == WHOLE
        clock.advance(hours=1)


def test_one_that_somebody_asked_for_is_done_and_made_up_for_too(house, accounts, linked, clock):
    comparer = Comparer(house, timedelta(hours=1))
    assert [turned(comparer, accounts) for _ in range(2)] == [WHOLE, 0]
    accounts.fail("members", Unreachable("keycloak"))
    comparer.soon()
    assert [turned(comparer, accounts) for _ in range(2)] == [1, 0]
    accounts.mend()
    clock.advance(seconds=2)
    assert [turned(comparer, accounts) for _ in range(2)] == [WHOLE, 0]


def test_what_failed_before_somebody_asked_makes_nobody_wait(house, accounts, linked, clock):
    comparer = Comparer(house, timedelta(hours=1))
    accounts.fail("members", Unreachable("keycloak"))
    for _ in range(4):
        assert turned(comparer, accounts) == 1
        clock.advance(minutes=1)
    comparer.soon()
    assert turned(comparer, accounts) == 1
    accounts.mend()
    clock.advance(seconds=2)
    assert turned(comparer, accounts) == WHOLE


def test_one_that_is_asked_for_while_one_runs_is_done_after_it(house, accounts, linked, monkeypatch):
    comparer, members = Comparer(house, timedelta(hours=1)), accounts.members

    def asked_meanwhile(first, many):
        comparer.soon()
        return members(first, many)

    monkeypatch.setattr(accounts, "members", asked_meanwhile)
    assert turned(comparer, accounts) == WHOLE
    monkeypatch.setattr(accounts, "members", members)
    assert [turned(comparer, accounts) for _ in range(2)] == [WHOLE, 0]
