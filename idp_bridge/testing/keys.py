"""Make throw-away signing keys and tokens, good and bad; never for anything but tests."""

from __future__ import annotations

import json
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class SigningKey:
    """One RSA key pair with a `kid`."""

    def __init__(self, kid: str = "test-key") -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public_jwk(self) -> dict[str, object]:
        """Return the public half as a JWKS endpoint shows it."""
        jwk: dict[str, object] = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        return {**jwk, "kid": self.kid, "use": "sig", "alg": "RS256"}

    def sign(self, claims: Mapping[str, object], typ: str = "JWT") -> str:
        """Return the claims as a signed RS256 token."""
        return jwt.encode(dict(claims), self.private, "RS256", headers={"kid": self.kid, "typ": typ})
