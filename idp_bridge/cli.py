"""Read the command line and call one service per command; never holds a rule."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from alembic.util import CommandError

from idp_bridge import __version__
from idp_bridge.app import run_worker
from idp_bridge.commands.doctor import doctor
from idp_bridge.commands.opening import (
    UNREACHABLE,
    USAGE,
    check_schema,
    opened,
    settings_of_environment,
    stop,
    with_house,
)
from idp_bridge.commands.project import project
from idp_bridge.domain.errors import MoveRefused, NotThere, RosterRefused
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import LinkId
from idp_bridge.domain.reasons import REVOCATION_REASONS
from idp_bridge.outside.oneroster import read_bundle
from idp_bridge.outside.realms.applying import KeycloakRealms
from idp_bridge.outside.realms.declared import DeclarationError, DeclaredRealm, load_folder
from idp_bridge.outside.realms.server import AdminServer
from idp_bridge.outside.roster_bundle import digest
from idp_bridge.outside.sample_files import write_sample
from idp_bridge.services.auditing import disclosure_line, disclosures, first_bad_row
from idp_bridge.services.declaring import RealmReport, apply, plan
from idp_bridge.services.expiring import end_links, end_withdrawn, lapse_visits
from idp_bridge.services.failures import OutsideFailure, Unreachable
from idp_bridge.services.guessing import raise_alarms
from idp_bridge.services.house import House
from idp_bridge.services.notifying import remind, send_due, warn_ends
from idp_bridge.services.projecting import sweep
from idp_bridge.services.refusing import revoke_link
from idp_bridge.services.rostering import import_roster
from idp_bridge.services.sampling import sample_district
from idp_bridge.storage import schema


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="idp-bridge")
def main() -> None:
    """Which students may this parent act for?

    Settings come from the environment (IDP_BRIDGE_…; see docs/settings.md).
    """


# --- db ------------------------------------------------------------------------------------------


@main.group()
def db() -> None:
    """The bridge's own database."""


@db.command()
def upgrade() -> None:
    """Bring the database to the schema of this version."""
    with opened(settings_of_environment()) as store:
        before, _ = schema.current(store)
        try:
            schema.upgrade(store)
        except CommandError:
            stop(f"The database is at schema {before}, which this version does not know: it is newer.")
        after, _ = schema.current(store)
    click.echo(f"schema {after}" if before == after else f"schema {before or 'none'} -> {after}")


@db.command()
def check() -> None:
    """Say whether the schema is the one this version needs (exit 0) or not (exit 1)."""
    with opened(settings_of_environment()) as store:
        click.echo(f"schema {check_schema(store)}")


# --- links ---------------------------------------------------------------------------------------


@main.group()
def links() -> None:
    """Links between parents and students."""


@links.command()
@click.argument("link")
@click.option("--reason", required=True, type=click.Choice(REVOCATION_REASONS), help="Why it ends.")
@click.option(
    "--operator", default="cli", show_default=True, help="Who asked, as the audit should name them (an id)."
)
@with_house
def revoke(house: House, link: str, reason: str, operator: str) -> None:
    """End the verified link LINK (its id); the worker takes it out of the parent's tokens at once."""
    try:
        revoke_link(house, Actor(ActorKind.OPERATOR, operator), LinkId(link), reason)
    except NotThere:
        stop(f"There is no link {link}.")
    except MoveRefused:
        stop(f"Link {link} is not verified now, so there is nothing to revoke.")
    click.echo(f"Link {link} is revoked. The worker ends the parent's sessions.")


# --- audit and jobs ------------------------------------------------------------------------------


@main.group()
def audit() -> None:
    """The chain of audit events."""


@audit.command()
@with_house
def verify(house: House) -> None:
    """Check the whole chain: exit 0 if it is whole, 1 with the number of the first bad row if not."""
    bad = first_bad_row(house)
    if bad is not None:
        stop(f"The audit is broken at row {bad}.")
    click.echo("The audit is whole.")


@audit.command()
@click.option("--student", required=True, metavar="NUMBER", help="Student number.")
@with_house
def export(house: House, student: str) -> None:
    """Print the record of disclosures of one student (34 CFR 99.32), one JSON object a line, ids only."""
    try:
        events = disclosures(house, student)
    except NotThere:
        stop(f"There is no enrolled student {student}.")
    for event in events:
        click.echo(disclosure_line(event))


@main.group()
def jobs() -> None:
    """What the clock does; the worker runs all of it every minute."""


def _job(name: str, words: str, run: Callable[..., int]) -> None:
    @jobs.command(name, help=words)
    @click.option("--limit", type=click.IntRange(1), default=500, show_default=True, help="At most so many.")
    @click.option("--dry-run", is_flag=True, help="Count and change nothing.")
    @with_house
    def command(house: House, limit: int, dry_run: bool) -> None:
        count = run(house, house.clock.now(), limit, dry_run=dry_run)
        click.echo(f"{count} due" if dry_run else f"{count} done")


_job("lapse-visits", "Lapse visits whose last day is over.", lapse_visits)
_job("end-links", "End links at their end date or the 18th birthday.", end_links)
_job("end-withdrawn", "End links to students who left the district longer ago than the grace.", end_withdrawn)
_job("warn-ends", "Note for links that end in 90, 30 or 7 days that they do.", warn_ends)
_job("remind", "Note reminders for visits that end soon.", remind)
_job("send-mails", "Send mails that are due.", send_due)
_job("raise-alarms", "Alarm the district of accounts whose requests fit no child.", raise_alarms)
_job("project", "Project parents that no wake-up reached.", sweep)


