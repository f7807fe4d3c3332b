"""Find and bring groups, default groups and the default role; never puts a person into anything."""

from __future__ import annotations

from typing import Any

from idp_bridge.outside.realms.comparing import differs
from idp_bridge.outside.realms.server import Realm


def find_groups(realm: Realm, declared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the declared groups as they are, the default groups' paths and the default role's roles.

    `own` is the realm's own representation, which names the default role.
    """
    groups = (realm.find(f"group-by-path/{group['name']}") for group in declared.get("groups", []))
    return {
        "groups": [group for group in groups if group],
        "defaultGroups": [group["path"] for group in realm.get("default-groups")],
        "defaultRole": {"composites": _composites(realm, own)},
    }


def bring_groups(realm: Realm, declared: dict[str, Any]) -> None:
    """Make the declared groups, without attributes or roles that nobody declared."""
    for group in declared.get("groups", []):
        found = realm.find(f"group-by-path/{group['name']}")
        if found is None:
            realm.post("groups", {"name": group["name"]}, f"groups[{group['name']}]: created")
        elif differs(group, found, "groups", "*"):
            _repair(realm, group, found)


def bring_defaults(realm: Realm, declared: dict[str, Any], own: dict[str, Any]) -> None:
    """Make new people members of exactly the declared groups, with exactly the declared roles."""
    _bring_default_groups(realm, set(declared.get("defaultGroups", [])))
    if "defaultRole" in declared:
        _bring_default_role(realm, own["defaultRole"]["id"], declared["defaultRole"]["composites"])


def _repair(realm: Realm, group: dict[str, Any], found: dict[str, Any]) -> None:
    where, label = f"groups/{found['id']}", f"groups[{group['name']}]"
    if differs(group.get("attributes", {}), found["attributes"], "groups", "*", "attributes"):
        realm.put(
            where, {"name": group["name"], "attributes": group["attributes"]}, f"{label}: attributes written"
        )
    mappings = realm.get(f"{where}/role-mappings")
    if extra := mappings.get("realmMappings"):
        realm.delete(f"{where}/role-mappings/realm", f"{label}: realm roles taken away", extra)
    for client, held in mappings.get("clientMappings", {}).items():
        path = f"{where}/role-mappings/clients/{held['id']}"
        realm.delete(path, f"{label}: roles of {client} taken away", held["mappings"])


def _bring_default_groups(realm: Realm, wanted: set[str]) -> None:
    found = {group["path"]: group["id"] for group in realm.get("default-groups")}
    for path in sorted(wanted - found.keys()):
        group = realm.get(f"group-by-path{path}")
        realm.put(f"default-groups/{group['id']}", None, f"defaultGroups: {path} added")
    for path in sorted(found.keys() - wanted):
        realm.delete(f"default-groups/{found[path]}", f"defaultGroups: {path} taken away")


def _composites(realm: Realm, own: dict[str, Any]) -> dict[str, Any]:
    names = {there: client for client, there in realm.client_ids().items()}
    composites: dict[str, Any] = {"realm": [], "client": {}}
    for role in realm.get(f"roles-by-id/{own['defaultRole']['id']}/composites"):
        if role["clientRole"]:
            composites["client"].setdefault(names[role["containerId"]], []).append(role["name"])
        else:
            composites["realm"].append(role["name"])
    return composites


def _bring_default_role(realm: Realm, role: str, wanted: dict[str, Any]) -> None:
    path = f"roles-by-id/{role}/composites"
    found = {held["id"]: held for held in realm.get(path)}
    declared = {one["id"]: one for one in _declared_roles(realm, wanted)}
    if missing := [declared[own] for own in declared.keys() - found.keys()]:
        realm.post(path, missing, f"defaultRole: {_listed(missing)} added")
    if extra := [found[own] for own in found.keys() - declared.keys()]:
        realm.delete(path, f"defaultRole: {_listed(extra)} taken away", extra)


def _declared_roles(realm: Realm, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    roles = [realm.get(f"roles/{name}") for name in wanted.get("realm", [])]
    clients = realm.client_ids()
    for client, names in wanted.get("client", {}).items():
        roles += [realm.get(f"clients/{clients[client]}/roles/{name}") for name in names]
    return roles


def _listed(roles: list[dict[str, Any]]) -> str:
    return ", ".join(sorted(role["name"] for role in roles))
