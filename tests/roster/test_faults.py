"""A faulty bundle is refused as a whole, with file, line and what is wrong, for each kind of fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from idp_bridge.domain.errors import RosterRefused
from idp_bridge.outside import roster_bundle
from idp_bridge.outside.oneroster import LONGEST_GRADE, read_bundle
from idp_bridge.outside.roster_bundle import LONGEST, MOST_FAULTS
from idp_bridge.storage import tables
from tests.roster.bundles import FILES_11, FILES_12, TODAY, replaced, with_cell, write_folder, write_zip

SDS = Path(__file__).parent / "data" / "microsoft-sds-v2.1"


def faults(source):
    with pytest.raises(RosterRefused) as refused:
        read_bundle(source, TODAY)
    return refused.value.faults


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("orgs.csv", "Lakeside Elementary", "", "orgs.csv line 2: sourcedId and name must not be empty"),
        ("orgs.csv", "0610", "0552", "orgs.csv line 3: identifier 0552 stands in line 2 already"),
        ("users.csv", "46127790", "46554860", "users.csv line 3: identifier 46554860 stands in line 2"),
        ("users.csv", "46127790", "4612", "users.csv line 3: identifier '4612' is no student number of 8"),
        ("users.csv", "g-2,true", "g-1,true", "users.csv line 5: sourcedId g-1 stands in line 4 already"),
        ("users.csv", "u-2,true,", "u-2,true", "users.csv line 3: 8 columns, the header has 9"),
        ("users.csv", '"g-1,g-2"', '"g-1"x', "users.csv line 2: ',' expected after '\"'"),
        ("roles.csv", "u-2,primary,student,o-2", "u-2,primary,student,o-9", "users.csv line 3: org 'o-9'"),
        ("demographics.csv", "2013-05-02", "05/02/2013", "demographics.csv line 3: birthDate '05/02/2013'"),
        ("demographics.csv", "2013-05-02", "2026-11-25", "demographics.csv line 3: birthDate 2026-11-25 is"),
        ("users.csv", "46127790", "4612779O", "users.csv line 3: identifier '4612779O' is no student number"),
        ("users.csv", "Mateo", "M" * 201, "users.csv line 3: givenName is longer than 200 characters"),
        ("users.csv", "g-1,7", "g-1," + "7" * 21, "users.csv line 3: grades is longer than 20 characters"),
        ("users.csv", "Mateo", "Ma\0teo", "users.csv line 3: givenName holds a NUL character"),
        ("orgs.csv", "0610", "0" * 33, "orgs.csv line 3: identifier is longer than 32 characters"),
        ("demographics.csv", "2013-05-02", "", "users.csv line 3: no birthDate for u-2"),
        ("orgs.csv", ",identifier", ",code", "orgs.csv line 1: column identifier is missing (OneRoster 1.2)"),
        ("manifest.csv", "file.users,bulk", "file.users,delta", "manifest.csv: file.users is 'delta'; only"),
        ("manifest.csv", "file.users,bulk\n", "", "manifest.csv: file.users is 'absent'; only 'bulk'"),
        ("manifest.csv", "version,1.2", "version,1.0", "manifest.csv: oneroster.version is '1.0', not"),
    ],
)  # fmt: skip
def test_a_fault_is_named(tmp_path, name, old, new, said):
    broken = replaced(FILES_12, name, old, new)
    found = faults(write_folder(tmp_path / "bundle", broken))
    assert any(fault.startswith(said) for fault in found), found


def test_a_role_column_is_needed_in_users_of_1_1(tmp_path):
    broken = replaced(FILES_11, "users.csv", ",role,", ",duty,")
    said = faults(write_folder(tmp_path / "bundle", broken))
    assert said == ("users.csv line 1: column role is missing (OneRoster 1.1)",)


@pytest.mark.parametrize("name", ["orgs.csv", "users.csv", "roles.csv", "demographics.csv", "manifest.csv"])
def test_a_missing_file_is_named(tmp_path, name):
    rest = {other: text for other, text in FILES_12.items() if other != name}
    assert faults(write_folder(tmp_path / "bundle", rest))[0].startswith(f"{name} is missing")


def test_bytes_that_are_not_utf_8_are_named_with_their_line(tmp_path):
    raw = {name: text.encode() for name, text in FILES_12.items()}
    raw["users.csv"] = FILES_12["users.csv"].encode("latin-1")
    said = faults(write_folder(tmp_path / "bundle", raw))
    assert said == ("users.csv line 5: not UTF-8; export it again as UTF-8",)


def test_faults_of_several_files_come_at_once(tmp_path):
    broken = with_cell(FILES_12, "users.csv", "u-1", "identifier", "x")
    broken = with_cell(broken, "demographics.csv", "u-2", "birthDate", "soon")
    text = "\n".join(faults(write_folder(tmp_path / "bundle", broken)))
    assert "users.csv line 2: identifier 'x'" in text
    assert "demographics.csv line 3: birthDate 'soon'" in text


def test_it_stops_after_many_faults(tmp_path):
    days = "sourcedId,birthDate\n" + "".join(f"u-{n},never\n" for n in range(500))
    said = faults(write_folder(tmp_path / "bundle", {**FILES_12, "demographics.csv": days}))
    assert len(said) == MOST_FAULTS + 1
    assert said[-1] == f"… stopped after {MOST_FAULTS} faults"


def test_room_is_what_the_tables_have():
    rooms = {
        "orgs.csv": (tables.schools, {"identifier": "code", "name": "name", "metadata.address": "address",
                                      "metadata.officeHours": "office_hours", "metadata.phone": "phone"}),
        "users.csv": (tables.guardian_hints, {"sourcedId": "sourced_id", "givenName": "given_name",
                                              "familyName": "family_name", "email": "email",
                                              "phone": "phone"}),
    }  # fmt: skip
    for name, (table, columns) in rooms.items():
        said = {column: most for column, most in LONGEST[name].items() if column in columns}
        assert said == {column: table.c[kept].type.length for column, kept in columns.items()}
    students = tables.students.c
    assert LONGEST["users.csv"]["sourcedId"] == students.id.type.length
    assert LONGEST["users.csv"]["givenName"] == students.given_name.type.length
    assert students.grade.type.length == LONGEST_GRADE


def test_a_folder_named_like_a_file_is_a_fault(tmp_path):
    rest = {name: text for name, text in FILES_12.items() if name != "users.csv"}
    folder = write_folder(tmp_path / "bundle", rest)
    (folder / "users.csv").mkdir()
    assert faults(folder) == ("users.csv cannot be read (Is a directory)",)


def test_what_is_no_bundle_is_said_to_be_none(tmp_path):
    (tmp_path / "file").write_text("not a zip")
    (tmp_path / "empty").mkdir()
    assert "neither a folder nor a zip file" in faults(tmp_path / "file")[0]
    assert "has no CSV files" in faults(tmp_path / "empty")[0]


def test_a_file_that_unpacks_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(roster_bundle, "LARGEST_FILE_B", 1024 * 1024)
    bomb = write_zip(tmp_path / "bomb.zip", {**FILES_12, "users.csv": "a" * 2 * 1024 * 1024})
    assert bomb.stat().st_size < 10_000
    assert faults(bomb) == ("users.csv is larger than 1 MiB",)


def test_a_path_that_climbs_out_writes_nothing(tmp_path):
    outside = tmp_path / "roles.csv"
    archive = write_zip(
        tmp_path / "b.zip", {f"../{name}" if name == "roles.csv" else name: t for name, t in FILES_12.items()}
    )
    read_bundle(archive, TODAY)
    assert not outside.exists()


def test_a_file_that_is_twice_in_a_zip_is_refused(tmp_path):
    archive = write_zip(tmp_path / "b.zip", {**FILES_12, "old/users.csv": FILES_12["users.csv"]})
    assert faults(archive) == ("users.csv is in the zip file twice",)


def test_microsoft_sds_is_refused_for_what_it_lacks():
    assert faults(SDS) == ("manifest.csv is missing: this is not a OneRoster bundle",)


def test_microsoft_sds_with_a_manifest_added_lacks_student_numbers_and_agents(tmp_path):
    files = {file.name: file.read_text(encoding="utf-8-sig") for file in SDS.glob("*.csv")}
    said = faults(write_folder(tmp_path / "sds", {**files, "manifest.csv": FILES_12["manifest.csv"]}))
    assert said == (
        "orgs.csv line 1: column identifier is missing (OneRoster 1.2)",
        "users.csv line 1: column identifier is missing (OneRoster 1.2)",
        "users.csv line 1: column agentSourcedIds is missing (OneRoster 1.2)",
        "demographics.csv line 1: column sourcedId is missing (OneRoster 1.2)",
    )
