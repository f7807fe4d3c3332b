"""Check that every web worker counts in the one database; never guesses anything itself."""

from __future__ import annotations

import requests
from requests import RequestException

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds, unknown
from idp_bridge.storage.limits import SqlLimits

TIMES = 12
"""Each by a connection of its own, so that a balancer brings them to several workers."""
WAIT_S = 5
TODO = (
    "Give every web process the same IDP_BRIDGE_DATABASE__URL and IDP_BRIDGE_WEB__CODE_KEY, and start them"
    " again: else whoever guesses has as many tries as there are workers."
)


def look(here: Installation) -> Finding:
    """Begin sign-ins at a realm there is not, which is counted and 404, and see one counter grow by all."""
    before = _counted(here)
    try:
        for _ in range(TIMES):
            requests.get(f"{here.settings.web.url}/signin/none", timeout=WAIT_S)
    except RequestException as fault:
        return unknown(type(fault).__name__, "Start the web process, or correct IDP_BRIDGE_WEB__URL.")
    grown = max((now - before.get(key, 0) for key, now in _counted(here).items()), default=0)
    if grown < TIMES:
        return broken(f"of {TIMES} sign-ins begun at the web workers only {grown} were counted here", TODO)
    return holds(f"all {TIMES} sign-ins begun at the web workers were counted here")


def _counted(here: Installation) -> dict[str, int]:
    with here.store.connection(write=False) as connection:
        return SqlLimits(connection).amounts(here.now)


CHECK = Check("limits_shared", "All web workers share the limits on guessing", look)
