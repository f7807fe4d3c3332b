"""The realm files agree with the claim contract, with each other, and with what they promise on paper."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from idp_bridge.domain.claims import CLAIMS, EMPTY, MAX_LENGTH

from .sample import REALM_CONFIG, declared

REALMS = ("parents", "district")
APPS = ("oneview", "focus", "mobile")


def content(realm: str) -> dict[str, Any]:
    return declared(realm).content


def own_clients(realm: str) -> dict[str, dict[str, Any]]:
    return {one["clientId"]: one for one in content(realm)["clients"] if "redirectUris" in one}


def scope_mappers(realm: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return mappers by (scope, claim)."""
    return {
        (scope["name"], mapper["config"]["claim.name"]): mapper
        for scope in content(realm)["clientScopes"]
        for mapper in scope["protocolMappers"]
    }


@pytest.mark.parametrize("realm", REALMS)
def test_scopes_release_exactly_the_claims_of_the_table(realm: str) -> None:
    table = {(claim.scope, claim.name) for claim in CLAIMS.values() if realm in claim.realms}
    assert scope_mappers(realm).keys() == table


@pytest.mark.parametrize("realm", REALMS)
def test_each_mapper_reads_the_attribute_of_the_table_with_its_type(realm: str) -> None:
    for (_, name), mapper in scope_mappers(realm).items():
        claim, config = CLAIMS[name], mapper["config"]
        assert config.get("jsonType.label", "String") == claim.json_type
        if mapper["protocolMapper"] == "oidc-usermodel-attribute-mapper":
            assert config["user.attribute"] == claim.attribute
            assert config["aggregate.attrs"] == config["multivalued"] == "false"
        else:
            kinds = {
                "school_roles": "oidc-group-membership-mapper",
                "population": "oidc-hardcoded-claim-mapper",
            }
            assert mapper["protocolMapper"] == kinds[name]


@pytest.mark.parametrize("realm", REALMS)
@pytest.mark.parametrize("app", APPS)
def test_every_app_gets_every_claim_of_the_realm(realm: str, app: str) -> None:
    granted = set(own_clients(realm)[app]["defaultClientScopes"])
    assert {claim.scope for claim in CLAIMS.values() if realm in claim.realms} <= granted


@pytest.mark.parametrize("realm", REALMS)
def test_only_the_phone_app_finds_students_in_its_access_token(realm: str) -> None:
    in_access = {
        (owner.get("clientId") or owner["name"], mapper["config"]["claim.name"])
        for owner in (*content(realm)["clientScopes"], *own_clients(realm).values())
        for mapper in owner["protocolMappers"]
        if "claim.name" in mapper["config"] and mapper["config"]["access.token.claim"] == "true"
    }
    students = {"parents": "student_links", "district": "student_number"}[realm]
    assert in_access == {("population", "population"), ("mobile", students)}


def test_the_attribute_is_declared_for_administrators_alone() -> None:
    attributes = {one["name"]: one for one in content("parents")["userProfile"]["attributes"]}
    links = attributes["student_links"]
    assert links["permissions"] == {"view": ["admin"], "edit": ["admin"]}
    assert links["validations"]["length"] == {"max": MAX_LENGTH}
    assert links["multivalued"] is False
    for name in ("email", "firstName", "lastName"):
        assert attributes[name]["permissions"] == {"view": ["admin", "user"], "edit": ["admin", "user"]}


@pytest.mark.parametrize("realm", REALMS)
def test_attributes_nobody_declared_are_not_kept(realm: str) -> None:
    assert "unmanagedAttributePolicy" not in content(realm)["userProfile"]


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (EMPTY, True),
        (
            '{"v":1,"rev":184,"asof":1795468790,"links":[{"id":"46554860","rel":"parent","pur":[],"org":"0552"}]}',
            True,
        ),
        ('{"v":1,"rev":184,"asof":1795468790,"links":[{"id":"1"}],"more":true}', True),
        ("{}", False),
        ("[]", False),
        ('{"links":[]}', False),
        ('{"v":1,"rev":1,"asof":1,"links":[]}\n', False),
        (' {"v":1,"rev":1,"asof":1,"links":[]}', False),
        ('{"v":1,"rev":-1,"asof":1,"links":[]}', False),
    ],
)
def test_the_pattern_takes_what_the_bridge_writes_and_little_else(value: str, fits: bool) -> None:
    (links,) = (
        one for one in content("parents")["userProfile"]["attributes"] if one["name"] == "student_links"
    )
    assert bool(re.fullmatch(links["validations"]["pattern"]["pattern"], value)) is fits


def test_a_new_account_gets_the_empty_value() -> None:
    workflow, sweep = content("parents")["workflows"]
    assert sweep["steps"] == [{"uses": "delete-user", "after": "30d"}]
    assert workflow["on"] == "user-created"
    assert workflow["steps"] == [{"uses": "set-user-attribute", "with": {"student_links": EMPTY}}]
    assert content("district")["workflows"] == []


