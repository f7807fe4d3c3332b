"""kcwarden finds nothing in the realm files that `realm-config/kcwarden.yaml` does not explain."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .exporting import as_export
from .sample import REALM_CONFIG, declared

Tamper = Callable[[dict[str, Any]], None]


def findings(export: dict[str, Any], folder: Path) -> set[tuple[str, str]]:
    """Return (auditor, entity) for everything kcwarden finds in `export` and our list does not explain."""
    source, result = folder / "export.json", folder / "findings.json"
    source.write_text(json.dumps(export))
    told = ["-c", str(REALM_CONFIG / "kcwarden.yaml"), "-f", "json", "-o", str(result), str(source)]
    command = str(Path(sys.executable).with_name("kcwarden"))
    ran = subprocess.run([command, "audit", *told], capture_output=True, timeout=60, text=True)
    assert ran.returncode == 0, ran.stderr
    return {(one["reporting_auditor"], one["entity"]) for one in json.loads(result.read_text() or "[]")}


@pytest.mark.parametrize("realm", ["parents", "district"])
def test_nothing_is_found_that_is_not_explained(realm: str, tmp_path: Path) -> None:
    assert findings(as_export(declared(realm).content), tmp_path) == set()


def client(export: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in export["clients"] if one["clientId"] == name)


def password_grant(export: dict[str, Any]) -> None:
    client(export, "mobile")["directAccessGrantsEnabled"] = True


def no_pkce(export: dict[str, Any]) -> None:
    del client(export, "mobile")["attributes"]["pkce.code.challenge.method"]


def admin_role(export: dict[str, Any]) -> None:
    export["users"][0]["clientRoles"]["realm-management"].append("manage-users")
    export["roles"]["client"]["realm-management"].append(
        {"name": "manage-users", "composite": False, "clientRole": True, "containerId": "realm-management"}
    )


def wildcard(export: dict[str, Any]) -> None:
    client(export, "oneview")["redirectUris"].append("http://localhost:18311/*")


def forged_claim(export: dict[str, Any]) -> None:
    scope = next(one for one in export["clientScopes"] if one["name"] == "profile")
    config = {"user.attribute": "locale", "claim.name": "student_links"}
    scope["protocolMappers"].append(
        {
            "name": "x",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-usermodel-attribute-mapper",
            "config": config,
        }
    )


def member_of_parents(export: dict[str, Any]) -> None:
    export["users"][0]["groups"].append("/parents")


@pytest.mark.parametrize(
    ("tamper", "auditor"),
    [
        (password_grant, "PublicClientShouldDisableDirectAccessGrants"),
        (no_pkce, "PublicClientsMustEnforcePKCE"),
        (admin_role, "ServiceAccountWithSensitiveRole"),
        (wildcard, "ClientShouldNotUseWildcardRedirectURI"),
        (forged_claim, "ProtocolMapperWithConfigOnClientScope"),
        (member_of_parents, "ServiceAccountWithGroup"),
    ],
)
def test_a_weaker_file_is_found(tamper: Tamper, auditor: str, tmp_path: Path) -> None:
    export = copy.deepcopy(as_export(declared("parents").content))
    tamper(export)
    assert auditor in {found for found, _ in findings(export, tmp_path)}


def test_every_exception_has_a_reason() -> None:
    text = (REALM_CONFIG / "kcwarden.yaml").read_text()
    known = yaml.safe_load(text)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("  - auditor:"):
            before = lines[number - 1]
            follows_sibling = before.strip().startswith("allowed:") and "Redirect" in line
            assert before.strip().startswith("#") or follows_sibling, line
    assert all(config["note"] for monitor in known["monitors"] for config in monitor["config"])
