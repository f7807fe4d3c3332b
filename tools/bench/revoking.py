"""Measure how soon a revocation takes an app's access away, on the running stack; never how it is decided."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

import sqlalchemy as sa

from idp_bridge.domain.claims import ATTRIBUTE
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import LinkId, LinkState, Move, moved
from idp_bridge.domain.people import ParentId
from idp_bridge.services.disputing import end_link
from idp_bridge.services.recording import record
from idp_bridge.services.wanting import wanted_for
from idp_bridge.storage import journals, tables
from tools.aims import at_most
from tools.bench.filling import chunks
from tools.bench.line import Line
from tools.bench.live import PASSWORD, PRINCIPAL, USERS, Family, Live
from tools.bench.places import Bench
from tools.bench.projecting import by_hand, changed, wait_until_none_is_due
from tools.bench.rows import Figures, row
from tools.bench.timing import p99

LOOK_S = 0.01
"""Between two looks at Keycloak; more would keep the two cores from the work that is measured."""
LONGEST_S = 60
REASON = "parent-asked"
FILLER = "waiting-"
Tokens = dict[str, Any]


@dataclass(slots=True)
class Took:
    """Seconds from the click to the refusal of the old refresh token."""

    ours: list[float] = field(default_factory=list)
    by_hand: list[float] = field(default_factory=list)


def ours(live: Live, line: Line, family: Family, tokens: Tokens) -> float:
    """Let the principal end the link; return how long it takes until Keycloak shows nothing of it."""
    tokens = fresh(live, line, tokens)
    began = time.perf_counter()
    end_link(live.house, PRINCIPAL, LinkId(family.link), REASON)
    while live.oneview.lives(line, tokens):
        if time.perf_counter() - began > LONGEST_S:
            raise RuntimeError(f"the session lives for {LONGEST_S} s")
        time.sleep(LOOK_S)
    _check_all_is_gone(live, line, family, tokens)
    return time.perf_counter() - began


def hand(live: Live, line: Line, family: Family, tokens: Tokens) -> float:
    """Do the same by hand: commit, GET, PUT, GET, logout; and look whether it worked."""
    tokens = fresh(live, line, tokens)
    began = time.perf_counter()
    with live.store.transaction() as rows:
        link = rows.links.get(LinkId(family.link))
        if link is None:
            raise RuntimeError("no such link")
        now, who = datetime.now(UTC), Actor(ActorKind.OPERATOR, "bench")
        record(rows, link, moved(link, Move.REVOKE, now), "link:revoked", who, reason=REASON)
        wanted = wanted_for(rows, link.parent, now)
        rows.projections.drop(link.parent)
    by_hand(line, family.parent, wanted.value)
    line.post(f"{USERS}/{family.parent}/logout")
    _check_all_is_gone(live, line, family, tokens)
    return time.perf_counter() - began


def fresh(live: Live, line: Line, tokens: Tokens) -> Tokens:
    """Return tokens of the same session that were given just now, and live."""
    newer = live.oneview.refreshed(line, tokens)
    if newer is None or not live.oneview.lives(line, newer):
        raise RuntimeError("the session is over before the link is")
    return newer


def _check_all_is_gone(live: Live, line: Line, family: Family, tokens: Tokens) -> None:
    """Read the attribute, and try the old refresh token."""
    (value,) = line.get(f"{USERS}/{family.parent}")["attributes"][ATTRIBUTE]
    if json.loads(value)["links"] or live.oneview.refreshed(line, tokens):
        raise RuntimeError("the link is still there")


def signed_in(live: Live, families: Sequence[Family]) -> list[Tokens]:
    """Sign every one of `families` in to OneView."""
    live.password(families)
    with live.line() as line:
        return [live.oneview.sign_in(line, family.name, PASSWORD) for family in families]


def measured(bench: Bench) -> Took:
    """Return what revocations took in an idle district, ours and by hand in turns; once a run."""
    if bench.live() in _taken:
        return _taken[bench.live()]
    live, took = bench.live(), Took()
    families = live.families(2 * bench.revocations)
    prepare(live, families)
    tokens = signed_in(live, families)
    wait_until_none_is_due(live)
    for number in range(0, len(families), 2):
        with live.service() as line:
            took.ours.append(ours(live, line, families[number], tokens[number]))
            took.by_hand.append(hand(live, line, families[number + 1], tokens[number + 1]))
    _taken[live] = took
    return took


_taken: dict[Live, Took] = {}


def prepare(live: Live, families: Sequence[Family]) -> None:
    """Give back the links an earlier row took, and have Keycloak say so."""
    links = tables.links
    given = {"state": LinkState.VERIFIED, "reason": None, "decided_by": None}
    with live.store.connection(write=True) as connection:
        for some in chunks({"id": family.link} for family in families):
            mine = links.c.id.in_([one["id"] for one in some])
            connection.execute(sa.update(links).where(mine).values(**given))
    changed(live, families, due=True)
    live.house.wakeup.projection_due(ParentId(families[0].parent))
    wait_until_none_is_due(live)


@contextmanager
def many_waiting(bench: Bench) -> Iterator[None]:
    """Let so many grants be due, and forget at the end what is left of them.

    The oldest are real accounts, more than the worker reaches meanwhile; the rest are rows that wait behind.
    """
    live = bench.live()
    real = live.families(bench.parents)[2 * bench.revocations :]
    fillers = range(bench.waiting - len(real))
    with live.store.connection(write=True) as connection:
        for table, row in ((tables.parents, _filler), (journals.projections, _filler_due)):
            for some in chunks(row(number) for number in fillers):
                connection.execute(sa.insert(table), some)
    changed(live, real, due=True)
    try:
        yield
        _check_the_fillers_were_not_reached(live, len(fillers))
    finally:
        with live.store.connection(write=True) as connection:
            for table, column in ((journals.projections, "parent"), (tables.parents, "id")):
                connection.execute(sa.delete(table).where(table.c[column].startswith(FILLER)))
            connection.execute(sa.update(journals.projections).values(due_since=None))


def _check_the_fillers_were_not_reached(live: Live, many: int) -> None:
    rows = journals.projections
    waiting = sa.select(sa.func.count()).where(rows.c.parent.startswith(FILLER), rows.c.fence == 0)
    with live.store.connection(write=False) as connection:
        if connection.execute(waiting).scalar_one() != many:
            raise RuntimeError("the worker came to rows without an account: too few parents")


def _filler(number: int) -> dict[str, object]:
    name, now = f"{FILLER}{number}", datetime.now(UTC)
    names = {"given_name": "W", "family_name": "W", "locale": "en"}
    return {"id": name, "email": name, "first_seen_at": now, "rev": 1, "rev_at": now, **names}


def _filler_due(number: int) -> dict[str, object]:
    """Due since a year that comes: the worker takes whoever waits longest."""
    return {
        "parent": f"{FILLER}{number}", "due_since": datetime(2099, 1, 1, tzinfo=UTC), "turn": 1,
        "loss": False, "fence": 0, "fence_turn": 0, "attempts": 0, "done_rev": 0,
    }  # fmt: skip


def _spread(figures: Sequence[float]) -> str:
    return f"{min(figures) * 1000:.0f} to {max(figures) * 1000:.0f}"


@row("click to refused refresh token, p50: ours / by hand", aim=at_most(2))
def usual(bench: Bench) -> Figures:
    """The principal's use case, the worker and the real Keycloak, beside the same steps by hand."""
    took = measured(bench)
    mine, other = median(took.ours) * 1000, median(took.by_hand) * 1000
    return Figures(mine, other, mine / other, spread=_spread(took.ours))


@row("click to refused refresh token, p99: ours / a second", aim=at_most(1))
def slowest(bench: Bench) -> Figures:
    """The same."""
    took = measured(bench)
    return Figures(p99(took.ours) * 1000, 1000, p99(took.ours), spread=_spread(took.ours))


@row("the same while 20,000 grants are due, p99: ours / a second", aim=at_most(1))
def past_the_waiting(bench: Bench) -> Figures:
    """The same, while the worker has its hands full with grants."""
    live = bench.live()
    families = live.families(bench.revocations)
    prepare(live, families)
    tokens, took = signed_in(live, families), list[float]()
    wait_until_none_is_due(live)
    with many_waiting(bench):
        for family, held in zip(families, tokens, strict=True):
            with live.service() as line:
                took.append(ours(live, line, family, held))
    return Figures(p99(took) * 1000, 1000, p99(took), spread=_spread(took))
