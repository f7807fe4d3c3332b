"""Measure how fast parents are projected and compared, against Keycloak asked raw; never decides a link."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import urlencode

import requests
import sqlalchemy as sa
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection

from idp_bridge.domain.claims import ATTRIBUTE
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.people import ParentId
from idp_bridge.services.comparing import PAGE, compare
from idp_bridge.services.projecting import AT_ONCE
from idp_bridge.services.wanting import wanted_for_all
from idp_bridge.storage import journals
from tools.aims import at_least, exactly
from tools.bench.line import Line
from tools.bench.live import USERS, Family, Live
from tools.bench.places import Bench
from tools.bench.rows import Figures, row
from tools.bench.timing import in_turns

LOOK_S = 0.1
"""How often it is asked whether all is done: more often, the asking took a twentieth of the machine."""
LONGEST_S = 600
WARM_UP = 4
"""Part of a run that goes before and does not count: a young server is slow."""
LESS = 4
"""Part of a run that the plain loop gets: it takes its time."""
WAYS = 3
"""Ours and the two ceilings, each with a slice of its own."""
APART = 2
"""Runs between the ways that take a slice: who comes second to one finds Keycloak's caches full of it."""
KEPT = ("username", "email", "firstName", "lastName", "attributes")
"""What a PUT sends back."""
Wanted = dict[str, str]
"""Parent -> what the attribute must say."""


@dataclass(slots=True)
class Rates:
    """Parents a second in each run, of each way."""

    ours: list[float] = field(default_factory=list)
    ceiling: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)


def changed(live: Live, families: Sequence[Family], *, due: bool) -> Wanted:
    """Let every one of `families` have something new to be said, as an import does: audited; return it.

    The worker stops at what Keycloak holds and no decision stands behind: what the other ways write has one.
    """
    parents, now = [ParentId(family.parent) for family in families], datetime.now(UTC)
    fields = {"schools": 0, "students": len(parents), "withdrawn": 0, "source_digest": "bench"}
    with live.store.transaction() as rows:
        rows.audit.append(Event("roster:imported", now, Actor(ActorKind.OPERATOR, "bench"), fields=fields))
        rows.parents.raise_revisions(parents, now)
        if due:
            rows.projections.mark_all_due(parents, now, loss=False)
    with live.store.reading() as rows:
        return {parent: one.value for parent, one in wanted_for_all(rows, parents, now).items()}


def by_us(live: Live, families: Sequence[Family]) -> None:
    """Have the running worker project `families`, as after an import: due in one transaction."""
    changed(live, families, due=True)
    wait_for_worker(live, families)


def seen_by_us(live: Live, families: Sequence[Family]) -> None:
    """Have the worker look at what was written without it: what it never read back costs it a look more."""
    with live.store.transaction() as rows:
        rows.projections.mark_all_due(
            [ParentId(one.parent) for one in families], datetime.now(UTC), loss=False
        )
    wait_for_worker(live, families)


def wait_for_worker(live: Live, families: Sequence[Family]) -> None:
    """Ring, as a commit does, and wait until nobody is due."""
    live.house.wakeup.projection_due(ParentId(families[0].parent))
    wait_until_none_is_due(live)


def wait_until_none_is_due(live: Live) -> None:
    """Wait for the worker."""
    due = journals.projections.c
    query = (
        sa.select(due.stopped_at)
        .where(due.due_since.is_not(None))
        .order_by(due.stopped_at.desc().nulls_last())
    )
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        with live.store.connection(write=False) as connection:
            found = connection.execute(query.limit(1)).first()
        if found is None:
            return
        if found.stopped_at:
            raise RuntimeError("the worker stopped at somebody: what it found there, nobody decided")
        time.sleep(LOOK_S)
    raise RuntimeError(f"some are due for {LONGEST_S} s")


def by_hand(line: Line, parent: str, value: str) -> None:
    """GET, PUT, GET."""
    _put(line, parent, value)
    if line.get(f"{USERS}/{parent}")["attributes"][ATTRIBUTE] != [value]:
        raise RuntimeError("read back something else")


