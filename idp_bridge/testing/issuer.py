"""Play an OpenID Connect issuer on a loopback thread, with real RS256 tokens; never asks for a password."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import parse_qs, urlencode, urlsplit

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from idp_bridge.testing.keys import SigningKey

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(slots=True)
class Account:
    """Somebody who can sign in at the fake issuer. Change `claims` and the next token says so."""

    sub: str
    claims: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Grant:
    account: Account
    sid: str
    client_id: str
    nonce: str | None = None
    challenge: str = ""
    redirect_uri: str = ""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing: a test's output belongs to the test."""


class FakeIssuer:
    """An issuer for tests: discovery, keys, sign-in, code, refresh, sign-out.

    Use it as a context manager; it listens on a free port of 127.0.0.1. `name` is the realm's name,
    `client_id` and `client_secret` are the one client it knows (`client_secret` None: a public client).
    """

    def __init__(self, name: str, client_id: str, client_secret: str | None, port: int = 0) -> None:
        self.name = name
        self.client_id, self.client_secret = client_id, client_secret
        self.key = SigningKey(f"{name}-key")
        self.access_lasts_s = 300
        self.next_account: Account | None = None
        """Who a browser that comes to the sign-in page is."""
        self.refusals_of_refresh = 0
        """So many refreshes are refused from now on, as Keycloak does while LDAP restarts."""
        self.refreshes = 0
        self._codes: dict[str, _Grant] = {}
        self._refresh: dict[str, _Grant] = {}
        self._port = port

    def __enter__(self) -> FakeIssuer:
        self._server = make_server(
            "127.0.0.1", self._port, self._serve, threaded=True, request_handler=_Quiet
        )
        self._port = self._server.server_port
        # A short poll, so that stopping takes 20 ms and not half a second.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering: the port is closed from here on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The issuer identifier."""
        return f"http://127.0.0.1:{self._port}/realms/{self.name}"

    def sign(self, claims: Mapping[str, object], typ: str = "JWT") -> str:
        """Return any claims signed with this issuer's key: for the tests of what must be refused."""
        return self.key.sign(claims, typ)

    def id_claims(
        self, account: Account, sid: str = "a-session", nonce: str | None = None
    ) -> dict[str, object]:
        """Return what an ID token of this account says now."""
        return {**self._frame(self.access_lasts_s), "typ": "ID", "azp": self.client_id, "sub": account.sub,
                "sid": sid, **({"nonce": nonce} if nonce else {}), **account.claims}  # fmt: skip

    def access_claims(self, account: Account, sid: str = "a-session") -> dict[str, object]:
        """Return what an access token of this account says now."""
        return {**self.id_claims(account, sid), "typ": "Bearer", "scope": "openid profile"}

    def logout_token(self, sub: str | None, sid: str | None = None, **changed: object) -> str:
        """Return a back-channel logout token; `changed` replaces or adds claims."""
        named = {key: value for key, value in (("sub", sub), ("sid", sid)) if value}
        claims = {**self._frame(120), "jti": secrets.token_hex(8), "typ": "Logout",
                  "events": {LOGOUT_EVENT: {}}, **named, **changed}  # fmt: skip
        return self.sign(claims, "logout+jwt")

    def approve(self, sign_in_url: str, account: Account) -> str:
        """Return where the browser goes after `account` signed in at the page `sign_in_url`."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(sign_in_url).query).items()}
        if asked.get("client_id") != self.client_id or asked.get("code_challenge_method") != "S256":
            raise BadRequest("unknown client, or no PKCE S256")
        code = secrets.token_urlsafe(16)
        self._codes[code] = _Grant(account, secrets.token_hex(8), self.client_id, asked.get("nonce"),
                                   asked["code_challenge"], asked["redirect_uri"])  # fmt: skip
        answer = {"state": asked["state"], "code": code, "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def end_sessions(self, sub: str) -> None:
        """Refuse every refresh token of this account from now on."""
        self._refresh = {token: one for token, one in self._refresh.items() if one.account.sub != sub}

    def _frame(self, seconds: int) -> dict[str, object]:
        now = int(time.time())
        return {"iss": self.url, "aud": self.client_id, "iat": now, "exp": now + seconds}

    def _serve(self, environ: dict[str, object], start_response: object) -> Iterator[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except HTTPException as error:
            response = Response(error.description, error.code or 500)
        return iter(response(environ, start_response))  # type: ignore[arg-type]

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix(f"/realms/{self.name}")
        if path == "/.well-known/openid-configuration":
            return _json(self._discovery())
        if path == "/certs":
            return _json({"keys": [self.key.public_jwk()]})
        if path == "/auth" and self.next_account is not None:
            return redirect(self.approve(request.url, self.next_account))
        if path == "/token" and request.method == "POST":
            return self._token(request)
        if path == "/logout":
            return redirect(request.args.get("post_logout_redirect_uri", "/"))
        raise NotFound()

    def _discovery(self) -> dict[str, object]:
        ends = {"authorization": "auth", "token": "token", "end_session": "logout"}
        found: dict[str, object] = {f"{key}_endpoint": f"{self.url}/{path}" for key, path in ends.items()}
        return {**found, "issuer": self.url, "jwks_uri": f"{self.url}/certs",
                "authorization_response_iss_parameter_supported": True}  # fmt: skip

    def _token(self, request: Request) -> Response:
        if not self._is_our_client(request):
            return _json({"error": "invalid_client"}, 401)
        if request.form.get("grant_type") == "refresh_token":
            return self._refreshed(request)
        grant = self._codes.pop(request.form.get("code", ""), None)
        if grant is None or not _proves(grant, request):
            return _json({"error": "invalid_grant", "error_description": "Code not valid"}, 400)
        return self._tokens(grant)

    def _refreshed(self, request: Request) -> Response:
        self.refreshes += 1
        if self.refusals_of_refresh:
            self.refusals_of_refresh -= 1
            return _json({"error": "invalid_grant", "error_description": "User disabled"}, 400)
        grant = self._refresh.pop(request.form.get("refresh_token", ""), None)
        if grant is None:
            return _json({"error": "invalid_grant", "error_description": "Session not active"}, 400)
        return self._tokens(grant)

    def _tokens(self, grant: _Grant) -> Response:
        refresh_token = secrets.token_urlsafe(16)
        self._refresh[refresh_token] = grant
        return _json({
            "access_token": self.sign(self.access_claims(grant.account, grant.sid)),
            "id_token": self.sign(self.id_claims(grant.account, grant.sid, grant.nonce)),
            "refresh_token": refresh_token,
            "expires_in": self.access_lasts_s,
            "token_type": "Bearer",
        })  # fmt: skip

    def _is_our_client(self, request: Request) -> bool:
        if self.client_secret is None:
            return request.form.get("client_id") == self.client_id and request.authorization is None
        given = request.authorization
        wanted = (self.client_id, self.client_secret)
        return given is not None and (given.username, given.password) == wanted


def _proves(grant: _Grant, request: Request) -> bool:
    digest = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return challenge == grant.challenge and request.form.get("redirect_uri") == grant.redirect_uri


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")
