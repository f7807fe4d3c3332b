"""Find and bring client scopes, clients and their mappers; never grants a scope that is not declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from idp_bridge.outside.errors import Refused
from idp_bridge.outside.realms.comparing import differs, named
from idp_bridge.outside.realms.server import SYSTEM, Realm
from idp_bridge.outside.realms.service_accounts import bring_service_account, find_service_account

OWN_ENDPOINT = frozenset(
    {"protocolMappers", "defaultClientScopes", "optionalClientScopes", "scopeMappings", "serviceAccount"}
)
"""Keys of a client that a PUT of the client ignores or must not carry."""


def find_clients(realm: Realm, declared: dict[str, Any]) -> dict[str, Any]:
    """Return client scopes and clients as they are, and mappers elsewhere that emit one of our claims."""
    scopes, clients = realm.get("client-scopes"), realm.get("clients")
    wanted = named(declared.get("clients", []))
    for client in clients:
        own = wanted.get(client["clientId"], {})
        if "scopeMappings" in own:
            client["scopeMappings"] = _scope_mappings(realm, client["id"])
        if "serviceAccount" in own and client["serviceAccountsEnabled"]:
            client["serviceAccount"] = find_service_account(realm, client["id"])
    return {
        "clientScopes": scopes,
        "clients": clients,
        "strayMappers": list(_stray_mappers(declared, scopes, clients)),
    }


def bring_scopes(realm: Realm, declared: dict[str, Any]) -> None:
    """Create or repair each declared client scope and give it exactly the declared mappers."""
    found = named(realm.get("client-scopes"))
    for scope in declared.get("clientScopes", []):
        label = f"clientScopes[{scope['name']}]"
        there = found.get(scope["name"])
        if there is None:
            realm.post("client-scopes", scope, f"{label}: created")
            continue
        own = {key: value for key, value in scope.items() if key != "protocolMappers"}
        if differs(own, there, "clientScopes", "*"):
            realm.put(f"client-scopes/{there['id']}", own, f"{label}: written")
        _bring_mappers(realm, f"client-scopes/{there['id']}", label, scope, there)


def bring_clients(realm: Realm, declared: dict[str, Any]) -> None:
    """Create or repair each declared client with its scopes, mappers and service account."""
    found = named(realm.get("clients"))
    scopes = {scope["name"]: scope["id"] for scope in realm.get("client-scopes")}
    for client in declared.get("clients", []):
        there = found.get(client["clientId"])
        if there is None:
            there = _create(realm, client)
        else:
            _repair(realm, client, there, scopes)
        # A new client has no scope mappings yet: only what is declared needs a look.
        if client.get("scopeMappings") or ("scopeMappings" in client and client["clientId"] in found):
            _bring_scope_mappings(realm, client, there["id"])
        if "serviceAccount" in client:
            bring_service_account(realm, client, there["id"])


def remove_stray_mappers(realm: Realm, declared: dict[str, Any]) -> None:
    """Delete mappers outside the declared ones that put something into one of our claims."""
    for stray in _stray_mappers(declared, realm.get("client-scopes"), realm.get("clients")):
        realm.delete(stray["path"], f"strayMappers[{stray['name']}]: deleted")


def _create(realm: Realm, client: dict[str, Any]) -> dict[str, Any]:
    body = {key: value for key, value in client.items() if key not in ("scopeMappings", "serviceAccount")}
    return {"id": realm.post("clients", body, f"clients[{client['clientId']}]: created")}


def _repair(realm: Realm, client: dict[str, Any], there: dict[str, Any], scopes: dict[str, str]) -> None:
    label = f"clients[{client['clientId']}]"
    own = {key: value for key, value in client.items() if key not in OWN_ENDPOINT}
    if differs(own, there, "clients", "*"):
        realm.put(f"clients/{there['id']}", own, f"{label}: written")
    if "protocolMappers" in client:
        _bring_mappers(realm, f"clients/{there['id']}", label, client, there)
    _bring_client_scopes(realm, client, there, scopes)


def _bring_mappers(
    realm: Realm, path: str, label: str, declared: dict[str, Any], found: dict[str, Any]
) -> None:
    there, wanted = named(found.get("protocolMappers", [])), named(declared["protocolMappers"])
    models = f"{path}/protocol-mappers/models"
    for name, mapper in wanted.items():
        if name not in there:
            realm.post(models, mapper, f"{label}: mapper {name} created")
        elif differs(mapper, there[name], "clients", "*", "protocolMappers", "*"):
            own = there[name]["id"]
            realm.put(f"{models}/{own}", {**mapper, "id": own}, f"{label}: mapper {name} written")
    for name in sorted(there.keys() - wanted.keys()):
        realm.delete(f"{models}/{there[name]['id']}", f"{label}: mapper {name} deleted")


def _bring_client_scopes(
    realm: Realm, client: dict[str, Any], found: dict[str, Any], scopes: dict[str, str]
) -> None:
    kinds = [kind for kind in ("default", "optional") if f"{kind}ClientScopes" in client]
    label = f"clients[{client['clientId']}]"
    # A scope cannot be default and optional at once: take away everywhere before adding anywhere.
    for kind in kinds:
        for name in sorted(set(found[f"{kind}ClientScopes"]) - set(client[f"{kind}ClientScopes"])):
            path = f"clients/{found['id']}/{kind}-client-scopes/{scopes[name]}"
            realm.delete(path, f"{label}: {kind} scope {name} taken away")
    for name in sorted({name for kind in kinds for name in client[f"{kind}ClientScopes"]} - scopes.keys()):
        raise Refused(SYSTEM, f"{label}: this realm has no client scope {name}")
    for kind in kinds:
        for name in sorted(set(client[f"{kind}ClientScopes"]) - set(found[f"{kind}ClientScopes"])):
            path = f"clients/{found['id']}/{kind}-client-scopes/{scopes[name]}"
            realm.put(path, None, f"{label}: {kind} scope {name} added")


def _scope_mappings(realm: Realm, own: str) -> dict[str, list[str]]:
    held = realm.get(f"clients/{own}/scope-mappings")
    found = {name: _names(roles["mappings"]) for name, roles in held.get("clientMappings", {}).items()}
    if held.get("realmMappings"):
        found["(realm)"] = _names(held["realmMappings"])
    return found


def _bring_scope_mappings(realm: Realm, client: dict[str, Any], own: str) -> None:
    declared, found = client["scopeMappings"], _scope_mappings(realm, own)
    if not differs(declared, found, "clients", "*", "scopeMappings"):
        return
    label, ids = f"clients[{client['clientId']}]: scope mappings", realm.client_ids()
    for name in sorted({*declared, *found}):
        part = "realm" if name == "(realm)" else f"clients/{ids[name]}"
        path, wanted = f"clients/{own}/scope-mappings/{part}", set(declared.get(name, []))
        roles = realm.get("roles" if name == "(realm)" else f"clients/{ids[name]}/roles")
        there = set(found.get(name, []))
        if missing := [role for role in roles if role["name"] in wanted - there]:
            realm.post(path, missing, f"{label} of {name} added: {', '.join(_names(missing))}")
        if extra := [role for role in roles if role["name"] in there - wanted]:
            realm.delete(path, f"{label} of {name} taken away: {', '.join(_names(extra))}", extra)


def _stray_mappers(
    declared: dict[str, Any], scopes: list[Any], clients: list[Any]
) -> Iterator[dict[str, Any]]:
    """Yield mappers of owners we do not declare that emit a claim we declare."""
    ours = {*named(declared.get("clientScopes", [])), *_with_mappers(declared)}
    claims = {
        _claim(mapper)
        for owner in (*declared.get("clientScopes", []), *declared.get("clients", []))
        for mapper in owner.get("protocolMappers", [])
    } - {""}
    for kind, name_key, owners in (("client-scopes", "name", scopes), ("clients", "clientId", clients)):
        for owner in owners:
            for mapper in owner.get("protocolMappers", []) if owner[name_key] not in ours else []:
                if _claim(mapper) in claims:
                    path = f"{kind}/{owner['id']}/protocol-mappers/models/{mapper['id']}"
                    yield {"name": f"{owner[name_key]} / {mapper['name']}", "path": path}


def _with_mappers(declared: dict[str, Any]) -> set[str]:
    return {client["clientId"] for client in declared.get("clients", []) if "protocolMappers" in client}


def _claim(mapper: dict[str, Any]) -> str:
    """Return the top member a mapper writes: `a` of `a.b`, for a dot nests."""
    return str(mapper.get("config", {}).get("claim.name", "")).split(".", 1)[0]


def _names(roles: list[dict[str, Any]]) -> list[str]:
    return sorted(role["name"] for role in roles)
