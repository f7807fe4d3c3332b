"""Speak OpenID Connect to one issuer through Authlib; never returns a token `tokens.py` did not check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.flask_client.apps import FlaskOAuth2App
from flask import Response, request

from idp_bridge.rp.people import Issuer
from idp_bridge.rp.refusals import IssuerDown, SignInRefused, TokenRefused
from idp_bridge.rp.tokens import SeenTokens, Tokens

HTTP_TIMEOUT_S = 3
"""For each request to the issuer. With 1.5 s for keys, a page answers within 5 s though the issuer hangs."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token endpoint gave, checked."""

    claims: Mapping[str, object] = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    access_ends_at: datetime


class RefreshRefused(Exception):
    """The issuer refused the refresh token: signed out, revoked, or its directory was away for a moment."""


class CheckedByPyJWT(FlaskOAuth2App):
    """Authlib's client, with our check of the ID token in the place of its own."""

    tokens: Tokens

    def parse_id_token(self, token: Mapping[str, Any], nonce: str, **_: object) -> Mapping[str, object]:
        """Return the checked claims of the ID token that answers `nonce`."""
        return self.tokens.id_token(token["id_token"], nonce)


class Clients(OAuth):
    """Authlib's registry, making clients of our kind."""

    oauth2_client_cls = CheckedByPyJWT


class IssuerClient:
    """One client at one issuer."""

    def __init__(
        self,
        clients: Clients,
        issuer: Issuer,
        client_id: str,
        client_secret: str | None,
        seen: SeenTokens | None = None,
    ) -> None:
        """`client_secret` None makes a public client (PKCE alone)."""
        self.issuer = issuer
        self._client = clients.register(
            issuer.name,
            client_id=client_id,
            client_secret=client_secret,
            server_metadata_url=issuer.url + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": issuer.scope,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic" if client_secret else "none",
                "default_timeout": HTTP_TIMEOUT_S,
            },
        )
        self.tokens = Tokens(issuer.url, client_id, lambda: str(self.metadata()["jwks_uri"]), seen)
        self._client.tokens = self.tokens

    def metadata(self) -> Mapping[str, object]:
        """Return the issuer's discovery document; raises IssuerDown."""
        try:
            found: Mapping[str, object] = self._client.load_server_metadata()
        except (OSError, ValueError) as error:
            raise IssuerDown() from error
        if found.get("issuer") != self.issuer.url:
            raise IssuerDown()
        return found

    def start(self, redirect_uri: str, extra: Mapping[str, str]) -> Response:
        """Return the redirect to the sign-in page; state, nonce and PKCE verifier stay in our session."""
        self.metadata()
        answer: Response = self._client.authorize_redirect(redirect_uri, **extra)
        return answer

    def finish(self, now: datetime) -> Granted:
        """Return what the code of this callback request is worth; raises IssuerDown or SignInRefused."""
        if request.args.get("iss", self.issuer.url) != self.issuer.url:
            raise SignInRefused()
        try:
            return self._granted(self._client.authorize_access_token(), now)
        except (OAuthError, TokenRefused, KeyError) as error:
            raise SignInRefused() from error
        except (OSError, ValueError) as error:
            raise IssuerDown() from error

    def refresh(self, refresh_token: str, now: datetime) -> Granted:
        """Return fresh tokens; raises IssuerDown or RefreshRefused."""
        self.metadata()
        try:
            answer = self._client.fetch_access_token(grant_type="refresh_token", refresh_token=refresh_token)
            answer["userinfo"] = self.tokens.id_token(answer["id_token"])
            return self._granted(answer, now)
        except (OAuthError, TokenRefused, KeyError) as error:
            raise RefreshRefused(str(error)) from error
        except (OSError, ValueError) as error:
            raise IssuerDown() from error

    def sign_out_url(self, id_token: str, back_to: str, language: str | None) -> str:
        """Return the issuer's sign-out page that comes back to `back_to`; raises IssuerDown."""
        self.metadata()
        extra = {"ui_locales": language} if language else {}
        made = self._client.create_logout_url(back_to, id_token, client_id=self.tokens.client_id, **extra)
        return str(made["url"])

    def _granted(self, answer: Mapping[str, Any], now: datetime) -> Granted:
        return Granted(
            claims=dict(answer["userinfo"]),
            id_token=str(answer["id_token"]),
            refresh_token=answer.get("refresh_token"),
            access_ends_at=now + timedelta(seconds=int(answer.get("expires_in", 60))),
        )
