"""Build OneView and Focus at fake issuers, with four invented students."""

from __future__ import annotations

import json

import pytest

from examples.oneview.app import FOCUS, ONEVIEW, Kind, make_app
from idp_bridge.testing.issuer import FakeIssuer

STUDENTS = [
    {"student_number": "46554860", "name": "Iris Quintero-Bell", "grade": "4", "school": "0552"},
    {"student_number": "46610927", "name": "Mateo Quintero-Bell", "grade": "7", "school": "0610"},
    {"student_number": "46700001", "name": "Sol Rivera", "grade": "KG", "school": "0552"},
    {"student_number": "46700002", "name": "Ada Farrow", "grade": "12", "school": "0731"},
]
BRIDGE = "http://localhost:18510"


def environment(kind: Kind, url: str, parents: str, district: str, file) -> dict[str, str]:
    prefix = kind.name.upper()
    file.write_text(json.dumps({"students": STUDENTS}))
    return {
        f"{prefix}_URL": url,
        f"{prefix}_CLIENT_ID": kind.name,
        f"{prefix}_CLIENT_SECRET": "a-secret",
        f"{prefix}_STUDENTS": str(file),
        "PARENTS_ISSUER": parents,
        "DISTRICT_ISSUER": district,
        "BRIDGE_URL": BRIDGE,
    }


@pytest.fixture
def parents():
    with FakeIssuer("parents", "oneview", "a-secret") as issuer:
        yield issuer


@pytest.fixture
def district():
    with FakeIssuer("district", "oneview", "a-secret") as issuer:
        yield issuer


@pytest.fixture
def oneview(parents, district, tmp_path):
    env = environment(ONEVIEW, "http://localhost:18511", parents.url, district.url, tmp_path / "s.json")
    return make_app(ONEVIEW, env).test_client()


@pytest.fixture
def focus(district, tmp_path):
    with FakeIssuer("parents", "focus", "a-secret") as issuer:
        env = environment(FOCUS, "http://localhost:18512", issuer.url, district.url, tmp_path / "f.json")
        yield make_app(FOCUS, env).test_client(), issuer
