"""Yesterday's backup runs again, Keycloak's or ours: what schools decided comes back, nothing is given."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from idp_bridge.app import FOLLOW_S
from idp_bridge.domain.people import ParentId
from idp_bridge.outside.circuit import REST_S
from idp_bridge.services.projecting import Outcome, project
from idp_bridge.services.resolving import keep_ours
from tests.conftest import TEO
from tests.faults.figures import within
from tests.faults.worker.bridge import OPERATOR, OwnBridge, OwnRealm, own_realm_of, until
from tests.realms.signing_in import Person, sign_in
from tools.aims import exactly
from tools.stack.stack import Stack

pytestmark = pytest.mark.live

WRITTEN_S = 1.5
"""H2 writes what is committed within half a second."""
SETTLE_S = 180
GIVEN_UP_S = 300
EACH_S = 0.25
"""One parent written and read back, with room for a busy machine; the worker writes one after the other."""
COMPARED_S = 8
"""From a Keycloak that answers to the first write, beside the circuit's rest and the worker's turn."""

UP_S = 10
"""A worker's start and its first comparison."""
ARRIVED_S = 3
"""A wake-up, and the end of sessions."""
NEXT_DAY_S = 1.1
"""What was decided yesterday, in the lost day and today shares no second."""


@pytest.fixture
def own_realm(stack: Stack) -> Iterator[OwnRealm]:
    """A realm for each test: the worker would look at the parents of earlier ones, unknown here, first."""
    with own_realm_of(stack) as own:
        yield own


# --- Keycloak restored ---------------------------------------------------------------------------


@contextmanager
def backup_of(stack: Stack, folder: Path) -> Iterator[Path]:
    """Copy Keycloak's database as a machine's snapshot does, while the server stands still."""
    database, kept = stack.keycloak.folder / "data" / "h2", folder / "h2-of-yesterday"
    time.sleep(WRITTEN_S)
    stack.keycloak.program.send(signal.SIGSTOP)
    try:
        shutil.copytree(database, kept)
    finally:
        stack.keycloak.program.send(signal.SIGCONT)
    yield kept


def restore(stack: Stack, kept: Path) -> None:
    """Stop Keycloak, put yesterday's database in place, start it and wait until it answers."""
    database = stack.keycloak.folder / "data" / "h2"
    stack.keycloak.stop()
    shutil.rmtree(database)
    shutil.copytree(kept, database)
    stack.keycloak.program.start()
    stack.keycloak.wait_ready()


