"""What the bridge's service account may do on a real Keycloak: members of /parents, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from idp_bridge.outside.realms.server import Realm

from .sample import VALUES
from .signing_in import TIMEOUT_S, App, Person, claims

pytestmark = pytest.mark.live


class Bridge:
    """The Admin API with the service account's token."""

    def __init__(self, realm: Realm) -> None:
        self.admin = f"{realm.server.url}/admin/realms/{realm.name}"
        app = App(f"{realm.server.url}/realms/{realm.name}", "idp-bridge", VALUES["BRIDGE_CLIENT_SECRET"], "")
        self.token = app.token(grant_type="client_credentials").json()["access_token"]

    def __call__(self, method: str, path: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.admin}/{path}".rstrip("/")
        return requests.request(method, url, json=body, headers=headers, timeout=TIMEOUT_S)


@pytest.fixture
def bridge(parents: Realm) -> Bridge:
    return Bridge(parents)


@pytest.fixture
def outsider(parents: Realm) -> Iterator[Person]:
    """Somebody of the realm who is not in /parents."""
    person = Person(f"o{secrets.token_hex(4)}@mail.example", f"Tide-{secrets.token_hex(6)}")
    person.id = parents.post("users", person.representation(), "")
    group = parents.get("group-by-path/parents")["id"]
    parents.delete(f"users/{person.id}/groups/{group}", "")
    yield person
    parents.delete(f"users/{person.id}", "")


def service_account(realm: Realm) -> str:
    return str(realm.get("users", username="service-account-idp-bridge", exact="true")[0]["id"])


def test_the_token_holds_two_roles_and_no_more(bridge: Bridge) -> None:
    told = claims(bridge.token)
    assert set(told["resource_access"]["realm-management"]["roles"]) == {"query-users", "view-events"}
    assert set(told["resource_access"]) == {"realm-management"}
    assert not told.get("realm_access", {}).get("roles")


def test_it_reads_and_writes_a_member(bridge: Bridge, parent: Person) -> None:
    user = bridge("GET", f"users/{parent.id}").json()
    assert user["attributes"]["student_links"]
    body = {key: user[key] for key in ("username", "email", "firstName", "lastName")}
    value = '{"v":1,"rev":1,"asof":1795468790,"links":[]}'
    written = bridge("PUT", f"users/{parent.id}", {**body, "attributes": {"student_links": [value]}})
    assert written.status_code == 204
    assert bridge("GET", f"users/{parent.id}").json()["attributes"]["student_links"] == [value]
    assert bridge("POST", f"users/{parent.id}/logout").status_code == 204
    for path in ("sessions", "consents", "groups"):
        assert bridge("GET", f"users/{parent.id}/{path}").status_code == 200
    assert bridge("GET", f"attack-detection/brute-force/users/{parent.id}").status_code == 200


def test_it_lists_members_only(bridge: Bridge, parent: Person, outsider: Person) -> None:
    listed = {user["id"] for user in bridge("GET", "users?max=500").json()}
    assert parent.id in listed
    assert outsider.id not in listed
    assert bridge("GET", f"users?email={outsider.name}&exact=true").json() == []


def test_it_reads_events(bridge: Bridge, parent: Person) -> None:
    assert bridge("GET", "events").status_code == 200
    assert bridge("GET", "admin-events").status_code == 200
    assert bridge("DELETE", "events").status_code == 403


USERS = [
    ("GET", "users/{id}", None),
    ("PUT", "users/{id}", {"firstName": "X"}),
    ("DELETE", "users/{id}", None),
    ("POST", "users/{id}/logout", None),
    ("GET", "users/{id}/sessions", None),
    ("PUT", "users/{id}/reset-password", {"type": "password", "value": "Low-tide-9-morning"}),
    ("POST", "users/{id}/impersonation", None),
]


@pytest.mark.parametrize(("method", "path", "body"), USERS)
@pytest.mark.parametrize("who", ["outsider", "itself"])
def test_anybody_else_is_forbidden(
    bridge: Bridge, parents: Realm, outsider: Person, who: str, method: str, path: str, body: Any
) -> None:
    target = outsider.id if who == "outsider" else service_account(parents)
    assert bridge(method, path.format(id=target), body).status_code == 403


FORBIDDEN = [
    ("POST", "users", {"username": "x@mail.example", "email": "x@mail.example", "groups": ["/parents"]}),
    ("POST", "users/{parent}/impersonation", None),
    ("POST", "users/{parent}/role-mappings/realm", [{"name": "offline_access"}]),
    ("PUT", "users/{outsider}/groups/{group}", None),
    ("DELETE", "users/{parent}/groups/{group}", None),
    ("PUT", "groups/{group}", {"name": "parents", "attributes": {"student_links": ["{}"]}}),
    ("POST", "groups", {"name": "evil"}),
    ("GET", "groups", None),
    ("GET", "clients", None),
    ("GET", "client-scopes", None),
    ("GET", "components", None),
    ("GET", "roles", None),
    ("PUT", "users/profile", {}),
    ("PUT", "", {"registrationAllowed": False}),
    ("POST", "partial-export", None),
    ("POST", "partialImport", {"users": []}),
    ("GET", "workflows", None),
    ("POST", "localization/en", {"a": "b"}),
]


@pytest.mark.parametrize(
    ("method", "path", "body"), FORBIDDEN, ids=[f"{one[0]} {one[1]}" for one in FORBIDDEN]
)
def test_configuration_and_memberships_are_forbidden(
    bridge: Bridge, parents: Realm, parent: Person, outsider: Person, method: str, path: str, body: Any
) -> None:
    group = parents.get("group-by-path/parents")["id"]
    answer = bridge(method, path.format(parent=parent.id, outsider=outsider.id, group=group), body)
    assert answer.status_code == 403, answer.text


def test_the_service_account_is_nobody_it_may_change(parents: Realm) -> None:
    own = service_account(parents)
    assert parents.get(f"users/{own}/groups") == []
    assert "realmMappings" not in parents.get(f"users/{own}/role-mappings")


def test_it_is_nothing_in_another_realm(bridge: Bridge, district: Realm) -> None:
    bridge.admin = f"{district.server.url}/admin/realms/{district.name}"
    assert bridge("GET", "users").status_code == 403
