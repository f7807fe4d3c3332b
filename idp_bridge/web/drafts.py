"""Keep what a parent typed of each child in the session until it is sent; never sends it.

Each draft maps a question to its answer, child by child in the order they were typed. Nothing of it stands in
an address but the child's place in that order.
"""

from __future__ import annotations

from datetime import date

from flask import session

from idp_bridge.domain.link import Claimed
from idp_bridge.domain.people import Relationship, SchoolCode, StudentNumber

QUESTIONS = ("number", "birth-date", "school", "relationship")
SAME = ("school", "relationship")
"""Questions whose answers are often the same for brothers and sisters."""
MOST = 12
"""Children in one sitting; who has more sends these first."""
KEY = "drafts"

Draft = dict[str, str]


def drafts() -> list[Draft]:
    """Return every draft, first typed first."""
    kept: list[Draft] = session.get(KEY, [])
    return kept


def draft(place: int) -> Draft:
    """Return the draft at `place`; an empty one for the next child."""
    every = drafts()
    return every[place] if place < len(every) else {}


def last_place() -> int:
    """Return the place of the child typed last; 0 before the first."""
    return max(len(drafts()) - 1, 0)


def is_place(place: int) -> bool:
    """Tell whether a child can stand at `place`: one that is there, or the next."""
    return 0 <= place < min(len(drafts()) + 1, MOST)


def keep(place: int, **answers: str) -> None:
    """Keep answers of the child at `place`; underscores in a question's name stand for dashes."""
    said = {question.replace("_", "-"): answer for question, answer in answers.items()}
    every = [*drafts()]
    every[place : place + 1] = [{**draft(place), **said}]
    session[KEY] = every


def remove(place: int) -> None:
    """Forget the child at `place`."""
    session[KEY] = [one for at, one in enumerate(drafts()) if at != place]


def forget() -> None:
    """Forget every child, once they are sent."""
    session.pop(KEY, None)


def add_again(claimed: Claimed) -> None:
    """Add a child whose request is made again; one with the same number takes its place."""
    said = {
        "number": claimed.student_number,
        "birth-date": claimed.birth_date.isoformat(),
        "school": claimed.school,
        "relationship": claimed.relationship.value,
    }
    others = [one for one in drafts() if one.get("number") != claimed.student_number]
    session[KEY] = [*others, said][-MOST:]


def open_question(place: int) -> str | None:
    """Return the first question about the child at `place` without an answer."""
    said = draft(place)
    return next((question for question in QUESTIONS if question not in said), None)


def first_open() -> int | None:
    """Return the place of the first child with an open question; 0 where nothing was typed."""
    places = range(max(len(drafts()), 1))
    return next((place for place in places if open_question(place)), None)


def like_before(place: int) -> Draft:
    """Return the answers the child before gave to what is often the same; empty where they are not whole."""
    before = draft(place - 1) if place else {}
    said = {question: before[question] for question in SAME if question in before}
    return said if len(said) == len(SAME) else {}


def twice(place: int, number: str) -> bool:
    """Tell whether another child of this sitting has the same number."""
    return any(one.get("number") == number for at, one in enumerate(drafts()) if at != place)


def claim(said: Draft) -> Claimed:
    """Return a whole draft as the services take it."""
    return Claimed(
        StudentNumber(said["number"]),
        date.fromisoformat(said["birth-date"]),
        SchoolCode(said["school"]),
        Relationship(said["relationship"]),
    )
