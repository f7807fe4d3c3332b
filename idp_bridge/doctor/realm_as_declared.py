"""Check that both realms are what the realm files say; never changes one."""

from __future__ import annotations

import os

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds, unknown
from idp_bridge.outside.realms.applying import KeycloakRealms
from idp_bridge.outside.realms.declared import DeclarationError, load_folder
from idp_bridge.services.declaring import plan
from idp_bridge.services.failures import OutsideFailure


def look(here: Installation) -> Finding:
    """Compare declared keys with the server's; needs an administrator and the folder of the files."""
    if here.administrator is None:
        return unknown("no administrator was given", "Set KEYCLOAK_ADMIN_URL, _USER and _PASSWORD.")
    if here.realm_files is None:
        return unknown("no realm files were given", "Say --config with the folder of the realm files.")
    try:
        declared = load_folder(here.realm_files, os.environ, None)
        reports = plan(KeycloakRealms(here.administrator), declared)
    except DeclarationError as fault:
        return unknown(fault.problems[0], "Set what the realm files need, as for idp-bridge realm plan.")
    except OutsideFailure as failure:
        return unknown(str(failure), "Start Keycloak, or correct the administrator's account.")
    lines = [f"{report.realm}: {line}" for report in reports for line in report.differences]
    if lines:
        more = f" (and {len(lines) - 1} more)" if lines[1:] else ""
        return broken(lines[0] + more, "Run idp-bridge realm plan, then idp-bridge realm apply.")
    return holds(" and ".join(report.realm for report in reports))


CHECK = Check("realm_as_declared", "The realms are what the realm files say", look)
