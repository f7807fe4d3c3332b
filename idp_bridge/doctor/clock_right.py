"""Check that our clock and Keycloak's agree; never sets one."""

from __future__ import annotations

from datetime import UTC, datetime

import jwt
from requests import RequestException

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds, unknown
from idp_bridge.doctor.service_account import token

MOST_S = 5
"""Tokens are read with 30 s of leeway, and a revocation's second stroke counts whole seconds."""


def look(here: Installation) -> Finding:
    """Compare our time with the moment Keycloak writes into a token it makes now (RFC 7519, 4.1.6)."""
    try:
        made = jwt.decode(token(here), options={"verify_signature": False})["iat"]
    except (RequestException, ValueError, KeyError, jwt.PyJWTError) as fault:
        return unknown(type(fault).__name__, "Start Keycloak, or correct the client's secret.")
    apart = abs((here.now - datetime.fromtimestamp(made, UTC)).total_seconds())
    if apart > MOST_S:
        return broken(f"{apart:.0f} s apart", "Run a time service (NTP) on both machines.")
    return holds(f"{apart:.0f} s apart")


CHECK = Check("clock_right", "Our clock and Keycloak's agree", look)
