"""Run slapd as an ordinary process with a district's tree and a certificate of its own; never a service."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path

from tools.stack.ports import answers
from tools.stack.program import Program

HERE = Path(__file__).parent / "slapd"
BASE_DN = "dc=district,dc=example"
READY_WITHIN_S = 20
CA_DAYS, SERVER_DAYS = 3650, 825


class LdapServer:
    """One slapd. `hang` and `go_on` stop and continue it without closing its sockets."""

    def __init__(self, folder: Path, port: int, tls_port: int, ldif: Path) -> None:
        self.folder = folder
        self.url = f"ldaps://localhost:{tls_port}"
        self.plain_url = f"ldap://127.0.0.1:{port}"
        self.base_dn = BASE_DN
        self.bind_dn = f"cn=idp-bridge,ou=services,{BASE_DN}"
        self.keycloak_bind_dn = f"cn=keycloak,ou=services,{BASE_DN}"
        self.ca_file = folder / "tls" / "ca.pem"
        self._port = port
        self._ldif = ldif
        self._admin_password = secrets.token_hex(16)
        command = [
            "/usr/sbin/slapd", "-d", "0", "-f", str(folder / "slapd.conf"),
            "-h", f"{self.plain_url} ldaps://127.0.0.1:{tls_port}",
        ]  # fmt: skip
        self.program = Program("slapd", command, folder / "slapd.log")

    def prepare(self) -> None:
        """Make the certificate authority, the certificate, the configuration and the tree."""
        for name in ("db", "tls"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if not self.ca_file.exists():
            _make_certificates(self.folder / "tls")
        shutil.copy(HERE / "district.schema", self.folder / "district.schema")
        text = (HERE / "slapd.conf.in").read_text()
        text = text.replace("@DIR@", str(self.folder)).replace("@ADMIN_PASSWORD@", self._admin_password)
        (self.folder / "slapd.conf").write_text(text)
        self._load()

    def start(self) -> None:
        """Start slapd; `prepare` comes before the first start."""
        self.program.start()
        self.program.wait_ready(lambda: answers(self._port), READY_WITHIN_S)

    def stop(self) -> None:
        """End slapd."""
        self.program.stop()

    def modify(self, ldif: str) -> None:
        """Apply a change, in LDIF, as the directory's administrator."""
        command = [
            "ldapmodify",
            "-x",
            "-H",
            self.plain_url,
            "-D",
            f"cn=admin,{BASE_DN}",
            "-w",
            self._admin_password,
        ]
        subprocess.run(command, input=ldif.encode(), check=True, capture_output=True)

    def leave_group(self, uid: str, role: str) -> None:
        """Take an employee out of the group of `role`, for example `0552:office`."""
        self._membership("delete", uid, role)

    def join_group(self, uid: str, role: str) -> None:
        """Put an employee into the group of `role`."""
        self._membership("add", uid, role)

    def _membership(self, change: str, uid: str, role: str) -> None:
        school, _, duty = role.partition(":")
        self.modify(
            f"dn: cn=school-{school}-{duty},ou=groups,{BASE_DN}\nchangetype: modify\n"
            f"{change}: member\nmember: uid={uid},ou=staff,ou=people,{BASE_DN}\n"
        )

    def _load(self) -> None:
        shutil.rmtree(self.folder / "db")
        (self.folder / "db").mkdir()
        load = ["/usr/sbin/slapadd", "-q", "-f", str(self.folder / "slapd.conf"), "-l", str(self._ldif)]
        done = subprocess.run(load, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"slapadd: {done.stderr}")


def _make_certificates(folder: Path) -> None:
    """Make an authority and a certificate for localhost, with a DNS and an IP name (libldap wants the IP)."""
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    ca, key = folder / "ca.pem", folder / "ca.key"
    _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(CA_DAYS), "-keyout", str(key),
        "-out", str(ca), "-subj", "/CN=idp-bridge sample district CA",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    request = folder / "ldap.csr"
    _openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", str(folder / "ldap.key"), "-out", str(request),
        "-subj", "/CN=localhost",
    )  # fmt: skip
    _openssl(
        "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(key), "-CAcreateserial",
        "-days", str(SERVER_DAYS), "-out", str(folder / "ldap.pem"), "-extfile", str(names),
    )  # fmt: skip


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
