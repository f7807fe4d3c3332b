"""Compare every parent with Keycloak and have what differs written again; never writes an account itself.

Events are hints and can be lost; this is the truth. While all is equal nothing is written, and no parent
costs a query of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from idp_bridge.domain.claims import ATTRIBUTE, same
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.services.account_checking import other_email
from idp_bridge.services.failures import OutsideFailure
from idp_bridge.services.house import House
from idp_bridge.services.ports import Account
from idp_bridge.services.wanting import wanted_for_all

log = logging.getLogger(__name__)

PAGE = 500
"""Accounts read and compared at once: one request and four queries."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=2), timedelta(seconds=15)
"""How long after a comparison that failed the next one begins: doubled each time. Never a minute, for
which a Keycloak that was restored would hold wrong tokens; the circuit spares one that is away."""


@dataclass(slots=True)
class Comparison:
    """What a full comparison found."""

    accounts: int = 0
    differing: list[ParentId] = field(default_factory=list)
    missing: list[ParentId] = field(default_factory=list)
    """Parents with a verified link whose account Keycloak does not have."""


class Comparer:
    """Compares at its start and every so often; soon again where Keycloak did not answer, ever less soon.

    A Keycloak that has just started answers its first request late, when its users may be yesterday's: to
    wait a minute then left tokens wrong for 74 s.
    """

    def __init__(self, house: House, every: timedelta) -> None:
        self._house = house
        self._every = every
        self._wait = FIRST_WAIT
        self._next: datetime | None = None
        self._asked = True

    def turn(self) -> None:
        """Compare if it is time; never raises OutsideFailure."""
        now = self._house.clock.now()
        if not self._asked and self._next is not None and now < self._next:
            return
        self._asked = False  # before it begins: who asks meanwhile has seen something newer
        try:
            compare(self._house)
        except OutsideFailure as failure:
            log.warning("no comparison (%s), the next in %s", failure, self._wait)
            self._next, self._wait = now + self._wait, min(2 * self._wait, LONGEST_WAIT)
        else:
            self._next, self._wait = now + self._every, FIRST_WAIT

    def soon(self) -> None:
        """Have the next turn compare, whenever it would have been time; what failed before is forgotten."""
        self._asked, self._wait = True, FIRST_WAIT


def compare(house: House, *, dry_run: bool = False) -> Comparison:
    """Compare all accounts page by page and mark due whoever differs. Raises OutsideFailure.

    An account that is being written meanwhile may be marked once more, which costs one GET.
    """
    found, seen = Comparison(), set[ParentId]()
    for page in pages(house):
        found.accounts += len(page)
        seen.update(account.id for account in page)
        differing = _differing(house, page)
        found.differing += [account.id for account in differing]
        if differing and not dry_run:
            _mark(house, differing)
            house.wakeup.projection_due(differing[0].id)
    found.missing = [parent for parent in _holders(house) if parent not in seen]
    if found.missing and not dry_run:
        with house.store.transaction() as rows:
            for parent in found.missing:
                rows.projections.mark_due(parent, house.clock.now(), loss=False)
    return found


def pages(house: House) -> Iterator[tuple[Account, ...]]:
    """Yield all accounts page by page. Raises OutsideFailure."""
    first = 0
    while page := house.accounts.members(first, PAGE):
        yield page
        first += len(page)


def _differing(house: House, page: tuple[Account, ...]) -> list[Account]:
    """Return the accounts that say something else than we, or whose e-mail we do not know yet."""
    with house.store.reading() as rows:
        wanted = wanted_for_all(rows, (account.id for account in page), house.clock.now())
        known = rows.parents.some(account.id for account in page)
    return [
        account
        for account in page
        if not same(wanted[account.id].value, account.attributes.get(ATTRIBUTE, ()))
        or (account.id in known and other_email(known[account.id], account.email))
    ]


def _mark(house: House, differing: list[Account]) -> None:
    """Mark due; an account that never came to the bridge gets a row first."""
    now = house.clock.now()
    with house.store.transaction() as rows:
        known = rows.parents.some(account.id for account in differing)
        for account in differing:
            if account.id not in known:
                names = (account.first_name, account.last_name)
                rows.parents.save(Parent(account.id, account.email, *names, "en", now))
            rows.projections.mark_due(account.id, now, loss=False)


def _holders(house: House) -> Iterator[ParentId]:
    """Yield every parent with a verified link, by id."""
    last: ParentId | None = None
    while True:
        with house.store.reading() as rows:
            some = rows.links.holders_after(last, PAGE)
        if not some:
            return
        yield from some
        last = some[-1]
