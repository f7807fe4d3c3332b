"""Check that nobody in group /parents holds a right over a realm; never takes one away."""

from __future__ import annotations

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds, unknown
from idp_bridge.outside.realms.server import Realm
from idp_bridge.services.failures import OutsideFailure

RIGHTS = "realm-management"
MOST = 1000


def look(here: Installation) -> Finding:
    """Ask who holds a role over the realm, and whether one of them is a member of /parents.

    The bridge can set a member's password, and every new user lands in that group.
    """
    if here.administrator is None:
        return unknown("no administrator was given", "Set KEYCLOAK_ADMIN_URL, _USER and _PASSWORD.")
    realm = Realm(here.administrator, here.settings.keycloak.realm)
    try:
        found = sorted({user["id"] for user in _holders(realm) if _is_parent(realm, user["id"])})
    except OutsideFailure as failure:
        return unknown(str(failure), "Start Keycloak, or correct the administrator's account.")
    if found:
        todo = "Take the roles away from this account, or the account out of group /parents."
        return broken(f"account {found[0]} holds rights over the realm", todo)
    return holds("no member of /parents holds a right over the realm")


def _holders(realm: Realm) -> list[dict[str, str]]:
    client = realm.client_ids()[RIGHTS]
    names = [role["name"] for role in realm.get(f"clients/{client}/roles")]
    return [
        user for name in names for user in realm.get(f"clients/{client}/roles/{name}/users", max=str(MOST))
    ]


def _is_parent(realm: Realm, user: str) -> bool:
    return any(group["path"] == "/parents" for group in realm.get(f"users/{user}/groups"))


CHECK = Check("no_administrator_in_parents", "No administrator is a member of /parents", look)
