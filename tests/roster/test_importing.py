"""An import is one transaction: a second run changes nothing, a failure leaves nothing, nobody is deleted."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from idp_bridge.domain.link import Move
from idp_bridge.domain.people import Parent, ParentId, SchoolCode, StudentId
from idp_bridge.outside.oneroster import read_bundle
from idp_bridge.services.linking import request_link
from idp_bridge.services.rostering import RosterCounts, import_roster
from idp_bridge.services.rows import DeskList, Where
from idp_bridge.storage.audit import SqlAudit
from tests.conftest import AMARA, IRIS, NOW, OTHER
from tests.roster.bundles import FILES_12, TODAY, replaced, with_cell, write_folder
from tests.web.families import after, asked, claim, claim_for, confirmed, links_of

NOTHING = RosterCounts(0, 0, 0, 0)


@pytest.fixture
def store(both_stores):
    """A migrated database without a school or a student, of each kind."""
    with both_stores.connection(write=True) as connection:
        for name in ("guardian_hint", "student", "school"):
            connection.exec_driver_sql(f"DELETE FROM {name}")
    return both_stores


@pytest.fixture
def bring(house, tmp_path):
    """Return a function that imports `files`."""

    def bring(files=FILES_12, **options):
        roster = read_bundle(write_folder(tmp_path / "bundle", files), TODAY)
        return import_roster(house, roster, "0" * 64, **options)

    return bring


def stored(house):
    with house.store.reading() as rows:
        return rows.roster.schools(), rows.roster.students(), rows.roster.hints()


def events(house):
    with house.store.engine.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM audit").scalar_one()


def without_mateo():
    files = FILES_12
    for name, line in (
        ("users.csv", "u-2,true,Mateo,Quintero-Bell,46127790,,,g-1,7\n"),
        ("roles.csv", "r-3,u-2,primary,student,o-2\n"),
        ("demographics.csv", "u-2,2013-05-02\n"),
    ):
        files = replaced(files, name, line, "")
    return files


def test_the_first_run_brings_everything_and_one_event(house, bring):
    assert bring() == RosterCounts(schools=2, students=2, withdrawn=0, guardians=2)
    schools, students, hints = stored(house)
    assert set(schools) == {"0552", "0610"}
    assert students["u-1"].number == "46554860"
    assert [hint.name for hint in hints["u-1"]] == ["Amara Quintero", "Tomás Bell"]
    assert events(house) == 1


def test_the_second_run_changes_nothing_and_leaves_no_event(house, bring):
    bring()
    before = stored(house)
    assert bring() == NOTHING
    assert (stored(house), events(house)) == (before, 1)


def test_a_dry_run_counts_and_changes_nothing(house, bring):
    assert bring(dry_run=True).students == 2
    assert (stored(house), events(house)) == (({}, {}, {}), 0)


def test_only_what_differs_is_changed(house, bring):
    bring()
    moved = replaced(FILES_12, "roles.csv", "r-2,u-1,primary,student,o-1", "r-2,u-1,primary,student,o-2")
    assert bring(moved) == RosterCounts(0, 1, 0, 0)
    assert stored(house)[1]["u-1"].school == "0610"


def test_a_student_who_is_gone_is_withdrawn_and_kept_and_may_return(house, bring):
    bring()
    assert bring(without_mateo()) == RosterCounts(0, 0, 1, 0)
    assert stored(house)[1]["u-2"].enrolled is False
    assert bring(without_mateo()) == NOTHING
    assert bring().students == 1
    assert stored(house)[1]["u-2"].enrolled is True


def test_the_number_of_a_withdrawn_student_may_be_given_again(house, bring):
    bring()
    assert bring(with_cell(without_mateo(), "users.csv", "u-1", "identifier", "46127790")).withdrawn == 1
    with house.store.reading() as rows:
        assert rows.students.by_number("46127790").id == "u-1"


def test_two_students_may_swap_their_numbers(house, bring):
    bring()
    swapped = with_cell(FILES_12, "users.csv", "u-1", "identifier", "46127790")
    bring(with_cell(swapped, "users.csv", "u-2", "identifier", "46554860"))
    with house.store.reading() as rows:
        assert rows.students.by_number("46127790").id == "u-1"
        assert rows.students.by_number("46554860").id == "u-2"


def test_a_guardian_taken_out_of_the_roster_is_no_hint_any_more(house, bring):
    bring()
    assert bring(with_cell(FILES_12, "users.csv", "u-1", "agentSourcedIds", "g-1")) == RosterCounts(
        0, 0, 0, 1
    )
    assert [hint.sourced_id for hint in stored(house)[2]["u-1"]] == ["g-1"]


@pytest.mark.parametrize("known", [False, True])
def test_an_import_that_fails_half_way_leaves_nothing(house, bring, monkeypatch, known):
    """The audit is written last; when it fails the whole import has to go back."""
    if known:
        bring(without_mateo())
    before = (stored(house), events(house))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(SqlAudit, "append", fail)
    with pytest.raises(OSError, match="disk full"):
        bring()
    assert (stored(house), events(house)) == before


def test_a_transfer_keeps_the_student_and_what_is_linked(house, bring):
    bring()
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
    request_link(house, AMARA, claim("46554860"))
    moved = replaced(FILES_12, "roles.csv", "r-2,u-1,primary,student,o-1", "r-2,u-1,primary,student,o-2")
    assert bring(moved).students == 1
    (link,) = links_of(house, AMARA)
    with house.store.reading() as rows:
        assert rows.students.get(link.student).school == "0610"
        # The desk of the new school sees the visit now, beside the one the parent named.
        for school in ("0552", "0610"):
            where = Where(DeskList.VISITS, frozenset({SchoolCode(school)}))
            assert [row.visit.id for row in rows.queue.page(where, 0, 10)] == [link.visit]


def test_a_student_who_moved_between_schools_mid_year_has_the_role_that_has_not_ended(house, bring):
    head, *lines = FILES_12["roles.csv"].splitlines()
    text = "\n".join([f"{head},endDate", *(f"{line}," for line in lines)])
    ended = with_cell({**FILES_12, "roles.csv": text}, "roles.csv", "r-2", "endDate", "2026-11-23")
    bring(ended)
    assert stored(house)[1]["u-1"].school == "0610"
    bring(replaced(ended, "roles.csv", "2026-11-23", "2026-11-24"))  # the last day counts
    assert stored(house)[1]["u-1"].school == "0552"


def test_a_student_without_hints_has_none(house, bring):
    bring(with_cell(FILES_12, "users.csv", "u-2", "agentSourcedIds", ""))
    assert "u-2" not in stored(house)[2]
    assert IRIS.id not in stored(house)[1]


# --- tokens that name a student who is named otherwise now ----------------------------------------


@pytest.fixture
def holder(house, bring):
    """Amara, whose token names u-1 (Iris), and a parent whose token names u-2 (Mateo)."""
    bring()
    with house.store.transaction() as rows:
        for parent in (AMARA, OTHER):
            rows.parents.save(Parent(parent, f"{parent}@mail.example", "A", "B", "en", NOW))
        iris, mateo = (rows.students.get(StudentId(id)) for id in ("u-1", "u-2"))
    for parent, student in ((AMARA, iris), (OTHER, mateo)):
        confirmed(house, asked(house, parent, claim_for(student)), student)
    return house


def standing(house):
    """Return each parent's revision, and whether a loss is due, a change is due, or nothing."""
    with house.store.reading() as rows:
        found = {
            parent: (rows.parents.get(parent), rows.projections.get(parent)) for parent in (AMARA, OTHER)
        }
    return {
        parent: (person.rev, ("loss" if row.loss else "change") if row and row.due_since else None)
        for parent, (person, row) in found.items()
    }


