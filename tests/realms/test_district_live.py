"""Each promise of the district realm, on a real Keycloak and a real slapd."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from idp_bridge.outside.errors import Refused
from idp_bridge.outside.realms.server import Realm

from .directory import PASSWORD, SmallDirectory
from .sample import VALUES
from .signing_in import TIMEOUT_S, App, Browser, claims, pkce, sign_in, try_password, userinfo

pytestmark = pytest.mark.live


@pytest.fixture
def issuer(district: Realm) -> str:
    return f"{district.server.url}/realms/{district.name}"


@pytest.fixture
def oneview(issuer: str) -> App:
    return App(issuer, "oneview", VALUES["ONEVIEW_CLIENT_SECRET"], "http://localhost:18311/callback/district")


@pytest.fixture
def bridge(issuer: str) -> App:
    redirect = "http://localhost:18310/signin/district/callback"
    return App(issuer, "idp-bridge", VALUES["BRIDGE_CLIENT_SECRET"], redirect)


def told(app: App, name: str) -> dict[str, Any]:
    return claims(sign_in(app, name, PASSWORD)["id_token"])


def test_a_clerk_carries_duties_by_school(bridge: App) -> None:
    clerk = told(bridge, "jo.hathaway")
    assert clerk["school_roles"] == ["0552:office"]
    assert clerk["population"] == "employee"
    assert clerk["preferred_username"] == "jo.hathaway"
    assert len(clerk["directory_id"]) == 36
    assert "student_number" not in clerk
    assert set(told(bridge, "ana.ruiz")["school_roles"]) == {"0552:office", "0552:principal"}


def test_a_group_that_is_no_duty_never_shows(bridge: App) -> None:
    teacher = told(bridge, "tess.moore")
    assert teacher["population"] == "employee"
    assert not teacher.get("school_roles")


@pytest.mark.parametrize("name", ["oneview", "bridge"])
def test_a_student_carries_the_number(request: pytest.FixtureRequest, name: str) -> None:
    app: App = request.getfixturevalue(name)
    tokens = sign_in(app, "46554860", PASSWORD)
    for said in (claims(tokens["id_token"]), userinfo(app, tokens)):
        assert said["population"] == "student"
        assert said["student_number"] == "46554860"
        assert not said.get("school_roles")
    access = claims(tokens["access_token"])
    assert access["population"] == "student"
    assert "student_number" not in access
    assert "directory_id" not in access


def test_the_phone_app_has_the_number_in_its_access_token(issuer: str) -> None:
    mobile = App(issuer, "mobile", "", VALUES["MOBILE_REDIRECT_URI"])
    assert claims(sign_in(mobile, "46554860", PASSWORD)["access_token"])["student_number"] == "46554860"


def test_a_clerk_taken_out_of_the_group_loses_the_duty_at_the_next_refresh(
    bridge: App, ldap: SmallDirectory
) -> None:
    tokens = sign_in(bridge, "jo.hathaway", PASSWORD)
    ldap.leave("jo.hathaway", "office-0552")
    try:
        again = bridge.refresh(tokens)
        assert again.status_code == 200
        assert not claims(again.json()["id_token"]).get("school_roles")
        assert not told(bridge, "jo.hathaway").get("school_roles")
    finally:
        ldap.join("jo.hathaway", "office-0552")
    assert told(bridge, "jo.hathaway")["school_roles"] == ["0552:office"]


def test_nobody_registers_and_nobody_resets_a_password(oneview: App) -> None:
    page = Browser().start(oneview, prompt="create", **pkce()[1])
    assert page.status_code == 400
    ordinary = Browser().start(oneview, **pkce()[1]).text
    assert "login-actions/reset-credentials" not in ordinary
    assert "login-actions/registration" not in ordinary


def test_the_directory_is_read_only(district: Realm, bridge: App) -> None:
    told(bridge, "jo.hathaway")
    (user,) = district.get("users", username="jo.hathaway", exact="true")
    for attribute, value in (("population", "student"), ("student_number", "46554860")):
        attributes = {**user.get("attributes", {}), attribute: [value]}
        body = {"email": user["email"], "firstName": user["firstName"], "lastName": user["lastName"]}
        with pytest.raises(Refused, match=r"ReadOnly|read-only"):
            district.put(f"users/{user['id']}", {**body, "attributes": attributes}, "")
        assert told(bridge, "jo.hathaway")["population"] == "employee"
    with pytest.raises(Refused):
        district.put(
            f"users/{user['id']}/reset-password", {"type": "password", "value": "Low-tide-9-am-x"}, ""
        )


def test_a_person_cannot_change_anything_by_the_account_api(district: Realm, issuer: str) -> None:
    console = App(issuer, "account-console", "", f"{issuer}/account/")
    tokens = sign_in(console, "jo.hathaway", PASSWORD)
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "Accept": "application/json"}
    body = {"firstName": "Principal", "attributes": {"population": ["student"]}}
    answer = requests.post(f"{issuer}/account", headers=headers, json=body, timeout=TIMEOUT_S)
    assert answer.status_code == 401  # without the role manage-account the token is not for this API at all


@pytest.mark.parametrize("client", ["oneview", "focus", "idp-bridge", "mobile", "admin-cli"])
def test_the_password_grant_is_refused(district: Realm, issuer: str, client: str) -> None:
    secret = {
        "oneview": VALUES["ONEVIEW_CLIENT_SECRET"],
        "focus": VALUES["FOCUS_CLIENT_SECRET"],
        "idp-bridge": VALUES["BRIDGE_CLIENT_SECRET"],
    }
    app = App(issuer, client, secret.get(client, ""), "")
    answer = app.token(grant_type="password", username="jo.hathaway", password=PASSWORD)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_no_client_has_a_service_account(bridge: App) -> None:
    answer = bridge.token(grant_type="client_credentials")
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized_client")


def test_only_the_exact_redirect_address_works_and_pkce_is_required(oneview: App) -> None:
    loose = Browser().start(oneview, redirect_uri="http://localhost:18311/callback/parents", **pkce()[1])
    assert loose.status_code == 400
    assert "code_challenge" in Browser().start(oneview).headers["Location"]


@pytest.mark.parametrize("name", ["*", "jo*", ")(uid=*))", "jo.hathaway)(uid=*", "\\2a"])
def test_a_name_is_never_read_as_a_filter(oneview: App, name: str) -> None:
    assert try_password(oneview, name, PASSWORD).status_code == 200


def test_events_are_on(district: Realm, oneview: App) -> None:
    sign_in(oneview, "tess.moore", PASSWORD)
    (user,) = district.get("users", username="tess.moore", exact="true")
    assert "LOGIN" in {one["type"] for one in district.get("events", user=user["id"])}
    assert "representation" not in json.dumps(district.get("admin-events", max="5"))
