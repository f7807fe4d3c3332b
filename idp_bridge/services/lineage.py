"""Tell whether Keycloak holds what a bridge wrote in days this database does not know; never writes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from idp_bridge.domain.claims import stored_revision, stored_second
from idp_bridge.services.house import House
from idp_bridge.services.journals import AuditQuery, Lease, Seen
from idp_bridge.services.wanting import Wanted

SECOND = timedelta(seconds=1)
LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def seen_of(stored: tuple[str, ...]) -> Seen:
    """Return what tells `stored` from other values: its revision and SHA-256 (hex); it is not kept itself."""
    return Seen(stored_revision(stored), hashlib.sha256("\n".join(stored).encode()).hexdigest())


def ahead(house: House, lease: Lease, wanted: Wanted, stored: tuple[str, ...]) -> bool:
    """Tell whether only a person may say which side is right.

    A higher revision is. So is one never read back that no decision in our audit stands behind: after a
    restored backup, decisions made since can reach Keycloak's revision, and yet ours would give links back.
    A PUT of ours whose worker was killed before the mark has its decision in the audit.
    """
    theirs = stored_revision(stored)
    if lease.stopped or theirs > wanted.rev:
        return True
    return lease.seen is not None and theirs > lease.seen.rev and not _decided(house, stored_second(stored))


def _decided(house: House, second: int) -> bool:
    """Tell whether our audit knows of anything in that second: whatever raises a revision is audited then."""
    if second >= LATEST:
        return False
    since = datetime.fromtimestamp(second, UTC)
    with house.store.reading() as rows:
        return bool(rows.audit.search(AuditQuery(since=since, until=since + SECOND), 1))