def together(line: Line, some: Wanted) -> None:
    """GET and PUT each, and one GET for all of them: what the worker asks for grants."""
    for parent, value in some.items():
        _put(line, parent, value)
    asked = {"search": f"id:{' '.join(some)}", "briefRepresentation": "false", "max": len(some)}
    found = line.get(f"{USERS}?{urlencode(asked)}")
    if {user["id"]: user["attributes"][ATTRIBUTE] for user in found} != {
        parent: [value] for parent, value in some.items()
    }:
        raise RuntimeError("read back something else")


def _put(line: Line, parent: str, value: str) -> None:
    user = line.get(f"{USERS}/{parent}")
    body = {name: user[name] for name in KEPT}
    body["attributes"][ATTRIBUTE] = [value]
    line.put(f"{USERS}/{parent}", body)


def one_by_one(line: Line, share: Wanted) -> None:
    """GET, PUT, GET for each."""
    for parent, value in share.items():
        by_hand(line, parent, value)


def in_eights(line: Line, share: Wanted) -> None:
    """Read back as many together as the worker does."""
    for first in range(0, len(share), AT_ONCE):
        together(line, dict(list(share.items())[first : first + AT_ONCE]))


def ceiling(live: Live, wanted: Wanted, ask: Callable[[Line, Wanted], None]) -> None:
    """Ask raw, on as many connections at once as the worker has threads."""
    connections = live.settings.worker.threads
    with ExitStack() as opened, ThreadPoolExecutor(connections) as threads:
        lines = [opened.enter_context(live.service()) for _ in range(connections)]

        def share(number: int) -> None:
            ask(lines[number], dict(list(wanted.items())[number::connections]))

        for done in [threads.submit(share, number) for number in range(connections)]:
            done.result()


def plain_loop(live: Live, wanted: Wanted) -> None:
    """Do what a script would: python-keycloak, one parent after the other."""
    keycloak = live.settings.keycloak
    connection = KeycloakOpenIDConnection(
        server_url=keycloak.url,
        realm_name=keycloak.realm,
        client_id=keycloak.client_id,
        client_secret_key=keycloak.client_secret.get_secret_value(),
    )
    admin = KeycloakAdmin(connection=connection)
    for parent, value in wanted.items():
        user = admin.get_user(parent)
        body = {name: user[name] for name in KEPT}
        body["attributes"][ATTRIBUTE] = [value]
        admin.update_user(parent, body)
        if admin.get_user(parent)["attributes"][ATTRIBUTE] != [value]:
            raise RuntimeError("read back something else")


def rates(bench: Bench) -> Rates:
    """Return the rates of all ways, measured once a run: each slice of parents in each way, by turns."""
    live = bench.live()
    if live in _taken:
        return _taken[live]
    found, families = Rates(), live.families(bench.parents)
    by_us(live, families)  # or the comparison after the worker's start has it write what we do, meanwhile
    size = len(families) // bench.runs
    slices = [families[run * size : (run + 1) * size] for run in range(bench.runs)]
    few = size // WARM_UP
    _measure(live, [slices[turn % bench.runs][:few] for turn in range(WAYS)], Rates())
    for run in range(bench.runs):
        _measure(live, [slices[(run + turn * APART) % bench.runs] for turn in range(WAYS)], found)
    _taken[live] = found
    return found


