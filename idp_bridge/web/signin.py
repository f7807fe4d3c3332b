"""Sign people in and out through the two realms; never decides what they may do."""

from __future__ import annotations

from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, abort, current_app, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from joserfc.errors import JoseError
from requests import RequestException
from werkzeug.wrappers import Response

from idp_bridge.domain.people import ParentId, Population
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.linking import SignedIn, arrive
from idp_bridge.web import tokens
from idp_bridge.web.guards import for_everybody
from idp_bridge.web.languages import current_code
from idp_bridge.web.places import local_path
from idp_bridge.web.session import Person, current_person, sign_in

TIMEOUT_S = 3
"""Longest wait for one answer of Keycloak while somebody signs in."""

blueprint = Blueprint("signin", __name__, url_prefix="/signin")
out = Blueprint("signout", __name__)
csrf = CSRFProtect()

ACTIONS = {
    "email": "UPDATE_EMAIL",
    "password": "UPDATE_PASSWORD",
    "passkey": "webauthn-register-passwordless",
    "delete": "delete_account",
}
"""What a parent can change of the account on Keycloak's own pages, and come back (`kc_action`)."""
HOME = {"parents": "parent.children", "district": "school.desk"}
HOME_OF_STUDENTS = "student.records"


class SignInUnfinished(Exception):
    """The sign-in did not come back as it went out; the person is asked to start again."""


def install(app: Flask) -> None:
    """Register both realms as OIDC clients (authorization code, PKCE S256, state kept on the server)."""
    oauth = OAuth(app)
    app.extensions["oauth"] = oauth
    app.extensions["issuers"] = {}
    for realm, section in app.config["REALMS"].items():
        app.extensions["issuers"][realm] = tokens.issuer(realm, section.issuer, section.client_id)
        oauth.register(
            realm,
            client_id=section.client_id,
            client_secret=section.client_secret.get_secret_value(),
            server_metadata_url=f"{section.issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "default_timeout": TIMEOUT_S,
            },
        )
    app.register_blueprint(blueprint)
    app.register_blueprint(out)


@blueprint.get("/<string:realm>")
@for_everybody
def start(realm: str) -> Response:
    """Send the browser to the realm's sign-in page.

    `new=1` opens registration, `fresh=1` asks for the password again, `action` leads to a change there.
    """
    client = _client(realm)
    session["next"] = local_path(request.args.get("next"), "")
    extra = {"ui_locales": current_code()}
    if realm == "parents" and request.args.get("new"):
        extra["prompt"] = "create"
    if request.args.get("fresh"):  # an account that changed: a sign-in of this morning is not enough
        extra["prompt"] = "login"
    if realm == "parents" and request.args.get("action") in ACTIONS:
        extra["kc_action"] = ACTIONS[request.args["action"]]
    callback = url_for("signin.callback", realm=realm, _external=True)
    try:
        return client.authorize_redirect(callback, **extra)
    except RequestException as failure:
        raise Unreachable("keycloak", "metadata") from failure


@blueprint.get("/<string:realm>/callback")
@for_everybody
def callback(realm: str) -> Response:
    """Take the code, check the token, start the session, and go where the person wanted to."""
    client = _client(realm)
    if request.args.get("error") == "temporarily_unavailable" and not session.get("restarted"):
        # The tab that waited for the mail link: another tab finished first (facts, "Registration").
        session["restarted"] = True
        return redirect(url_for("signin.start", realm=realm, next=session.get("next") or None))
    try:
        answer = client.authorize_access_token()
        claims = tokens.read_id_token(current_app.extensions["issuers"][realm], answer["id_token"])
    except (OAuthError, JoseError, tokens.TokenRefused, KeyError) as fault:
        current_app.logger.warning("sign-in refused: %s", type(fault).__name__)
        raise SignInUnfinished from fault
    except (RequestException, tokens.KeysUnreachable, ValueError) as failure:
        # A ValueError is Authlib's word for an answer that is no JSON: somebody stands in front of Keycloak.
        raise Unreachable("keycloak", "token") from failure
    wanted = session.get("next")
    _begin(realm, claims, answer["id_token"])
    return redirect(local_path(wanted, url_for(home_of(g.person))))


@out.post("/signout")
@for_everybody
def leave() -> Response:
    """End our session, then the realm's."""
    person = current_person()
    session.clear()
    if person is None:
        return redirect(url_for("start.home"))
    client = _client(person.realm)
    try:
        made = client.create_logout_url(
            post_logout_redirect_uri=url_for("start.home", _external=True), id_token_hint=person.id_token
        )
    except (RequestException, RuntimeError):
        return redirect(url_for("start.home"))
    return redirect(made["url"])


@blueprint.post("/<string:realm>/backchannel-logout")
@csrf.exempt
@for_everybody
def backchannel_logout(realm: str) -> tuple[str, int, dict[str, str]]:
    """End the sessions that Keycloak says are over (OIDC Back-Channel Logout 1.0)."""
    issuer = current_app.extensions["issuers"].get(realm)
    if issuer is None:
        abort(404)
    sessions, clock = current_app.extensions["sessions"], current_app.extensions["house"].clock
    now = clock.now()
    plain = {"Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8"}
    try:
        claims = tokens.read_logout_token(issuer, request.form.get("logout_token", ""))
    except tokens.TokenRefused:
        return "refused", 400, plain
    except tokens.KeysUnreachable:
        return "try again", 503, plain
    ends = now.fromtimestamp(claims["exp"] + tokens.LEEWAY_S, now.tzinfo)
    if sessions.first_use(claims["jti"], ends, now):
        sessions.delete_of(issuer.iss, claims.get("sub"), claims.get("sid"))
    return "", 200, plain


def home_of(person: Person) -> str:
    """Return the endpoint of the page a person starts at."""
    return HOME_OF_STUDENTS if person.population == Population.STUDENT else HOME[person.realm]


def _client(realm: str) -> Any:
    if realm not in HOME:
        abort(404)
    return current_app.extensions["oauth"].create_client(realm)


def _begin(realm: str, claims: dict[str, Any], id_token: str) -> None:
    default = Population.PARENT if realm == "parents" else ""
    person = Person(
        realm=realm,
        iss=claims["iss"],
        sub=claims["sub"],
        sid=claims.get("sid", ""),
        population=claims.get("population", default),
        username=claims.get("preferred_username", ""),
        name=claims.get("name", ""),
        email=claims.get("email", ""),
        id_token=id_token,
        student_number=str(claims.get("student_number", "")) if realm == "district" else "",
    )
    for leftover in ("next", "restarted"):
        session.pop(leftover, None)
    sign_in(person)
    g.person = person
    if realm == "parents":
        arrive(
            current_app.extensions["house"],
            SignedIn(
                ParentId(claims["sub"]),
                claims.get("email", ""),
                claims.get("given_name", ""),
                claims.get("family_name", ""),
                claims.get("locale", current_code()),
            ),
        )
