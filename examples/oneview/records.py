"""Hold the school data an app has of its own, here a file and inventions; never who may see it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

SCHOOLS = {
    "0552": "Lakeside Elementary",
    "0610": "Heron Middle School",
    "0731": "Heron High School",
    "9001": "Heron County District Office",
}


@dataclass(frozen=True, slots=True)
class Record:
    """What the app knows of one student."""

    student_number: str
    name: str
    grade: str
    school: str
    bus_time: str
    bus_route: int
    attendance: int
    days_away: int
    reading: str

    @property
    def given_name(self) -> str:
        """Return the first of the names."""
        return self.name.split()[0]

    @property
    def school_name(self) -> str:
        """Return the school in words."""
        return SCHOOLS.get(self.school, self.school)


def read_records(file: Path) -> dict[str, Record]:
    """Return student number -> record from `students` of the JSON `file` (as `roster sample` writes it)."""
    return {one["student_number"]: _record(one) for one in json.loads(file.read_text())["students"]}


def _record(one: dict[str, str]) -> Record:
    # The same student always has the same invented data.
    chance = random.Random(one["student_number"])  # noqa: S311
    days = chance.randrange(6)
    return Record(
        student_number=one["student_number"],
        name=one["name"],
        grade=one.get("grade", ""),
        school=one["school"],
        bus_time=f"3:{chance.randrange(10, 59)} pm",
        bus_route=chance.randrange(100, 140),
        attendance=100 - 2 * days,
        days_away=days,
        reading=chance.choice(("A", "A-", "B+", "B", "B-", "C+")),
    )