def _measure(live: Live, slices: Sequence[Sequence[Family]], found: Rates) -> None:
    """Project as many parents in each way; each time there is something new to be said."""
    ours, *raw = slices
    changed(live, ours, due=True)
    found.ours.append(len(ours) / _seconds(lambda: wait_for_worker(live, ours)))
    for some, ask, rates in zip(raw, (one_by_one, in_eights), (found.ceiling, found.together), strict=True):
        wanted = changed(live, some, due=False)
        rates.append(len(some) / _seconds(partial(ceiling, live, wanted, ask)))
    few = raw[0][: len(raw[0]) // LESS]
    wanted = changed(live, few, due=False)
    found.plain.append(len(few) / _seconds(lambda: plain_loop(live, wanted)))
    for some in raw:
        seen_by_us(live, some)


_taken: dict[Live, Rates] = {}


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _compared(ours: list[float], against: list[float]) -> Figures:
    """Return the median rates; the ratio is ours to the other."""
    mine, other = median(ours), median(against)
    return Figures(mine, other, mine / other, unit="a second", spread=f"{min(ours):.0f} to {max(ours):.0f}")


@row("5,000 parents projected: ours / raw on as many connections", aim=at_least(0.75))
def of_the_ceiling(bench: Bench) -> Figures:
    """The running worker beside the three requests of a hand and of the loop, raw, on as many connections."""
    found = rates(bench)
    return _compared(found.ours, found.ceiling)


@row("5,000 parents projected: ours / raw, read back together as we do", aim=at_least(0.6))
def of_the_same_requests(bench: Bench) -> Figures:
    """The running worker beside the fewer requests it makes for grants, raw (docs/decisions, 13)."""
    found = rates(bench)
    return _compared(found.ours, found.together)


@row("5,000 parents projected: ours / a plain python-keycloak loop", aim=at_least(1))
def of_the_loop(bench: Bench) -> Figures:
    """The running worker beside a script."""
    found = rates(bench)
    return _compared(found.ours, found.plain)


@row("5,000 parents compared, nothing to do: reading the pages / ours", aim=at_least(0.75))
def comparing(bench: Bench) -> Figures:
    """A full comparison beside reading the same pages with requests; the ratio is raw to ours."""
    live = _settled(bench)

    def ours() -> None:
        found = compare(live.house)
        if found.accounts < bench.parents or found.differing:
            raise RuntimeError(f"{found.accounts} accounts, {len(found.differing)} differ")

    with live.service() as line, requests.Session() as session:
        session.headers.update(line.bearer)
        took, against = in_turns((ours, lambda: read_pages(live, session)), bench.runs, calls=1)
    return Figures(took.ms, against.ms, against.ms / took.ms, spread=took.spread)


@row("5,000 parents compared, nothing to do: writes, here and at Keycloak", aim=exactly(0))
def writes(bench: Bench) -> Figures:
    """How many statements that change a row, and admin events of Keycloak, one comparison makes."""
    live, said = _settled(bench), list[str]()

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement.split()[0])

    before = _last_write(live)
    sa.event.listen(live.store.engine, "before_cursor_execute", note)
    try:
        compare(live.house)
    finally:
        sa.event.remove(live.store.engine, "before_cursor_execute", note)
    here = sum(word not in ("SELECT", "BEGIN") for word in said)
    if "SELECT" not in said or before is None:
        raise RuntimeError("the counters see nothing")
    count = here + (_last_write(live) != before)
    return Figures(count, 0, count, unit="writes")


def read_pages(live: Live, session: requests.Session) -> int:
    """Read every account as the comparison does; return how many there are."""
    with live.administrator() as line:
        group = line.get("/admin/realms/parents/group-by-path/parents")["id"]
    first, url = 0, f"{live.stack.keycloak.url}/admin/realms/parents/groups/{group}/members"
    while True:
        asked: dict[str, Any] = {"briefRepresentation": "false", "first": first, "max": PAGE}
        page = session.get(url, params=asked, timeout=60).json()
        if not page:
            return first
        first += len(page)


def _settled(bench: Bench) -> Live:
    """Return the stack with all parents projected."""
    live = bench.live()
    families = live.families(bench.parents)
    if live not in _taken:
        by_us(live, families)
    wait_until_none_is_due(live)
    return live


def _last_write(live: Live) -> str | None:
    with live.administrator() as line:
        events = line.get("/admin/realms/parents/admin-events?max=1")
    return events[0]["id"] if events else None
