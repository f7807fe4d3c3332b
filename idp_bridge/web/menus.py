"""Offer each page its menu, tabs and the district's words; never decides access."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask, current_app, g, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from idp_bridge.domain.access import ALLOWED, Action, StaffMember
from idp_bridge.domain.people import Population
from idp_bridge.web.session import current_person

DESK_TABS = (
    (_l("Visits"), "school.desk", frozenset({Action.FIND_VISIT})),
    (_l("Students"), "students.ask", frozenset({Action.HOLD, Action.REVOKE})),
    (_l("Restrictions"), "restrictions.every", frozenset({Action.RESTRICT})),
    (_l("District"), "district.alarms", frozenset({Action.SEE_ALARMS})),
)
"""Words, where it leads, and what one must be allowed to do at one school at least to see the tab."""
IN_A_VISIT = frozenset({"correcting", "paper", "moving"})


def install(app: Flask) -> None:
    """Give every template `district`, `person`, `menu_links`, `desk_tabs` and `foot_links`."""
    app.context_processor(_context)


def first_tab(staff: StaffMember) -> str | None:
    """Return the endpoint of the first tab that `staff` has a duty for; None for who has none."""
    return next((endpoint for _words, endpoint in _open_to(staff)), None)


def _context() -> dict[str, object]:
    person = current_person()
    return {
        "district": current_app.config["DISTRICT"],
        "person": person,
        "home_url": url_for("start.home"),
        "menu_links": _menu(person.realm if person else None, person.population if person else ""),
        "desk_tabs": _tabs(g.get("staff")),
        "foot_links": [],
    }


def _tabs(staff: StaffMember | None) -> list[tuple[str, str, bool]]:
    """Return the tabs for the duties LDAP gave in this request; none where it was not asked."""
    return [
        (str(words), url_for(endpoint), _section() == endpoint.partition(".")[0])
        for words, endpoint in _open_to(staff)
    ]


def _section() -> str | None:
    """Return the blueprint of the tab this page belongs to: what is done in a visit is under Visits."""
    return "school" if request.blueprint in IN_A_VISIT else request.blueprint


def _open_to(staff: StaffMember | None) -> Iterator[tuple[Any, str]]:
    duties = {role.duty for role in staff.roles} if staff else set()
    for words, endpoint, actions in DESK_TABS:
        if any(duties & ALLOWED[action] for action in actions):
            yield words, endpoint


def _menu(realm: str | None, population: str) -> list[tuple[str, str, str]]:
    if realm is None:
        return [(_("Sign in"), url_for("signin.start", realm="parents"), "GET")]
    leave = (_("Sign out"), url_for("signout.leave"), "POST")
    if realm == "parents":
        return [
            (_("My children"), url_for("parent.children"), "GET"),
            (_("My account"), url_for("account.show"), "GET"),
            leave,
        ]
    if population == Population.STUDENT:
        return [(_("My records"), url_for("student.records"), "GET"), leave]
    return [leave]
