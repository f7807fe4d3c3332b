"""Run a small real slapd for the district realm's tests; never the one of the demo."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from ldap3 import MODIFY_ADD, MODIFY_DELETE, NONE, SAFE_SYNC, Connection, Server

BASE = "dc=district,dc=example"
CONFIG = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {folder}/slapd.pid
database mdb
suffix "dc=district,dc=example"
rootdn "cn=admin,dc=district,dc=example"
rootpw admin-password
directory {folder}/db
overlay ppolicy
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=keycloak,ou=services,dc=district,dc=example" read by * none
"""
UNITS = ("people", "groups", "services")
GROUPS = (
    ("office-0552", "0552:office", ("jo.hathaway", "ana.ruiz")),
    ("principal-0552", "0552:principal", ("ana.ruiz",)),
    ("lunch-club", "lunch club", ("tess.moore",)),
)
STAFF = (("jo.hathaway", "Jo", "Hathaway"), ("ana.ruiz", "Ana", "Ruiz"), ("tess.moore", "Tess", "Moore"))
PASSWORD = "Password-1"


class SmallDirectory:
    """One slapd process with invented people; the password of each is PASSWORD."""

    bind_password = "keycloak-bind-password"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.url = folder, f"ldap://localhost:{port}"

    def start(self) -> None:
        """Load the tree and start; slapd forks once it listens."""
        (self.folder / "db").mkdir()
        (self.folder / "slapd.conf").write_text(CONFIG.format(folder=self.folder))
        (self.folder / "tree.ldif").write_text(tree(self.bind_password))
        for command in (
            ["slapadd", "-q", "-f", "slapd.conf", "-l", "tree.ldif"],
            ["slapd", "-f", "slapd.conf", "-h", self.url],
        ):
            program = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin")
            assert program, f"{command[0]} is not installed"
            ran = subprocess.run(
                [program, *command[1:]],
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
            assert ran.returncode == 0, ran.stderr

    def stop(self) -> None:
        """Stop the process this object started."""
        pid = int((self.folder / "slapd.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        for _ in range(50):
            if not (self.folder / "slapd.pid").exists():
                return
            time.sleep(0.1)

    def leave(self, uid: str, group: str) -> None:
        """Take a person out of a group."""
        self._change(group, MODIFY_DELETE, uid)

    def join(self, uid: str, group: str) -> None:
        """Put a person into a group."""
        self._change(group, MODIFY_ADD, uid)

    def _change(self, group: str, how: str, uid: str) -> None:
        connection = Connection(
            Server(self.url, get_info=NONE, connect_timeout=2),
            user=f"cn=admin,{BASE}",
            password="admin-password",
            client_strategy=SAFE_SYNC,
            auto_bind=True,
            receive_timeout=3,
        )
        change = {"member": [(how, [f"uid={uid},ou=staff,ou=people,{BASE}"])]}
        done, result, *_ = connection.modify(f"cn={group},ou=groups,{BASE}", change)
        connection.unbind()
        assert done, result


def tree(bind_password: str) -> str:
    """Return the whole tree as LDIF."""
    entries = [entry(BASE, "dcObject organization", o="District", dc="district")]
    entries += [entry(f"ou={unit},{BASE}", "organizationalUnit", ou=unit) for unit in UNITS]
    entries += [
        entry(f"ou={unit},ou=people,{BASE}", "organizationalUnit", ou=unit) for unit in ("staff", "students")
    ]
    keycloak = entry(
        f"cn=keycloak,ou=services,{BASE}",
        "applicationProcess simpleSecurityObject",
        cn="keycloak",
        userPassword=bind_password,
    )
    entries += [
        keycloak,
        *(person("staff", *one) for one in STAFF),
        person("students", "46554860", "Iris", "Bell"),
    ]
    for name, ou, members in GROUPS:
        dns = [f"uid={uid},ou=staff,ou=people,{BASE}" for uid in members]
        group = entry(f"cn={name},ou=groups,{BASE}", "groupOfNames", cn=name, ou=ou)
        entries.append(group + "".join(f"member: {dn}\n" for dn in dns))
    return "\n".join(entries)


def person(unit: str, uid: str, given: str, family: str) -> str:
    """Return one inetOrgPerson."""
    return entry(
        f"uid={uid},ou={unit},ou=people,{BASE}",
        "inetOrgPerson",
        uid=uid,
        cn=f"{given} {family}",
        givenName=given,
        sn=family,
        mail=f"{uid}@district.example",
        userPassword=PASSWORD,
    )


def entry(dn: str, classes: str, **values: str) -> str:
    """Return one LDIF entry."""
    lines = [f"dn: {dn}", *(f"objectClass: {one}" for one in classes.split())]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in values.items())]) + "\n"
