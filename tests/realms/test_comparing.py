"""What is a difference between a realm file and a server, and what is only Keycloak's way of writing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp_bridge.outside.realms.comparing import MAPPERS, MASKED, STORAGE, Difference, differences, differs

JSON = st.recursive(
    st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_a_thing_equals_itself(value: Any) -> None:
    assert not differences(value, value)
    assert not differences({"attributes": {"x": value}}, {"attributes": {"x": value}})


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), min_size=1))
def test_whatever_is_declared_and_missing_is_found(value: dict[str, str]) -> None:
    assert len(differences(value, {})) == len(value)


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        pytest.param({"a": True}, {"a": "true"}, id="yes as a word"),
        pytest.param({"a": 300}, {"a": "300"}, id="number as a word"),
        pytest.param({"a": "uid"}, {"a": ["uid"]}, id="one value as a list"),
        pytest.param({"a": ["b", "c"]}, {"a": ["c", "b"]}, id="order of words"),
        pytest.param({"a": ["b"]}, {"a": "b"}, id="list of one as a word"),
        pytest.param({"a": ""}, {}, id="empty and absent"),
        pytest.param({"a": []}, {"a": None}, id="empty list and nothing"),
        pytest.param({"a": {}}, {}, id="empty map and absent"),
        pytest.param({"a": 1}, {"a": 1, "id": "7", "more": {}}, id="what the server adds"),
        pytest.param(
            {"attributes": {"a": '{"x":1,"y":[]}'}}, {"attributes": {"a": '{"y": [], "x": 1}'}}, id="json"
        ),
        pytest.param({"a": "x##y"}, {"a": "y##x"}, id="addresses joined by ##"),
        pytest.param({"password": ""}, {"password": MASKED}, id="masked nothing"),
        pytest.param(
            {"passwordPolicy": "length(12) and notEmail"},
            {"passwordPolicy": "notEmail(undefined) and length(12)"},
            id="password policy",
        ),
        pytest.param(
            {"clients": [{"clientId": "a", "enabled": True}]},
            {"clients": [{"clientId": "b"}, {"clientId": "a", "enabled": True, "id": "1"}]},
            id="members by name, others let be",
        ),
    ],
)
def test_not_a_difference(declared: dict[str, Any], found: dict[str, Any]) -> None:
    assert differences(declared, found) == ()


@pytest.mark.parametrize(
    ("declared", "found", "path"),
    [
        ({"a": True}, {"a": False}, "a"),
        ({"a": True}, {}, "a"),
        ({"a": ["b"]}, {"a": ["b", "c"]}, "a"),
        ({"a": ["b", "c"]}, {"a": ["b"]}, "a"),
        ({"a": []}, {"a": ["c"]}, "a"),
        ({"a": {"b": {"c": "x"}}}, {"a": {"b": "y"}}, "a.b.c"),
        ({"passwordPolicy": "length(12)"}, {"passwordPolicy": "length(8)"}, "passwordPolicy"),
        ({"clients": [{"clientId": "a"}]}, {"clients": []}, "clients[a]"),
        ({"clients": [{"clientId": "a", "x": 1}]}, {"clients": [{"clientId": "a", "x": 2}]}, "clients[a].x"),
        ({"attributes": {"a": '{"x":1}'}}, {"attributes": {"a": '{"x":2}'}}, "attributes.a"),
        ({"secret": "x"}, {"secret": "y"}, "secret"),
    ],
)
def test_a_difference(declared: dict[str, Any], found: dict[str, Any], path: str) -> None:
    assert [one.path for one in differences(declared, found)] == [path]


PROFILE = {"attributes": [{"name": "a", "validations": {}}, {"name": "b"}]}


@pytest.mark.parametrize(
    ("declared", "found", "path"),
    [
        pytest.param(
            {"userProfile": PROFILE},
            {"userProfile": PROFILE | {"unmanagedAttributePolicy": "ENABLED"}},
            "userProfile.unmanagedAttributePolicy",
            id="parents could write attributes nobody declared",
        ),
        pytest.param(
            {"userProfile": PROFILE},
            {"userProfile": {"attributes": [*PROFILE["attributes"], {"name": "c"}]}},
            "userProfile.attributes[c]",
            id="one more attribute",
        ),
        pytest.param(
            {"userProfile": PROFILE},
            {"userProfile": {"attributes": PROFILE["attributes"][::-1]}},
            "userProfile.attributes order",
            id="order on the form",
        ),
        pytest.param(
            {"clients": [{"clientId": "a", "protocolMappers": []}]},
            {"clients": [{"clientId": "a", "protocolMappers": [{"name": "m"}]}]},
            "clients[a].protocolMappers[m]",
            id="one more mapper on a client",
        ),
        pytest.param(
            {"clientScopes": [{"name": "s", "protocolMappers": []}]},
            {"clientScopes": [{"name": "s", "protocolMappers": [{"name": "m"}]}]},
            "clientScopes[s].protocolMappers[m]",
            id="one more mapper on a scope",
        ),
        pytest.param(
            {"clients": [{"clientId": "a", "serviceAccount": {"clientRoles": {}}}]},
            {"clients": [{"clientId": "a", "serviceAccount": {"clientRoles": {"realm-management": ["r"]}}}]},
            "clients[a].serviceAccount.clientRoles.realm-management",
            id="a service account with more rights",
        ),
        pytest.param(
            {"groups": [{"name": "g", "attributes": {}}]},
            {"groups": [{"name": "g", "attributes": {"student_links": ["{}"]}}]},
            "groups[g].attributes.student_links",
            id="links on a group",
        ),
        pytest.param(
            {"groups": [{"name": "g", "clientRoles": {}}]},
            {"groups": [{"name": "g", "clientRoles": {"realm-management": ["realm-admin"]}}]},
            "groups[g].clientRoles.realm-management",
            id="admin rights on a group",
        ),
        pytest.param(
            {"workflows": []}, {"workflows": [{"name": "w"}]}, "workflows[w]", id="one more workflow"
        ),
        pytest.param(
            {"adminPermissions": {"permissions": []}},
            {"adminPermissions": {"permissions": [{"name": "p"}]}},
            "adminPermissions.permissions[p]",
            id="one more permission",
        ),
        pytest.param(
            {"components": {STORAGE: [{"name": "l", "subComponents": {MAPPERS: []}}]}},
            {"components": {STORAGE: [{"name": "l", "subComponents": {MAPPERS: [{"name": "m"}]}}]}},
            f"components.{STORAGE}[l].subComponents.{MAPPERS}[m]",
            id="one more directory mapper",
        ),
    ],
)
def test_more_than_declared_is_a_difference_where_it_opens_a_door(
    declared: dict[str, Any], found: dict[str, Any], path: str
) -> None:
    assert [one.path for one in differences(declared, found)] == [path]


def test_a_masked_secret_is_neither_same_nor_different() -> None:
    (one,) = differences({"config": {"bindCredential": "x"}}, {"config": {"bindCredential": [MASKED]}})
    assert one.hidden
    assert not differs({"bindCredential": "x"}, {"bindCredential": MASKED})


@pytest.mark.parametrize(
    "difference",
    [
        Difference("clients[a].secret", "s3cret-one", "s3cret-two"),
        Difference("clients[a]", {"clientId": "a", "secret": "s3cret-one"}, None),
        Difference("a.config.bindCredential", ["s3cret-one"], ["s3cret-two"]),
        Difference("a.connectionUrl", "ldap://u:s3cret-one@host", "ldap://host"),
        Difference("a", [{"b": {"password": "s3cret-two"}}], None),
    ],
)
def test_no_line_shows_a_secret(difference: Difference) -> None:
    line = difference.shown(frozenset({"s3cret-one"}))
    assert "s3cret" not in line
    assert line.startswith(f"{difference.path}: declared ")


def test_a_long_value_is_cut() -> None:
    assert len(Difference("a", "x" * 5000, None).shown()) < 250
