"""Check tokens of one issuer with PyJWT: signature, issuer, audience, times, nonce; never fetches one."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import jwt
from jwt import PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

from idp_bridge.rp.refusals import IssuerDown, TokenRefused

ALGORITHMS = ("RS256", "ES256")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LEEWAY_S = 5
"""Seconds by which two clocks may differ."""
KEYS_TIMEOUT_S = 1.5
LOGOUT_MAX_AGE_S = 300
"""A logout token older than this is refused even if its `exp` were later."""

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Logout:
    """Whom to sign out: one session, or all sessions of the account where `sid` is None."""

    iss: str
    sub: str | None
    sid: str | None
    jti: str


class SeenTokens(Protocol):
    """Remembers the `jti` of logout tokens. Share it between processes."""

    def first_time(self, iss: str, jti: str, until: int) -> bool:
        """Remember the id until `until` (seconds since 1970); tell whether it is new."""
        ...


class SeenInMemory:
    """A `SeenTokens` for one process. It forgets by the times in the tokens, so it needs no clock."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def first_time(self, iss: str, jti: str, until: int) -> bool:
        """Remember the id until `until` (seconds since 1970); tell whether it is new."""
        with self._lock:
            if (iss, jti) in self._until:
                return False
            # A token may be used a little after `exp`; an hour is far more than any leeway.
            self._until = {key: end for key, end in self._until.items() if end > until - 3600}
            self._until[iss, jti] = until
            return True


class Tokens:
    """Checks the tokens of one issuer for one client."""

    def __init__(
        self,
        iss: str,
        client_id: str,
        jwks_uri: Callable[[], str],
        seen: SeenTokens | None = None,
    ) -> None:
        """`jwks_uri` is asked at the first token, so that an app starts while the issuer is away."""
        self.iss = iss
        self.client_id = client_id
        self._jwks_uri = jwks_uri
        self._keys: PyJWKClient | None = None
        self._seen = seen or SeenInMemory()

    def id_token(self, token: str, nonce: str | None = None) -> Claims:
        """Return the claims of an ID token, or raise TokenRefused or IssuerDown.

        `nonce` is what was sent with the sign-in; only a refreshed ID token may be checked without one.
        """
        claims = self._verified(token, ("sub",))
        self._kind(claims, "ID")
        if claims.get("azp", self.client_id) != self.client_id:
            raise TokenRefused("azp names another client")
        if nonce is not None and not _same(claims.get("nonce"), nonce):
            raise TokenRefused("nonce is not the one we sent")
        return claims

    def access_token(self, token: str) -> Claims:
        """Return the claims of an access token whose audience is this client (an API), or raise."""
        claims = self._verified(token, ("sub",))
        self._kind(claims, "Bearer")
        return claims

    def logout_token(self, token: str) -> Logout:
        """Return whom a back-channel logout token ends, once; or raise TokenRefused or IssuerDown."""
        if str(_header(token).get("typ", "")).lower() != "logout+jwt":
            raise TokenRefused("typ is not logout+jwt")
        claims = self._verified(token, ("jti", "iat"))
        _check_logout(claims)
        jti, end = str(claims["jti"]), _whole(claims, "exp")
        if not self._seen.first_time(self.iss, jti, end):
            raise TokenRefused("this logout token was used before")
        return Logout(self.iss, _optional(claims, "sub"), _optional(claims, "sid"), jti)

    def _verified(self, token: str, required: Sequence[str]) -> Claims:
        key = self._key(token)
        try:
            return jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self.client_id,
                issuer=self.iss,
                leeway=LEEWAY_S,
                options={"require": ["iss", "aud", "exp", "iat", *required]},
            )
        except PyJWTError as error:
            raise TokenRefused(str(error)) from error

    def _key(self, token: str) -> jwt.PyJWK:
        header = _header(token)
        # Before the key is looked up: `none` and HS256 must not even cost a request for keys.
        if header.get("alg") not in ALGORITHMS:
            raise TokenRefused("alg is not one of ours")
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise TokenRefused("no kid")
        try:
            return self._key_client().get_signing_key(kid)
        except (PyJWKClientConnectionError, OSError, ValueError) as error:
            # A reset, or an answer that is no JSON, says nothing about the token.
            raise IssuerDown() from error
        except PyJWTError as error:
            raise TokenRefused(str(error)) from error

    def _key_client(self) -> PyJWKClient:
        if self._keys is None:
            self._keys = PyJWKClient(
                self._jwks_uri(), lifespan=300, timeout=KEYS_TIMEOUT_S, cooldown_duration=10
            )
        return self._keys

    def _kind(self, claims: Claims, wanted: str) -> None:
        """Refuse one kind of Keycloak token in the place of another: they share keys and issuer."""
        if claims.get("typ", wanted) != wanted or "events" in claims:
            raise TokenRefused(f"not a token of kind {wanted}")


def issuer_of(token: str) -> str:
    """Return the `iss` a token claims, unverified: only to choose which `Tokens` must check it."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except PyJWTError as error:
        raise TokenRefused(str(error)) from error
    return str(claims.get("iss", ""))


def _header(token: str) -> Mapping[str, object]:
    try:
        return jwt.get_unverified_header(token)
    except PyJWTError as error:
        raise TokenRefused(str(error)) from error


def _check_logout(claims: Claims) -> None:
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise TokenRefused("no logout event")
    if "nonce" in claims:
        raise TokenRefused("a logout token must not carry a nonce")
    if _whole(claims, "exp") - _whole(claims, "iat") > LOGOUT_MAX_AGE_S:
        raise TokenRefused("a logout token that lives too long")
    if not _optional(claims, "sub") and not _optional(claims, "sid"):
        raise TokenRefused("neither sub nor sid")


def _optional(claims: Claims, name: str) -> str | None:
    value = claims.get(name)
    if value is None or (isinstance(value, str) and value):
        return value
    raise TokenRefused(f"{name} is not text")


def _whole(claims: Claims, name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TokenRefused(f"{name} is not a number")
    return int(value)


def _same(value: object, wanted: str) -> bool:
    return isinstance(value, str) and secrets.compare_digest(value.encode(), wanted.encode())
