"""Start Keycloak once and keep its fresh database in the cache, so that later servers start sooner."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from tools.stack.keycloak import KeycloakServer
from tools.stack.keycloak_seed import DATA, PASSWORD_FILE, seed
from tools.stack.places import cache
from tools.stack.ports import Ports


def main() -> None:
    """Make the copy; does nothing where it is there."""
    if seed().exists():
        return
    with tempfile.TemporaryDirectory(prefix="building.", dir=cache()) as folder:
        home, ports, password = Path(folder) / "keycloak", Ports.free(), secrets.token_urlsafe(24)
        server = KeycloakServer(home, ports.keycloak, ports.keycloak_management, admin_password=password)
        try:
            server.start()
            server.wait_ready()
        finally:
            server.stop()
        (home / DATA / PASSWORD_FILE).write_text(password)
        (home / DATA).chmod(0o700)
        (home / DATA).rename(seed())


if __name__ == "__main__":
    main()
