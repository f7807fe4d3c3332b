"""Apply on a real Keycloak: twice changes nothing, tampering is seen and repaired, failures are clear."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from idp_bridge.outside.errors import Refused, Unreachable
from idp_bridge.outside.realms.applying import KeycloakRealms
from idp_bridge.outside.realms.comparing import MAPPERS, STORAGE
from idp_bridge.outside.realms.declared import DeclaredRealm
from idp_bridge.outside.realms.server import AdminServer, Realm
from idp_bridge.services.declaring import apply, plan

from .sample import declared, under_another_name

pytestmark = pytest.mark.live

Scratch = Callable[..., DeclaredRealm]


@pytest.mark.parametrize("name", ["parents", "district"])
def test_apply_twice_changes_nothing_and_the_plan_is_empty(
    realms: KeycloakRealms, scratch: Scratch, name: str
) -> None:
    wanted = scratch(name)
    (before,) = plan(realms, [wanted])
    assert before.differences == (f'realm: declared "{wanted.name}", found nothing',)
    (first,) = apply(realms, [wanted])
    assert first.changes[0] == "realm: created"
    assert first.changes[-1] == "realm: opened"
    (second,) = apply(realms, [wanted])
    assert (second.differences, second.changes) == ((), ())
    # Not only the comparison says so: bringing it again finds nothing to write either.
    assert realms.bring(wanted) == ()
    assert plan(realms, [wanted])[0].differences == ()


def test_planning_writes_nothing(
    server: AdminServer, realms: KeycloakRealms, parents: Realm, scratch: Scratch
) -> None:
    changed = lambda: [one["id"] for one in parents.get("admin-events", max="5")]  # noqa: E731
    before = changed()
    plan(realms, [under_another_name(declared("parents"), parents.name), absent := scratch("parents")])
    assert changed() == before
    assert server.find(absent.name) is None


def test_no_output_shows_a_secret(realms: KeycloakRealms, scratch: Scratch) -> None:
    wanted = scratch("district", LDAP_BIND_PASSWORD="bind-one-secret", FOCUS_CLIENT_SECRET="focus-one-secret")
    told = str(apply(realms, [wanted]))
    other = under_another_name(declared("district", FOCUS_CLIENT_SECRET="focus-two-secret"), wanted.name)
    (report,) = plan(realms, [other])
    assert report.differences == ("clients[focus].secret: declared **********, found **********",)
    assert "secret-" not in told + str(report)
    for secret in ("bind-one-secret", "focus-one-secret", "focus-two-secret"):
        assert secret not in told + str(report)


def test_a_changed_secret_is_brought_and_a_hidden_one_only_when_asked(
    realms: KeycloakRealms, scratch: Scratch
) -> None:
    wanted = scratch("district")
    apply(realms, [wanted])
    other = under_another_name(
        declared("district", ONEVIEW_CLIENT_SECRET="another-one", LDAP_BIND_PASSWORD="another-two"),
        wanted.name,
    )
    (report,) = apply(realms, [other])
    assert report.changes == ("clients[oneview]: written",)
    assert [place.rsplit(".", 1)[-1] for place in report.unreadable] == ["bindCredential"] * 2
    (again,) = apply(realms, [other], rewrite_secrets=True)
    assert again.changes == ("components[staff]: written", "components[students]: written")
    assert plan(realms, [other])[0].differences == ()


# --- tampering -----------------------------------------------------------------------------------


def first(items: list[dict[str, Any]], **fields: str) -> dict[str, Any]:
    """Return the member with these values."""
    return next(item for item in items if all(item.get(key) == value for key, value in fields.items()))


def redirect_uri(realm: Realm) -> None:
    client = first(realm.get("clients"), clientId="oneview")
    wider = [*client["redirectUris"], "http://evil.example/*"]
    # Without web origins in the body the server would derive some from the addresses.
    realm.put(f"clients/{client['id']}", {"redirectUris": wider, "webOrigins": []}, "")


def password_grant(realm: Realm) -> None:
    client = first(realm.get("clients"), clientId="admin-cli")
    realm.put(f"clients/{client['id']}", {"directAccessGrantsEnabled": True}, "")


def mapper(realm: Realm) -> None:
    scope = first(realm.get("client-scopes"), name="student_links")
    own = scope["protocolMappers"][0]
    body = {**own, "config": {**own["config"], "aggregate.attrs": "true"}}
    realm.put(f"client-scopes/{scope['id']}/protocol-mappers/models/{own['id']}", body, "")


def forged_claim(realm: Realm) -> None:
    scope = first(realm.get("client-scopes"), name="profile")
    config = {"user.attribute": "locale", "claim.name": "student_links", "jsonType.label": "JSON"}
    body = {"name": "x", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper"}
    realm.post(f"client-scopes/{scope['id']}/protocol-mappers/models", {**body, "config": config}, "")


def policy(realm: Realm) -> None:
    realm.put("", {"passwordPolicy": "length(4)"}, "")


def lifetimes(realm: Realm) -> None:
    realm.put("", {"attributes": {"unrelated": "kept"}}, "")


def profile_permission(realm: Realm) -> None:
    profile = realm.get("users/profile")
    first(profile["attributes"], name="student_links")["permissions"]["edit"] = ["admin", "user"]
    realm.put("users/profile", profile, "")


def unmanaged_attributes(realm: Realm) -> None:
    realm.put("users/profile", {**realm.get("users/profile"), "unmanagedAttributePolicy": "ENABLED"}, "")


def no_workflow(realm: Realm) -> None:
    realm.delete(f"workflows/{realm.get('workflows')[0]['id']}", "")


def other_workflow(realm: Realm) -> None:
    step = {"uses": "set-user-attribute", "with": {"student_links": '{"v":1,"rev":9,"asof":9,"links":[{}]}'}}
    realm.post(
        "workflows", {"name": "gift", "enabled": True, "on": "user-authenticated", "steps": [step]}, ""
    )


def group_attribute(realm: Realm) -> None:
    group = realm.get("group-by-path/parents")
    realm.put(f"groups/{group['id']}", {"name": "parents", "attributes": {"student_links": ["{}"]}}, "")


def group_role(realm: Realm) -> None:
    group, client = (
        realm.get("group-by-path/parents"),
        first(realm.get("clients"), clientId="realm-management"),
    )
    role = realm.get(f"clients/{client['id']}/roles/view-users")
    realm.post(f"groups/{group['id']}/role-mappings/clients/{client['id']}", [role], "")


def service_account_role(realm: Realm) -> None:
    bridge, client = (
        first(realm.get("clients"), clientId=name) for name in ("idp-bridge", "realm-management")
    )
    user = realm.get(f"clients/{bridge['id']}/service-account-user")
    role = realm.get(f"clients/{client['id']}/roles/manage-users")
    realm.post(f"users/{user['id']}/role-mappings/clients/{client['id']}", [role], "")


def no_permission(realm: Realm) -> None:
    (client,) = realm.get("clients", clientId="admin-permissions")
    path = f"clients/{client['id']}/authz/resource-server"
    realm.delete(f"{path}/permission/scope/{realm.get(f'{path}/permission')[0]['id']}", "")


def wide_permission(realm: Realm) -> None:
    (client,) = realm.get("clients", clientId="admin-permissions")
    body = {"name": "everybody", "resourceType": "Users", "scopes": ["view"], "policies": ["is-bridge"]}
    body |= {"type": "scope", "decisionStrategy": "UNANIMOUS", "logic": "POSITIVE"}
    realm.post(f"clients/{client['id']}/authz/resource-server/permission/scope", body, "")


def scope_to_another_client(realm: Realm) -> None:
    bridge = first(realm.get("clients"), clientId="idp-bridge")
    scope = first(realm.get("client-scopes"), name="student_links")
    realm.put(f"clients/{bridge['id']}/optional-client-scopes/{scope['id']}", None, "")


def scope_moved(realm: Realm) -> None:
    mobile = first(realm.get("clients"), clientId="mobile")
    scope = first(realm.get("client-scopes"), name="student_links")
    realm.delete(f"clients/{mobile['id']}/default-client-scopes/{scope['id']}", "")
    realm.put(f"clients/{mobile['id']}/optional-client-scopes/{scope['id']}", None, "")


def no_client(realm: Realm) -> None:
    realm.delete(f"clients/{first(realm.get('clients'), clientId='idp-bridge')['id']}", "")


def no_default_group(realm: Realm) -> None:
    realm.delete(f"default-groups/{realm.get('default-groups')[0]['id']}", "")


def words(realm: Realm) -> None:
    realm.post("localization/es", {"errorDistrictEmailNotAllowed": "No."}, "")


def action(realm: Realm) -> None:
    found = first(realm.get("authentication/required-actions"), alias="UPDATE_EMAIL")
    realm.put("authentication/required-actions/UPDATE_EMAIL", {**found, "enabled": False}, "")


def default_role(realm: Realm) -> None:
    role = realm.get()["defaultRole"]["id"]
    realm.post(f"roles-by-id/{role}/composites", [realm.get("roles/uma_authorization")], "")


def closed(realm: Realm) -> None:
    realm.put("", {"enabled": False}, "")


TAMPERED = [
    (redirect_uri, {"clients[oneview].redirectUris"}),
    (password_grant, {"clients[admin-cli].directAccessGrantsEnabled"}),
    (mapper, {"clientScopes[student_links].protocolMappers[student_links].config.aggregate.attrs"}),
    (forged_claim, {"strayMappers[profile / x]"}),
    (policy, {"passwordPolicy"}),
    (
        lifetimes,
        {
            "attributes.actionTokenGeneratedByUserLifespan.verify-email",
            "attributes.actionTokenGeneratedByUserLifespan.reset-credentials",
            "attributes.actionTokenGeneratedByUserLifespan.update-email",
            "attributes.adminEventsExpiration",
        },
    ),
    (profile_permission, {"userProfile.attributes[student_links].permissions.edit"}),
    (unmanaged_attributes, {"userProfile.unmanagedAttributePolicy"}),
    (no_workflow, {"workflows[init-links]"}),
    (other_workflow, {"workflows[gift]"}),
    (group_attribute, {"groups[parents].attributes.student_links"}),
    (group_role, {"groups[parents].clientRoles.realm-management"}),
    (service_account_role, {"clients[idp-bridge].serviceAccount.clientRoles.realm-management"}),
    (no_permission, {"adminPermissions.permissions[bridge-parents]"}),
    (wide_permission, {"adminPermissions.permissions[everybody]"}),
    (scope_to_another_client, {"clients[idp-bridge].optionalClientScopes"}),
    (scope_moved, {"clients[mobile].defaultClientScopes", "clients[mobile].optionalClientScopes"}),
    (no_client, {"clients[idp-bridge]", "adminPermissions.policies[is-bridge].users"}),
    (no_default_group, {"defaultGroups"}),
    (words, {"localizationTexts.es.errorDistrictEmailNotAllowed"}),
    (action, {"requiredActions[UPDATE_EMAIL].enabled"}),
    (default_role, {"defaultRole.composites.realm"}),
    (closed, {"enabled"}),
]


@pytest.mark.parametrize(("tamper", "places"), TAMPERED, ids=[tamper.__name__ for tamper, _ in TAMPERED])
def test_tampering_is_seen_exactly_and_repaired(
    realms: KeycloakRealms,
    parents: Realm,
    declared_parents: DeclaredRealm,
    tamper: Callable[[Realm], None],
    places: set[str],
) -> None:
    tamper(parents)
    try:
        seen = {line.split(": declared ", 1)[0] for line in plan(realms, [declared_parents])[0].differences}
    finally:
        (report,) = apply(realms, [declared_parents])
    assert seen == places
    assert report.changes
    assert plan(realms, [declared_parents])[0].differences == ()
    assert realms.bring(declared_parents) == ()


def test_what_the_file_does_not_say_is_let_be(
    realms: KeycloakRealms, parents: Realm, declared_parents: DeclaredRealm
) -> None:
    parents.put("", {"attributes": {**parents.get()["attributes"], "unrelated": "kept"}}, "")
    realms.bring(declared_parents)
    policy(parents)
    realms.bring(declared_parents)
    assert parents.get()["attributes"]["unrelated"] == "kept"


def test_a_changed_directory_is_seen_and_repaired(
    realms: KeycloakRealms, server: AdminServer, scratch: Scratch
) -> None:
    wanted = scratch("district")
    apply(realms, [wanted])
    realm = Realm(server, wanted.name)
    everything = realm.get("components")
    staff = first(everything, name="staff", providerType=STORAGE)
    realm.put(
        f"components/{staff['id']}", {**staff, "config": {**staff["config"], "cachePolicy": ["DEFAULT"]}}, ""
    )
    mappers = [one for one in everything if one.get("parentId") == staff["id"]]
    realm.delete(f"components/{first(mappers, name='school duties')['id']}", "")
    config = {"user.model.attribute": ["student_number"], "attribute.value": ["46554860"]}
    own = {"name": "forged", "providerId": "hardcoded-attribute-mapper", "providerType": MAPPERS}
    realm.post("components", {**own, "parentId": staff["id"], "config": config}, "")
    place = f"components.{STORAGE}[staff]"
    (report,) = apply(realms, [wanted])
    assert {line.split(": declared ", 1)[0] for line in report.differences} == {
        f"{place}.config.cachePolicy",
        f"{place}.subComponents.{MAPPERS}[school duties]",
        f"{place}.subComponents.{MAPPERS}[forged]",
    }
    assert plan(realms, [wanted])[0].differences == ()


# --- failures ------------------------------------------------------------------------------------


def test_a_broken_run_leaves_the_realm_closed_and_the_next_one_finishes_it(
    realms: KeycloakRealms, server: AdminServer, scratch: Scratch
) -> None:
    wanted = scratch("parents")
    action = {"alias": "NO_SUCH_ACTION", "enabled": True}
    broken = {**wanted.content, "requiredActions": [action]}
    with pytest.raises(Refused, match="NO_SUCH_ACTION"):
        realms.bring(DeclaredRealm(wanted.name, wanted.file, broken, wanted.secrets))
    assert server.get(wanted.name)["enabled"] is False
    (report,) = apply(realms, [wanted])
    assert "realm: created" not in report.changes
    assert server.get(wanted.name)["enabled"] is True


def test_a_missing_password_list_is_named(realms: KeycloakRealms, scratch: Scratch) -> None:
    wanted = scratch("parents")
    wanted.content["passwordPolicy"] = "length(12) and passwordBlacklist(nowhere.txt)"
    with pytest.raises(Refused, match=r"password-blacklists/nowhere\.txt in the server's data folder"):
        realms.bring(wanted)


def test_a_wrong_password_is_refused(keycloak: Any) -> None:
    realms = KeycloakRealms(AdminServer(keycloak.url, keycloak.admin_user, "wrong-password"))
    with pytest.raises(Refused, match="does not accept this administrator") as refused:
        plan(realms, [declared("parents")])
    assert "wrong-password" not in str(refused.value)


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable, match="does not answer"):
            plan(KeycloakRealms(AdminServer(url, "admin", "x")), [declared("parents")])


def test_a_hanging_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        threading.Thread(target=hanging.accept, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(Unreachable):
            plan(KeycloakRealms(AdminServer(url, "admin", "x", timeout_s=1)), [declared("parents")])
        assert time.monotonic() - began < 3


def test_the_live_export_has_nothing_kcwarden_would_flag(
    keycloak: Any, parents: Realm, tmp_path: Any
) -> None:
    from .test_kcwarden import findings

    login = {"grant_type": "password", "client_id": "admin-cli"}
    login |= {"username": keycloak.admin_user, "password": keycloak.admin_password}
    url = f"{keycloak.url}/realms/master/protocol/openid-connect/token"
    token = requests.post(url, data=login, timeout=10).json()["access_token"]
    export = requests.post(
        f"{keycloak.url}/admin/realms/{parents.name}/partial-export?exportClients=true&exportGroupsAndRoles=true",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    ).json()
    assert findings(export, tmp_path) == set()
