"""Play an OpenID provider on loopback for the tests of signing in: real HTTP, real signatures, faults."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
REALMS = ("parents", "district")


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _jwks() -> dict[str, Any]:
    numbers = KEY.public_key().public_numbers()
    key = {"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256"}
    return {"keys": [{**key, "n": _number(numbers.n), "e": _number(numbers.e)}]}


class Provider:
    """Two realms on one server. `answer` is what the token endpoint gives; `hang_s` delays every answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: dict[str, Any] = {}
        self.hang_s = 0.0
        self.asked: list[str] = []

    def issuer(self, realm: str) -> str:
        """Return the issuer of a realm."""
        return f"{self.url}/realms/{realm}"

    def token(self, realm: str = "parents", key: rsa.RSAPrivateKey = KEY, **claims: Any) -> str:
        """Return an ID token of `realm` for us, good for a minute unless `claims` say otherwise."""
        now = int(time.time())
        body = {
            "iss": self.issuer(realm),
            "aud": "idp-bridge",
            "sub": "sub-1",
            "sid": "sid-1",
            "typ": "ID",
            "iat": now,
            "exp": now + 60,
            "email": "amara@mail.example",
            "given_name": "Amara",
            "family_name": "Quintero-Bell",
            "name": "Amara Quintero-Bell",
            "population": "parent" if realm == "parents" else "employee",
            **claims,
        }
        known = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(known, key, algorithm="RS256", headers={"kid": "k1"})

    def page(self, path: str) -> dict[str, Any] | None:
        """Return what a GET of `path` answers."""
        _, _, realm, rest = (path.split("?")[0] + "/").split("/", 3)
        if realm not in REALMS:
            return None
        base = self.issuer(realm)
        connect = f"{base}/protocol/openid-connect"
        return {
            ".well-known/openid-configuration/": {
                "issuer": base,
                "authorization_endpoint": f"{connect}/auth",
                "token_endpoint": f"{connect}/token",
                "end_session_endpoint": f"{connect}/logout",
                "jwks_uri": f"{connect}/certs",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
            },
            "protocol/openid-connect/certs/": _jwks(),
        }.get(rest)


@contextmanager
def serving() -> Iterator[Provider]:
    """Run a provider on a free port of loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(provider.page(self.path))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            provider.asked.append(self.rfile.read(length).decode())
            self._send(provider.answer)

        def _send(self, body: dict[str, Any] | None) -> None:
            time.sleep(provider.hang_s)
            data = json.dumps(body or {}).encode()
            try:
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # the bridge stopped waiting, as it must

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
