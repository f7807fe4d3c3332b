"""The sample district's slapd: who may see what, and what tests may do to it."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from ldap3 import LEVEL, NONE, SAFE_SYNC, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPExceptionError

from tools.stack.ldap import BASE_DN, LdapServer
from tools.stack.places import ROOT
from tools.stack.ports import Ports

BRIDGE, KEYCLOAK = "bridge-password", "keycloak-password"


@pytest.fixture(scope="module")
def ldap(tmp_path_factory) -> Iterator[LdapServer]:
    folder = tmp_path_factory.mktemp("ldap")
    sample = [sys.executable, "-m", "idp_bridge", "roster", "sample", str(folder / "sample")]
    passwords = ["--bridge-password", BRIDGE, "--keycloak-password", KEYCLOAK]
    subprocess.run([*sample, *passwords], cwd=ROOT, check=True, capture_output=True)
    ports = Ports.free()
    server = LdapServer(folder / "slapd", ports.ldap, ports.ldaps, folder / "sample" / "district.ldif")
    server.prepare()
    server.start()
    yield server
    server.stop()


def connect(ldap: LdapServer, user: str | None = None, password: str | None = None) -> Connection:
    tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(ldap.ca_file))
    server = Server(ldap.url, use_ssl=True, tls=tls, get_info=NONE, connect_timeout=2)
    how = {"client_strategy": SAFE_SYNC, "auto_bind": True, "receive_timeout": 2}
    return Connection(server, user=user, password=password, **how)


def found(connection: Connection, base: str, wanted: str, *attributes: str, scope=SUBTREE):
    _, result, entries, _ = connection.search(base, wanted, scope, attributes=list(attributes))
    return result["description"], entries or []


def roles(ldap: LdapServer, uid: str) -> list[str]:
    member = f"(member=uid={uid},ou=staff,ou=people,{BASE_DN})"
    with connect(ldap, ldap.bind_dn, BRIDGE) as connection:
        _, groups = found(connection, f"ou=groups,{BASE_DN}", member, "ou", scope=LEVEL)
    return sorted(group["attributes"]["ou"][0] for group in groups)


def test_the_staff_have_their_duties(ldap):
    assert roles(ldap, "jo.hathaway") == ["0552:office"]
    assert roles(ldap, "ana.ruiz") == ["0552:office", "0552:principal"]
    assert roles(ldap, "tess.moore") == []


def test_birth_dates_are_for_the_bridge_and_not_for_keycloak(ldap):
    students = f"ou=students,ou=people,{BASE_DN}"
    for who, password, seen in ((ldap.bind_dn, BRIDGE, True), (ldap.keycloak_bind_dn, KEYCLOAK, False)):
        with connect(ldap, who, password) as connection:
            _, entries = found(connection, students, "(studentNumber=*)", "*")
            assert len(entries) == 60
            assert {"schacDateOfBirth" in entry["attributes"] for entry in entries} == {seen}


@pytest.mark.parametrize("account", ["bridge", "keycloak"])
def test_nobody_reads_a_password(ldap, account):
    who, password = (ldap.bind_dn, BRIDGE) if account == "bridge" else (ldap.keycloak_bind_dn, KEYCLOAK)
    with connect(ldap, who, password) as connection:
        _, entries = found(connection, BASE_DN, "(uid=*)", "userPassword")
        assert entries
        assert not any(entry["attributes"].get("userPassword") for entry in entries)


def test_strangers_and_staff_see_nothing(ldap):
    for who in ({}, {"user": f"uid=jo.hathaway,ou=staff,ou=people,{BASE_DN}", "password": "Password-1"}):
        with connect(ldap, **who) as connection:
            assert found(connection, BASE_DN, "(objectClass=*)") == ("noSuchObject", [])


def test_the_certificate_is_checked_against_our_authority(ldap, tmp_path):
    server = Server(
        ldap.url, use_ssl=True, tls=Tls(validate=ssl.CERT_REQUIRED), get_info=NONE, connect_timeout=2
    )
    with pytest.raises(LDAPExceptionError):
        Connection(server, client_strategy=SAFE_SYNC, auto_bind=True)


def test_a_clerk_leaves_a_group_and_comes_back(ldap):
    ldap.leave_group("ana.ruiz", "0552:office")
    assert roles(ldap, "ana.ruiz") == ["0552:principal"]
    ldap.join_group("ana.ruiz", "0552:office")
    assert roles(ldap, "ana.ruiz") == ["0552:office", "0552:principal"]


def test_a_change_that_cannot_be_is_not_swallowed(ldap):
    with pytest.raises(subprocess.CalledProcessError):
        ldap.leave_group("nobody.here", "0552:office")


def test_a_restart_keeps_the_tree(ldap):
    ldap.stop()
    with pytest.raises(LDAPExceptionError):
        connect(ldap, ldap.bind_dn, BRIDGE)
    begun = time.monotonic()
    ldap.start()
    assert time.monotonic() - begun < 5
    assert roles(ldap, "jo.hathaway") == ["0552:office"]
