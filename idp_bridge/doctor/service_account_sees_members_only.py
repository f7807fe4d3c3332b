"""Check that the bridge's service account sees a parent and nothing else; never writes to one."""

from __future__ import annotations

from requests import RequestException

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds, unknown
from idp_bridge.doctor.service_account import get, token

CLOSED = ("clients", "roles", "components", "groups")
"""Parts of the realm it must be refused (`keycloak-facts.md`, "Least privilege")."""
TODO = "Run idp-bridge realm apply: its permission on group /parents is not the declared one."


def look(here: Installation) -> Finding:
    """Read one member by its id, and be refused everything else.

    An all-users permission for somebody else makes every call by id 403, which only shows here.
    """
    try:
        return _asked(here, token(here))
    except (RequestException, ValueError, KeyError) as fault:
        return unknown(type(fault).__name__, "Start Keycloak, or correct the client's secret.")


def _asked(here: Installation, pass_: str) -> Finding:
    listed = get(here, pass_, "users", max="1", briefRepresentation="true")
    if listed.status_code != 200:
        return broken(f"listing members answers {listed.status_code}", TODO)
    open_parts = [part for part in CLOSED if get(here, pass_, part).status_code == 200]
    if open_parts:
        return broken(f"it may read {', '.join(open_parts)}", TODO)
    members = listed.json()
    if not members:
        return unknown("there is no parent account yet", "Ask again once a parent registered.")
    one = get(here, pass_, f"users/{members[0]['id']}").status_code
    return holds("a member, and nothing else") if one == 200 else broken(f"a member answers {one}", TODO)


CHECK = Check(
    "service_account_sees_members_only", "The bridge's service account sees parents and nothing else", look
)
