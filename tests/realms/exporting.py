"""Turn a realm file into the shape of a Keycloak export, for kcwarden to read; never asks a server."""

from __future__ import annotations

import json
from typing import Any

PROFILE = "org.keycloak.userprofile.UserProfileProvider"
BUILT_IN_SCOPES = ("basic", "acr", "profile", "email", "roles", "offline_access", "service_account")


def as_export(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a server would export after `apply`, as far as the file says it."""
    ours = [client for client in content["clients"] if "redirectUris" in client]
    return {
        **content,
        "keycloakVersion": "26.7.4",
        "clientScopes": [*(_scope(name) for name in BUILT_IN_SCOPES), *content["clientScopes"]],
        "clients": [_client(client) for client in ours] + [_bearer("realm-management")],
        "groups": [{**group, "path": f"/{group['name']}", "subGroups": []} for group in content["groups"]],
        "roles": {"realm": [], "client": {"realm-management": [_role("query-users"), _role("view-events")]}},
        "users": [_service_account(client) for client in ours if client["serviceAccountsEnabled"]],
        "scopeMappings": [],
        "clientScopeMappings": _scope_mappings(ours),
        "identityProviders": [],
        "identityProviderMappers": [],
        "components": {PROFILE: [_profile(content["userProfile"])]},
        "defaultRole": {"name": f"default-roles-{content['realm']}"},
    }


def _profile(profile: dict[str, Any]) -> dict[str, Any]:
    config = {"kc.user.profile.config": [json.dumps(profile)]}
    return {"providerId": "declarative-user-profile", "subComponents": {}, "config": config}


def _scope(name: str) -> dict[str, Any]:
    return {"name": name, "protocol": "openid-connect", "attributes": {}, "protocolMappers": []}


def _client(client: dict[str, Any]) -> dict[str, Any]:
    return {"clientAuthenticatorType": "client-secret", "bearerOnly": False, **client}


def _bearer(name: str) -> dict[str, Any]:
    closed = (
        "standardFlowEnabled",
        "implicitFlowEnabled",
        "directAccessGrantsEnabled",
        "serviceAccountsEnabled",
    )
    return {
        "clientId": name,
        "protocol": "openid-connect",
        "enabled": True,
        "publicClient": False,
        "bearerOnly": True,
        "fullScopeAllowed": False,
        "clientAuthenticatorType": "client-secret",
        "attributes": {},
        "redirectUris": [],
        "webOrigins": [],
        "defaultClientScopes": [],
        "optionalClientScopes": [],
        **dict.fromkeys(closed, False),
    }


def _role(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "composite": False,
        "clientRole": True,
        "containerId": "realm-management",
        "attributes": {},
    }


def _service_account(client: dict[str, Any]) -> dict[str, Any]:
    account = client["serviceAccount"]
    return {
        "username": f"service-account-{client['clientId']}",
        "enabled": True,
        "serviceAccountClientId": client["clientId"],
        "realmRoles": account["realmRoles"],
        "clientRoles": account["clientRoles"],
        "groups": account["groups"],
    }


def _scope_mappings(clients: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for client in clients:
        for name, roles in client["scopeMappings"].items():
            found.setdefault(name, []).append({"client": client["clientId"], "roles": roles})
    return found
