"""Find and bring a realm's directories (LDAP) and their mappers; never deletes one, for its people go too."""

from __future__ import annotations

from typing import Any

from idp_bridge.outside.realms.comparing import MAPPERS, differs, named
from idp_bridge.outside.realms.server import Realm


def find_components(realm: Realm, declared: dict[str, Any]) -> dict[str, Any]:
    """Return the components of the declared kinds, each with its own mappers."""
    kinds = declared.get("components", {})
    if not kinds:
        return {"components": {}}
    everything = realm.get("components")
    return {"components": {kind: _of_kind(everything, kind) for kind in kinds}}


def bring_components(realm: Realm, declared: dict[str, Any], *, rewrite_secrets: bool) -> None:
    """Create or repair each declared component and give it exactly the declared mappers."""
    found = find_components(realm, declared)["components"]
    for kind, components in declared.get("components", {}).items():
        there = named(found[kind])
        for component in components:
            _bring(realm, kind, component, there.get(component["name"]), rewrite_secrets)


def importable(declared: dict[str, Any]) -> dict[str, Any]:
    """Return the components in the shape a new realm takes: without it the server adds its own mappers."""
    return {
        kind: [_import_of(component) for component in components]
        for kind, components in declared.get("components", {}).items()
    }


def _import_of(declared: dict[str, Any]) -> dict[str, Any]:
    subs = declared.get("subComponents", {})
    return {
        **{key: declared[key] for key in ("name", "providerId")},
        "config": _lists(declared["config"]),
        "subComponents": {sub: [_import_of(mapper) for mapper in mappers] for sub, mappers in subs.items()},
    }


def _bring(realm: Realm, kind: str, component: dict[str, Any], found: Any, rewrite_secrets: bool) -> None:
    label = f"components[{component['name']}]"
    own = {key: value for key, value in component.items() if key != "subComponents"}
    if found is None:
        made = realm.post("components", _whole(own, kind), f"{label}: created")
        # The server adds mappers of its own to a new directory.
        found = {
            "id": made,
            "subComponents": {MAPPERS: _children(realm.get("components", parent=made), made)},
        }
    elif differs(own, found) or rewrite_secrets:
        body = {**_whole(own, kind, found), "id": found["id"], "parentId": found["parentId"]}
        realm.put(f"components/{found['id']}", body, f"{label}: written")
    for sub, mappers in component.get("subComponents", {}).items():
        _bring_mappers(realm, sub, mappers, found, label)


def _bring_mappers(realm: Realm, kind: str, mappers: list[Any], parent: dict[str, Any], label: str) -> None:
    there, wanted = named(parent["subComponents"].get(kind, [])), named(mappers)
    for name in sorted(there.keys() - wanted.keys()):
        realm.delete(f"components/{there[name]['id']}", f"{label}: mapper {name} deleted")
    for name, mapper in wanted.items():
        found = there.get(name)
        if found is None:
            body = {**_whole(mapper, kind), "parentId": parent["id"]}
            realm.post("components", body, f"{label}: mapper {name} created")
        elif differs(mapper, found):
            body = {**_whole(mapper, kind, found), "id": found["id"], "parentId": parent["id"]}
            realm.put(f"components/{found['id']}", body, f"{label}: mapper {name} written")


def _of_kind(everything: list[Any], kind: str) -> list[dict[str, Any]]:
    found = []
    for component in everything:
        if component["providerType"] == kind:
            children = _children(everything, component["id"])
            found.append({**component, "subComponents": {MAPPERS: children}})
    return found


def _children(everything: list[Any], parent: str) -> list[dict[str, Any]]:
    return [
        child for child in everything if child.get("parentId") == parent and child["providerType"] == MAPPERS
    ]


def _whole(declared: dict[str, Any], kind: str, found: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the body of a component: the server wants it whole, with a list for every value."""
    there = found["config"] if found else {}
    own = {"name": declared["name"], "providerId": declared["providerId"], "providerType": kind}
    return {**own, "config": {**there, **_lists(declared["config"])}}


def _lists(config: dict[str, Any]) -> dict[str, list[str]]:
    return {key: value if isinstance(value, list) else [value] for key, value in config.items()}
