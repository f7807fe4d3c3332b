"""What the rows on the running stack are made of: the door that counts, the raw line, the names."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from tools.bench import projecting, revoking, signing
from tools.bench.counting import CountingDoor
from tools.bench.line import App, Line, Refused
from tools.bench.rows import ROWS
from tools.bench.timing import p99
from tools.stack.ports import Ports

ASKED_FOR = {
    "sign-in, p99: the bridge stopped / up": "<= 1.05",
    "sign-in, p99: the bridge hung / up": "<= 1.05",
    "refresh, p99: the bridge stopped / up": "<= 1.05",
    "refresh, p99: the bridge hung / up": "<= 1.05",
    "calls of the bridge during all those sign-ins and refreshes": "0",
    "refresh with 0 links / without our scope": "<= 1.05",
    "refresh with 1 links / without our scope": "<= 1.05",
    "refresh with 5 links / without our scope": "<= 1.05",
    "refresh with 20 links / without our scope": "<= 1.05",
    "5,000 parents projected: ours / raw on as many connections": ">= 0.75",
    "5,000 parents projected: ours / a plain python-keycloak loop": ">= 1",
    "5,000 parents compared, nothing to do: reading the pages / ours": ">= 0.75",
    "5,000 parents compared, nothing to do: writes, here and at Keycloak": "0",
    "click to refused refresh token, p50: ours / by hand": "<= 2",
    "click to refused refresh token, p99: ours / a second": "<= 1",
    "the same while 20,000 grants are due, p99: ours / a second": "<= 1",
}


def test_every_row_that_needs_the_stack_is_in_the_table_with_its_aim():
    assert {signing, projecting, revoking}
    aims = {row.name: str(row.aim) for row in ROWS}
    assert {name: aims.get(name) for name in ASKED_FOR} == ASKED_FOR


class Echo(BaseHTTPRequestHandler):
    """Plays the sign-in page, the token endpoint, and a user."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form, cookie = parse_qs(sent), self.headers.get("Cookie", "")
        if self.path.startswith("/r/auth"):
            page = '<form action="http://x/r/login?a=1&amp;b=2">'
            return self.say(200, page, {"Set-Cookie": "S=1; Secure"})
        if self.path == "/r/login?a=1&b=2":
            right = form["password"] == ["right"] and cookie == "S=1"
            back = {"Location": "http://app/back?code=c7"}
            return self.say(302, "", back) if right else self.say(200, "")
        if self.path == "/r/token":
            known = form.get("code") == ["c7"] or form.get("refresh_token") == ["good"]
            said = {"refresh_token": "good"} if known else {"error": "invalid_grant"}
            return self.say(200 if known else 400, said)
        return self.say(200, {"asked": self.path})

    def say(self, status: int, said: object, headers: dict[str, str] | None = None) -> None:
        body = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer


@pytest.fixture
def server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield http.server_port
        http.shutdown()


APP = App("oneview", "secret", "http://app/back", realm="/r")


def test_a_sign_in_goes_through_the_form_with_its_cookies(server):
    with Line(f"http://127.0.0.1:{server}") as line:
        tokens = APP.sign_in(line, "amara", "right")
        assert tokens == {"refresh_token": "good"}
        with pytest.raises(Refused, match="no code"):
            APP.sign_in(line, "amara", "wrong")


def test_a_refused_refresh_is_none_and_another_answer_a_fault(server):
    with Line(f"http://127.0.0.1:{server}") as line:
        assert APP.refreshed(line, {"refresh_token": "good"})
        assert APP.refreshed(line, {"refresh_token": "old"}) is None
        assert line.get("/users/1") == {"asked": "/users/1"}
        with pytest.raises(Refused, match="200"):
            line.put("/users/1", {})


class TestTheDoor:
    def test_it_counts_who_comes_and_what_they_ask_and_lets_all_pass(self, server):
        port = Ports.free().bridge
        with CountingDoor(port, server) as door:
            assert door.calls == 0
            with Line(f"http://127.0.0.1:{port}") as line:
                for asked in ("/1", "/2"):
                    assert line.get(asked) == {"asked": asked}
            assert door.calls == 3  # one connection, two requests

    def test_it_counts_also_while_nobody_is_behind_it(self):
        nobody, port = Ports.free().bridge, Ports.free().mobile
        with CountingDoor(port, nobody) as door:
            with socket.create_connection(("127.0.0.1", port), 5) as caller:
                assert caller.recv(1) == b""
            assert door.calls == 1

    def test_it_counts_also_while_the_server_hangs(self):
        port = Ports.free().bridge
        with (
            socket.create_server(("127.0.0.1", 0)) as hangs,
            CountingDoor(port, hangs.getsockname()[1]) as door,
            socket.create_connection(("127.0.0.1", port), 5) as caller,
        ):
            caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
            until(lambda: door.calls == 2)


def until(true) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("many", "expected"), [(100, 99), (200, 198), (10, 9), (1, 1)])
def test_p99_is_what_one_in_a_hundred_is_above(many, expected):
    assert p99([*range(many, 0, -1)]) == expected
