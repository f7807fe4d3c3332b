"""Invent a small district: schools, families, students and staff; never names a real person.

The same seed gives the same district, so that LDAP, roster and demo agree. Names are invented and mixed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from idp_bridge.domain.people import (
    GuardianHint,
    School,
    SchoolCode,
    Student,
    StudentId,
    StudentNumber,
)

SCHOOL_YEAR = 2026
FIRST_NUMBER = 46_100_000
LAKESIDE, MIDDLE, HIGH, OFFICE = (SchoolCode(code) for code in ("0552", "0610", "0731", "9001"))
HOURS = "Front office, Monday to Friday, 7:30 to 3:30"

TOWN = "Heron Springs, FL 32999"

SCHOOLS = (
    School(LAKESIDE, "Lakeside Elementary", f"1200 Lakeside Drive, {TOWN}", HOURS, "(321) 555-0552"),
    School(MIDDLE, "Heron Middle School", f"48 River Road, {TOWN}", HOURS, "(321) 555-0610"),
    School(HIGH, "Heron High School", f"700 Orchard Avenue, {TOWN}", HOURS, "(321) 555-0731"),
    School(
        OFFICE, "Heron County District Office", f"1 County Square, {TOWN}",
        "Student Services, Monday to Friday, 8 to 4", "(321) 555-0142",
    ),
)  # fmt: skip

# Family name | guardians: given name (family name) role | children: given name (family name) grade
# Grade KG..12; PK is at the district office (no school yet). Two households may share children.
FAMILIES = """
Quintero-Bell | Amara parent, Tomas Bell parent | Iris 4, Mateo 7, Noa 1
Abernathy-Ruiz | Salomé parent | Lucia KG, Diego 3
Brandt-Osei | Kofi guardian | Ama 5, Yaw 8
Vo-Castellan | Lan parent, Marcus Castellan parent | Minh 2
Whitlock | Teodora guardian | Jonah Reyes 3, Faith Reyes 6
Marchetti-Cole | Idris parent | Sofia 4, Elio 9
Farrow | Ximena parent, Dale parent | June 1, Beau 5, Wren 10, Ada 12
Nakagawa-Fitzsimmons | Bartholomew parent | Hana 7
Pereira-Hunt | Odile parent | Rui KG
Adeyemi-Lowe | Rufus guardian | Tola 11, Sade 12
Haddad | Mona parent, Karim parent | Layla 2, Sami 6, Rania 9
Thant | Aye parent | Zaw 3, Hla 8
Jean-Baptiste | Mirlande parent | Wideline 5, Fabiola 10
Oliveira | Paula parent, Andre relative | Bruno 1, Clara 4
Nguyen | Thuy parent | An KG, Bao 2, Chi 7
Rivera | Pat parent | Sol 4
Lindqvist | Astrid parent | Nils 6
Okonkwo | Chidi parent, Ngozi parent | Obi 9, Ify 11, Ada 5
Castillo | Rosa relative | Pilar 8
Morningstar | Dawn parent | Sky 10, River 12
Petrov | Irina parent | Lev 3
Achterberg | Joost parent | Fenna 12
Tran | Kim parent | Duc 6, Mai 11
Delgado | Ines parent | Paco PK
Sorensen | Mads parent | Freja PK, Ida 1
Bautista | Jun guardian | Kiko 2, Luz 7
Ferreira | | Gil 5
Kaplan | Ruth parent | Ezra 8, Naomi 10
Ibarra | | Xochi 3, Itzel 9
Mbeki | Thandi parent | Sipho 5, Lindiwe 9
Rossi | Carla parent, Enzo parent | Luca 7
Yilmaz | Elif parent | Deniz KG, Ayla 6
Stone | Harper parent | Quinn 11
"""


@dataclass(frozen=True, slots=True)
class SampleStaff:
    """An invented employee; `roles` are `<school>:<duty>`, empty for a teacher."""

    uid: str
    given_name: str
    family_name: str
    kind: str
    school: SchoolCode
    birth_date: date
    roles: tuple[str, ...]


STAFF = (
    SampleStaff("jo.hathaway", "Jo", "Hathaway", "clerk", LAKESIDE, date(1984, 2, 11), ("0552:office",)),
    SampleStaff("sam.okafor", "Sam", "Okafor", "clerk", MIDDLE, date(1979, 9, 30), ("0610:office",)),
    SampleStaff("lee.brandt", "Lee", "Brandt", "clerk", HIGH, date(1990, 5, 4), ("0731:office",)),
    SampleStaff(
        "ana.ruiz",
        "Ana",
        "Ruiz",
        "principal",
        LAKESIDE,
        date(1971, 12, 19),
        ("0552:principal", "0552:office"),
    ),
    SampleStaff("omar.haddad", "Omar", "Haddad", "principal", MIDDLE, date(1968, 7, 7), ("0610:principal",)),
    SampleStaff("grace.lin", "Grace", "Lin", "principal", HIGH, date(1975, 3, 23), ("0731:principal",)),
    SampleStaff(
        "dee.collins", "Dee", "Collins", "district", OFFICE, date(1982, 8, 15), ("9001:district-office",)
    ),
    SampleStaff("ira.novak", "Ira", "Novak", "district", OFFICE, date(1988, 1, 2), ("9001:identity-admin",)),
    SampleStaff("tess.moore", "Tess", "Moore", "teacher", LAKESIDE, date(1993, 10, 28), ()),
    SampleStaff("hugo.blank", "Hugo", "Blank", "teacher", HIGH, date(1986, 4, 17), ()),
    SampleStaff("pat.rivera", "Pat", "Rivera", "clerk", LAKESIDE, date(1985, 6, 6), ("0552:office",)),
)


@dataclass(frozen=True, slots=True)
class SampleDistrict:
    """The whole invented district."""

    schools: tuple[School, ...]
    students: tuple[Student, ...]
    hints: dict[StudentId, tuple[GuardianHint, ...]]
    staff: tuple[SampleStaff, ...]


def sample_district(seed: int = 1) -> SampleDistrict:
    """Return the district for `seed`: names stay, birth dates and numbers follow the seed."""
    chance = random.Random(seed)  # noqa: S311 - invented data, not a secret
    students: list[Student] = []
    hints: dict[StudentId, tuple[GuardianHint, ...]] = {}
    numbers = chance.sample(range(FIRST_NUMBER, FIRST_NUMBER + 899_999), 200)
    for family, line in enumerate(row for row in FAMILIES.strip().splitlines() if row):
        name, guardians, children = (part.strip() for part in line.split("|"))
        people = [_guardian(name, text, f"g-{family:02}-{n}") for n, text in enumerate(_items(guardians))]
        for text in _items(children):
            student = _student(chance, name, text, len(students), numbers)
            students.append(student)
            hints[student.id] = tuple(_hint(student.id, person) for person in people)
    return SampleDistrict(SCHOOLS, tuple(students), {k: v for k, v in hints.items() if v}, STAFF)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _guardian(family: str, text: str, sourced_id: str) -> tuple[str, str, str, str]:
    *names, role = text.split()
    return sourced_id, names[0], names[1] if len(names) > 1 else family, role


def _hint(student: StudentId, person: tuple[str, str, str, str]) -> GuardianHint:
    sourced_id, given, family, role = person
    number = int(sourced_id[2:4]) * 10 + int(sourced_id[-1])
    # Every second family gave the school an e-mail: so it is in real rosters, or rarer.
    plain = f"{given}.{family}".lower().replace("é", "e")
    email = f"{plain}@mail.example" if number % 20 < 10 else ""
    return GuardianHint(student, sourced_id, given, family, role, email, f"(321) 555-{1000 + number}")


def _student(chance: random.Random, family: str, text: str, place: int, numbers: list[int]) -> Student:
    *names, grade = text.split()
    return Student(
        id=StudentId(f"s-{place:03}"),
        number=StudentNumber(str(numbers[place])),
        given_name=names[0],
        family_name=names[1] if len(names) > 1 else family,
        birth_date=_birth_date(chance, grade),
        school=_school(grade),
        grade=grade,
    )


def _birth_date(chance: random.Random, grade: str) -> date:
    """Return a birth date of a child who entered kindergarten at five, by September 1 (Florida's rule)."""
    years = {"PK": 4, "KG": 5}.get(grade) or int(grade) + 5
    return date(SCHOOL_YEAR - years - 1, 9, 2) + timedelta(days=chance.randrange(364))


def _school(grade: str) -> SchoolCode:
    if grade == "PK":
        return OFFICE
    if grade == "KG" or int(grade) <= 5:
        return LAKESIDE
    return MIDDLE if int(grade) <= 8 else HIGH
