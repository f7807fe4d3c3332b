"""Name the folders of the project, the cache and the versions; never makes one."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
STYLESHEETS = ROOT / "idp_bridge" / "web" / "static"


def cache() -> Path:
    """Return the folder outside the tree where downloads and builds are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("IDP_BRIDGE_CACHE") or Path(base) / "idp-bridge")


def version(name: str) -> str:
    """Return a version from `tools/versions.env`."""
    for line in (ROOT / "tools" / "versions.env").read_text().splitlines():
        key, _, value = line.partition("=")
        if key == name:
            return value
    raise KeyError(name)


def distribution() -> Path:
    """Return the built Keycloak that `tools/setup.sh` leaves in the cache."""
    return cache() / f"keycloak-{version('KEYCLOAK_VERSION')}"