def test_yesterdays_keycloak_says_todays_links_soon(stack, bridge, tmp_path, figure, times):
    count = times(6, 120)
    everybody = [one.id for one in linked(bridge, count)]
    with backup_of(stack, tmp_path) as kept:
        changed = everybody[: count // 2]
        for parent in changed:
            bridge.revoke(parent)
        bridge.worker()
        assert until(lambda: followed(bridge) and bridge.all_settled(everybody), SETTLE_S) < SETTLE_S
        restore(stack, kept)
    up = time.monotonic()
    wrong_at_first = len(bridge.wrong(everybody))
    until(lambda: not bridge.wrong(everybody), GIVEN_UP_S)
    took = time.monotonic() - up
    what = f"Keycloak restored, {len(changed)} of {count} parents had lost a link since"
    figure(f"{what}: parents it made wrong", wrong_at_first, exactly(len(changed)))
    longest = within(COMPARED_S + EACH_S * len(changed), waits_s=REST_S + FOLLOW_S)
    figure(f"{what}: seconds from Keycloak up to all right", took, longest)
    until(lambda: bridge.all_settled(everybody), SETTLE_S)
    figure(f"{what}: wrong left", len(bridge.wrong(everybody)), exactly(0))


# --- our database restored -----------------------------------------------------------------------


def test_yesterdays_database_gives_and_takes_nothing_and_losses_still_arrive(bridge, figure, times):
    each = times(2, 20)
    revoked, granted, same, caught_up = (linked(bridge, each) for _ in range(4))
    yesterday = bridge.folder / "yesterday.db"
    bridge.store.close()
    shutil.copy(bridge.folder / "bridge.db", yesterday)
    bridge.open()
    time.sleep(NEXT_DAY_S)
    lost_day(bridge, revoked, granted, caught_up)
    everybody = [*revoked, *granted, *same, *caught_up]
    held = bridge.own.all_stored()
    time.sleep(NEXT_DAY_S)

    bridge.store.close()
    for file in bridge.folder.glob("bridge.db*"):
        file.unlink()
    shutil.copy(yesterday, bridge.folder / "bridge.db")
    bridge.open()
    for one in caught_up:  # pages serve before the worker is up, and two decisions pass the lost revision
        bridge.link(one.id, TEO)
    bridge.say_anew(*(one.id for one in caught_up))
    bridge.worker()
    changed = [*revoked, *granted, *caught_up]
    took = until(lambda: all(stopped(bridge, one) for one in changed), SETTLE_S)
    until(lambda: all_settled(bridge, same), SETTLE_S)

    what = f"our database restored, {len(changed)} of {len(everybody)} parents had changed since"
    figure(f"{what}: tokens that changed by it", moved(bridge, everybody, held), exactly(0))
    figure(f"{what}: links given by it", given(bridge, everybody, held), exactly(0))
    counted = sum(stopped(bridge, one) for one in everybody)
    figure(f"{what}: parents stopped", counted, exactly(len(changed)))
    figure(f"{what}: of these with an alarm", bridge.audited("alarm:revision-ahead"), exactly(len(changed)))
    figure(
        f"{what}: seconds from the worker's start to all stopped", took, within(10 + EACH_S * len(changed))
    )
    losses(bridge, granted, held, figure, what)
    resolved(bridge, changed, figure, what)


def lost_day(
    bridge: OwnBridge, revoked: list[Person], granted: list[Person], caught_up: list[Person]
) -> None:
    """Decide and write what the restored database will not know."""
    for one in (*revoked, *caught_up):
        bridge.revoke(one.id)
    for one in granted:
        bridge.link(one.id, TEO)
    for one in (*revoked, *caught_up, *granted):
        assert project(bridge.house, ParentId(one.id)) is Outcome.WRITTEN


def losses(
    bridge: OwnBridge, people: list[Person], held: dict[str, tuple[str, ...]], figure: Any, what: str
) -> None:
    """Take the link of yesterday away from parents who are stopped: it must leave the token at once."""
    for one in people:
        sign_in(bridge.own.app("oneview"), one.name, one.password)
    began = time.monotonic()
    for one in people:
        bridge.revoke(one.id)
    until(lambda: gone(bridge, people), SETTLE_S)
    took = time.monotonic() - began
    figure(
        f"{what}: a loss since then out of the token, most seconds", took, within(5 + EACH_S * len(people))
    )
    figure(f"{what}: stopped parents who got a link by their loss", given(bridge, people, held), exactly(0))
    open_still = sum(bool(bridge.own.realm.get(f"users/{one.id}/sessions")) for one in people)
    figure(f"{what}: sessions alive after their loss", open_still, exactly(0))
    still = sum(stopped(bridge, one) for one in people)
    figure(f"{what}: still stopped after their loss", still, exactly(len(people)))


def resolved(bridge: OwnBridge, people: list[Person], figure: Any, what: str) -> None:
    """Go on with our side, as an operator does."""
    for one in people:
        keep_ours(bridge.house, OPERATOR, ParentId(one.id))
    until(lambda: all_settled(bridge, people), SETTLE_S)
    left = len(bridge.wrong(one.id for one in people))
    figure(f"{what}: wrong after project resolve", left, exactly(0))


# --- what is so ----------------------------------------------------------------------------------


def linked(bridge: OwnBridge, count: int) -> list[Person]:
    """Return so many parents with one link, written to Keycloak."""
    people = [bridge.parent() for _ in range(count)]
    for one in people:
        bridge.link(one.id)
        assert project(bridge.house, ParentId(one.id)) is Outcome.WRITTEN
    return people


def all_settled(bridge: OwnBridge, people: list[Person]) -> bool:
    return bridge.all_settled(one.id for one in people)


def followed(bridge: OwnBridge) -> bool:
    """Tell whether the worker knows Keycloak's events: else its first look at them would find everybody."""
    with bridge.house.store.reading() as rows:
        return rows.seen_events.last_at() is not None


def stopped(bridge: OwnBridge, one: Person) -> bool:
    return bridge.row(one.id).stopped_at is not None


def numbers(values: tuple[str, ...]) -> set[str]:
    return {link["id"] for text in values for link in json.loads(text)["links"]}


def moved(bridge: OwnBridge, people: list[Person], held: dict[str, tuple[str, ...]]) -> int:
    stored = bridge.own.all_stored()
    return sum(stored[one.id] != held[one.id] for one in people)


def given(bridge: OwnBridge, people: list[Person], held: dict[str, tuple[str, ...]]) -> int:
    """Count the parents whose token names a child that it did not name before."""
    stored = bridge.own.all_stored()
    return sum(bool(numbers(stored[one.id]) - numbers(held[one.id])) for one in people)


def gone(bridge: OwnBridge, people: list[Person]) -> bool:
    """Tell whether no link is left to any of them and every loss is dealt with."""
    stored = bridge.own.all_stored()
    return not any(numbers(stored[one.id]) or bridge.row(one.id).loss for one in people)
