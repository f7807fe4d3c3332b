"""A real slapd takes the sample tree, signs its people in, and hides from each account what is not for it."""

from __future__ import annotations

import pytest
from ldap3 import NONE, SAFE_SYNC, SUBTREE, Connection, Server

from idp_bridge.outside.sample_files import BASE_DN, write_sample
from idp_bridge.services.sampling import sample_district
from tools.stack.ldap import LdapServer
from tools.stack.ports import Ports

DISTRICT = sample_district()
PASSWORDS = {"keycloak": "keycloak-bind", "idp-bridge": "bridge-bind"}

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def ldap(tmp_path_factory):
    """Our slapd with the sample tree; `prepare` fails when slapadd refuses an entry."""
    folder = tmp_path_factory.mktemp("sample-slapd")
    write_sample(DISTRICT, folder, bridge_password="bridge-bind", keycloak_password="keycloak-bind")
    ports = Ports.free()
    server = LdapServer(folder / "slapd", ports.ldap, ports.ldaps, folder / "district.ldif")
    server.prepare()
    server.start()
    yield server
    server.stop()


def connection(ldap, dn, password):
    server = Server(ldap.plain_url, get_info=NONE, connect_timeout=2)
    return Connection(server, dn, password, client_strategy=SAFE_SYNC, receive_timeout=3, check_names=False)


def signs_in(ldap, dn, password):
    one = connection(ldap, dn, password)
    done = one.bind()[0]
    one.unbind()
    return done


def found(ldap, name, where, query, *attributes):
    one = connection(ldap, f"cn={name},ou=services,{BASE_DN}", PASSWORDS[name])
    assert one.bind()[0]
    _, result, entries, _ = one.search(f"{where}{BASE_DN}", query, SUBTREE, attributes=list(attributes))
    one.unbind()
    assert result["description"] == "success"
    return [entry["attributes"] for entry in entries]


@pytest.mark.parametrize("uid", [person.uid for person in DISTRICT.staff])
def test_staff_sign_in_with_the_sample_password_alone(ldap, uid):
    dn = f"uid={uid},ou=staff,ou=people,{BASE_DN}"
    assert signs_in(ldap, dn, "Password-1")
    assert not signs_in(ldap, dn, "Password-2")


def test_a_student_signs_in_by_number(ldap):
    assert signs_in(ldap, f"uid={DISTRICT.students[0].number},ou=students,ou=people,{BASE_DN}", "Password-1")


def test_every_student_is_in_the_tree_with_number_and_school(ldap):
    rows = found(
        ldap, "idp-bridge", "ou=students,ou=people,", "(studentNumber=*)",
        "studentNumber", "schoolCode", "cn", "schacDateOfBirth",
    )  # fmt: skip
    said = {(r["studentNumber"][0], r["schoolCode"][0], r["cn"][0], r["schacDateOfBirth"][0]) for r in rows}
    assert said == {(s.number, s.school, s.name, f"{s.birth_date:%Y%m%d}") for s in DISTRICT.students}


def test_groups_say_school_and_duty(ldap):
    groups = found(ldap, "idp-bridge", "ou=groups,", "(objectClass=groupOfNames)", "ou", "member")
    members = {g["ou"][0]: {m.split(",")[0][4:] for m in g["member"] if "ou=staff" in m} for g in groups}
    wanted = {}
    for person in DISTRICT.staff:
        for role in person.roles:
            wanted.setdefault(role, set()).add(person.uid)
    assert members == wanted


@pytest.mark.parametrize("name", PASSWORDS)
def test_no_account_reads_a_password(ldap, name):
    people = found(ldap, name, "", "(objectClass=inetOrgPerson)", "uid", "userPassword")
    assert len(people) == len(DISTRICT.staff) + len(DISTRICT.students)
    assert not any(person.get("userPassword") for person in people)


@pytest.mark.parametrize(("name", "sees"), [("keycloak", False), ("idp-bridge", True)])
def test_only_the_bridge_reads_birth_dates(ldap, name, sees):
    (pat,) = found(ldap, name, "ou=staff,ou=people,", "(uid=pat.rivera)", "uid", "schacDateOfBirth")
    assert bool(pat.get("schacDateOfBirth")) is sees
