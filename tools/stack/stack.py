"""Start and stop the whole native stack in the right order; never walks a page."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from urllib.error import URLError

from tools.stack.keycloak import KeycloakServer
from tools.stack.ldap import LdapServer
from tools.stack.places import ROOT
from tools.stack.ports import Ports
from tools.stack.program import Program
from tools.stack.serving import served

DISTRICT = "Heron County Schools"
HELP_PHONE = "(321) 555-0142"
MAIL_FROM = "parents@district.example"
READY_WITHIN_S = 60
PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV", "XDG_CACHE_HOME", "IDP_BRIDGE_CACHE", "JAVA_HOME")


class Stack:
    """Keycloak with both realms, slapd with the sample district, a mail sink, the bridge and its worker.

    As a context manager it starts everything and ends it whatever happens.
    """

    def __init__(self, folder: Path, ports: Ports, say: Callable[[str], None] = lambda _: None) -> None:
        self.folder = folder
        self.ports = ports
        self._say = say
        self._running: list[Program] = []
        self.secrets = _secrets(folder / "secrets.json")
        self.sample = folder / "sample"
        self.keycloak = KeycloakServer(
            folder / "keycloak",
            ports.keycloak,
            ports.keycloak_management,
            admin_password=self.secrets["admin"],
            truststore=folder / "ldap" / "tls" / "ca.pem",
        )
        self.ldap = LdapServer(folder / "ldap", ports.ldap, ports.ldaps, self.sample / "district.ldif")
        self.bridge_url = f"http://localhost:{ports.bridge}"
        self.bridge_port = ports.bridge
        """Where the bridge listens; another than everybody knows where something stands before it."""
        self.app_urls = {
            "oneview": f"http://localhost:{ports.oneview}",
            "focus": f"http://localhost:{ports.focus}",
        }
        self.mobile_url = f"http://localhost:{ports.mobile}"
        self.mail_url = f"http://localhost:{ports.mail}"

    def __enter__(self) -> Stack:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all servers; raise NotStarted with the end of a log where one does not come up."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.command("roster", "sample", str(self.sample), *self._bind_passwords())
        self.ldap.prepare()
        self._say(f"Keycloak on {self.keycloak.url}")
        self._started(self.keycloak.program)
        self.keycloak.start()
        with ThreadPoolExecutor() as together:
            waiting = [
                together.submit(step) for step in (self._start_ldap, self._start_mail, self._fill_database)
            ]
            for one in waiting:
                one.result()
        self.keycloak.wait_ready()
        self._say("Realms from realm-config/")
        self.command("realm", "apply", "--config", str(ROOT / "realm-config"))
        self.start_bridge()

    def stop(self) -> None:
        """End everything that was started, newest first."""
        while self._running:
            self._running.pop().stop()

    @property
    def programs(self) -> tuple[Program, ...]:
        """Return everything that was started."""
        return tuple(self._running)

    def start_bridge(self) -> None:
        """Start the bridge's pages, the worker and the example apps."""
        self._say(f"The bridge on {self.bridge_url}")
        python = sys.executable
        self.bridge = self._program("bridge", served(self.bridge_port), self.bridge_env())
        self.worker = self._program("worker", [python, "-m", "idp_bridge", "worker"], self.bridge_env())
        for program in (self.bridge, self.worker):
            program.start()
        self.start_apps()
        self.bridge.wait_ready(lambda: responds(f"{self.bridge_url}/readyz"), READY_WITHIN_S)

    def start_apps(self) -> None:
        """Start OneView, Focus and the mobile page."""
        self.apps = {}
        for name in ("oneview", "focus", "mobile"):
            app = self._program(name, [sys.executable, "-m", f"examples.{name}"], self.app_env(name))
            app.start()
            self.apps[name] = app
        for name, app in self.apps.items():
            url = self.mobile_url if name == "mobile" else self.app_urls[name]
            app.wait_ready(lambda url=url: responds(f"{url}/healthz"), READY_WITHIN_S)  # type: ignore[misc]

    def command(self, *arguments: str) -> str:
        """Run one `idp-bridge` command with the stack's settings and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "idp_bridge", *arguments],
            env={**self.bridge_env(), **self.realm_env()},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"idp-bridge {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
            )
        return done.stdout

    # --- environments ----------------------------------------------------------------------------

    def realm_env(self) -> dict[str, str]:
        """Return what the realm files need, and the administrator."""
        return {
            "KEYCLOAK_ADMIN_URL": self.keycloak.url,
            "KEYCLOAK_ADMIN_USER": self.keycloak.admin_user,
            "KEYCLOAK_ADMIN_PASSWORD": self.keycloak.admin_password,
            "DISTRICT_NAME": DISTRICT,
            "HELP_PHONE": HELP_PHONE,
            "HELP_HOURS_EN": "Monday to Friday, 8 to 4",
            "HELP_HOURS_ES": "de lunes a viernes, de 8 a 4",
            "BRIDGE_URL": self.bridge_url,
            "ONEVIEW_URL": self.app_urls["oneview"],
            "FOCUS_URL": self.app_urls["focus"],
            "MOBILE_REDIRECT_URI": f"{self.mobile_url}/callback/parents",
            "BRIDGE_CLIENT_SECRET": self.secrets["bridge"],
            "ONEVIEW_CLIENT_SECRET": self.secrets["oneview"],
            "FOCUS_CLIENT_SECRET": self.secrets["focus"],
            "SMTP_HOST": "localhost",
            "SMTP_PORT": str(self.ports.smtp),
            "SMTP_FROM": MAIL_FROM,
            "LDAP_URL": self.ldap.url,
            "LDAP_BASE_DN": self.ldap.base_dn,
            "LDAP_BIND_DN": self.ldap.keycloak_bind_dn,
            "LDAP_BIND_PASSWORD": self.secrets["ldap_keycloak"],
        }

    def bridge_env(self) -> dict[str, str]:
        """Return the bridge's settings (docs/settings.md)."""
        return _base_env() | {
            "IDP_BRIDGE_WEB__URL": self.bridge_url,
            "IDP_BRIDGE_WEB__SECRET_KEY": self.secrets["secret_key"],
            "IDP_BRIDGE_WEB__CODE_KEY": self.secrets["code_key"],
            "IDP_BRIDGE_DISTRICT__NAME": DISTRICT,
            "IDP_BRIDGE_DISTRICT__EMAIL_DOMAINS": json.dumps(["district.example"]),
            "IDP_BRIDGE_DISTRICT__HELP_PHONE": HELP_PHONE,
            "IDP_BRIDGE_DATABASE__URL": self.database_url,
            "IDP_BRIDGE_PARENTS_REALM__ISSUER": self.issuer("parents"),
            "IDP_BRIDGE_PARENTS_REALM__CLIENT_SECRET": self.secrets["bridge"],
            "IDP_BRIDGE_DISTRICT_REALM__ISSUER": self.issuer("district"),
            "IDP_BRIDGE_DISTRICT_REALM__CLIENT_SECRET": self.secrets["bridge"],
            "IDP_BRIDGE_KEYCLOAK__URL": self.keycloak.url,
            "IDP_BRIDGE_KEYCLOAK__CLIENT_SECRET": self.secrets["bridge"],
            "IDP_BRIDGE_DIRECTORY__URLS": json.dumps([self.ldap.url]),
            "IDP_BRIDGE_DIRECTORY__BASE_DN": self.ldap.base_dn,
            "IDP_BRIDGE_DIRECTORY__BIND_DN": self.ldap.bind_dn,
            "IDP_BRIDGE_DIRECTORY__BIND_PASSWORD": self.secrets["ldap_bridge"],
            "IDP_BRIDGE_DIRECTORY__CA_FILE": str(self.ldap.ca_file),
            "IDP_BRIDGE_MAIL__HOST": "localhost",
            "IDP_BRIDGE_MAIL__PORT": str(self.ports.smtp),
            "IDP_BRIDGE_MAIL__SENDER": MAIL_FROM,
            "IDP_BRIDGE_WORKER__QUEUE_FILE": str(self.folder / "queue.db"),
            "IDP_BRIDGE_APPS": json.dumps(self.app_urls),
        }

    def app_env(self, name: str) -> dict[str, str]:
        """Return an example app's settings."""
        prefix = name.upper()
        env = _base_env() | {
            "PARENTS_ISSUER": self.issuer("parents"),
            "DISTRICT_ISSUER": self.issuer("district"),
            "BRIDGE_URL": self.bridge_url,
            f"{prefix}_URL": self.mobile_url if name == "mobile" else self.app_urls[name],
            f"{prefix}_CLIENT_ID": name,
            f"{prefix}_STUDENTS": str(self.sample / "sample.json"),
        }
        if name != "mobile":
            env[f"{prefix}_CLIENT_SECRET"] = self.secrets[name]
        return env

    @property
    def database_url(self) -> str:
        """Return the URL of the bridge's database."""
        return f"sqlite:///{self.folder / 'idp-bridge.db'}"

    def issuer(self, realm: str) -> str:
        """Return the issuer of `realm`."""
        return f"{self.keycloak.url}/realms/{realm}"

    # --- steps -----------------------------------------------------------------------------------

    def _start_ldap(self) -> None:
        self._say(f"LDAP on {self.ldap.url}")
        self._started(self.ldap.program)
        self.ldap.start()

    def _start_mail(self) -> None:
        self._say(f"Mails on {self.mail_url}")
        sink = [
            sys.executable, "-m", "tools.stack.mail_sink",
            "--smtp-port", str(self.ports.smtp), "--http-port", str(self.ports.mail),
        ]  # fmt: skip
        self.mail = self._program("mail", sink, _base_env())
        self.mail.start()
        self.mail.wait_ready(lambda: responds(f"{self.mail_url}/api/messages"), READY_WITHIN_S)

    def _fill_database(self) -> None:
        self.command("db", "upgrade")
        self.command("roster", "import", str(self.sample / "oneroster.zip"))

    def _bind_passwords(self) -> tuple[str, ...]:
        return (
            "--bridge-password", self.secrets["ldap_bridge"],
            "--keycloak-password", self.secrets["ldap_keycloak"],
        )  # fmt: skip

    def _program(self, name: str, command: list[str], env: dict[str, str]) -> Program:
        program = Program(name, command, self.folder / f"{name}.log", env=env, cwd=ROOT)
        self._started(program)
        return program

    def _started(self, program: Program) -> None:
        self._running.append(program)


def responds(url: str) -> bool:
    """Tell whether `url` answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _base_env() -> dict[str, str]:
    """Return what our own programs need of the environment, and nothing else of it."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def _secrets(file: Path) -> dict[str, str]:
    """Return the stack's secrets, made once per folder."""
    if file.exists():
        kept: dict[str, str] = json.loads(file.read_text())
        return kept
    names = ("admin", "bridge", "oneview", "focus", "ldap_bridge", "ldap_keycloak", "secret_key", "code_key")
    made = {name: secrets.token_urlsafe(36) for name in names}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(made))
    file.chmod(0o600)
    return made
