"""Limit what one network address can send, before a page runs; never limits staff at work or Keycloak.

The limits on requests and codes themselves are in `services/guessing.py`. These only keep a flood away.
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, current_app, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from flask_limiter.util import get_remote_address

from idp_bridge.domain.errors import TooManyGuesses
from idp_bridge.services.house import House
from idp_bridge.web import errors
from idp_bridge.web.session import current_person

WINDOW = "10 minute"


def install(app: Flask, counters: tuple[str, dict[str, Any]] | None) -> None:
    """Count sign-in starts and sent forms of each address in `counters`; with None count nothing."""
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)  # its INFO lines name addresses
    house: House = app.extensions["house"]
    limits = house.rules.limits
    address, options = counters or ("memory://", {})
    limiter = Limiter(
        get_remote_address,
        application_limits=[
            _limit(limits.sign_ins_per_address, "sign-ins", lambda: request.endpoint != "signin.start"),
            _limit(limits.posts_per_address, "posts", _free),
        ],
        storage_uri=address,
        storage_options=options,
        strategy="fixed-window",
        enabled=counters is not None,
    )
    limiter.init_app(app)

    def refuse(_fault: RateLimitExceeded) -> Any:
        reached = limiter.current_limit
        ends = reached.reset_at if reached else 0
        wait = max(1, int(ends - house.clock.now().timestamp()))
        current_app.logger.info("too much from one address at %s", request.endpoint)
        return errors.page(errors.TABLE[TooManyGuesses], wait)

    app.register_error_handler(RateLimitExceeded, refuse)


def _limit(amount: int, scope: str, exempt_when: Any) -> ApplicationLimit:
    return ApplicationLimit(f"{amount} per {WINDOW}", scope=scope, exempt_when=exempt_when)


def _free() -> bool:
    """Tell whether a request is not counted: reading, Keycloak's logout calls, staff at work.

    All school offices of a district may share one address, and are known by name.
    """
    if request.method != "POST" or request.endpoint == "signin.backchannel_logout":
        return True
    person = current_person()
    return person is not None and person.realm == "district"
