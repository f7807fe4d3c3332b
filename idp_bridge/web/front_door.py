"""Put the web room together: one Flask app from a House and what pages need; never reads settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from idp_bridge.services.house import House
from idp_bridge.web import (
    account,
    asking,
    correcting,
    desk_queue,
    district,
    errors,
    guards,
    languages,
    limiting,
    menus,
    moving,
    paper,
    parent,
    restrictions,
    security,
    signin,
    start,
    status,
    student,
    students,
)
from idp_bridge.web.session import Sessions, SqlSessionInterface

LARGEST_FORM_B = 64 * 1024
ROOMS = (
    start,
    status,
    parent,
    asking,
    account,
    student,
    desk_queue,
    correcting,
    paper,
    moving,
    restrictions,
    students,
    district,
)
"""Modules whose pages the bridge serves."""


@dataclass(frozen=True, slots=True)
class Options:
    """What pages need to know that is not a rule of links."""

    url: str
    secret_key: str
    session_hours: int
    district: Any
    """Section `District` of the settings: name, help line, time zone."""
    realms: dict[str, Any]
    """`parents` and `district` -> section `Realm` of the settings."""
    apps: dict[str, str]
    behind_proxy: bool = False
    counters: tuple[str, dict[str, Any]] | None = None
    """Address and options of the storage in which Flask-Limiter counts; None counts nothing (tests)."""


def build(house: House, sessions: Sessions, options: Options) -> Flask:
    """Return the Flask app that serves every page of the bridge."""
    app = Flask("idp_bridge.web", static_folder="static", template_folder="templates")
    scheme, _, host = options.url.partition("://")
    app.config.update(
        SECRET_KEY=options.secret_key,
        PREFERRED_URL_SCHEME=scheme,
        SERVER_NAME=host,
        MAX_CONTENT_LENGTH=LARGEST_FORM_B,
        WTF_CSRF_TIME_LIMIT=None,
        DISTRICT=options.district,
        REALMS=options.realms,
        APPS=options.apps,
    )
    app.extensions["house"] = house
    app.extensions["sessions"] = sessions
    app.session_interface = SqlSessionInterface(sessions, house.clock, options.session_hours)
    guards.install(app)
    signin.csrf.init_app(app)  # after the guards: they tell a session that could not be loaded from none
    for part in (security, languages, menus, errors, signin):
        part.install(app)
    for part in ROOMS:
        app.register_blueprint(part.blueprint)
    limiting.install(app, options.counters)
    if options.behind_proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    return app
