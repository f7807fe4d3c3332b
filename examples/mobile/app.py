"""Sign a parent in as the mobile app does (public client, PKCE S256), show the claim; has no secret."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from flask import Flask, Response, render_template
from werkzeug.exceptions import HTTPException

from idp_bridge.rp.people import parents_issuer
from idp_bridge.rp.relying import RelyingApp, relying_app


def make_app() -> Flask:
    """Return the page; settings are MOBILE_URL, MOBILE_CLIENT_ID and PARENTS_ISSUER."""
    app = Flask(__name__)
    RelyingApp(
        (parents_issuer(os.environ["PARENTS_ISSUER"]),),
        os.environ["MOBILE_CLIENT_ID"],
        None,
        os.environ["MOBILE_URL"],
        lambda: datetime.now(UTC),
        cookie="mobile_session",
    ).init_app(app)
    app.add_url_rule("/healthz", "alive", lambda: {"status": "up"})
    app.add_url_rule("/", "home", home)
    app.add_url_rule("/look/site.css", "look", look)
    app.register_error_handler(HTTPException, _problem)
    return app


def home() -> str:
    """Show the claim of whoever is signed in, as the app reads it."""
    person = relying_app().person()
    links = person.links.live(datetime.now(UTC)) if person else ()
    read = [
        {"student_number": one.student_number, "relation": one.relation, "purposes": sorted(one.purposes)}
        for one in links
    ]
    return render_template("mobile.html", person=person, read=json.dumps(read, indent=2))


def look() -> Response:
    """Serve the stylesheet this app shares with the bridge."""
    text = files("idp_bridge").joinpath("web", "static", "site.css").read_text(encoding="utf-8")
    return Response(text, mimetype="text/css", headers={"Cache-Control": "public, max-age=3600"})


def _problem(fault: HTTPException) -> Any:
    if fault.response is not None or (fault.code or 500) < 400:
        return fault
    return render_template("mobile.html", person=None, problem=fault.description), fault.code
