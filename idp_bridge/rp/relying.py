"""Give a Flask app its doors: sign-in, callback, sign-out, back-channel; never decides who may see what."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from flask import Blueprint, Flask, Response, abort, current_app, g, redirect, request, session
from werkzeug.wrappers import Response as AnyResponse

from idp_bridge.rp.links import Reason, RevisionMemory, RevisionsInMemory
from idp_bridge.rp.oidc import Clients, Granted, IssuerClient
from idp_bridge.rp.people import Issuer, Person, read_person
from idp_bridge.rp.refreshing import FRESH_FOR, Refresher
from idp_bridge.rp.refusals import EntryDenied, IssuerDown, SignInRefused, TokenRefused
from idp_bridge.rp.sessions import (
    Clock,
    PageSession,
    ServerSessions,
    SignIn,
    SignIns,
    SignInsInMemory,
    new_id,
)
from idp_bridge.rp.tokens import SeenTokens

log = logging.getLogger(__name__)

SIGN_IN_LASTS = timedelta(hours=10)
_SIGN_IN = "sign_in"


class RelyingApp:
    """The doors of one app at several issuers.

    Routes: `GET /signin/<issuer>`, `GET /signin?iss=&target_link_uri=`, `GET /callback/<issuer>`,
    `POST /signout`, `POST /backchannel-logout/<issuer>`. Refusals are werkzeug errors (`refusals.py`):
    give them pages with `app.errorhandler`.
    """

    def __init__(
        self,
        issuers: Sequence[Issuer],
        client_id: str,
        client_secret: str | None,
        base_url: str,
        clock: Clock,
        *,
        cookie: str = "rp_session",
        home: str = "/",
        language: Callable[[], str | None] = lambda: None,
        fresh_for: timedelta = FRESH_FOR,
        sign_ins: SignIns | None = None,
        revisions: RevisionMemory | None = None,
        seen: SeenTokens | None = None,
    ) -> None:
        """`base_url`: this app's public address. `language` returns the code for `ui_locales`."""
        self.base_url = base_url.rstrip("/")
        self.home = home
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._client_id, self._client_secret = client_id, client_secret
        self._clock, self._cookie, self._language = clock, cookie, language
        self._fresh_for = fresh_for
        self._sign_ins = sign_ins or SignInsInMemory(clock)
        self._revisions = revisions or RevisionsInMemory()
        self._seen = seen
        self._clients: dict[str, IssuerClient] = {}
        self._refresher = Refresher(self._clients, self._sign_ins, clock, fresh_for)

    def init_app(self, app: Flask) -> None:
        """Add the routes and the server-side session to `app`."""
        secure = self.base_url.startswith("https://")
        app.session_interface = ServerSessions(self._cookie, secure, self._clock, SIGN_IN_LASTS)
        clients = Clients(app)
        for issuer in self._issuers.values():
            self._clients[issuer.name] = IssuerClient(
                clients, issuer, self._client_id, self._client_secret, self._seen
            )
        app.register_blueprint(self._blueprint())
        app.extensions["relying_app"] = self

    def person(self) -> Person | None:
        """Return who is signed in, claims at most `fresh_for` old; None for nobody; raises IssuerDown."""
        if "relying_person" not in g:
            g.relying_person = self._person()
        person: Person | None = g.relying_person
        return person

    def _person(self) -> Person | None:
        id = session.get(_SIGN_IN)
        one = self._refresher.fresh(id) if isinstance(id, str) else None
        if one is None:
            session.pop(_SIGN_IN, None)
            return None
        person = self._read(one)
        if person.links.reason is Reason.STALE:
            # Another session of this account has seen a newer revision: ours is old, so fetch a newer one.
            newer = self._refresher.fresh(one.id, newer_than=one.refreshed_at)
            return self._read(newer) if newer else None
        return person

    def _read(self, one: SignIn) -> Person:
        return read_person(self._issuers[one.issuer], one.claims, self._revisions)

    def _blueprint(self) -> Blueprint:
        doors = Blueprint("relying", __name__)
        doors.get("/signin")(self._sign_in_elsewhere)
        doors.get("/signin/<name>")(self._sign_in)
        doors.get("/callback/<name>")(self._callback)
        doors.post("/signout")(self._sign_out)
        doors.post("/backchannel-logout/<name>")(self._backchannel_logout)
        return doors

    def _sign_in_elsewhere(self) -> AnyResponse:
        """Start a sign-in that another site asked for (OpenID Connect Core 4, third-party initiated)."""
        asked = request.args.get("iss", "")
        issuer = next((one for one in self._issuers.values() if one.url == asked), None)
        if issuer is None:
            raise SignInRefused()
        return self._start(issuer.name, self._own_path(request.args.get("target_link_uri", "")))

    def _sign_in(self, name: str) -> AnyResponse:
        if name not in self._issuers:
            abort(404)
        return self._start(name, self._own_path(request.args.get("next", "")))

    def _start(self, name: str, then: str) -> AnyResponse:
        session[f"then_{name}"] = then
        session.pop(f"restarted_{name}", None)
        return self._clients[name].start(self._callback_url(name), self._extras())

    def _callback(self, name: str) -> AnyResponse:
        if name not in self._issuers:
            abort(404)
        error = request.args.get("error")
        if error:
            return self._refused(name, error)
        granted = self._clients[name].finish(self._clock())
        self._keep(name, granted)
        session.pop(f"restarted_{name}", None)
        return redirect(str(session.pop(f"then_{name}", self.home)))

    def _refused(self, name: str, error: str) -> AnyResponse:
        """Answer an error of the issuer. A page that waited too long for a mail starts again once."""
        log.info("sign-in at %s ended with %r", name, error[:64])
        if error == "access_denied":
            raise EntryDenied()
        waiting = f"then_{name}" in session and not session.get(f"restarted_{name}")
        if error != "temporarily_unavailable" or not waiting:
            raise SignInRefused()
        session[f"restarted_{name}"] = True
        return self._clients[name].start(self._callback_url(name), self._extras())

    def _keep(self, name: str, granted: Granted) -> None:
        now = self._clock()
        sid = granted.claims.get("sid")
        one = SignIn(
            id=new_id(),
            issuer=name,
            sub=str(granted.claims["sub"]),
            sid=sid if isinstance(sid, str) else None,
            claims=granted.claims,
            id_token=granted.id_token,
            refresh_token=granted.refresh_token,
            access_ends_at=granted.access_ends_at,
            refreshed_at=now,
            ends_at=now + SIGN_IN_LASTS,
        )
        self._end_own()
        self._sign_ins.add(one)
        if isinstance(session, PageSession):
            session.renew()
        session[_SIGN_IN] = one.id

    def _end_own(self) -> SignIn | None:
        """End the sign-in of this browser, if there is one, and return what it was."""
        id = session.pop(_SIGN_IN, None)
        one = self._sign_ins.get(id) if isinstance(id, str) else None
        if one is not None:
            self._sign_ins.end(one.issuer, id=one.id)
        return one

    def _sign_out(self) -> AnyResponse:
        """Sign out here at once, then at the issuer; if the issuer is away, here is still signed out."""
        one = self._end_own()
        if one is None:
            return redirect(self.home)
        try:
            back_to = self.base_url + "/"
            return redirect(self._clients[one.issuer].sign_out_url(one.id_token, back_to, self._language()))
        except IssuerDown:
            return redirect(self.home)

    def _backchannel_logout(self, name: str) -> AnyResponse:
        """End the sessions a logout token names: 200 done, 400 refused, 503 no keys to check it with."""
        if name not in self._issuers:
            abort(404)
        try:
            logout = self._clients[name].tokens.logout_token(request.form.get("logout_token", ""))
        except TokenRefused as refused:
            log.warning("logout token refused: %s", refused.reason)
            return _plain(400)
        except IssuerDown:
            return _plain(503)
        ended = self._sign_ins.end(name, sub=logout.sub, sid=logout.sid)
        log.info("back-channel logout at %s ended %d sign-in(s)", name, ended)
        return _plain(200)

    def _extras(self) -> Mapping[str, str]:
        language = request.args.get("ui_locales") or self._language()
        hint = request.args.get("login_hint")
        extras = {"ui_locales": language, "login_hint": hint, "prompt": _prompt(request.args.get("prompt"))}
        return {key: value for key, value in extras.items() if value}

    def _callback_url(self, name: str) -> str:
        return f"{self.base_url}/callback/{name}"

    def _own_path(self, url: str) -> str:
        """Return `url` as a path of this app, or home: no redirect ever leaves the app."""
        path = url.removeprefix(self.base_url)
        # A browser reads `//host`, `/\\host` and `/<tab>/host` as another site.
        if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
            return self.home
        return path


def relying_app() -> RelyingApp:
    """Return the RelyingApp of the running Flask app."""
    found: RelyingApp = current_app.extensions["relying_app"]
    return found


def _prompt(asked: str | None) -> str | None:
    """Let a link open registration (`prompt=create`) or a fresh sign-in, and nothing else."""
    return asked if asked in ("create", "login") else None


def _plain(status: int) -> Response:
    return Response(status=status, headers={"Cache-Control": "no-store"})
