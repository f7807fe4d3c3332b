"""Tell an operator what the doctor found; never examines anything itself."""

from __future__ import annotations

from pathlib import Path

import click

from idp_bridge.app import SystemClock
from idp_bridge.commands.opening import opened, settings_of_environment, stop
from idp_bridge.doctor.checks import CHECKS
from idp_bridge.doctor.examining import Check, Finding, Health, Installation, examine
from idp_bridge.outside.realms.server import AdminServer

SIGNS = {Health.HOLDS: "ok     ", Health.BROKEN: "BROKEN ", Health.UNKNOWN: "unknown"}


@click.command()
@click.option(
    "--only",
    metavar="CHECK",
    type=click.Choice([check.name for check in CHECKS]),
    help="Only this check, by its name.",
)
@click.option(
    "--server", envvar="KEYCLOAK_ADMIN_URL", help="Keycloak's address, for checks as its administrator."
)
@click.option("--user", envvar="KEYCLOAK_ADMIN_USER", help="Administrator in master.")
@click.option("--password", envvar="KEYCLOAK_ADMIN_PASSWORD", help="Their password.")
@click.option("--ca-file", envvar="KEYCLOAK_CA_FILE", help="PEM of the server's authority.")
@click.option(
    "--config",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the realm files, to compare the realms with them.",
)
def doctor(
    only: str | None,
    server: str | None,
    user: str | None,
    password: str | None,
    ca_file: str | None,
    config: Path | None,
) -> None:
    """Check what the bridge stands on; changes nothing.

    Exit codes: 0 all holds or cannot be told, 1 something is broken, 2 the settings cannot be used.
    """
    settings = settings_of_environment()
    given = server and user and password
    administrator = AdminServer(server or "", user or "", password or "", ca_file=ca_file) if given else None
    with opened(settings) as store:
        here = Installation(settings, store, SystemClock().now(), administrator, config)
        found = examine(here, [check for check in CHECKS if only in (None, check.name)])
    for check, finding in found:
        _tell(check, finding)
    if any(finding.health is Health.BROKEN for _check, finding in found):
        stop("Something is broken.")


def _tell(check: Check, finding: Finding) -> None:
    click.echo(f"{SIGNS[finding.health]}  {check.name}: {check.rule}: {finding.what}")
    if finding.todo:
        click.echo(f"         {finding.todo}")
