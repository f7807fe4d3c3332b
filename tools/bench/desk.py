"""Measure the desk's lists and search: against the same SQL run raw, and many links against few."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from idp_bridge.domain.access import StaffMember, read_roles
from idp_bridge.services.house import House, Rules
from idp_bridge.services.queueing import MOST, Tab, queue, search
from idp_bridge.storage.store import SqlStore
from tools.aims import at_least, at_most
from tools.bench import filling
from tools.bench.places import KINDS, Bench
from tools.bench.replaying import replay_of
from tools.bench.rows import Figures, row
from tools.bench.timing import in_turns

PAGE = 10
Call = Callable[[House], object]


class _Clock:
    def now(self) -> object:
        return filling.NOW


class _Nothing:
    """Stands for what the desk's lists never ask: Keycloak, LDAP, mail, the worker."""


def _staff(role: str) -> StaffMember:
    return StaffMember("jo", "entry-7", "Jo", "Hathaway", "jo@district.example", None, read_roles((role,)))


CLERK, DISTRICT = _staff("0003:office"), _staff("0001:district-office")
FAMILY = 3
"""A family of the clerk's school; its first child's number is looked for."""

CALLS: dict[str, Call] = {
    "desk queue, first page": lambda house: queue(house, CLERK, Tab.ALL, 0, PAGE),
    "desk queue, deep page": lambda house: queue(house, DISTRICT, Tab.ALL, MOST - PAGE, PAGE),
    "desk search by number": lambda house: search(house, CLERK, filling.student_number(FAMILY * 2)),
    "desk search by e-mail": lambda house: search(house, CLERK, filling.email(FAMILY).upper()),
}


def district(bench: Bench, kind: str, links: int) -> House:
    """Return a house on a database of `kind` with so many links; made once a run."""
    store, fresh = bench.store(kind, f"desk_{links}")
    if fresh:
        filling.fill(store, links)
    return house_on(store)


def house_on(store: SqlStore) -> House:
    """Return a house on `store` alone."""
    nothing = _Nothing()
    rules = Rules(code_key=b"k" * 32, zone=ZoneInfo("America/New_York"), email_domains=())
    return House(store, nothing, nothing, nothing, nothing, _Clock(), rules)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class AgainstRaw:
    """Our use case beside the same statements on a driver's connection."""

    call: Call
    kind: str
    large: bool

    def __call__(self, bench: Bench) -> Figures:
        """Measure; the ratio is raw to ours: 1 would be no cost of our own."""
        house = district(bench, self.kind, bench.sizes[self.large])
        raw = replay_of(house.store, lambda: self.call(house))  # type: ignore[arg-type]
        ours, against = in_turns((lambda: self.call(house), raw), bench.runs, bench.calls)
        return Figures(ours.ms, against.ms, against.ms / ours.ms, spread=ours.spread)


@dataclass(frozen=True, slots=True)
class Growth:
    """Our use case with many links beside the same with a tenth of them."""

    call: Call
    kind: str

    def __call__(self, bench: Bench) -> Figures:
        """Measure; the ratio is many to few: 1 would be no growth."""
        few, many = (district(bench, self.kind, size) for size in bench.sizes)
        some, more = in_turns((lambda: self.call(few), lambda: self.call(many)), bench.runs, bench.calls)
        return Figures(more.ms, some.ms, more.ms / some.ms, spread=more.spread)


for kind in KINDS:
    for name, call in CALLS.items():
        for large, size in enumerate(("20,000", "200,000")):
            row(f"{name}, {size} links, {kind}: raw / ours", aim=at_least(0.5))(
                AgainstRaw(call, kind, bool(large))
            )
        row(f"{name}, {kind}: 200,000 / 20,000 links", aim=at_most(1.2))(Growth(call, kind))