IRIS_LINE = 'u-1,true,Iris,Quintero-Bell,46554860,,,"g-1,g-2",4'
IRIS_ROLE = "u-1,primary,student,o-1"


@pytest.mark.parametrize(("file", "old", "new", "due"), [
    ("users.csv", "46554860", "46554861", "loss"),
    ("roles.csv", IRIS_ROLE, IRIS_ROLE.replace("o-1", "o-2"), "change"),
])  # fmt: skip
def test_a_token_that_names_a_student_otherwise_is_due_in_the_same_import(holder, bring, file, old, new, due):
    assert old in FILES_12[file]
    holder.wakeup.woken.clear()
    bring(replaced(FILES_12, file, old, new))
    assert standing(holder) == {AMARA: (1, due), OTHER: (0, None)}
    assert holder.wakeup.woken == [AMARA]
    bring(replaced(FILES_12, file, old, new))
    assert standing(holder)[AMARA] == (1, due)


def test_a_number_and_a_school_at_once_are_one_loss(holder, bring):
    files = replaced(FILES_12, "users.csv", "46554860", "46554861")
    bring(replaced(files, "roles.csv", IRIS_ROLE, IRIS_ROLE.replace("o-1", "o-2")))
    assert standing(holder)[AMARA] == (1, "loss")


@pytest.mark.parametrize("options", [{"dry_run": True}, {}])
def test_what_no_token_says_makes_nobody_due(holder, bring, options):
    line = IRIS_LINE.replace("46554860", "46554861") if options else IRIS_LINE.replace("Iris", "Irina")
    bring(replaced(FILES_12, "users.csv", IRIS_LINE, line), **options)
    assert standing(holder) == {AMARA: (0, None), OTHER: (0, None)}
    assert holder.wakeup.woken == []


def test_a_link_that_is_verified_no_more_makes_nobody_due(holder, bring):
    (link,) = links_of(holder, AMARA)
    after(holder, link, Move.REVOKE, "court-order")
    bring(replaced(FILES_12, "users.csv", "46554860", "46554861"))
    assert standing(holder)[AMARA] == (0, None)


def test_many_parents_cost_no_query_each(holder, bring):
    """A school's children move on in summer: the same statements for 1,200 parents as for one."""
    statements: list[str] = []
    event.listen(holder.store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    parents = tuple(ParentId(f"p-{number}") for number in range(1200))
    with holder.store.transaction() as rows:
        for parent in parents:
            rows.parents.save(Parent(parent, "x@mail.example", "A", "B", "en", NOW))
    statements.clear()
    with holder.store.transaction() as rows:
        rows.parents.raise_revisions(parents, NOW)
        rows.projections.mark_all_due(parents, NOW, loss=True)
    assert len(statements) < 30
    with holder.store.reading() as rows:
        counts = rows.projections.counts()
        assert {one.rev for one in rows.parents.some(parents[:400]).values()} == {1}
    assert (counts.due, counts.losses) == (1200, 1200)
