"""Measure sign-in and refresh at Keycloak: the bridge up, stopped and hung, and with more links or none."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any

from tools.aims import at_most, exactly
from tools.bench.line import App, Line
from tools.bench.live import PASSWORD, USERS, Live
from tools.bench.places import Bench
from tools.bench.rows import Figures, row
from tools.bench.timing import in_turns, p99
from tools.stack.stack import READY_WITHIN_S, responds

LINKS = (0, 1, 5, 20)
PEOPLE = 20
"""Parents who sign in by turns."""
REFRESHES = 4
"""For each sign-in: they are ten times as fast."""
SETTLES_S = 3
"""After a start, until pages and worker have done what they do then."""
BARE = "bench-bare"
Tokens = dict[str, Any]


# --- the bridge up, stopped, hung ----------------------------------------------------------------


@contextmanager
def up(_live: Live) -> Iterator[None]:
    """Leave everything as it is."""
    yield


@contextmanager
def hung(live: Live) -> Iterator[None]:
    """Hold the pages and the worker: connections open, nothing answers."""
    for program in (live.stack.bridge, live.stack.worker):
        program.send(signal.SIGSTOP)
    yield
    for program in (live.stack.bridge, live.stack.worker):
        program.send(signal.SIGCONT)


@contextmanager
def stopped(live: Live) -> Iterator[None]:
    """End the pages and the worker."""
    programs = (live.stack.bridge, live.stack.worker)
    for program in programs:
        program.stop()
    yield
    for program in programs:
        program.start()
    live.stack.bridge.wait_ready(lambda: responds(f"{live.stack.bridge_url}/readyz"), READY_WITHIN_S)
    time.sleep(SETTLES_S)


STATES: dict[str, Callable[[Live], AbstractContextManager[None]]] = {"up": up, "hung": hung}


@dataclass(slots=True)
class Waits:
    """Milliseconds of each sign-in and refresh, by state of the bridge, and what it was called meanwhile."""

    sign_in: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refresh: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    calls: int = 0


class _Visitor:
    """Signs parents in by turns and refreshes, and notes how long each took."""

    def __init__(self, live: Live, line: Line, found: Waits) -> None:
        self._live, self._line, self._found = live, line, found
        self._names = cycle(family.name for family in live.families(PEOPLE))

    def comes(self, state: str) -> None:
        """Sign in and refresh a few times."""
        began = time.perf_counter()
        tokens = self._live.oneview.sign_in(self._line, next(self._names), PASSWORD)
        self._found.sign_in[state].append((time.perf_counter() - began) * 1000)
        for _ in range(REFRESHES):
            began = time.perf_counter()
            newer = self._live.oneview.refreshed(self._line, tokens)
            self._found.refresh[state].append((time.perf_counter() - began) * 1000)
            if newer is None:
                raise RuntimeError("a refresh was refused")
            tokens = newer


def waits(bench: Bench) -> Waits:
    """Measure all states, once a run; and that the door counts who does come.

    Up and hung take turns sign-in by sign-in, so that a busy minute hits both; stopped is a part of its own.
    """
    live = bench.live()
    if live not in _taken:
        live.password(live.families(PEOPLE))
        with live.line() as line:
            for _ in range(PEOPLE):
                _Visitor(live, line, Waits()).comes("warm")
            _taken[live] = Waits()
            visitor = _Visitor(live, line, _taken[live])
            for run in range(bench.runs):
                for part in (_by_turns, _stopped) if run % 2 else (_stopped, _by_turns):
                    part(live, visitor, bench.sign_ins)
        _check_the_door_counts(live)
    return _taken[live]


_taken: dict[Live, Waits] = {}


def _by_turns(live: Live, visitor: _Visitor, times: int) -> None:
    with _counted(live):
        for number in range(times):
            for state in ("up", "hung") if number % 2 else ("hung", "up"):
                with STATES[state](live):
                    visitor.comes(state)


def _stopped(live: Live, visitor: _Visitor, times: int) -> None:
    with stopped(live), _counted(live):
        for _ in range(times):
            visitor.comes("stopped")


@contextmanager
def _counted(live: Live) -> Iterator[None]:
    before = live.door.calls
    yield
    _taken[live].calls += live.door.calls - before


def _check_the_door_counts(live: Live) -> None:
    before = live.door.calls
    if not responds(f"{live.stack.bridge_url}/readyz") or live.door.calls == before:
        raise RuntimeError("the door before the bridge counts nothing")


@dataclass(frozen=True, slots=True)
class WithoutBridge:
    """The slowest of a hundred with the bridge away, beside the same with it up."""

    what: str
    state: str

    def __call__(self, bench: Bench) -> Figures:
        """Measure, once a run for all; the ratio is away to up: 1 would be no difference."""
        times: dict[str, list[float]] = getattr(waits(bench), self.what)
        away, usual = p99(times[self.state]), p99(times["up"])
        return Figures(away, usual, away / usual, spread=_spread(times[self.state]))


def _spread(times: list[float]) -> str:
    return f"{min(times):.1f} to {max(times):.1f}"


def calls(bench: Bench) -> Figures:
    """Count what wanted something of the bridge during all those sign-ins and refreshes."""
    found = waits(bench).calls
    return Figures(found, 0, found, unit="calls")


for what, words in (("sign_in", "sign-in"), ("refresh", "refresh")):
    for state in ("stopped", "hung"):
        row(f"{words}, p99: the bridge {state} / up", aim=at_most(1.05))(WithoutBridge(what, state))
row("calls of the bridge during all those sign-ins and refreshes", aim=exactly(0))(calls)


# --- links ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WithLinks:
    """A refresh of a parent with so many links, beside the same parent's at a client without our scope."""

    links: int

    def __call__(self, bench: Bench) -> Figures:
        """Measure; the ratio is ours to the other: 1 would be that the claim costs nothing."""
        live = bench.live()
        bare = _bare_client(live)
        with _person(live, self.links) as name, live.line() as line, live.line() as other:
            works = (_Refreshing(live.oneview, line, name), _Refreshing(bare, other, name))
            works[0].says(self.links)
            works[1].says(None)
            took, against = in_turns(works, bench.runs, bench.calls)
        return Figures(took.ms, against.ms, took.ms / against.ms, spread=took.spread)


