"""Run a stock Keycloak on H2 from the built distribution in the cache; never changes that distribution."""

from __future__ import annotations

import os
import shutil
import urllib.request
from pathlib import Path
from urllib.error import URLError

from tools.stack.keycloak_seed import own, plant
from tools.stack.places import ROOT, STYLESHEETS, distribution
from tools.stack.program import Program

READY_WITHIN_S = 120
BUILD_OPTIONS = ("--db=dev-file", "--health-enabled=true")
SHIPPED_OPTIONS = (
    "--spi-user-sessions--infinispan--use-caches=false",
    "--spi-connections-http-client--default--socket-timeout-millis=1000",
    "--spi-connections-http-client--default--establish-connection-timeout-millis=1000",
)
"""What operators should set too: `keycloak-facts`, "Getting and running it"."""
ALLOWED = ("PATH", "JAVA_HOME", "HOME", "LANG", "TZ")
"""What Keycloak sees of our environment: a variable called `username` would replace `${username}`."""


class KeycloakServer:
    """One server with data of its own; several may run beside each other."""

    def __init__(
        self,
        folder: Path,
        port: int,
        management_port: int,
        *,
        admin_user: str = "admin",
        admin_password: str = "admin",  # noqa: S107 - a loopback server whose data is thrown away
        truststore: Path | None = None,
    ) -> None:
        self.url = f"http://localhost:{port}"
        self.admin_user = admin_user
        self.admin_password = admin_password
        self.folder = folder
        self._management = f"http://127.0.0.1:{management_port}/health/ready"
        command = [
            str(folder / "bin" / "kc.sh"),
            "start",
            "--optimized",
            "--cache=local",
            "--http-enabled=true",
            "--http-host=127.0.0.1",
            f"--http-port={port}",
            "--http-management-host=127.0.0.1",
            f"--http-management-port={management_port}",
            f"--hostname={self.url}",
            *SHIPPED_OPTIONS,
        ]
        if truststore:
            command.append(f"--truststore-paths={truststore}")
        env = {name: os.environ[name] for name in ALLOWED if name in os.environ}
        env |= {
            "KC_BOOTSTRAP_ADMIN_USERNAME": admin_user,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": admin_password,
            "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx700m",
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        }
        self.program = Program("keycloak", command, folder.parent / "keycloak.log", env=env)

    def start(self) -> None:
        """Lay out the folder and start; `wait_ready` says when it answers."""
        self._lay_out()
        self.program.start()

    def wait_ready(self) -> None:
        """Wait for `/health/ready`: "started" in the log is not ready."""
        self.program.wait_ready(self._ready, READY_WITHIN_S)
        own(self.folder, self.url, self.admin_user, self.admin_password)

    def stop(self) -> None:
        """End the server."""
        self.program.stop()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._management, timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _lay_out(self) -> None:
        """Make a home that shares the distribution's code by links and has its own data and themes."""
        built = distribution()
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(built / "bin", self.folder / "bin", dirs_exist_ok=True)
        shutil.copytree(built / "conf", self.folder / "conf", dirs_exist_ok=True)
        for name in ("lib", "providers"):
            link = self.folder / name
            if not link.exists():
                link.symlink_to(built / name)
        plant(self.folder)
        assemble_themes(self.folder / "themes")
        lists = ROOT / "realm-config" / "password-blacklists"
        shutil.copytree(lists, self.folder / "data" / "password-blacklists", dirs_exist_ok=True)


def assemble_themes(target: Path) -> None:
    """Copy the themes to `target`, with the stylesheet they share with the bridge's pages."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "keycloak-theme", target)
    styles = target / "parents" / "login" / "resources" / "css"  # theme `district` stands on `parents`
    styles.mkdir(parents=True, exist_ok=True)
    for name in ("site.css", "brand.css"):
        shutil.copy(STYLESHEETS / name, styles / name)
