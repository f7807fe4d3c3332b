"""Every route has a guard and typed variables, and no GET page changes a row."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from idp_bridge.storage import tables
from idp_bridge.web.guards import UNGUARDED

OWN_SESSION_ONLY = {"session"}
"""Tables a GET may write: signing in keeps state and nonce on the server (OIDC Core 3.1.2.1)."""


def rules(web: Flask):
    return [rule for rule in web.url_map.iter_rules() if rule.endpoint != "static"]


def test_every_route_has_a_guard(web):
    unguarded = [
        rule.rule for rule in rules(web) if not hasattr(web.view_functions[rule.endpoint], "audience")
    ]
    assert unguarded == []


def test_every_url_variable_has_a_type(web):
    untyped = [rule.rule for rule in rules(web) if re.search(r"<(?![a-z]+(\([^)]*\))?:)", rule.rule)]
    assert untyped == []


def test_a_response_without_a_decision_fails_loudly(web):
    web.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = web.test_client().get("/forgotten")
    assert answer.status_code == 500
    assert answer.text == UNGUARDED


def _counts(store) -> dict[str, object]:
    with store.connection(write=False) as connection:
        return {
            table.name: connection.execute(sa.select(table).order_by(*table.primary_key)).all()
            for table in tables.metadata.sorted_tables
            if table.name not in OWN_SESSION_ONLY
        }


def _value(rule, name: str) -> str:
    """Return something the variable accepts: a word, or the first of the words it lists."""
    return sorted(getattr(rule._converters[name], "items", None) or {"x"})[0]


@pytest.mark.parametrize("who", ["nobody", "parent", "staff", "student"])
def test_no_get_changes_a_row(web, store, client, sign_in_parent, sign_in_staff, who):
    if who == "parent":
        sign_in_parent()
    if who == "staff":
        sign_in_staff()
    if who == "student":
        sign_in_staff("46554860", population="student")
    before = _counts(store)
    for rule in rules(web):
        if "GET" in rule.methods:
            values = {name: _value(rule, name) for name in rule.arguments}
            client.get(web.url_map.bind("localhost").build(rule.endpoint, values))
    assert _counts(store) == before


def test_every_answer_has_the_security_headers(client):
    for path in ("/", "/nowhere", "/healthz"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_an_unknown_page_and_method_answer_in_our_words(client):
    assert client.get("/nowhere").status_code == 404
    assert client.delete("/").status_code == 405
