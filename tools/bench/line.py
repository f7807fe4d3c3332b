"""Speak HTTP on one connection that stays open, as raw as Python has it; never repeats a request."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

TIMEOUT_S = 120
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


class Refused(Exception):
    """A server did not answer as a figure needs it to."""


class Line:
    """One connection to the server of `url`; a context manager."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        self.bearer: dict[str, str] = {}

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        """Send one request and return the answer, read to its end."""
        sent = body.encode() if body is not None else None
        self._connection.request(method, path, sent, {**self.bearer, **(headers or {})})
        answer = self._connection.getresponse()
        return answer, answer.read()

    def get(self, path: str) -> Any:
        """Return the JSON under `path`."""
        answer, body = self.ask("GET", path)
        _expect(answer, body, 200)
        return json.loads(body)

    def put(self, path: str, value: object) -> None:
        """Replace what is under `path`."""
        _expect(*self.ask("PUT", path, json.dumps(value), JSON), 204)

    def post(self, path: str, value: object | None = None) -> Any:
        """Send `value` to `path`; return the JSON that comes back, None where nothing does."""
        answer, body = self.ask("POST", path, json.dumps(value) if value is not None else "", JSON)
        _expect(answer, body, 200, 201, 204)
        return json.loads(body) if body else None

    def delete(self, path: str) -> None:
        """Delete what is under `path`."""
        _expect(*self.ask("DELETE", path), 204)


def _expect(answer: HTTPResponse, body: bytes, *statuses: int) -> None:
    if answer.status not in statuses:
        raise Refused(f"{answer.status} {answer.reason}: {body[:300]!r}")


@dataclass(frozen=True, slots=True)
class App:
    """A client of realm `parents`, as it knows itself."""

    client_id: str
    secret: str
    redirect_uri: str
    realm: str = "/realms/parents/protocol/openid-connect"

    def tokens(self, line: Line, **form: str) -> dict[str, Any] | None:
        """Ask the token endpoint; None where it refuses what was granted (`invalid_grant`)."""
        own = {"client_id": self.client_id, "client_secret": self.secret}
        answer, body = line.ask("POST", f"{self.realm}/token", urlencode(own | form), FORM)
        if answer.status == 400 and json.loads(body)["error"] == "invalid_grant":
            return None
        _expect(answer, body, 200)
        found: dict[str, Any] = json.loads(body)
        return found

    def refreshed(self, line: Line, tokens: dict[str, Any]) -> dict[str, Any] | None:
        """Return new tokens for the refresh token in `tokens`, None where it is refused."""
        return self.tokens(line, grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    def lives(self, line: Line, tokens: dict[str, Any]) -> bool:
        """Tell whether the session behind `tokens` lives, by the access token; asking changes nothing."""
        form = {"client_id": self.client_id, "client_secret": self.secret, "token": tokens["access_token"]}
        answer, body = line.ask("POST", f"{self.realm}/token/introspect", urlencode(form), FORM)
        _expect(answer, body, 200)
        return bool(json.loads(body)["active"])

    def sign_in(self, line: Line, name: str, password: str) -> dict[str, Any]:
        """Go through Keycloak's own form, with PKCE, and return the tokens."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "client_id": self.client_id, "redirect_uri": self.redirect_uri, "response_type": "code",
            "scope": "openid", "state": "s", "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        }  # fmt: skip
        answer, body = line.ask("GET", f"{self.realm}/auth?{urlencode(asked)}")
        action = re.search(r'<form[^>]*action="([^"]+)"', body.decode())
        if action is None:
            raise Refused(f"no form to sign in: {answer.status}")
        address = urlsplit(html.unescape(action[1]))
        typed = urlencode({"username": name, "password": password})
        answer, _ = line.ask("POST", f"{address.path}?{address.query}", typed, FORM | _cookies(answer))
        code = parse_qs(urlsplit(answer.headers["Location"] or "").query).get("code")
        if code is None:
            raise Refused(f"no code came back: {answer.status}")
        form = {"code": code[0], "redirect_uri": self.redirect_uri, "code_verifier": verifier}
        tokens = self.tokens(line, grant_type="authorization_code", **form)
        if tokens is None:
            raise Refused("the code was refused")
        return tokens


def _cookies(answer: HTTPResponse) -> dict[str, str]:
    kept = SimpleCookie[str]()
    for header in answer.headers.get_all("Set-Cookie", []):
        kept.load(header)
    return {"Cookie": "; ".join(f"{name}={one.value}" for name, one in kept.items())}
