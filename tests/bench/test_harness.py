"""`make bench` runs, on few links, and writes what it promises; how fast is none of this test's business."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from idp_bridge.services.queueing import Tab
from idp_bridge.storage import journals
from tools.aims import Aim, at_least, at_most, between
from tools.bench import __main__ as program
from tools.bench import auditing, desk, guessing
from tools.bench.places import Bench, opened
from tools.bench.replaying import replay_of
from tools.bench.rows import ROWS, Figures, Row
from tools.bench.timing import in_turns

FORGED = {
    "name": "link:verified",
    "at": datetime(2026, 8, 12, tzinfo=UTC),
    "actor_kind": "district",
    "actor": "entry-1",
    "fields": {"evidence": "school-record", "before": "awaiting-visit", "after": "verified"},
    "hash": "0" * 64,
}


@pytest.fixture
def small(tmp_path):
    with opened(Bench(tmp_path, sizes=(400, 800), runs=3, calls=2, events=50)) as bench:
        yield bench


def test_the_rows_of_the_desk_are_measured_and_written(small, tmp_path, capsys, monkeypatch):
    rows = [
        Row("page", at_least(0), desk.AgainstRaw(desk.CALLS["desk queue, first page"], "sqlite", False)),
        Row("growth", at_most(0), desk.Growth(desk.CALLS["desk search by number"], "sqlite")),
    ]
    results = program.run(small, rows)
    assert [set(one) for one in results] == [{"name", "ours", "against", "ratio", "aim", "holds"}] * 2
    assert [one["holds"] for one in results] == [True, False]
    assert all(one["ours"] > 0 and one["against"] > 0 for one in results)
    assert json.loads(json.dumps(results)) == results
    assert "MISSED" in capsys.readouterr().out


def test_every_call_finds_what_it_is_measured_with(small):
    house = desk.district(small, "sqlite", 4000)
    found = {name: call(house) for name, call in desk.CALLS.items()}
    assert len(found["desk queue, first page"].rows) == 10
    assert len(found["desk queue, deep page"].rows) == 10
    assert found["desk queue, deep page"].counts[Tab.SECOND] > 0
    assert len(found["desk search by number"]) == 1
    assert len(found["desk search by e-mail"]) == 2


def test_the_replay_runs_the_same_statements(small):
    house = desk.district(small, "sqlite", 400)
    call = desk.CALLS["desk search by e-mail"]
    replay = replay_of(house.store, lambda: call(house))
    assert [words.split()[0] for words, _ in replay.statements] == ["SELECT"]
    again = replay_of(house.store, replay)
    assert again.statements == replay.statements


def test_a_program_run_writes_the_file_and_tells_by_its_exit_code(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for aim, code in ((between(0.4, 0.6), 0), (at_least(0.9), 1)):
        monkeypatch.setattr(program, "ROWS", [Row("a guess", aim, lambda _: Figures(1, 2, 0.5, spread="1"))])
        monkeypatch.setattr(program, "MODULES", ())
        assert program.main([]) == code
        (only,) = json.loads((tmp_path / "var/bench.json").read_text())
        assert (only["name"], only["ratio"], only["holds"]) == ("a guess", 0.5, code == 0)
    assert "CPU" in program.machine() or "x" in program.machine()


def test_the_time_of_an_answer_is_measured_on_both_databases_once_for_all_kinds(small, monkeypatch):
    names = {row.name for row in ROWS}
    for database in ("sqlite", "postgresql"):
        for kind in guessing.KINDS:
            assert f"time tells hit from {kind} (AUC), {database}" in names
    taken, measure = [], guessing.measure
    monkeypatch.setattr(guessing, "measure", lambda *given: taken.append(given[1]) or measure(*given))
    found = [guessing.Told("sqlite", kind)(small) for kind in guessing.KINDS]
    assert taken == [18]
    assert all(0 <= one.ratio == one.ours <= 1 for one in found)


def test_a_classifier_that_must_guess_scores_a_half():
    assert guessing.auc([1, 2, 3], [1, 2, 3]) == 0.5
    assert guessing.auc([1, 2], [3, 4]) == 1
    assert guessing.auc([3, 4], [1, 2]) == 0


def test_an_aim_says_what_it_is():
    assert [str(one) for one in (at_least(0.5), at_most(1.2), between(0.45, 0.55))] == [
        ">= 0.5",
        "<= 1.2",
        "0.45 to 0.55",
    ]
    assert [Aim(0.45, 0.55).holds(ratio) for ratio in (0.44, 0.45, 0.55, 0.56)] == [False, True, True, False]


def test_works_take_turns():
    order = []
    in_turns((lambda: order.append("a"), lambda: order.append("b")), runs=2, calls=2)
    assert order == ["a", "b"] * 5  # one to warm up


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_bare_loop_checks_what_the_house_checks(small, kind):
    measured = auditing.Chain(kind)(small)
    assert measured.ratio > 0
    store, fresh = small.store(kind, "audit")
    assert not fresh
    with store.connection(write=True) as connection:
        connection.execute(sa.insert(journals.audit), {**FORGED, "number": 51})
    with pytest.raises(RuntimeError, match="the bare loop"):
        auditing.bare(store)()
    with pytest.raises(RuntimeError, match="we do not find"):
        auditing.Chain(kind)(small)
