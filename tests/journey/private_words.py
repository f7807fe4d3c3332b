"""Know every word that must stand in no log and no audit row, and find it; never reads a log itself."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote

from babel.dates import get_month_names

from idp_bridge.domain.visit_code import make
from idp_bridge.services.sampling import STAFF

SHORTEST_NAME = 4
"""A shorter given name (An, Bo, Sol) is looked for only beside its family name: it is also a word."""
MONTHS = [tuple(get_month_names("wide", locale=code).values()) for code in ("en", "es")]
QUERIES = {
    "SELECT given_name, family_name, email, NULL FROM parent",
    "SELECT given_name, family_name, '', birth_date FROM student",
    "SELECT given_name, family_name, email, NULL FROM guardian_hint",
    "SELECT given_name, family_name, '', birth_date FROM restriction",
    "SELECT '', '', '', claimed_birth_date FROM link",
    "SELECT '', '', '', corrected_birth_date FROM link",
    "SELECT '', '', address, NULL FROM notice",
}


@dataclass
class PrivateWords:
    """What to look for, by kind, as one pattern each."""

    names: set[str] = field(default_factory=set)
    dates: set[date] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)

    def person(self, given: str, family: str, email: str, born: str | None) -> None:
        """Take what is known of one person."""
        self.names |= {name for name in (given, family) if len(name) >= SHORTEST_NAME}
        self.names |= {part for part in re.split(r"[ -]", family) if len(part) >= SHORTEST_NAME}
        if given and family:
            self.names |= {f"{given} {family}", f"{family}, {given}"}
        if email:
            self.emails |= {email, quote(email, safe=""), email.partition("@")[0]}
        if born:
            self.dates.add(date.fromisoformat(born[:10]))

    def found_in(self, text: str) -> list[str]:
        """Return each word found, with its kind and what stands around it."""
        kinds = {
            "name": self.names,
            "birth date": {way for day in self.dates for way in written(day)},
            "e-mail": self.emails,
            "code": self.codes | {code.replace("-", "") for code in self.codes},
        }
        return [f"{kind} {hit}" for kind, words in kinds.items() for hit in hits(words, text)]


def hits(words: Iterable[str], text: str) -> Iterator[str]:
    """Yield every place where one of `words` stands as a word of its own."""
    some = sorted(words, key=len, reverse=True)
    if some:
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, some))})(?!\w)")
        for found in pattern.finditer(text):
            around = text[max(0, found.start() - 40) : found.end() + 40].replace("\n", " ")
            yield f"{found[0]!r} in {around!r}"


def written(day: date) -> Iterator[str]:
    """Yield the ways to write a date that a log or an audit row could hold."""
    y, m, d = day.year, day.month, day.day
    yield from (day.isoformat(), f"{y}{m:02}{d:02}", f"{y}/{m:02}/{d:02}", f"date({y}, {m}, {d})")
    for one, two in ((m, d), (d, m)):
        for sign in "/-.":
            yield from (f"{one}{sign}{two}{sign}{y}", f"{one:02}{sign}{two:02}{sign}{y}")
    for names in MONTHS:
        month = names[m - 1]
        for word in (month, month[:3], month.capitalize()[:3]):
            yield from (f"{word} {d}, {y}", f"{d} {word} {y}", f"{d} de {word} de {y}")


def private_words(database: sqlite3.Connection, code_key: bytes) -> PrivateWords:
    """Return everybody and everything the bridge's database knows, and the staff of the sample district."""
    words = PrivateWords()
    for query in QUERIES:
        for row in database.execute(query):
            words.person(*row)
    for visit, turn in database.execute("SELECT id, code_turn FROM visit"):
        words.codes.add(make(code_key, visit, turn))
    for member in STAFF:
        words.person(member.given_name, member.family_name, "", member.birth_date.isoformat())
        words.names.add(member.uid)
    return words
