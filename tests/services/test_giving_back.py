"""What a parent changes while we write is given back from their own edit, and the district hears of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.services.failures import Refused, Unreachable
from idp_bridge.services.giving_back import LOOK_BACK
from idp_bridge.services.ports import Author
from idp_bridge.services.projecting import WAIT_OUT_S, Outcome, project, project_most_urgent
from idp_bridge.services.refusing import revoke_link
from idp_bridge.storage import journals
from tests.conftest import AMARA, IRIS
from tests.services.test_linking import _parents, settle  # noqa: F401  (autouse fixture)
from tests.services.test_projecting import OPERATOR, alarms, others, row, stored

NEW = "amara.new@mail.example"


@pytest.fixture(autouse=True)
def _named(accounts):
    names = {"first_name": "Amara", "last_name": "Quintero"}
    accounts.change(AMARA, **names, email="amara@mail.example", username="amara@mail.example")


def meanwhile(accounts, *acts) -> None:
    """Let each of `acts` happen between a GET and the PUT behind it: the first before the first PUT."""
    write, left = accounts.write_links, list(acts)

    def late(account, value):
        if left:
            left.pop(0)()
        write(account, value)

    accounts.write_links = late


def undone(house) -> list[dict]:
    with house.store.connection(write=False) as connection:
        query = sa.select(journals.audit.c.fields).where(journals.audit.c.name == "alarm:edit-undone")
        return list(connection.execute(query).scalars())


def look_again(house) -> Outcome:
    """Project once more, as the event of the parent's own edit has us do."""
    with house.store.transaction() as rows:
        rows.projections.mark_due(AMARA, house.clock.now(), loss=False)
    return project(house, AMARA)


def test_a_name_changed_while_we_wrote_is_given_back_and_alarmed_once(house, accounts):
    settle(house)
    meanwhile(accounts, lambda: accounts.edit(AMARA, first_name="Amaranta", last_name="Bell"))
    assert project(house, AMARA) is Outcome.WRITTEN
    account = accounts.get(AMARA)
    assert (account.first_name, account.last_name) == ("Amaranta", "Bell")
    assert stored(accounts)["links"][0]["id"] == IRIS.number
    expected = [{"by": "bridge", "what": ["first_name", "last_name"], "given_back": True}]
    assert undone(house) == expected
    assert (row(house).due_since, row(house).last_error) == (None, None)
    writes = accounts.writes
    assert look_again(house) is Outcome.EQUAL
    assert (accounts.writes, undone(house)) == (writes, expected)


def test_an_e_mail_given_back_is_told_to_the_old_address_as_any_other(house, accounts, clock):
    settle(house)
    clock.advance(minutes=1)
    meanwhile(accounts, lambda: accounts.edit(AMARA, email=NEW, username=NEW))
    project(house, AMARA)
    assert (accounts.get(AMARA).email, accounts.get(AMARA).username) == (NEW, NEW)
    with house.store.reading() as rows:
        assert rows.parents.get(AMARA).email == NEW
        assert rows.audit.count("parent:email-changed", house.clock.now()) == 1
    with house.store.connection(write=False) as connection:
        told = sa.select(journals.notices.c.address).where(journals.notices.c.kind == "email-changed")
        assert list(connection.execute(told).scalars()) == ["amara@mail.example"]


def test_a_district_address_given_back_is_an_alarm_as_any_other(house, accounts, clock):
    settle(house)
    clock.advance(minutes=1)
    theirs = "amara@district.example"
    meanwhile(accounts, lambda: accounts.edit(AMARA, email=theirs, username=theirs))
    project(house, AMARA)
    assert set(alarms(house)) == {"alarm:district-address", "alarm:edit-undone"}