class _Refreshing:
    """One session that is refreshed again and again."""

    def __init__(self, app: App, line: Line, name: str) -> None:
        self._app, self._line = app, line
        self._tokens = app.sign_in(line, name, PASSWORD)

    def __call__(self) -> None:
        newer = self._app.refreshed(self._line, self._tokens)
        if newer is None:
            raise RuntimeError("a refresh was refused")
        self._tokens = newer

    def says(self, links: int | None) -> None:
        """Check that a refreshed ID token names so many links; None where it has no claim."""
        self()
        body = self._tokens["id_token"].split(".")[1]
        claims = json.loads(_unpacked(body))
        found = len(claims["student_links"]["links"]) if "student_links" in claims else None
        if found != links:
            raise RuntimeError(f"the token names {found} links, not {links}")


def _unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@contextmanager
def _person(live: Live, links: int) -> Iterator[str]:
    """Make a parent the bridge does not know, so that nobody puts the attribute back; gone afterwards."""
    name = f"links.{links}@mail.example"
    entry = {"rel": "parent", "pur": ["choice", "messages", "records", "transport"], "org": "0552"}
    value = {
        "v": 1, "rev": 1, "asof": 1795468790,
        "links": [{"id": f"{46_000_000 + number}", **entry, "exp": 1815131184} for number in range(links)],
    }  # fmt: skip
    user = {
        "username": name, "email": name, "firstName": "Amara", "lastName": "Quintero", "enabled": True,
        "emailVerified": True,
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
    }  # fmt: skip
    with live.administrator() as line:
        line.post(USERS, user)
        (made,) = line.get(f"{USERS}?exact=true&username={name}")
        made["attributes"] = {"student_links": [json.dumps(value, separators=(",", ":"))]}
        line.put(f"{USERS}/{made['id']}", made)
    yield name
    with live.administrator() as line:
        line.delete(f"{USERS}/{made['id']}")


def _bare_client(live: Live) -> App:
    """Return a client that is OneView but for our scope."""
    clients = "/admin/realms/parents/clients"
    with live.administrator() as line:
        if not line.get(f"{clients}?clientId={BARE}"):
            (oneview,) = line.get(f"{clients}?clientId=oneview")
            scopes = [scope for scope in oneview["defaultClientScopes"] if scope != "student_links"]
            mappers = [{k: v for k, v in one.items() if k != "id"} for one in oneview["protocolMappers"]]
            same = {name: value for name, value in oneview.items() if name != "id"}
            own = {"clientId": BARE, "defaultClientScopes": scopes, "protocolMappers": mappers}
            line.post(clients, {**same, **own, "secret": live.oneview.secret})
    return replace(live.oneview, client_id=BARE)


for many in LINKS:
    row(f"refresh with {many} links / without our scope", aim=at_most(1.05))(WithLinks(many))
