"""What exports really contain, and what must never pass silently: read it, or say what is wrong."""

from __future__ import annotations

import zipfile

import pytest

from idp_bridge.domain.errors import RosterRefused
from idp_bridge.outside.oneroster import read_bundle
from idp_bridge.outside.sample_files import write_sample
from idp_bridge.services.sampling import sample_district
from tests.roster.bundles import FILES_12, TODAY, replaced, write_folder, write_zip


def faults(source):
    with pytest.raises(RosterRefused) as refused:
        read_bundle(source, TODAY)
    return refused.value.faults


def test_blank_lines_are_no_rows(tmp_path):
    files = {**FILES_12, "users.csv": FILES_12["users.csv"] + "\r\n\r\n"}
    assert len(read_bundle(write_folder(tmp_path / "b", files), TODAY).students) == 2


def test_what_macos_adds_and_files_we_do_not_read_do_not_matter(tmp_path):
    archive = write_zip(tmp_path / "b.zip", FILES_12)
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("__MACOSX/._users.csv", b"\x00\x05\xff")
        more.writestr("classes.csv", "é".encode("latin-1"))
    assert len(read_bundle(archive, TODAY).students) == 2


def test_a_damaged_zip_is_said_to_be_damaged(tmp_path):
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w") as whole:
        for name, text in FILES_12.items():
            whole.writestr(name, text)
    archive.write_bytes(archive.read_bytes().replace(b"Mateo", b"Matei", 1))
    assert faults(archive)[0].startswith("b.zip is damaged (Bad CRC-32")


def test_an_encrypted_zip_is_said_to_be_encrypted(tmp_path):
    archive = write_zip(tmp_path / "b.zip", FILES_12)
    raw = bytearray(archive.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(mark)
        while at >= 0:
            raw[at + flags] |= 1
            at = raw.find(mark, at + 4)
    archive.write_bytes(raw)
    assert faults(archive)[0].startswith("b.zip is encrypted")


def test_a_fault_is_told_once(tmp_path):
    files = replaced(FILES_12, "users.csv", "u-2,true,", "u-2,true")
    said = faults(write_folder(tmp_path / "b", files))
    assert len(said) == len(set(said))


def test_a_header_no_reader_takes_is_a_fault(tmp_path):
    files = {**FILES_12, "orgs.csv": "x" * 140_000 + "," + FILES_12["orgs.csv"]}
    assert faults(write_folder(tmp_path / "b", files))[0].startswith("orgs.csv line 1: field larger than")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("orgs.csv", "o-2,active", "o-1,active", "orgs.csv line 3: sourcedId o-1 stands"),
        ("demographics.csv", "u-2,2013", "u-1,2013", "demographics.csv line 3: another birthDate for u-1"),
        ("roles.csv", ",student,", ",aide,", "users.csv: no enabled student in the bundle; all would be"),
    ],
)
def test_what_would_pass_silently_is_a_fault(tmp_path, name, old, new, said):
    found = faults(write_folder(tmp_path / "b", replaced(FILES_12, name, old, new)))
    assert any(fault.startswith(said) for fault in found), found


def test_the_sample_zip_is_the_same_bytes_each_time(tmp_path, monkeypatch):
    bytes_of = []
    for year in (2026, 2027):
        monkeypatch.setattr("time.localtime", lambda *_, year=year: (year, 1, 2, 3, 4, 5, 0, 1, 0))
        write_sample(sample_district(), tmp_path, bridge_password="b", keycloak_password="k")
        bytes_of.append((tmp_path / "oneroster.zip").read_bytes())
    assert bytes_of[0] == bytes_of[1]