# --- roster --------------------------------------------------------------------------------------


@main.group()
def roster() -> None:
    """Students and schools."""


@roster.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change and change nothing.")
@with_house
def import_(house: House, source: Path, dry_run: bool) -> None:
    """Read a OneRoster 1.1 or 1.2 bulk bundle: SOURCE is a folder or a zip file.

    All or nothing: a fault names file and line, and nothing is changed (exit 1).
    """
    today = house.clock.now().astimezone(house.rules.zone).date()
    try:
        counts = import_roster(house, read_bundle(source, today), digest(source), dry_run=dry_run)
    except RosterRefused as refusal:
        stop("The roster was not imported:\n" + "\n".join(f"  {fault}" for fault in refusal.faults))
    click.echo(
        f"{'Would change' if dry_run else 'Changed'}: {counts.schools} schools, {counts.students} students, "
        f"{counts.guardians} students' guardians; {counts.withdrawn} withdrawn."
    )


@roster.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, help="Another number gives other birth dates.")
@click.option("--bridge-password", default="bridge-bind", show_default=True, help="Of cn=idp-bridge in LDAP.")
@click.option(
    "--keycloak-password", default="keycloak-bind", show_default=True, help="Of cn=keycloak in LDAP."
)
def sample(folder: Path, seed: int, bridge_password: str, keycloak_password: str) -> None:
    """Write an invented district into FOLDER: OneRoster bundle (folder and zip), LDAP tree, accounts."""
    district = sample_district(seed)
    try:
        write_sample(district, folder, bridge_password=bridge_password, keycloak_password=keycloak_password)
    except OSError as fault:
        stop(f"{fault.filename} cannot be written: {fault.strerror}")
    click.echo(f"{len(district.students)} students, {len(district.staff)} employees in {folder}")


# --- realm ---------------------------------------------------------------------------------------


ACCOUNT: dict[str, Any] = {"required": True, "show_envvar": True}


def _realm_options(command: Callable[..., Any]) -> Callable[..., Any]:
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    options = (
        click.option("--realm", metavar="NAME", help="Only this realm; both without it."),
        click.option(
            "--config",
            type=folder,
            default="realm-config",
            show_default=True,
            help="Folder of the files.",
        ),
        click.option("--server", envvar="KEYCLOAK_ADMIN_URL", help="Keycloak's address.", **ACCOUNT),
        click.option("--user", envvar="KEYCLOAK_ADMIN_USER", help="Administrator in master.", **ACCOUNT),
        click.option("--password", envvar="KEYCLOAK_ADMIN_PASSWORD", help="Their password.", **ACCOUNT),
        click.option("--ca-file", envvar="KEYCLOAK_CA_FILE", help="PEM of the server's authority."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _realms(
    realm: str | None, config: Path, server: str, user: str, password: str, ca_file: str | None
) -> tuple[KeycloakRealms, tuple[DeclaredRealm, ...]]:
    try:
        declared = load_folder(config, os.environ, realm)
    except DeclarationError as fault:
        stop("The realm files cannot be used:\n" + "\n".join(f"  {line}" for line in fault.problems), USAGE)
    return KeycloakRealms(AdminServer(server, user, password, ca_file=ca_file)), declared


def _tell(reports: tuple[RealmReport, ...]) -> None:
    for report in reports:
        click.echo(f"realm {report.realm}: {'same' if not report.differences else 'differs'}")
        for line in report.differences:
            click.echo(f"  {line}")
        for line in report.changes:
            click.echo(f"  changed: {line}")
        for line in report.unreadable:
            click.echo(f"  cannot be read back: {line}")


@main.group()
def realm() -> None:
    """The Keycloak realms, as declared in files."""


@realm.command("plan")
@_realm_options
def plan_realm(**options: Any) -> None:
    """Show what differs between the files and the server; changes nothing.

    Exit codes: 0 same, 1 differs, 2 usage, 3 Keycloak does not answer.
    """
    reports = _outside(lambda: plan(*_realms(**options)))
    _tell(reports)
    sys.exit(1 if any(report.differences for report in reports) else 0)


@realm.command("apply")
@_realm_options
@click.option("--rewrite-secrets", is_flag=True, help="Also write the secrets that cannot be read back.")
def apply_realm(rewrite_secrets: bool, **options: Any) -> None:
    """Bring the server to what the files say; a second run changes nothing.

    Exit codes: 0 done, 1 the server said yes and is still otherwise, 2 usage, 3 Keycloak does not answer.
    """
    _tell(_outside(lambda: apply(*_realms(**options), rewrite_secrets=rewrite_secrets)))


def _outside(do: Callable[[], tuple[RealmReport, ...]]) -> tuple[RealmReport, ...]:
    try:
        return do()
    except Unreachable as failure:
        stop(f"Keycloak does not answer: {failure}", UNREACHABLE)
    except OutsideFailure as failure:
        stop(f"Keycloak said no: {failure}")


# --- worker --------------------------------------------------------------------------------------


@main.command()
def worker() -> None:
    """Run the worker: projections as they come due, a clock every minute. SIGTERM ends it cleanly."""
    settings = settings_of_environment()
    with opened(settings) as store:
        check_schema(store)
        run_worker(settings)


main.add_command(project)
main.add_command(doctor)
