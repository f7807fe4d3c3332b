"""Read pages as a person would: titles, errors, links, and bytes without what differs by chance."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient

ANSWERS = {
    "number": {"number": "4655 4860"},
    "birth-date": {"birth_date-month": "3", "birth_date-day": "9", "birth_date-year": "2016"},
    "school": {"school": "0552"},
    "relationship": {"relationship": "birth-or-adoptive-parent"},
}
BY_CHANCE = (
    (re.compile(r'name="csrf_token" value="[^"]*"'), "csrf"),
    (re.compile(r"[B-Z]{4}-[B-Z]{4}"), "CODE-CODE"),
    (re.compile(r'<path class="qrline"[^>]*>'), "qr"),
    (re.compile(r"[0-9a-f]{32}"), "id"),
)


def answers(**changes: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return ANSWERS with some questions answered otherwise (`birth_date=` for `birth-date`)."""
    return {**ANSWERS, **{name.replace("_", "-"): fields for name, fields in changes.items()}}


def birth(day: date) -> dict[str, str]:
    """Return the three fields of a birth date."""
    return {
        "birth_date-month": str(day.month),
        "birth_date-day": str(day.day),
        "birth_date-year": str(day.year),
    }


def fill_in(client: FlaskClient, said: dict[str, dict[str, str]]) -> None:
    """Answer the four questions; each must be accepted."""
    for question, fields in said.items():
        response = client.post(f"/children/add/{question}", data=fields)
        assert response.status_code == 302, response.text


def send(client: FlaskClient, said: dict[str, dict[str, str]] | None = None) -> Any:
    """Go through the whole form and send it; return the answer to the last post."""
    fill_in(client, said or ANSWERS)
    return client.post("/children/add/check", data={"true": "y"})


def plain(html: str) -> str:
    """Return `html` with everything blanked that differs by chance: codes, QR, ids, anti-forgery values."""
    for pattern, word in BY_CHANCE:
        html = pattern.sub(word, html)
    return html


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        """Keep every piece of text."""
        if data.strip():
            self.words.append(" ".join(data.split()))


def text(html: str) -> str:
    """Return the words of a page, one piece a line."""
    reader = _Reader()
    reader.feed(html)
    return "\n".join(reader.words)


def errors(html: str) -> list[str]:
    """Return the error lines beside the fields; where there are any, the page's title must say so first."""
    found = re.findall(r'<p class="error"[^>]*>.*?</span>\s*(.*?)</span></p>', html, re.S)
    title = re.search("<title>(.*?)</title>", html, re.S)
    assert not found or (title and title[1].startswith(("Please change:", "Por favor cambie:")))
    return [" ".join(one.split()) for one in found]


def wrong_fields(html: str) -> list[str]:
    """Return the ids of the inputs marked as wrong."""
    inputs = re.findall(r"<(?:input|select)[^>]*>", html)
    return [
        re.search(r' id="([^"]*)"', one).group(1)  # type: ignore[union-attr]
        for one in inputs
        if 'aria-invalid="true"' in one
    ]
