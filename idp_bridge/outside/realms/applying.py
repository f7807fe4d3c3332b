"""Compare a whole realm with its file, or bring it there in an order that never opens a half-made realm."""

from __future__ import annotations

from typing import Any

from idp_bridge.outside.realms.clients import bring_clients, bring_scopes, find_clients, remove_stray_mappers
from idp_bridge.outside.realms.comparing import Difference, differences
from idp_bridge.outside.realms.components import bring_components, find_components
from idp_bridge.outside.realms.declared import DeclaredRealm
from idp_bridge.outside.realms.groups import bring_defaults, bring_groups, find_groups
from idp_bridge.outside.realms.permissions import bring_permissions, find_permissions
from idp_bridge.outside.realms.server import AdminServer, Realm
from idp_bridge.outside.realms.settings import (
    bring_settings,
    create,
    find_settings,
    open_realm,
    rewrite_mail_secret,
)
from idp_bridge.outside.realms.workflows import bring_workflows, find_workflows


class KeycloakRealms:
    """The realms of one Keycloak, for the use cases in `services/declaring.py`."""

    def __init__(self, server: AdminServer) -> None:
        self._server = server

    def compare(self, declared: DeclaredRealm) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what is otherwise on the server, and which secrets the server does not show.

        The first has one line, without secrets, for each place; the second the places alone. Only reads.
        Raises Refused, Unreachable.
        """
        compared = self._compared(declared)
        otherwise = tuple(one.shown(declared.secrets) for one in compared if not one.hidden)
        return otherwise, tuple(one.path for one in compared if one.hidden)

    def bring(self, declared: DeclaredRealm, *, rewrite_secrets: bool = False) -> tuple[str, ...]:
        """Bring the realm to what is declared and return what was changed, in order.

        Every step looks first and writes only what differs, so a broken run is finished by the next one.
        Raises Refused, Unreachable.
        """
        realm, content = Realm(self._server, declared.name), declared.content
        own = realm.find()
        if own is None:
            own = create(realm, content)
        bring_settings(realm, content, own)
        bring_groups(realm, content)
        bring_scopes(realm, content)
        remove_stray_mappers(realm, content)
        # Clients before default groups and workflows: a service account is a user and would get both.
        bring_clients(realm, content)
        bring_components(realm, content, rewrite_secrets=rewrite_secrets)
        bring_permissions(realm, content)
        bring_workflows(realm, content)
        bring_defaults(realm, content, own)
        if rewrite_secrets:
            rewrite_mail_secret(realm, content)
        open_realm(realm, content, own)
        return tuple(realm.changes)

    def _compared(self, declared: DeclaredRealm) -> tuple[Difference, ...]:
        realm = Realm(self._server, declared.name)
        own = realm.find()
        if own is None:
            return (Difference("realm", declared.name, None),)
        return differences({**declared.content, "strayMappers": []}, find_realm(realm, declared.content, own))


def find_realm(realm: Realm, declared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Read the realm into the shape of a realm file; `own` is the realm's own representation."""
    found = {**find_settings(realm, declared, own), **find_groups(realm, declared, own)}
    for find in (find_clients, find_components, find_permissions, find_workflows):
        found |= find(realm, declared)
    return found
