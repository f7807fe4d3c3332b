"""Read the command line and call one service per command; never holds a rule."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from idp_bridge import __version__
from idp_bridge.app import make_house, make_store, run_worker
from idp_bridge.domain.errors import BadInput, MoveRefused, NotThere, RosterRefused
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.evidence import REVOCATION_REASONS
from idp_bridge.domain.link import LinkId
from idp_bridge.services.house import House
from idp_bridge.services.verifying import revoke_link
from idp_bridge.settings import Settings, SettingsFault, load
from idp_bridge.storage import schema

USAGE = 2
UNREACHABLE = 3


def stop(message: str, status: int = 1) -> NoReturn:
    """Say why on standard error and end with `status`."""
    click.echo(message, err=True)
    sys.exit(status)


def _settings() -> Settings:
    try:
        return load()
    except SettingsFault as fault:
        stop("The settings cannot be used:\n" + "\n".join(f"  {line}" for line in fault.faults), USAGE)


def with_house(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the command a House built from the environment, as its first argument."""

    @wraps(command)
    def handed(*args: Any, **kwargs: Any) -> Any:
        settings = _settings()
        store = make_store(settings)
        try:
            return command(make_house(settings, store), *args, **kwargs)
        finally:
            store.close()

    return handed


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
    store = make_store(_settings())
    before, _ = schema.current(store)
    schema.upgrade(store)
    after, _ = schema.current(store)
    click.echo(f"schema {after}" if before == after else f"schema {before or 'none'} -> {after}")


@db.command()
def check() -> None:
    """Say whether the schema is the one this version needs (exit 0) or not (exit 1)."""
    at, needed = schema.current(make_store(_settings()))
    if at != needed:
        stop(
            f"The database is at schema {at or 'none'}, this version needs {needed}: run idp-bridge db upgrade"
        )
    click.echo(f"schema {at}")


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


# --- worker --------------------------------------------------------------------------------------


@main.command()
def worker() -> None:
    """Run the worker: projections at once, a sweep every minute. Ends cleanly on SIGTERM."""
    run_worker(_settings())
