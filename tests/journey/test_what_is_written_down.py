"""After the journeys: no name, birth date, e-mail or visit code in any log or audit row, ids only.

This file's name makes it the last of the folder, so that it reads what all the journeys before it left;
alone, it walks one parent first.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import date

import pytest

from tests.journey.conftest import PASSWORD
from tests.journey.private_words import PrivateWords, private_words

pytestmark = [pytest.mark.live, pytest.mark.browser]

OURS = ("bridge", "worker", "oneview", "focus", "mobile")


@pytest.fixture
def walked(stack, walk, student, newcomer) -> PrivateWords:
    """One parent who mistyped, was settled at the desk and left; a typed code that opens nothing, too."""
    ezra, parent = student("Ezra Kaplan"), newcomer("Rutherford", "Kaplan-Voss")
    walk.register(parent)
    walk.ask(parent, {**ezra, "birth_date": "2012-02-03"})
    code = walk.ask(parent, ezra)
    page = walk.sign_in("district", "sam.okafor", PASSWORD)
    for typed in ("BCDF-GHJK", parent.email, f"{code}X", ezra["name"]):
        page.goto(f"{stack.bridge_url}/desk")
        page.fill("#code", typed)
        page.press("#code", "Enter")
        page.wait_for_load_state()
    page.goto(f"{stack.bridge_url}/desk/visits/{code}")
    walk.settle("sam.okafor", PASSWORD, code)
    walk.linked(parent, {ezra["student_number"]})
    with sqlite3.connect(stack.database_url.removeprefix("sqlite:///")) as database:
        words = private_words(database, stack.secrets["code_key"].encode())
    assert code in words.codes
    assert {parent.email, "Rutherford Kaplan-Voss", "Ezra Kaplan"} <= words.emails | words.names
    assert {date.fromisoformat(ezra["birth_date"]), date(2012, 2, 3)} <= words.dates
    return words


def test_no_log_says_who_it_is_about(stack, walked):
    faults = []
    for name in OURS:
        text = (stack.folder / f"{name}.log").read_text()
        faults += [f"{name}.log: {hit}" for hit in walked.found_in(text)]
    assert "Started worker" in (stack.folder / "bridge.log").read_text()  # there is something to read
    assert faults == []


def test_no_audit_row_says_who_it_is_about(stack, walked):
    with sqlite3.connect(stack.database_url.removeprefix("sqlite:///")) as database:
        rows = database.execute("SELECT * FROM audit ORDER BY number").fetchall()
        students = {row[0] for row in database.execute("SELECT number FROM student")}
    assert len(rows) > 5
    assert [hit for row in rows for hit in walked.found_in(json.dumps(row))] == []
    spoken = {number for row in rows for number in students if number in json.dumps(row)}
    assert spoken == set()


def test_nothing_is_left_in_the_queue_between_the_pages_and_the_worker(stack, walked):
    text = (stack.folder / "queue.db").read_bytes().decode("latin-1")
    assert walked.found_in(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "GET /desk/visits/BCDF-GHJK 404",
        "code=BCDFGHJK&x",
        "mail to ruth@mail.example lost",
        "mail to ruth%40mail.example lost",
        '{"who": "Kaplan"}',
        "An Nguyen came",
        "born 2016-03-09",
        "born 3/9/2016",
        "born March 9, 2016",
        "nacido el 9 de marzo de 2016",
        "datetime.date(2016, 3, 9)",
        "/find?birth=20160309",
        "jo.hathaway was here",
    ],
)
def test_it_would_be_found(line):
    words = PrivateWords(codes={"BCDF-GHJK"}, names={"jo.hathaway"})
    words.person("Ruth", "Kaplan", "ruth@mail.example", None)
    words.person("An", "Nguyen", "", "2016-03-09")
    assert len(words.found_in(line)) >= 1


def test_what_is_no_name_is_not_found():
    words = PrivateWords()
    words.person("An", "Nguyen", "an@mail.example", "2016-03-09")
    assert words.found_in("An order of 2016-03-08; the id 9f20160309aa; nguyening") == []
