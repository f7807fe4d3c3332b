"""A good bundle is read alike from a folder and a zip file, in 1.1 and 1.2, in each usual form of CSV."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp_bridge.outside.oneroster import read_bundle
from idp_bridge.outside.roster_bundle import digest
from tests.roster.bundles import FILES_12, TODAY, VERSIONS, replaced, with_cell, write_folder, write_zip

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@pytest.fixture(params=VERSIONS)
def files(request):
    """The files of a good bundle, once for each version."""
    return VERSIONS[request.param]


@pytest.fixture
def read(tmp_path):
    """Return a function that reads `files` from a folder."""
    return lambda files: read_bundle(write_folder(tmp_path / "bundle", files), TODAY)


def test_students_have_number_birth_date_grade_and_the_primary_school(read, files):
    iris, mateo = read(files).students
    assert (iris.id, iris.number, iris.name) == ("u-1", "46554860", "Iris Quintero-Bell")
    assert (iris.birth_date, iris.grade, iris.school, iris.enrolled) == (date(2016, 3, 9), "4", "0552", True)
    assert (mateo.number, mateo.school) == ("46127790", "0610")


def test_schools_are_the_orgs_with_a_code(read, files):
    assert [(s.code, s.name) for s in read(files).schools] == [
        ("0552", "Lakeside Elementary"),
        ("0610", "Heron Middle School"),
    ]


def test_guardians_are_hints_and_a_teacher_named_as_agent_is_not(read, files):
    hints = read(files).hints
    assert [(h.sourced_id, h.name, h.role) for h in hints["u-1"]] == [
        ("g-1", "Amara Quintero", "parent"),
        ("g-2", "Tomás Bell", "guardian"),
    ]
    assert [(h.email, h.phone) for h in hints["u-2"]] == [("amara@mail.example", "(321) 555-0101")]


def test_the_guardian_may_name_the_student_instead(read, files):
    turned = with_cell(files, "users.csv", "u-2", "agentSourcedIds", "")
    turned = with_cell(turned, "users.csv", "g-1", "agentSourcedIds", "u-1,u-2")
    assert read(turned).hints == read(files).hints


@pytest.mark.parametrize("inside", ["", "export/"])
def test_a_zip_file_says_what_its_folder_says(tmp_path, files, inside):
    folder = write_folder(tmp_path / "bundle", files)
    archive = write_zip(tmp_path / "b.zip", {inside + name: text for name, text in files.items()})
    assert read_bundle(archive, TODAY) == read_bundle(folder, TODAY)
    assert digest(archive) == digest(folder)


def test_another_content_has_another_digest(tmp_path, files):
    other = with_cell(files, "users.csv", "u-1", "grades", "5")
    assert digest(write_folder(tmp_path / "a", files)) != digest(write_folder(tmp_path / "b", other))


def test_byte_order_mark_and_crlf_change_nothing(read, files):
    windows = {name: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for name, text in files.items()}
    assert read(windows) == read(files)


def test_unknown_files_and_columns_are_ignored(read, files):
    wider = "".join(f"{line},x\n" for line in files["orgs.csv"].splitlines())
    assert read({**files, "orgs.csv": wider, "enrollments.csv": "sourcedId\n1\n"}) == read(files)


@pytest.mark.parametrize(("column", "value"), [("enabledUser", "false"), ("status", "tobedeleted")])
def test_a_user_switched_off_or_to_be_deleted_is_no_student(read, column, value):
    files = replaced(FILES_12, "users.csv", "sourcedId,", "status,sourcedId,")
    lines = files["users.csv"].splitlines()
    files["users.csv"] = "\n".join([lines[0], *(f"active,{line}" for line in lines[1:])])
    if column == "status":
        files = replaced(files, "users.csv", "active,u-2,true", f"{value},u-2,true")
    else:
        files = replaced(files, "users.csv", "active,u-2,true", f"active,u-2,{value}")
    assert [student.id for student in read(files).students] == ["u-1"]


@given(CELLS)
def test_any_name_survives_quoting(name):
    with TemporaryDirectory() as folder:
        files = with_cell(FILES_12, "users.csv", "u-1", "givenName", name)
        assert read_bundle(write_folder(Path(folder), files), TODAY).students[0].given_name == name.strip()
