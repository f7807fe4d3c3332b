"""Find and bring what a client's service account may do: the declared roles and groups, never more."""

from __future__ import annotations

from typing import Any

from idp_bridge.outside.realms.server import Realm


def find_service_account(realm: Realm, client: str) -> dict[str, Any]:
    """Return groups, realm roles and client roles of the service account of `client` (the server's id)."""
    user = realm.get(f"clients/{client}/service-account-user")["id"]
    held = realm.get(f"users/{user}/role-mappings")
    return {
        "groups": [group["path"] for group in realm.get(f"users/{user}/groups")],
        "realmRoles": [role["name"] for role in held.get("realmMappings", [])],
        "clientRoles": {
            name: [role["name"] for role in roles["mappings"]]
            for name, roles in held.get("clientMappings", {}).items()
        },
    }


def bring_service_account(realm: Realm, client: dict[str, Any], own: str) -> None:
    """Take away what the server gives every user (default role, default groups), add what is declared.

    A service account in `/parents` would be one of the people it may change.
    """
    label, declared = f"clients[{client['clientId']}]: service account", client["serviceAccount"]
    user = realm.get(f"clients/{own}/service-account-user")["id"]
    for group in realm.get(f"users/{user}/groups"):
        if group["path"] not in declared["groups"]:
            realm.delete(f"users/{user}/groups/{group['id']}", f"{label}: out of {group['path']}")
    held = realm.get(f"users/{user}/role-mappings")
    mappings = f"users/{user}/role-mappings"
    roles = held.get("realmMappings", [])
    if extra := [role for role in roles if role["name"] not in declared["realmRoles"]]:
        realm.delete(f"{mappings}/realm", f"{label}: without {_listed(extra)}", extra)
    _bring_client_roles(
        realm, f"{mappings}/clients", label, declared["clientRoles"], held.get("clientMappings", {})
    )


def _bring_client_roles(
    realm: Realm, path: str, label: str, declared: dict[str, list[str]], held: dict[str, Any]
) -> None:
    ids = realm.client_ids()
    for name in sorted({*declared, *held}):
        there = held.get(name, {}).get("mappings", [])
        wanted, has = set(declared.get(name, [])), {role["name"] for role in there}
        if extra := [role for role in there if role["name"] not in wanted]:
            realm.delete(f"{path}/{ids[name]}", f"{label}: without {_listed(extra)}", extra)
        if wanted - has:
            roles = [role for role in realm.get(f"clients/{ids[name]}/roles") if role["name"] in wanted - has]
            realm.post(f"{path}/{ids[name]}", roles, f"{label}: with {_listed(roles)}")


def _listed(roles: list[dict[str, Any]]) -> str:
    return ", ".join(sorted(role["name"] for role in roles))
