"""The way to Keycloak is the environment's: its proxy and its authority, as with requests itself."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from idp_bridge.domain.people import ParentId
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.services.failures import Unreachable
from idp_bridge.settings import Keycloak

ZOE = ParentId("00000000-0000-4000-8000-000000000001")
FOUND = {"id": ZOE, "username": "zoe@mail.example"}
TOKEN = {"access_token": "token", "expires_in": 60, "token_type": "Bearer"}
ENVIRONMENT = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[tuple[int, list[str]]]:
    """Serve one account; yield the port, and the paths that were asked for, as they came."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.answer(FOUND)

        def do_POST(self) -> None:
            self.answer(TOKEN)

        def answer(self, said: object) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.path.partition("?")[0])
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            http.socket = context.wrap_socket(http.socket, server_side=True)
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield http.server_port, asked
        http.shutdown()


def accounts_at(url: str) -> KeycloakAccounts:
    return KeycloakAccounts(Keycloak.model_validate({"url": url, "client_secret": "secret"}))


def test_a_proxy_of_the_environment_is_asked(monkeypatch):
    with serving() as (port, asked):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        accounts_at("http://keycloak.invalid").get(ZOE)
    assert [path.startswith("http://keycloak.invalid/") for path in asked] == [True, True]
    assert asked[-1].endswith(f"/admin/realms/parents/users/{ZOE}")


def test_a_host_that_needs_no_proxy_is_asked_itself(monkeypatch):
    with serving() as (port, asked):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        accounts_at(f"http://127.0.0.1:{port}").get(ZOE)
    assert asked[-1] == f"/admin/realms/parents/users/{ZOE}"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environments_authority_is_trusted_and_no_other(monkeypatch, tmp_path, variable):
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    self_signed = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*self_signed, *files], check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    with serving(both) as (port, asked):
        accounts = accounts_at(f"https://127.0.0.1:{port}")
        with pytest.raises(Unreachable):
            accounts.get(ZOE)
        assert asked == []
        monkeypatch.setenv(variable, str(certificate))
        assert accounts_at(f"https://127.0.0.1:{port}").get(ZOE).id == ZOE
