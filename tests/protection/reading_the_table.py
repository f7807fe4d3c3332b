"""Read `answers*.txt` into rows; never asks the app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FILES = sorted(Path(__file__).parent.glob("answers*.txt"))


@dataclass(frozen=True)
class Row:
    """One route and method, at one stage, and the answer each person gets."""

    method: str
    path: str
    stage: str
    answers: dict[str, str]

    @property
    def name(self) -> str:
        """Return what a failing test calls the row."""
        return f"{self.method} {self.path} {self.stage}"

    def written(self, answers: dict[str, str]) -> str:
        """Return the row as it stands in the file, with other `answers`, to compare or copy."""
        cells = " ".join(f"{answers[who]:<{len(who)}}" for who in answers)
        return f"{self.method:<5}{self.path:<36} {self.stage:<9} {cells}".rstrip()


def rows() -> tuple[Row, ...]:
    """Return every row of the table; each must have a cell for every person."""
    people: list[str] = []
    found = []
    for line in (line for file in FILES for line in file.read_text().splitlines()):
        words = line.partition("#")[0].split()
        if words[:2] == ["route", "with"]:
            people = words[2:]
        elif words:
            method, path, stage, *cells = words
            found.append(Row(method, path, stage, dict(zip(people, cells, strict=True))))
    return tuple(found)
