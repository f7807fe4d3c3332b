"""Ask LDAP once per request who stands at the desk; never keeps the answer for the next request."""

from __future__ import annotations

from collections.abc import Sequence

from flask import current_app, g

from idp_bridge.domain.access import StaffMember
from idp_bridge.domain.people import School
from idp_bridge.services.counter import staff_member
from idp_bridge.services.house import House
from idp_bridge.web.guards import signed_in


def house() -> House:
    """Return the house this app was built on."""
    built: House = current_app.extensions["house"]
    return built


def uid() -> str:
    """Return the directory's name of who is signed in."""
    return signed_in().username


def staff() -> StaffMember:
    """Return what LDAP says of who is signed in, asked in this request. Raises NoDuty and Unreachable.

    For what a page shows. A decision asks again by itself, in its service.
    """
    if "staff" not in g:
        g.staff = staff_member(house(), uid())
    asked: StaffMember = g.staff
    return asked


def place_name(mine: Sequence[School]) -> str:
    """Return what stands under "School desk": the clerk's one school, or the district."""
    if len(mine) == 1:
        return mine[0].name
    return str(current_app.config["DISTRICT"].name)
