"""Make accounts and sign them in to a Flask test client in one line; never opens a browser."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp_bridge.testing.issuer import Account, FakeIssuer

YEAR_S = 365 * 24 * 3600
EVERY_PURPOSE = ("choice", "messages", "records", "transport")


def link(
    student_number: str,
    *,
    relation: str = "parent",
    purposes: Sequence[str] = EVERY_PURPOSE,
    school: str = "0552",
    expires_at: int | None = None,
) -> dict[str, object]:
    """Return one link as the claim carries it; `expires_at` in seconds since 1970, by default in a year."""
    end = int(time.time()) + YEAR_S if expires_at is None else expires_at
    return {"id": student_number, "rel": relation, "pur": sorted(purposes), "org": school, "exp": end}


def links_claim(links: Sequence[dict[str, object]], rev: int = 1) -> dict[str, object]:
    """Return the value of `student_links`, version 1."""
    entries = sorted(links, key=lambda one: str(one["id"]))
    return {"v": 1, "rev": rev, "asof": int(time.time()) if rev else 0, "links": entries}


def parent(
    students: Sequence[str | dict[str, object]] = (), *, sub: str = "parent-1", name: str = "Amara Quintero"
) -> Account:
    """Return a parent linked to `students`: numbers, or entries made by `link`. None: never linked yet."""
    entries = [link(one) if isinstance(one, str) else one for one in students]
    claim = links_claim(entries, rev=1 if entries else 0)
    return Account(sub, {"population": "parent", **_named(name), "student_links": claim})


def employee(
    school_roles: Sequence[str] = (), *, sub: str = "employee-1", name: str = "Jo Hathaway"
) -> Account:
    """Return somebody who works for the district; `school_roles` like `0552:office`."""
    roles = {"school_roles": list(school_roles)} if school_roles else {}
    return Account(sub, {"population": "employee", **_named(name), **roles})


def student(number: str, *, sub: str = "student-1", name: str = "Iris Quintero-Bell") -> Account:
    """Return a student with this student number."""
    return Account(sub, {"population": "student", **_named(name), "student_number": number})


def sign_in(client: FlaskClient, issuer: FakeIssuer, account: Account, path: str = "") -> TestResponse:
    """Walk `account` through the app's real sign-in; return the callback's answer (a redirect into the app).

    `path` is where the app starts a sign-in; `/signin/<issuer's name>` by default, as `RelyingApp` has it.
    """
    started = client.get(path or f"/signin/{issuer.name}")
    if started.status_code != 302:
        raise AssertionError(f"the sign-in did not start: {started.status}")
    back = urlsplit(issuer.approve(started.location, account))
    return client.get(f"{back.path}?{back.query}")


def sign_in_as_parent(
    client: FlaskClient, issuer: FakeIssuer, students: Sequence[str | dict[str, object]] = ()
) -> Account:
    """Sign in a parent of these students; change the account's `claims` and the next token says so."""
    account = parent(students)
    sign_in(client, issuer, account)
    return account


def sign_in_as_employee(client: FlaskClient, issuer: FakeIssuer, school_roles: Sequence[str] = ()) -> Account:
    """Sign in an employee with these duties and return the account."""
    account = employee(school_roles)
    sign_in(client, issuer, account)
    return account


def sign_in_as_student(client: FlaskClient, issuer: FakeIssuer, number: str) -> Account:
    """Sign in a student with this number and return the account."""
    account = student(number)
    sign_in(client, issuer, account)
    return account


def _named(name: str) -> dict[str, object]:
    given, _, family = name.partition(" ")
    return {"name": name, "given_name": given, "family_name": family}
