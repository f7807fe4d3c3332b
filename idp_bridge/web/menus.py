"""Offer each page its menu, tabs and the district's words; never decides access."""

from __future__ import annotations

from flask import Flask, current_app, request, url_for
from flask_babel import gettext as _

from idp_bridge.web.session import current_person


def install(app: Flask) -> None:
    """Give every template `district`, `person`, `menu_links`, `desk_tabs` and `foot_links`."""
    app.context_processor(_context)


def _context() -> dict[str, object]:
    person = current_person()
    return {
        "district": current_app.config["DISTRICT"],
        "person": person,
        "home_url": url_for("start.home"),
        "menu_links": _menu(person.realm if person else None),
        "desk_tabs": [(_("Visits"), url_for("school.desk"), request.blueprint == "school")],
        "foot_links": [],
    }


def _menu(realm: str | None) -> list[tuple[str, str, str]]:
    if realm is None:
        return [(_("Sign in"), url_for("signin.start", realm="parents"), "GET")]
    leave = (_("Sign out"), url_for("signout.leave"), "POST")
    if realm == "parents":
        return [(_("My children"), url_for("parent.children"), "GET"), leave]
    return [leave]
