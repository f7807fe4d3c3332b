"""Hand the journeys a browser and parents of their own on the one running stack."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from tools.stack.stack import Stack
from tools.walk import MAIL_WAIT_S, Newcomer, Walk

PASSWORD = "Password-1"


@pytest.fixture
def walk(stack: Stack, chromium: Browser) -> Iterator[Walk]:
    """The running stack, walked by a browser; every window is closed afterwards."""
    walk = Walk(stack, chromium)
    yield walk
    for page in walk.windows.values():
        page.context.close()


@pytest.fixture
def student(stack: Stack) -> Callable[[str], dict[str, Any]]:
    """Return a function that gives a student of the sample district by name."""
    students = json.loads((stack.sample / "sample.json").read_text())["students"]
    return lambda name: next(one for one in students if one["name"] == name)


@pytest.fixture
def newcomer() -> Callable[..., Newcomer]:
    """Return a function that makes up a parent nobody has seen."""

    def make(given_name: str = "Amara", family_name: str = "Quintero-Bell") -> Newcomer:
        address = f"{given_name.lower()}.{secrets.token_hex(4)}@mail.example"
        return Newcomer(address, given_name, family_name)

    return make


@pytest.fixture
def mails(stack: Stack) -> Callable[[str, str], dict[str, Any]]:
    """Return a function that waits for the mail to an address whose subject begins with some words."""

    def newest(address: str, subject: str) -> dict[str, Any]:
        deadline, seen = time.monotonic() + MAIL_WAIT_S, []
        while time.monotonic() < deadline:
            box = requests.get(f"{stack.mail_url}/api/messages", params={"to": address}, timeout=5).json()
            seen = [mail["subject"] for mail in box]
            for mail in reversed(box):
                if mail["subject"].startswith(subject):
                    return mail
            time.sleep(0.3)
        raise AssertionError(f"no mail {subject!r} came; these did: {seen}")

    return newest


@pytest.fixture
def audit(stack: Stack) -> Callable[[str], list[dict[str, Any]]]:
    """Return a function that reads the audit's rows of one name, oldest first."""

    def read(name: str) -> list[dict[str, Any]]:
        with sqlite3.connect(stack.database_url.removeprefix("sqlite:///")) as database:
            database.row_factory = sqlite3.Row
            found = database.execute("SELECT * FROM audit WHERE name = ? ORDER BY number", (name,)).fetchall()
        return [{**dict(row), "fields": json.loads(row["fields"])} for row in found]

    return read
