"""Show the way in: the start page, and who are you before an app; never signs anybody in itself."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from idp_bridge.web.guards import for_everybody
from idp_bridge.web.session import current_person
from idp_bridge.web.wording import APP_NAMES

blueprint = Blueprint("start", __name__)

WHO_COOKIE = "who"
REALM_OF = {"parent": "parents", "employee": "district", "student": "district"}
YEAR_S = 365 * 24 * 3600


@blueprint.get("/")
@for_everybody
def home() -> str | Response:
    """Show the five steps and the two ways in; who is signed in goes to their own page."""
    person = current_person()
    if person and person.realm == "parents":
        return redirect(url_for("parent.children"))
    if person and person.population == "employee":
        return redirect(url_for("school.desk"))
    if person and person.population == "student":
        return redirect(url_for("student.records"))
    apps = [(app, name) for app, name in APP_NAMES.items() if app in current_app.config["APPS"]]
    return render_template("start.html", apps=apps)


@blueprint.get("/start")
@for_everybody
def who() -> str | Response:
    """Ask who the person is and start the app's sign-in at the right realm (OIDC third-party login)."""
    app_name = request.args.get("app", "")
    if app_name not in current_app.config["APPS"]:
        abort(404)
    chosen = request.args.get("as") or request.cookies.get(WHO_COOKIE, "")
    if chosen not in REALM_OF or request.args.get("ask"):
        return render_template("who.html", app_name=app_name, shown_name=APP_NAMES.get(app_name, app_name))
    response = redirect(_initiate(app_name, REALM_OF[chosen]))
    if request.args.get("remember"):
        response.set_cookie(WHO_COOKIE, chosen, max_age=YEAR_S, samesite="Lax", httponly=True)
    return response


def _initiate(app_name: str, realm: str) -> str:
    app_url = current_app.config["APPS"][app_name].rstrip("/")
    issuer = current_app.config["REALMS"][realm].issuer
    return f"{app_url}/signin?{urlencode({'iss': issuer, 'target_link_uri': app_url + '/'})}"
