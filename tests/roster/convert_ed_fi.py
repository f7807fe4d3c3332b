"""Turn Ed-Fi sample XML (Student.xml, Contact.xml) into a OneRoster 1.2 bundle; run by hand, never by tests.

    python -m tests.roster.convert_ed_fi FOLDER_OF_XML tests/roster/data/ed-fi-5.2/oneroster

These two files say no grade and no school: the school follows from the birth date, grades stay empty.
Its six-digit numbers get two zeros in front. Names, birth dates, phones and who belongs to whom are Ed-Fi's.
"""

from __future__ import annotations

import csv
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path

NS = {"e": "http://ed-fi.org/5.2.0"}
SCHOOLS = {
    "0107": "Grand Bend Elementary School",
    "0044": "Grand Bend Middle School",
    "0001": "Grand Bend High School",
}
MANIFEST = [
    ("manifest.version", "1.0"), ("oneroster.version", "1.2"),
    *((f"file.{name}", "bulk") for name in ("demographics", "orgs", "roles", "users")),
]  # fmt: skip
ROLES = {"Mother": "parent", "Father": "parent"}


def main(source: Path, target: Path) -> None:
    """Write the bundle of `source` into `target`."""
    students = list(_students(ET.parse(source / "Student.xml").getroot()))
    contacts = ET.parse(source / "Contact.xml").getroot()
    people = {one.get("id", ""): _person(one) for one in contacts.findall("e:Contact", NS)}
    children = dict(_associations(contacts))
    target.mkdir(parents=True, exist_ok=True)
    _write(target / "manifest.csv", ("propertyName", "value"), MANIFEST)
    _write(target / "orgs.csv", ("sourcedId", "name", "type", "identifier"),
           ((f"o-{code}", name, "school", code) for code, name in SCHOOLS.items()))  # fmt: skip
    _write(target / "demographics.csv", ("sourcedId", "birthDate"), ((s[0], s[3]) for s in students))
    _write(target / "users.csv",
           ("sourcedId", "enabledUser", "givenName", "familyName", "identifier", "email", "phone",
            "agentSourcedIds"),
           [(s[0], "true", s[1], s[2], "00" + s[0][2:], "", "", "") for s in students]
           + [(f"c-{key[5:]}", "true", *people[key][:2], "", *people[key][2:], f"s-{child}")
              for key, (child, _) in children.items()])  # fmt: skip
    _write(target / "roles.csv", ("sourcedId", "userSourcedId", "roleType", "role", "orgSourcedId"),
           [(f"r-{s[0]}", s[0], "primary", "student", f"o-{_school(s[3])}") for s in students]
           + [(f"r-c-{key[5:]}", f"c-{key[5:]}", "primary", role, "o-0001")
              for key, (_, role) in children.items()])  # fmt: skip


def _students(root: ET.Element) -> Iterator[tuple[str, str, str, str]]:
    for one in root.findall("e:Student", NS):
        yield f"s-{_text(one, 'StudentUniqueId')}", *_name(one), _text(one, "BirthData/e:BirthDate")


def _person(one: ET.Element) -> tuple[str, str, str, str]:
    email = _text(one, "ElectronicMail/e:ElectronicMailAddress")
    return *_name(one), email, _text(one, "Telephone/e:TelephoneNumber")


def _associations(root: ET.Element) -> Iterator[tuple[str, tuple[str, str]]]:
    for one in root.findall("e:StudentContactAssociation", NS):
        contact = one.find("e:ContactReference", NS)
        relation = _text(one, "Relation").partition("#")[2]
        if contact is not None:
            yield contact.get("ref", ""), (_text(one, "StudentReference/e:StudentIdentity/e:StudentUniqueId"),
                                           ROLES[relation])  # fmt: skip


def _name(one: ET.Element) -> tuple[str, str]:
    return _text(one, "Name/e:FirstName"), _text(one, "Name/e:LastSurname")


def _text(one: ET.Element, path: str) -> str:
    return (one.findtext(f"e:{path}", "", NS) or "").strip()


def _school(birth_date: str) -> str:
    year = int(birth_date[:4])
    return "0107" if year >= 2016 else "0044" if year >= 2012 else "0001"


def _write(file: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([tuple(header), *map(tuple, rows)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
