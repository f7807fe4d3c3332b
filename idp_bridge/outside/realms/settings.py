"""Find and bring a realm's own settings, user profile, texts and required actions; never its clients."""

from __future__ import annotations

import re
from typing import Any

from idp_bridge.outside.errors import Refused
from idp_bridge.outside.realms.comparing import differs, named
from idp_bridge.outside.realms.components import importable
from idp_bridge.outside.realms.server import SYSTEM, Realm

ELSEWHERE = frozenset(
    {
        "userProfile",
        "localizationTexts",
        "requiredActions",
        "groups",
        "defaultGroups",
        "defaultRole",
        "clientScopes",
        "clients",
        "strayMappers",
        "components",
        "adminPermissions",
        "workflows",
    }
)
"""Keys of a realm file that have an endpoint of their own; the rest are the realm's settings."""


def find_settings(realm: Realm, declared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return what the server holds of settings (`own`), profile, texts and required actions."""
    return {
        **{key: value for key, value in own.items() if key not in ELSEWHERE},
        "userProfile": realm.get("users/profile") if "userProfile" in declared else None,
        "localizationTexts": {
            locale: realm.find(f"localization/{locale}") or {}
            for locale in declared.get("localizationTexts", {})
        },
        "requiredActions": realm.get("authentication/required-actions"),
    }


def create(realm: Realm, declared: dict[str, Any]) -> dict[str, Any]:
    """Create the realm, closed: nobody can sign in or register before everything else is in place.

    What an import takes as it is comes with it, which saves a new server dozens of calls.
    """
    body = {
        **_settings(declared),
        "enabled": False,
        "localizationTexts": declared.get("localizationTexts", {}),
        "groups": [{"name": group["name"]} for group in declared.get("groups", [])],
        "components": importable(declared),
    }
    with realm.server.patient():
        try:
            realm.server.post("", body)
        except Refused as error:
            raise _explained(error, declared) from error
    realm.changes.append("realm: created")
    own: dict[str, Any] = realm.get()
    return own


def bring_settings(realm: Realm, declared: dict[str, Any], own: dict[str, Any]) -> None:
    """Bring settings, profile, texts and required actions to what is declared; leave `enabled` alone."""
    found = find_settings(realm, declared, own)
    _bring_realm(realm, declared, found)
    if differs(declared.get("userProfile", {}), found["userProfile"], "userProfile"):
        realm.put("users/profile", declared["userProfile"], "userProfile: written")
    for locale, texts in declared.get("localizationTexts", {}).items():
        if differs(texts, found["localizationTexts"][locale]):
            realm.post(f"localization/{locale}", texts, f"localizationTexts.{locale}: written")
    _bring_actions(realm, declared, named(found["requiredActions"]))


def open_realm(realm: Realm, declared: dict[str, Any], own: dict[str, Any]) -> None:
    """Open or close the realm as declared; the last step of all."""
    if differs(declared.get("enabled", True), own["enabled"]):
        wanted = declared.get("enabled", True)
        realm.put("", {"enabled": wanted}, f"realm: {'opened' if wanted else 'closed'}")


def rewrite_mail_secret(realm: Realm, declared: dict[str, Any]) -> None:
    """Write the mail settings again, because their password cannot be compared."""
    if declared.get("smtpServer", {}).get("password"):
        realm.put("", {"smtpServer": declared["smtpServer"]}, "smtpServer: written with its password")


def _settings(declared: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in declared.items() if key not in ELSEWHERE}


def _bring_realm(realm: Realm, declared: dict[str, Any], found: dict[str, Any]) -> None:
    wanted = {key: value for key, value in _settings(declared).items() if key not in ("realm", "enabled")}
    changed = [key for key, value in wanted.items() if differs(value, found.get(key), key)]
    if not changed:
        return
    # A map in the body replaces the whole map on the server, so ours is laid over what is there.
    body = {key: _laid_over(wanted[key], found.get(key)) for key in changed}
    try:
        realm.put("", body, f"realm: {', '.join(changed)}")
    except Refused as error:
        raise _explained(error, declared) from error


def _laid_over(wanted: Any, found: Any) -> Any:
    return {**found, **wanted} if isinstance(wanted, dict) and isinstance(found, dict) else wanted


def _bring_actions(realm: Realm, declared: dict[str, Any], found: dict[str, Any]) -> None:
    for action in declared.get("requiredActions", []):
        alias = action["alias"]
        if alias not in found:
            raise Refused(SYSTEM, f"requiredActions[{alias}]: this server does not know it")
        if differs(action, found[alias]):
            body = {**found[alias], **action}
            realm.put(f"authentication/required-actions/{alias}", body, f"requiredActions[{alias}]: written")


def _explained(error: Refused, declared: dict[str, Any]) -> Refused:
    listed = re.search(r"passwordBlacklist\(([^)]+)\)", str(declared.get("passwordPolicy", "")))
    if " 500 " not in str(error) or not listed:
        return error
    hint = f"is password-blacklists/{listed[1]} in the server's data folder? The server's log has the reason"
    return Refused(SYSTEM, f"{str(error).removeprefix(f'{SYSTEM}: ')} ({hint})")
