"""Open settings, database and house for a command, and end with words where that fails; never a rule."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn

import click
from sqlalchemy.exc import ArgumentError

from idp_bridge.app import make_house, make_store
from idp_bridge.services.failures import Refused, Unreachable
from idp_bridge.settings import Settings, SettingsFault, load
from idp_bridge.storage import schema
from idp_bridge.storage.store import SYSTEM as DATABASE
from idp_bridge.storage.store import SqlStore

USAGE = 2
UNREACHABLE = 3


def stop(message: str, status: int = 1) -> NoReturn:
    """Say why on standard error and end with `status`."""
    click.echo(message, err=True)
    sys.exit(status)


def settings_of_environment() -> Settings:
    """Return the settings; end with every fault at once where they cannot be used."""
    try:
        return load()
    except SettingsFault as fault:
        stop("The settings cannot be used:\n" + "\n".join(f"  {line}" for line in fault.faults), USAGE)


@contextmanager
def opened(settings: Settings) -> Iterator[SqlStore]:
    """Open the database; end with words where its address is wrong or it does not answer."""
    try:
        store = make_store(settings)
    except (ArgumentError, ImportError, OSError):
        stop("IDP_BRIDGE_DATABASE__URL: names no database that can be opened here", USAGE)
    try:
        yield store
    except (Unreachable, Refused) as failure:
        if failure.system != DATABASE:
            raise
        if isinstance(failure, Refused):
            stop(f"The database says no to the account in IDP_BRIDGE_DATABASE__URL: {failure.what}")
        stop(f"The database does not answer: {failure.what}", UNREACHABLE)
    finally:
        store.close()


def check_schema(store: SqlStore) -> str:
    """Return the schema the database is at; end with words if it is not the one this version needs."""
    at, needed = schema.current(store)
    if at != needed:
        stop(f"The database is at schema {at or 'none'}, {needed} is needed: run idp-bridge db upgrade")
    return needed


def with_house(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the command a House built from the environment, as its first argument."""

    @wraps(command)
    def handed(*args: Any, **kwargs: Any) -> Any:
        settings = settings_of_environment()
        with opened(settings) as store:
            check_schema(store)
            return command(make_house(settings, store), *args, **kwargs)

    return handed
