"""Hand the journeys a browser and parents of their own on the one running stack."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tools.stack.stack import Stack
from tools.walk import Newcomer, Walk

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
