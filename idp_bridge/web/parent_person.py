"""Say on whose behalf a parent's page works, and what day it is there; never decides access."""

from __future__ import annotations

from datetime import date

from flask import current_app

from idp_bridge.domain.people import ParentId
from idp_bridge.services.house import House
from idp_bridge.web.guards import signed_in


def house() -> House:
    """Return the house this app was built on."""
    built: House = current_app.extensions["house"]
    return built


def me() -> ParentId:
    """Return the parent who is signed in."""
    return ParentId(signed_in().sub)


def today() -> date:
    """Return today in the district's zone."""
    return house().clock.now().astimezone(house().rules.zone).date()
