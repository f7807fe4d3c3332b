"""A server answers, but not as Keycloak or LDAP do: one of our failures, in time, nothing misread."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from idp_bridge.domain.people import ParentId
from idp_bridge.outside.directory import LdapDirectory
from idp_bridge.outside.keycloak import KeycloakAccounts
from idp_bridge.services.failures import Gone, OutsideFailure, Refused, Unreachable
from idp_bridge.services.ports import Account
from idp_bridge.settings import Directory, Keycloak

ZOE = ParentId("00000000-0000-4000-8000-000000000001")
ACCOUNT = Account(ZOE, "zoe@mail.example", "zoe@mail.example", "Zoë", "Núñez", True, True, {})
TOKEN = {"access_token": "t", "expires_in": 60, "token_type": "Bearer"}
OFFLINE = [{"clientId": f"app{n}", "additionalGrants": [{"key": "Offline Token"}]} for n in range(3)]
LONGEST_S = 5
CALLS: dict[str, Callable[[KeycloakAccounts], object]] = {
    "get": lambda accounts: accounts.get(ZOE),
    "get_all": lambda accounts: accounts.get_all([ZOE]),
    "write_links": lambda accounts: accounts.write_links(ACCOUNT, "{}"),
    "end_sessions": lambda accounts: accounts.end_sessions(ZOE),
    "drop_offline_tokens": lambda accounts: accounts.drop_offline_tokens(ZOE),
}


@dataclass
class Answers:
    """What the server says to a token request and to all else: status, body (text as it is), seconds."""

    url: str = ""
    token: tuple[int, Any, float] = (200, TOKEN, 0)
    other: tuple[int, Any, float] = (200, {}, 0)
    delete: tuple[int, Any, float] = (204, "", 0)
    asked: list[str] = field(default_factory=list)

    def to(self, method: str, path: str) -> tuple[int, Any, float]:
        self.asked.append(f"{method} {path}")
        if path.endswith("/token"):
            return self.token
        return self.delete if method == "DELETE" else self.other


@pytest.fixture
def server() -> Iterator[Answers]:
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said, seconds = answers.to(self.command, self.path.partition("?")[0])
            time.sleep(seconds)
            body = (said if isinstance(said, str) else json.dumps(said)).encode()
            with suppress(OSError):  # the gate did not wait
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        answers.url = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield answers
        http.shutdown()


@pytest.fixture
def accounts(server) -> KeycloakAccounts:
    return KeycloakAccounts(Keycloak.model_validate({"url": server.url, "client_secret": "secret"}))


ODD = [
    (400, {"errors": None}),
    (400, {"errors": [1]}),
    (400, []),
    (200, [1]),
    (200, None),
    (200, "<p>Welcome</p>"),
    (503, "[]"),
    (200, [{"additionalGrants": [{"key": "Offline Token"}]}]),
    (200, [{"clientId": "app", "additionalGrants": None}]),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("status", "body"), ODD)
def test_an_odd_answer_is_one_of_our_failures(server, accounts, call, status, body):
    server.other = (status, body, 0)
    with pytest.raises(OutsideFailure):
        CALLS[call](accounts)


@pytest.mark.parametrize("token", [[], {}, "<p>", {**TOKEN, "expires_in": 1e300}, {"access_token": None}])
def test_an_odd_token_is_unreachable(server, accounts, token):
    server.token = (200, token, 0)
    with pytest.raises(Unreachable):
        accounts.get(ZOE)


def test_a_realm_that_is_not_there_is_not_a_parent_who_is_gone(server, accounts):
    server.token = (404, {"error": "Realm does not exist"}, 0)
    with pytest.raises(Refused):
        accounts.get(ZOE)


@pytest.mark.parametrize(
    "call",
    [
        lambda accounts: accounts.get_all([ZOE]),
        lambda accounts: accounts.members(0, 10),
        lambda accounts: accounts.events(datetime.now(UTC)),
        lambda accounts: accounts.changes([ZOE], datetime.now(UTC)),
    ],
    ids=["get_all", "members", "events", "changes"],
)
def test_a_list_that_is_not_there_is_not_a_parent_who_is_gone(server, accounts, call):
    server.other = (404, {"error": "Realm not found."}, 0)
    with pytest.raises(Refused):
        call(accounts)


@pytest.mark.parametrize("call", CALLS)
def test_a_proxys_404_is_not_a_parent_who_is_gone(server, accounts, call):
    server.other = (404, "<p>nginx</p>", 0)
    with pytest.raises(Unreachable):
        CALLS[call](accounts)


def test_an_offline_token_a_proxy_lost_does_not_count_as_dropped(server, accounts):
    server.other, server.delete = (200, OFFLINE, 0), (404, "<p>nginx</p>", 0)
    with pytest.raises(Unreachable):
        accounts.drop_offline_tokens(ZOE)
    server.delete = (404, {"error": "Consent nor offline token not found"}, 0)
    accounts.drop_offline_tokens(ZOE)


@pytest.mark.parametrize("status", [408, 429])
def test_ask_later_is_no_refusal(server, accounts, status):
    server.other = (status, "", 0)
    with pytest.raises(Unreachable):
        accounts.get(ZOE)


@pytest.mark.parametrize(
    "user",
    [
        {"id": "00000000-0000-4000-8000-000000000002", "username": "somebody else"},
        {"id": ZOE, "username": "zoe@mail.example", "attributes": {"locale": "es"}},
    ],
)
def test_what_a_write_would_put_in_the_wrong_place_is_not_read(server, accounts, user):
    server.other = (200, user, 0)
    with pytest.raises(Unreachable):
        accounts.get(ZOE)


@pytest.mark.parametrize("parent", ["", "../groups", "a/b", "a?b", "a#b"])
def test_an_id_cannot_lead_to_another_path(server, accounts, parent):
    with pytest.raises(Gone):
        accounts.get(ParentId(parent))
    assert server.asked == []


@pytest.mark.parametrize(
    ("call", "slow"),
    [
        ("get", {"token": (200, TOKEN, 1.4), "other": (401, {}, 2.8)}),
        ("drop_offline_tokens", {"other": (200, OFFLINE, 2), "delete": (204, "", 2)}),
    ],
    ids=["a 401 late, then all again", "three deletes"],
)
def test_slow_answers_do_not_add_up(server, accounts, call, slow):
    vars(server).update(slow)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        CALLS[call](accounts)
    assert time.monotonic() - began < LONGEST_S


def test_who_waits_behind_a_hanging_call_is_told_so(server, accounts):
    server.other = (200, {}, 4)

    def first() -> None:
        with suppress(Unreachable):
            accounts.get(ZOE)

    threading.Thread(target=first, daemon=True).start()
    time.sleep(0.2)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="busy"):
        accounts.get(ZOE)
    assert time.monotonic() - began < 2


@pytest.fixture
def dripping() -> Iterator[int]:
    """The port of a server that begins an LDAP message of 64 bytes and sends one of them each second."""
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with suppress(OSError):
            client, _ = listening.accept()
            client.recv(1024)
            client.sendall(b"\x30\x84\x00\x00\x00\x40")
            for _second in range(64):
                client.sendall(b"\x02")
                time.sleep(1)

    threading.Thread(target=drip, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


def test_an_ldap_server_that_drips_is_not_waited_for(dripping):
    directory = LdapDirectory(
        Directory.model_validate(
            {
                "urls": [f"ldap://127.0.0.1:{dripping}"],
                "base_dn": "dc=district,dc=example",
                "bind_dn": "cn=idp-bridge",
                "bind_password": "x",
                "ca_file": __file__,
            }
        )
    )
    began = time.monotonic()
    with pytest.raises(Unreachable):
        directory.staff("jo.hathaway")
    assert time.monotonic() - began < LONGEST_S
