"""Give the tests values for the placeholders of the realm files; never talks to a server."""

from __future__ import annotations

from pathlib import Path

from idp_bridge.outside.realms.declared import DeclaredRealm, load

REALM_CONFIG = Path(__file__).parents[2] / "realm-config"

VALUES = {
    "DISTRICT_NAME": 'Heron "County" Schools',
    "HELP_PHONE": "(321) 555-0142",
    "HELP_HOURS_EN": "Monday to Friday, 8 to 4",
    "HELP_HOURS_ES": "de lunes a viernes, de 8 a 4",
    "BRIDGE_URL": "http://localhost:18310",
    "ONEVIEW_URL": "http://localhost:18311",
    "FOCUS_URL": "http://localhost:18312",
    "MOBILE_REDIRECT_URI": "org.example.heron:/oauth2redirect",
    "BRIDGE_CLIENT_SECRET": "bridge-client-secret",
    "ONEVIEW_CLIENT_SECRET": 'oneview-"quoted"-secret',
    "FOCUS_CLIENT_SECRET": "focus-client-secret",
    "SMTP_HOST": "localhost",
    "SMTP_PORT": "18398",
    "SMTP_FROM": "no-reply@parents.example",
    "LDAP_URL": "ldap://localhost:18397",
    "LDAP_BASE_DN": "dc=district,dc=example",
    "LDAP_BIND_DN": "cn=keycloak,ou=services,dc=district,dc=example",
    "LDAP_BIND_PASSWORD": "keycloak-bind-password",
}


def declared(realm: str, **values: str) -> DeclaredRealm:
    """Return a realm file with the sample values, some of them changed."""
    return load(REALM_CONFIG / f"{realm}.json", VALUES | values)


def under_another_name(realm: DeclaredRealm, name: str) -> DeclaredRealm:
    """Return the same declaration for a realm of its own, so that no other test is disturbed."""
    return DeclaredRealm(name, realm.file, {**realm.content, "realm": name}, realm.secrets)
