"""Find and bring who may touch whom (admin permissions v2); never leaves one that is not declared.

A second permission for somebody else on all users turns the bridge's calls into 403.
"""

from __future__ import annotations

from typing import Any

from idp_bridge.outside.errors import Refused
from idp_bridge.outside.realms.comparing import differs, named
from idp_bridge.outside.realms.server import SYSTEM, Realm

MANY = "500"


def find_permissions(realm: Realm, declared: dict[str, Any]) -> dict[str, Any]:
    """Return policies by user name and permissions by group path; empty where the feature is off."""
    if "adminPermissions" not in declared:
        return {}
    path = _path(realm)
    if path is None:
        return {"adminPermissions": {"policies": [], "permissions": []}}
    policies = [
        _policy(realm, path, policy) for policy in realm.get(f"{path}/policy", permission="false", max=MANY)
    ]
    permissions = [_permission(realm, path, each) for each in realm.get(f"{path}/permission", max=MANY)]
    return {"adminPermissions": {"policies": policies, "permissions": permissions}}


def bring_permissions(realm: Realm, declared: dict[str, Any]) -> None:
    """Replace every policy and permission that differs and delete what nobody declared."""
    if "adminPermissions" not in declared:
        return
    path = _path(realm)
    if path is None:
        raise Refused(
            SYSTEM,
            "adminPermissions: the realm has no client admin-permissions (fine-grained permissions v2)",
        )
    found, wanted = find_permissions(realm, declared)["adminPermissions"], declared["adminPermissions"]
    stale = {
        kind: [
            item
            for name, item in named(found[kind]).items()
            if _stale(item, named(wanted[kind]).get(name), kind)
        ]
        for kind in ("permissions", "policies")
    }
    # A policy in use cannot go, and a permission without its policy would be open or dead.
    for item in stale["permissions"]:
        realm.delete(f"{path}/permission/scope/{item['id']}", f"adminPermissions[{item['name']}]: deleted")
    for item in stale["policies"]:
        realm.delete(f"{path}/policy/{item['id']}", f"adminPermissions[{item['name']}]: deleted")
    _create_missing(realm, path, wanted)


def _create_missing(realm: Realm, path: str, wanted: dict[str, Any]) -> None:
    there = {item["name"] for item in realm.get(f"{path}/policy", max=MANY)}
    for policy in wanted["policies"]:
        if policy["name"] not in there:
            body = {**policy, "users": [_user_id(realm, name) for name in policy["users"]]}
            realm.post(
                f"{path}/policy/{policy['type']}", body, f"adminPermissions[{policy['name']}]: created"
            )
    for permission in wanted["permissions"]:
        if permission["name"] not in there:
            groups = [realm.get(f"group-by-path{group}")["id"] for group in permission["resources"]]
            body = {**permission, "type": "scope", "resources": groups}
            body |= {"decisionStrategy": "UNANIMOUS", "logic": "POSITIVE"}
            realm.post(f"{path}/permission/scope", body, f"adminPermissions[{permission['name']}]: created")


def _stale(item: dict[str, Any], wanted: dict[str, Any] | None, kind: str) -> bool:
    return wanted is None or differs(wanted, item, "adminPermissions", kind, "*")


def _path(realm: Realm) -> str | None:
    clients = realm.get("clients", clientId="admin-permissions")
    return f"clients/{clients[0]['id']}/authz/resource-server" if clients else None


def _policy(realm: Realm, path: str, policy: dict[str, Any]) -> dict[str, Any]:
    whole = realm.get(f"{path}/policy/{policy['type']}/{policy['id']}")
    users = [realm.find(f"users/{own}") or {"username": own} for own in whole.get("users", [])]
    return {**whole, "users": [user["username"] for user in users]}


def _permission(realm: Realm, path: str, permission: dict[str, Any]) -> dict[str, Any]:
    where = f"{path}/policy/{permission['id']}"
    paths = {}
    if permission.get("resourceType") == "Groups":
        paths = {group["id"]: group["path"] for group in realm.get("groups", max=MANY)}
    return {
        **permission,
        "scopes": [scope["name"] for scope in realm.get(f"{where}/scopes")],
        "resources": [paths.get(item["name"], item["name"]) for item in realm.get(f"{where}/resources")],
        "policies": [policy["name"] for policy in realm.get(f"{where}/associatedPolicies")],
    }


def _user_id(realm: Realm, name: str) -> str:
    users = realm.get("users", username=name, exact="true")
    if not users:
        raise Refused(SYSTEM, f"adminPermissions: nobody is called {name}")
    return str(users[0]["id"])
