"""Show and repair how far Keycloak is behind, for operators; never holds a rule."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from idp_bridge.commands.opening import UNREACHABLE, stop, with_house
from idp_bridge.domain.errors import MoveRefused, NotThere
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.people import ParentId
from idp_bridge.services.comparing import compare
from idp_bridge.services.failures import OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.journals import ProjectionRow
from idp_bridge.services.lingering import never_verified
from idp_bridge.services.projecting import Outcome, sweep
from idp_bridge.services.projecting import project as project_one
from idp_bridge.services.resolving import both_sides, keep_ours, stopped
from idp_bridge.services.working import behind, waiting


@click.group()
def project() -> None:
    """What Keycloak says of parents' links, and what it should say."""


@project.command()
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="List at most so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_house
def status(house: House, limit: int, as_json: bool) -> None:
    """Say how many parents' tokens are behind and since when; ids only. Exit 1 if one was stopped."""
    counts, age = waiting(house)
    rows = behind(house, limit)
    if as_json:
        click.echo(
            json.dumps({**_numbers(counts), "oldest_due_s": age, "behind": [_row(row) for row in rows]})
        )
    else:
        click.echo(
            f"{counts.due} due ({counts.losses} of them losses), {counts.failing} failing, "
            f"{counts.stopped} stopped; the oldest is due for {age:.0f} s"
        )
        for row in rows:
            click.echo("  " + _line(row))
    if counts.stopped:
        stop("Some were stopped: see idp-bridge project resolve.")


@project.command()
@click.argument("parent", required=False)
@click.option("--limit", type=click.IntRange(1), default=500, show_default=True, help="At most so many.")
@with_house
def now(house: House, parent: str | None, limit: int) -> None:
    """Project everybody who is due, or only PARENT (an account's id), without waiting for the worker."""
    if parent is None:
        click.echo(f"{sweep(house, house.clock.now(), limit)} were due")
        return
    outcome = project_one(house, ParentId(parent))
    click.echo(outcome)
    if outcome in (Outcome.FAILED, Outcome.STOPPED, Outcome.NARROWED):
        stop("It did not arrive: see idp-bridge project status.")


@project.command("compare")
@click.option("--dry-run", is_flag=True, help="Only say what differs.")
@with_house
def compare_all(house: House, dry_run: bool) -> None:
    """Compare every account with the database and have what differs written again. Exit 1 if anything did."""
    try:
        found = compare(house, dry_run=dry_run)
    except OutsideFailure as failure:
        stop(f"Keycloak does not answer: {failure}", UNREACHABLE)
    click.echo(f"{found.accounts} accounts, {len(found.differing)} differ, {len(found.missing)} are missing")
    for parent in (*found.differing, *found.missing):
        click.echo(f"  {parent}")
    if found.differing or found.missing:
        stop("What differs is written again by the worker." if not dry_run else "Nothing was changed.")


@project.command()
@click.argument("parent", required=False)
@click.option("--keep-ours", is_flag=True, help="Write our side, with a revision above Keycloak's.")
@click.option("--all", "everybody", is_flag=True, help="Everybody who was stopped, after a restored backup.")
@click.option("--operator", default="cli", show_default=True, help="Who decides, for the audit (an id).")
@with_house
def resolve(house: House, parent: str | None, keep_ours: bool, everybody: bool, operator: str) -> None:
    """Show both sides of PARENT, who was stopped because Keycloak holds a higher revision; or resolve it.

    Links that only Keycloak's side knows were verified after the backup: verify them again at the school.
    """
    if everybody:
        parents = [row.parent for row in stopped(house)]
    elif parent:
        parents = [ParentId(parent)]
    else:
        raise click.UsageError("Name a parent, or say --all.")
    for one in parents:
        _resolve(house, one, keep_ours, Actor(ActorKind.OPERATOR, operator))


@project.command()
@click.option(
    "--days", type=click.IntRange(1), default=30, show_default=True, help="Made more than so long ago."
)
@with_house
def unverified(house: House, days: int) -> None:
    """List accounts nobody ever verified, by id, to be deleted in Keycloak. Exit 1 if there are any."""
    try:
        found = never_verified(house, days)
    except OutsideFailure as failure:
        stop(f"Keycloak does not answer: {failure}", UNREACHABLE)
    for parent in found:
        click.echo(parent)
    if found:
        stop(f"{len(found)} were never verified: delete them in Keycloak.")


def _resolve(house: House, parent: ParentId, ours: bool, who: Actor) -> None:
    try:
        sides = both_sides(house, parent)
        click.echo(f"{parent}\n  ours:   rev {sides.ours.rev} {sides.ours.value}")
        for value in sides.theirs:
            click.echo(f"  theirs: {value}")
        if ours:
            click.echo(f"  resolved: ours goes out as rev {keep_ours(house, who, parent)}")
    except NotThere:
        stop(f"There is no parent {parent}.")
    except MoveRefused:
        stop(f"Parent {parent} was not stopped.")
    except OutsideFailure as failure:
        stop(f"Keycloak does not answer: {failure}", UNREACHABLE)


def _numbers(counts: Any) -> dict[str, int]:
    return {name: getattr(counts, name) for name in ("due", "losses", "failing", "stopped")}


def _row(row: ProjectionRow) -> dict[str, object]:
    values = {name: getattr(row, name) for name in ProjectionRow.__dataclass_fields__}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def _line(row: ProjectionRow) -> str:
    since = row.stopped_at or row.due_since
    state = (
        "stopped" if row.stopped_at else f"due{', a loss' if row.loss else ''}, step {row.step or 'value'}"
    )
    return f"{row.parent}  {state} since {since:%Y-%m-%d %H:%M:%S}Z  {row.last_error or ''}".rstrip()
