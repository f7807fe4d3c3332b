"""Check that a worker runs; never wakes one."""

from __future__ import annotations

from datetime import timedelta

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds

LONGEST_SILENCE = timedelta(minutes=3)
"""A worker gives a sign of life every minute."""
TODO = "Start idp-bridge worker: without it no token changes and no mail goes out."


def look(here: Installation) -> Finding:
    """Look for the newest sign of life of any worker."""
    with here.store.reading() as rows:
        last = rows.workers.last_beat()
    if last is None:
        return broken("no worker ever ran on this database", TODO)
    silence = here.now - last
    if silence > LONGEST_SILENCE:
        return broken(f"silent for {silence.total_seconds():.0f} s", TODO)
    return holds(f"last seen {silence.total_seconds():.0f} s ago")


CHECK = Check("worker_alive", "A worker runs", look)
