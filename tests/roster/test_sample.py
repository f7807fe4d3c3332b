"""The invented district hangs together: bundle, LDAP tree and accounts say the same, and again each time."""

from __future__ import annotations

import base64
import json
from datetime import date

import pytest

from idp_bridge.domain.people import SchoolCode, read_student_number
from idp_bridge.outside.oneroster import read_bundle
from idp_bridge.outside.roster_bundle import digest
from idp_bridge.outside.sample_files import write_sample
from idp_bridge.services.rostering import RosterCounts, import_roster
from idp_bridge.services.sampling import sample_district
from tests.roster.bundles import TODAY

DISTRICT = sample_district()
AGES = {"PK": 4, "KG": 5, **{str(grade): grade + 5 for grade in range(1, 13)}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The sample, written once."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(DISTRICT, folder, bridge_password="bridge-bind", keycloak_password="keycloak-bind")
    return folder


def test_sixty_students_have_sixty_good_numbers():
    numbers = [student.number for student in DISTRICT.students]
    assert len(numbers) == len(set(numbers)) == 60
    assert all(read_student_number(number) == number and number.startswith("46") for number in numbers)


@pytest.mark.parametrize("student", DISTRICT.students, ids=lambda student: student.id)
def test_age_on_september_1_and_school_fit_the_grade(student):
    birthday_passed = (student.birth_date.month, student.birth_date.day) <= (9, 1)
    assert 2026 - student.birth_date.year - (0 if birthday_passed else 1) == AGES[student.grade]
    schools = {"PK": "9001", "KG": "0552", **{str(g): "0552" for g in range(1, 6)}}
    schools |= {str(g): "0610" for g in (6, 7, 8)} | {str(g): "0731" for g in range(9, 13)}
    assert student.school == schools[student.grade]


def test_somebody_turns_18_within_the_notice_of_90_days():
    soon = [s for s in DISTRICT.students if date(2008, 11, 24) < s.birth_date <= date(2009, 2, 22)]
    assert soon


def test_families_reach_over_schools_and_some_children_have_no_hint():
    children = {}
    for student in DISTRICT.students:
        for hint in DISTRICT.hints.get(student.id, ()):
            children.setdefault(hint.sourced_id, []).append(student)
    assert sum(len({s.school for s in some}) > 1 for some in children.values()) >= 5
    assert max(len(some) for some in children.values()) == 4
    assert 0 < sum(s.id not in DISTRICT.hints for s in DISTRICT.students) < 10


def test_every_duty_of_staff_is_at_a_school_there_is():
    schools = {school.code for school in DISTRICT.schools}
    assert schools == {"0552", "0610", "0731", "9001"}
    duties = {person.uid: person.roles for person in DISTRICT.staff}
    assert all(SchoolCode(role.partition(":")[0]) in schools for some in duties.values() for role in some)
    assert duties["jo.hathaway"] == duties["pat.rivera"] == ("0552:office",)
    assert (duties["dee.collins"], duties["tess.moore"]) == (("9001:district-office",), ())


def test_the_same_seed_gives_the_same_and_another_seed_does_not():
    assert sample_district(1) == DISTRICT
    assert sample_district(2) != DISTRICT


def test_writing_it_again_says_the_same(folder, tmp_path):
    write_sample(
        sample_district(), tmp_path, bridge_password="bridge-bind", keycloak_password="keycloak-bind"
    )
    assert digest(tmp_path / "oneroster") == digest(folder / "oneroster.zip")
    for name in ("district.ldif", "sample.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_our_own_reader_reads_back_what_was_invented(folder):
    roster = read_bundle(folder / "oneroster.zip", TODAY)
    assert roster == read_bundle(folder / "oneroster", TODAY)
    assert (set(roster.schools), set(roster.students)) == (set(DISTRICT.schools), set(DISTRICT.students))
    assert roster.hints == DISTRICT.hints


def test_it_imports_and_a_second_time_changes_nothing(folder, house):
    roster = read_bundle(folder / "oneroster", TODAY)
    counts = import_roster(house, roster, digest(folder / "oneroster"))
    assert (counts.students, counts.withdrawn) == (60, 3)
    assert import_roster(house, roster, digest(folder / "oneroster")) == RosterCounts(0, 0, 0, 0)


def test_the_list_of_accounts_agrees_with_the_district(folder):
    said = json.loads((folder / "sample.json").read_text(encoding="utf-8"))
    assert [s["student_number"] for s in said["students"]] == [s.number for s in DISTRICT.students]
    assert {s["username"] for s in said["student_accounts"]} == {s.number for s in DISTRICT.students}
    staff = {person["username"]: person["duties"] for person in said["staff"]}
    assert staff["ana.ruiz"] == {"0552": ["principal", "office"]}
    assert staff["tess.moore"] == {}


def test_the_tree_is_plain_ascii_and_keeps_accents(folder):
    text = (folder / "district.ldif").read_text(encoding="utf-8")
    assert text.isascii()
    accented = [s for s in DISTRICT.students if not s.name.isascii()]
    assert all(base64.b64encode(s.name.encode()).decode() in text for s in accented)