@pytest.mark.parametrize("realm", REALMS)
def test_no_client_may_use_a_weak_grant_or_a_loose_address(realm: str) -> None:
    for client in own_clients(realm).values():
        assert client["implicitFlowEnabled"] is client["directAccessGrantsEnabled"] is False
        assert client["fullScopeAllowed"] is False
        assert client["attributes"]["pkce.code.challenge.method"] == "S256"
        assert client["baseUrl"]
        assert client["redirectUris"]
        assert not [address for address in (*client["redirectUris"], *client["webOrigins"]) if "*" in address]
    partly = {one["clientId"]: one for one in content(realm)["clients"] if "redirectUris" not in one}
    assert partly["admin-cli"]["directAccessGrantsEnabled"] is False


@pytest.mark.parametrize("realm", REALMS)
def test_redirects_and_logout_addresses_name_the_realm(realm: str) -> None:
    clients = own_clients(realm)
    assert clients["idp-bridge"]["redirectUris"] == [f"http://localhost:18310/signin/{realm}/callback"]
    assert clients["oneview"]["redirectUris"] == [f"http://localhost:18311/callback/{realm}"]
    logout = {name: one["attributes"].get("backchannel.logout.url") for name, one in clients.items()}
    assert logout == {
        "idp-bridge": f"http://localhost:18310/signin/{realm}/backchannel-logout",
        "oneview": f"http://localhost:18311/backchannel-logout/{realm}",
        "focus": f"http://localhost:18312/backchannel-logout/{realm}",
        "mobile": None,
    }


def test_only_the_bridge_in_parents_has_a_service_account() -> None:
    with_account = [
        (realm, name)
        for realm in REALMS
        for name, one in own_clients(realm).items()
        if one["serviceAccountsEnabled"]
    ]
    assert with_account == [("parents", "idp-bridge")]
    account = own_clients("parents")["idp-bridge"]["serviceAccount"]
    assert account == {
        "groups": [],
        "realmRoles": [],
        "clientRoles": {"realm-management": ["query-users", "view-events"]},
    }


@pytest.mark.parametrize("realm", REALMS)
def test_no_secret_stands_in_a_file(realm: str) -> None:
    text = (REALM_CONFIG / f"{realm}.json").read_text()
    secrets = re.findall(r'"(?:secret|bindCredential|password)": ("[^"]*")', text)
    assert secrets
    assert all(json.loads(one).startswith("${") for one in secrets)


def test_the_password_list_is_shipped_and_of_use() -> None:
    policy = content("parents")["passwordPolicy"]
    shipped = {file.name for file in (REALM_CONFIG / "password-blacklists").iterdir()}
    assert set(re.findall(r"passwordBlacklist\(([^)]+)\)", policy)) == shipped
    words = (
        (REALM_CONFIG / "password-blacklists/common-passwords.txt").read_text(encoding="utf-8").splitlines()
    )
    shortest = int(re.search(r"\blength\((\d+)\)", policy)[1])
    assert len(words) > 10_000
    assert words == sorted(set(words))
    assert all(shortest <= len(word) <= 128 and word == word.lower() for word in words)
    assert {"password1234", "qwerty123456", "iloveyou2026"} <= set(words)


def test_the_password_list_matches_the_policy_by_name() -> None:
    assert "passwordBlacklist" not in content("district")["passwordPolicy"]


ADDRESSES = [
    ("amara@mail.example", True),
    ("o'brien+kid@gmail.example", True),
    ("a@EXAMPLE.ORG", True),
    ("a@notdistrict.example", True),
    ("a@district.example.com", True),
    ("a@district.example", False),
    ("A@DISTRICT.EXAMPLE", False),
    ("x@Mail.District.example", False),
    ('"a@b"@district.example', False),
    ("a@district\u3002example", False),
    ("a@district.example\u200b", False),
    ("a@\uff44istrict.example", False),
    ("a@[127.0.0.1]", False),
    ("a@district.example.", False),
    ("a b@mail.example", False),
]


@pytest.mark.parametrize(("address", "welcome"), ADDRESSES)
def test_the_address_rule(address: str, welcome: bool) -> None:
    (email,) = (one for one in content("parents")["userProfile"]["attributes"] if one["name"] == "email")
    rule = email["validations"]["pattern"]
    assert bool(re.fullmatch(rule["pattern"], address)) is welcome
    for texts in content("parents")["localizationTexts"].values():
        assert rule["error-message"] in texts


@pytest.mark.parametrize("realm", REALMS)
def test_events_are_kept_for_a_month_without_their_contents(realm: str) -> None:
    own = content(realm)
    assert own["eventsEnabled"] is own["adminEventsEnabled"] is True
    assert own["adminEventsDetailsEnabled"] is False
    assert own["eventsExpiration"] == int(own["attributes"]["adminEventsExpiration"]) == 30 * 86400
    assert "CLIENT_LOGIN" not in own["enabledEventTypes"]


def test_both_directories_are_read_only_and_never_cached() -> None:
    (directories,) = content("district")["components"].values()
    assert [one["name"] for one in directories] == ["staff", "students"]
    for directory in directories:
        config = directory["config"]
        assert (config["editMode"], config["cachePolicy"]) == ("READ_ONLY", "NO_CACHE")
        assert config["removeInvalidUsersEnabled"] == "false"
        assert int(config["connectionTimeout"]) <= int(config["readTimeout"]) <= 3000
        assert config["useTruststoreSpi"] == "always"