def test_an_edit_that_meets_the_giving_back_is_given_back_by_the_next_look(house, accounts):
    settle(house)
    meanwhile(
        accounts,
        lambda: accounts.edit(AMARA, first_name="Amaranta"),
        lambda: accounts.edit(AMARA, last_name="Bell"),
    )
    project(house, AMARA)
    assert (accounts.get(AMARA).first_name, accounts.get(AMARA).last_name) == ("Amaranta", "Quintero")
    look_again(house)
    assert (accounts.get(AMARA).first_name, accounts.get(AMARA).last_name) == ("Amaranta", "Bell")
    assert [one["what"] for one in undone(house)] == [["first_name"], ["last_name"]]


def test_a_worker_killed_before_it_looked_leaves_it_to_the_next(house, accounts, clock):
    settle(house)
    meanwhile(accounts, lambda: accounts.edit(AMARA, first_name="Amaranta"))
    accounts.fail("changes", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        project(house, AMARA)
    accounts.mend()
    assert accounts.get(AMARA).first_name == "Amara"
    clock.advance(minutes=3)
    assert project(house, AMARA) is Outcome.EQUAL
    assert accounts.get(AMARA).first_name == "Amaranta"


@pytest.mark.parametrize("call", ["changes", "get", "write_links"])
def test_a_failure_while_giving_back_is_tried_again(house, accounts, clock, call):
    settle(house)
    meanwhile(accounts, lambda: accounts.edit(AMARA, first_name="Amaranta"))
    look = accounts.changes

    def fails_now(parents, since):
        found = look(parents, since)
        accounts.fail(call, Unreachable("keycloak"))
        return found if call != "changes" else look(parents, since)

    accounts.changes = fails_now
    assert project(house, AMARA) is Outcome.FAILED
    assert row(house).due_since is not None
    accounts.mend()
    accounts.changes = look
    clock.advance(seconds=WAIT_OUT_S)
    assert project(house, AMARA) is Outcome.EQUAL
    assert accounts.get(AMARA).first_name == "Amaranta"


def test_sessions_end_before_anything_is_given_back(house, accounts):
    link = settle(house)
    project(house, AMARA)
    revoke_link(house, OPERATOR, link.id, "court-order")
    accounts.fail("changes", Unreachable("keycloak"))
    assert project(house, AMARA) is Outcome.FAILED
    assert accounts.ended == [AMARA]


def test_what_keycloak_refuses_by_now_is_left_to_the_alarm(house, accounts):
    settle(house)
    write = accounts.write_links

    def taken(account, value):
        if account.email == NEW:
            raise Refused("keycloak", "409")
        accounts.edit(AMARA, email=NEW, username=NEW)
        write(account, value)

    accounts.write_links = taken
    assert project(house, AMARA) is Outcome.WRITTEN
    assert undone(house) == [{"by": "bridge", "what": ["email", "username"], "given_back": False}]
    assert row(house).due_since is None


def test_who_may_not_see_events_writes_all_the_same(house, accounts):
    settle(house)
    accounts.fail("changes", Refused("keycloak", "403"))
    assert project(house, AMARA) is Outcome.WRITTEN
    assert (row(house).due_since, row(house).step) == (None, "")


# --- what is not ours to give back ---------------------------------------------------------------


def test_an_administrators_page_since_the_edit_decides_and_is_alarmed_once(house, accounts):
    settle(house)
    project(house, AMARA)
    page = accounts.get(AMARA)
    accounts.edit(AMARA, first_name="Amaranta")
    accounts.write_over(AMARA, page)
    for _ in range(2):
        look_again(house)
    assert accounts.get(AMARA).first_name == "Amara"
    assert undone(house) == [{"by": "administrator", "what": ["first_name"], "given_back": False}]


def test_a_third_value_is_somebodys_decision(house, accounts):
    settle(house)
    project(house, AMARA)
    accounts.edit(AMARA, first_name="Amaranta")
    accounts.write_over(AMARA, replace(accounts.get(AMARA), first_name="Amar"))
    look_again(house)
    assert (accounts.get(AMARA).first_name, undone(house)) == ("Amar", [])


def test_who_changes_their_mind_is_not_given_the_first_one(house, accounts):
    settle(house)
    project(house, AMARA)
    accounts.edit(AMARA, first_name="Amaranta")
    look_again(house)
    accounts.edit(AMARA, first_name="Amara")
    look_again(house)
    assert (accounts.get(AMARA).first_name, undone(house)) == ("Amara", [])


def test_an_edit_we_read_before_we_wrote_is_none(house, accounts):
    accounts.edit(AMARA, first_name="Amaranta")
    settle(house)
    assert project(house, AMARA) is Outcome.WRITTEN
    assert (accounts.get(AMARA).first_name, undone(house), accounts.writes) == ("Amaranta", [], 1)


def test_nobody_looks_further_back_than_a_few_minutes(house, accounts, clock):
    settle(house)
    meanwhile(accounts, lambda: accounts.edit(AMARA, first_name="Amaranta"))
    accounts.fail("changes", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        project(house, AMARA)
    accounts.mend()
    clock.advance(seconds=LOOK_BACK.total_seconds() + 1)
    assert project(house, AMARA) is Outcome.EQUAL
    assert (accounts.get(AMARA).first_name, undone(house)) == ("Amara", [])
    assert timedelta(minutes=1) < LOOK_BACK


def test_no_edit_of_the_links_themselves_is_given_back(house, accounts):
    """Parents cannot change them; an event that says so is not believed."""
    settle(house)
    project(house, AMARA)
    before, after = {"student_links": stored_text(accounts)}, {"student_links": "{}"}
    accounts._note(AMARA, Author.PARENT, before, after)
    look_again(house)
    assert (stored(accounts)["links"][0]["id"], undone(house)) == (IRIS.number, [])


def stored_text(accounts) -> str:
    (text,) = accounts.get(AMARA).attributes["student_links"]
    return text


@pytest.fixture
def three(house, accounts, clock):
    """Three parents who are due together."""
    made = others(house, clock, 3)
    for parent in made:
        accounts.change(parent, first_name="Ana", last_name="Sol")
    return made


def test_those_projected_together_are_looked_at_together(house, accounts, clock, three):
    first, _, last = three
    meanwhile(
        accounts,
        lambda: accounts.edit(first, first_name="Anna"),
        lambda: accounts.edit(last, last_name="Soler"),  # before its GET: nothing is lost
        lambda: accounts.edit(last, first_name="Antonia"),
    )
    accounts.calls.clear()
    assert project_most_urgent(house) == (Outcome.WRITTEN,) * 3
    assert accounts.calls.count("changes") == 1
    names = [(one.first_name, one.last_name) for one in map(accounts.get, three)]
    assert names == [("Anna", "Sol"), ("Ana", "Sol"), ("Antonia", "Soler")]
    assert [one["what"] for one in undone(house)] == [["first_name"], ["first_name"]]


def test_a_look_that_fails_is_tried_again_for_all_it_was_for(house, accounts, clock, three):
    accounts.fail("changes", Unreachable("keycloak"))
    assert project_most_urgent(house) == (Outcome.FAILED,) * 3
    accounts.mend()
    clock.advance(seconds=2)
    assert project_most_urgent(house) == (Outcome.EQUAL,) * 3


def test_what_fails_for_one_who_is_given_back_fails_for_nobody_else(house, accounts, clock, three):
    meanwhile(accounts, lambda: accounts.edit(three[0], first_name="Anna"))
    write, times = accounts.write_links, []

    def second_fails(account, value):
        times.append(account.id)
        if times.count(three[0]) == 2:
            raise Unreachable("keycloak")
        write(account, value)

    accounts.write_links = second_fails
    assert project_most_urgent(house) == (Outcome.FAILED, Outcome.WRITTEN, Outcome.WRITTEN)
    accounts.write_links = write
    clock.advance(seconds=WAIT_OUT_S)
    assert project_most_urgent(house) == (Outcome.EQUAL,)
    assert accounts.get(three[0]).first_name == "Anna"
