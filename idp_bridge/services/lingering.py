"""Find accounts nobody ever verified; never deletes one: the bridge has no way to."""

from __future__ import annotations

from datetime import timedelta

from idp_bridge.domain.people import ParentId
from idp_bridge.services.comparing import pages
from idp_bridge.services.house import House


def never_verified(house: House, days: int) -> tuple[ParentId, ...]:
    """Return accounts made more than `days` ago whose e-mail was never verified. Raises OutsideFailure.

    Whoever has come to the bridge is left out: their e-mail was verified, or changed since.
    """
    until = house.clock.now() - timedelta(days=days)
    found: list[ParentId] = []
    for page in pages(house):
        old = [one for one in page if not one.email_verified and one.created_at and one.created_at < until]
        with house.store.reading() as rows:
            known = rows.parents.some(account.id for account in old) if old else {}
        found += [account.id for account in old if account.id not in known]
    return tuple(found)
