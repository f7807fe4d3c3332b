"""What `make demo` leaves behind: facts a person's own script can use, and a clean end."""

from __future__ import annotations

import json
import ssl

import pytest
import requests
from ldap3 import NONE, Connection, Server, Tls

from tests.journey.conftest import PASSWORD
from tools import demo

pytestmark = [pytest.mark.live, pytest.mark.browser]


@pytest.fixture
def facts(stack, walk, newcomer, student, tmp_path, monkeypatch):
    """`var/demo.json` as the demo writes it."""
    monkeypatch.setattr(demo, "VAR", tmp_path)
    sample = json.loads((stack.sample / "sample.json").read_text())
    demo.write_facts(
        stack, {"parent": newcomer(), "student": student("Iris Quintero-Bell"), "sample": sample}
    )
    file = tmp_path / "demo.json"
    assert file.stat().st_mode & 0o077 == 0  # it holds passwords
    return json.loads(file.read_text())


def test_it_has_what_a_visitor_needs(facts):
    assert set(facts) == {
        "keycloak", "issuers", "bridge", "apps", "mail", "ldap", "database", "accounts", "students",
    }  # fmt: skip
    assert set(facts["keycloak"]) == {"url", "admin_user", "admin_password"}
    assert set(facts["issuers"]) == {"parents", "district"}
    assert set(facts["apps"]) == {"oneview", "focus", "mobile"}
    assert {"url", "client_id", "client_secret"} <= set(facts["apps"]["oneview"])
    assert {"client_id", "redirect_uri"} <= set(facts["apps"]["mobile"])
    assert set(facts["ldap"]) == {"url", "base_dn", "bind_dn", "bind_password", "ca_file"}
    assert set(facts["accounts"]) == {"parents", "staff", "students"}
    clerk = next(one for one in facts["accounts"]["staff"] if one["username"] == "jo.hathaway")
    assert clerk == {"username": "jo.hathaway", "password": PASSWORD, "duties": {"0552": ["office"]}}


def test_students_are_left_for_a_visitor_to_claim(facts):
    taken = {number for one in facts["accounts"]["parents"] for number in one["students"]}
    free = {one["student_number"] for one in facts["students"]}
    assert len(free) == 59
    assert not free & taken
    assert all({"birth_date", "school", "guardian_hints"} <= set(one) for one in facts["students"])


def test_the_addresses_and_secrets_work(facts):
    assert requests.get(facts["mail"]["api"], timeout=5).ok
    for issuer in facts["issuers"].values():
        found = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=5).json()
        assert found["issuer"] == issuer
    app, token = facts["apps"]["oneview"], f"{facts['issuers']['parents']}/protocol/openid-connect/token"
    for secret, error in ((app["client_secret"], "invalid_grant"), ("wrong", "unauthorized_client")):
        form = {"grant_type": "authorization_code", "code": "none", "redirect_uri": app["url"]}
        answer = requests.post(token, data=form, auth=(app["client_id"], secret), timeout=5)
        assert answer.json()["error"] == error
    ldap = facts["ldap"]
    tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ldap["ca_file"])
    with Connection(
        Server(ldap["url"], tls=tls, get_info=NONE), ldap["bind_dn"], ldap["bind_password"]
    ) as bound:
        assert bound.search(f"ou=groups,{ldap['base_dn']}", "(ou=0552:office)", attributes=["member"])


def test_the_walk_itself(stack, walk, student, monkeypatch):
    done = demo.walk_one_parent(stack, walk)
    assert done["student"]["name"] == "Iris Quintero-Bell"
    assert done["parent"].email.endswith("@mail.example")
