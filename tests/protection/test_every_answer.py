"""Every route and method × every kind of person: the answer `answers.txt` says, and no route forgotten."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.protection.conftest import STRANGER
from tests.protection.reading_the_table import Row, rows
from tests.web.pages import plain

ROWS = rows()
PEOPLE = tuple(ROWS[0].answers)
AT_THE_DESK = {"elsewhere", "clerk", "principal", "district"}
"""Any of them may open any visit: the identity can be recorded at every school."""
LINKS_AND_VISITS = re.compile(r"/desk/(links|visits)/")
SHORTEST_ID = 6
NO_FORM_OF_OURS = {"/signin/parents/backchannel-logout"}
"""Keycloak itself sends these; the token in them is the proof."""


def said(answer: TestResponse) -> str:
    """Return the answer as a cell of the table."""
    if answer.status_code == 302 and answer.location.startswith("/signin/"):
        return "signin"
    return str(answer.status_code)


def routes(web: Flask) -> set[tuple[str, str]]:
    """Return every route and method of the app."""
    return {
        (rule.rule, method)
        for rule in web.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    }


def test_the_table_has_every_route_and_method_and_no_other(place):
    named = {
        (rule.rule if (rule := place.rule(row.method, row.path)) else f"NO SUCH ROUTE {row.path}", row.method)
        for row in ROWS
    }
    assert {"not in the table": routes(place.web) - named, "not in the app": named - routes(place.web)} == {
        "not in the table": set(),
        "not in the app": set(),
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_answer(place, row):
    got, known = {}, place.put_back(row.stage)
    for who in PEOPLE:
        if row.method != "GET":
            place.put_back(row.stage)
        got[who] = said(place.answer(who, row.method, row.path, known))
    assert row.written(got) == row.written(row.answers)


@pytest.mark.parametrize("row", [row for row in ROWS if "{" in row.path], ids=lambda row: row.name)
def test_not_yours_and_not_there_look_alike(place, row):
    """Who may not see a thing cannot tell it from one that does not exist: same status, same bytes."""
    known = place.put_back(row.stage)
    missing = {name: value if name == "code" else "0" * len(value) for name, value in known.items()}
    for who in PEOPLE:
        sees = LINKS_AND_VISITS.match(row.path) and who in AT_THE_DESK
        if row.answers[who] in ("200", "302", "409", "410", "422") or sees or may_open(row, who):
            continue
        theirs, nobodys = (place.answer(who, row.method, row.path, one) for one in (known, missing))
        assert said(theirs) == said(nobodys), who
        assert blank(theirs, known) == blank(nobodys, missing), who


def may_open(row: Row, who: str) -> bool:
    """Tell whether another row lets this person open the very thing: refusing an act then hides nothing."""
    begin = row.path.partition("}")[0] + "}"
    return any(one.answers[who] == "200" for one in ROWS if one.method == "GET" and one.path == begin)


def blank(answer: TestResponse, known: dict[str, str]) -> str:
    """Return the body and the headers without what differs by chance."""
    headers = sorted(f"{name}: {value}" for name, value in answer.headers if name != "Set-Cookie")
    text = plain("\n".join((*headers, answer.text)))
    for value in sorted((one for one in known.values() if len(one) >= SHORTEST_ID), key=len, reverse=True):
        text = text.replace(value, "id")
    return text


def test_every_other_method_is_refused(place):
    place.put_back("waiting")
    known = routes(place.web)
    for row in ROWS:
        rule = place.rule(row.method, row.path)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if rule and (rule.rule, method) not in known and place.rule(method, row.path) is None:
                for who in ("nobody", "parent", "clerk"):
                    answer = place.answer(
                        who, method, row.path, dict.fromkeys(place.made["waiting"], STRANGER)
                    )
                    assert answer.status_code == 405, f"{method} {row.path} {who}"


def test_no_form_without_its_token_is_taken(place):
    """Another site can make a browser send a form, but cannot know the token (CSRF)."""
    place.web.config["WTF_CSRF_ENABLED"] = True
    try:
        for row in ROWS:
            if row.method == "GET" or row.path in NO_FORM_OF_OURS:
                continue
            known = place.put_back(row.stage)
            for who in ("parent", "clerk", "principal"):
                answer = place.answer(who, row.method, row.path, known)
                assert answer.status_code == 400, f"{row.name} {who}"
                assert "open for too long" in answer.text
    finally:
        place.web.config["WTF_CSRF_ENABLED"] = False


def test_a_route_nobody_wrote_into_the_table_is_told(web):
    web.add_url_rule("/forgotten", "forgotten", lambda: "secret", methods=["GET", "POST"])
    named = {row.path for row in ROWS}
    assert {("/forgotten", "GET"), ("/forgotten", "POST")} <= routes(web)
    assert "/forgotten" not in named
