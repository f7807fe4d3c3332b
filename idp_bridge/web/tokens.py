"""Check every token that reaches the bridge, with PyJWT; never trusts one it has not checked here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jwt
from jwt import PyJWKClient

ALGORITHMS = ["RS256", "ES256"]
BACKCHANNEL_EVENT = "http://schemas.openid.net/event/backchannel-logout"
TIMEOUT_S = 3
LEEWAY_S = 30


class TokenRefused(Exception):
    """The token is not one of ours, not for us, too old, or tampered with."""


class KeysUnreachable(Exception):
    """The realm's keys could not be fetched, so nothing can be said about the token."""


@dataclass(frozen=True)
class Issuer:
    """One realm whose tokens are accepted."""

    realm: str
    iss: str
    client_id: str
    keys: PyJWKClient = field(repr=False)


def issuer(realm: str, iss: str, client_id: str) -> Issuer:
    """Return an Issuer whose keys are fetched at first use and kept."""
    url = f"{iss}/protocol/openid-connect/certs"
    return Issuer(realm, iss, client_id, PyJWKClient(url, timeout=TIMEOUT_S, lifespan=3600))


def read_id_token(issuer: Issuer, token: str) -> dict[str, Any]:
    """Return the claims of an ID token of `issuer` for us; raise TokenRefused or KeysUnreachable."""
    claims = _read(issuer, token, ["exp", "iat", "iss", "sub", "aud"])
    if claims.get("typ", "ID") != "ID":
        raise TokenRefused("not an ID token")
    return claims


def read_logout_token(issuer: Issuer, token: str) -> dict[str, Any]:
    """Return the claims of a back-channel logout token (OIDC Back-Channel Logout 1.0, 2.6).

    Raises TokenRefused or KeysUnreachable.
    """
    claims = _read(issuer, token, ["exp", "iat", "iss", "aud", "jti", "events"])
    if not isinstance(claims["events"], dict) or BACKCHANNEL_EVENT not in claims["events"]:
        raise TokenRefused("no logout event")
    if "nonce" in claims or not (claims.get("sub") or claims.get("sid")):
        raise TokenRefused("not a logout token")
    return claims


def _read(issuer: Issuer, token: str, required: list[str]) -> dict[str, Any]:
    try:
        key = issuer.keys.get_signing_key_from_jwt(token)
    except jwt.PyJWKClientConnectionError as fault:
        raise KeysUnreachable(issuer.realm) from fault
    except jwt.PyJWTError as fault:
        raise TokenRefused(str(fault)) from fault
    except (OSError, ValueError) as fault:  # the connection was reset, or something else than keys came
        raise KeysUnreachable(issuer.realm) from fault
    try:
        return jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=issuer.client_id,
            issuer=issuer.iss,
            leeway=LEEWAY_S,
            options={"require": required},
        )
    except jwt.PyJWTError as fault:
        raise TokenRefused(str(fault)) from fault
