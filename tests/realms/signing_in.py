"""Go through Keycloak's own pages by HTTP as a browser would; never by a short cut."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import requests

REDIRECT = "http://localhost:18311/callback/{realm}"
TIMEOUT_S = 20


@dataclass
class Person:
    """Somebody with a password."""

    name: str
    password: str
    id: str = ""

    def representation(self) -> dict[str, Any]:
        """Return the body that creates this person with a verified e-mail."""
        return {
            "username": self.name,
            "email": self.name,
            "firstName": "Amara",
            "lastName": "Quintero",
            "enabled": True,
            "emailVerified": True,
            "credentials": [{"type": "password", "value": self.password, "temporary": False}],
        }


@dataclass(frozen=True)
class App:
    """A client of the realm as a relying app knows it."""

    issuer: str
    client_id: str
    secret: str
    redirect_uri: str

    def authorize(self, **more: str) -> dict[str, str]:
        """Return the parameters of a sign-in without PKCE."""
        own = {"client_id": self.client_id, "redirect_uri": self.redirect_uri, "response_type": "code"}
        return {**own, "scope": "openid", "state": "s", **more}

    def token(self, **form: str) -> requests.Response:
        """Ask the token endpoint as this client."""
        own = {"client_id": self.client_id, **({"client_secret": self.secret} if self.secret else {})}
        url = f"{self.issuer}/protocol/openid-connect/token"
        return requests.post(url, data={**own, **form}, timeout=TIMEOUT_S)

    def refresh(self, tokens: dict[str, Any]) -> requests.Response:
        """Ask for new tokens."""
        return self.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])


class Browser:
    """Keeps cookies, also those a browser accepts on localhost although they are marked Secure."""

    def __init__(self) -> None:
        self._session = requests.Session()

    def get(self, url: str, params: dict[str, str] | None = None) -> requests.Response:
        """Open a page without following redirects."""
        return self._kept(self._session.get(url, params=params, allow_redirects=False, timeout=TIMEOUT_S))

    def submit(self, page: requests.Response, **fields: str) -> requests.Response:
        """Send the page's form."""
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert action, f"no form on {page.url}: {page.status_code} {page.text[:300]}"
        url = html.unescape(action[1])
        return self._kept(self._session.post(url, data=fields, allow_redirects=False, timeout=TIMEOUT_S))

    def start(self, app: App, **more: str) -> requests.Response:
        """Open the sign-in page of `app`; with PKCE unless `more` says otherwise."""
        return self.get(f"{app.issuer}/protocol/openid-connect/auth", app.authorize(**more))

    def _kept(self, response: requests.Response) -> requests.Response:
        for cookie in self._session.cookies:
            cookie.secure = False
        return response


def pkce() -> tuple[str, dict[str, str]]:
    """Return a verifier and the parameters that announce it."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return verifier, {"code_challenge": challenge, "code_challenge_method": "S256"}


def try_password(app: App, name: str, password: str) -> requests.Response:
    """Fill in the sign-in form; a redirect to the app means it worked."""
    browser = Browser()
    return browser.submit(browser.start(app, **pkce()[1]), username=name, password=password)


def sign_in(app: App, name: str, password: str, scope: str = "openid") -> dict[str, Any]:
    """Sign in through the pages and return the token response."""
    browser = Browser()
    verifier, challenge = pkce()
    answer = browser.submit(browser.start(app, scope=scope, **challenge), username=name, password=password)
    assert answer.status_code == 302, answer.text[-1500:]
    return exchange(app, answer.headers["Location"], verifier)


def exchange(app: App, location: str, verifier: str) -> dict[str, Any]:
    """Turn the code in the address we were sent back to into tokens."""
    assert location.startswith(app.redirect_uri), location
    code = parse_qs(urlsplit(location).query)["code"][0]
    form = {"code": code, "redirect_uri": app.redirect_uri, "code_verifier": verifier}
    response = app.token(grant_type="authorization_code", **form)
    assert response.status_code == 200, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


def claims(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked: these tests look at content, not at signatures."""
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


def userinfo(app: App, tokens: dict[str, Any]) -> dict[str, Any]:
    """Return UserInfo for an access token."""
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    url = f"{app.issuer}/protocol/openid-connect/userinfo"
    response = requests.get(url, headers=headers, timeout=TIMEOUT_S)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told
