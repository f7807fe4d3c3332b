"""The real worker before a slow Keycloak: several parents at once, none twice, nothing before a loss."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import sqlalchemy as sa

from idp_bridge.domain.claims import EMPTY
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.outside.queue import HueyWakeup, make_queue
from idp_bridge.settings import Worker
from idp_bridge.storage import journals
from tests.conftest import NOW
from tests.outside.test_queue import plain_env, worker_env
from tools.stack.places import ROOT

THREADS = 3
MANY = 20
USER = re.compile("/admin/realms/parents/users/([^/]+)(/.*)?")


class SlowKeycloak:
    """Accounts of everybody; each call takes a moment, a held PUT until it is let go; members never end."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: dict[str, str] = {}
        self.busy: Counter[str] = Counter()
        self.most = self.most_of_one = self.tokens = 0
        self.written: list[str] = []
        self.held = ""
        self.let_go = threading.Event()
        self.comparing = threading.Event()
        self.members = 0

    def answer(self, method: str, target: str, body: bytes) -> Any:
        """Return the JSON of an answer, None where there is none."""
        path, asked = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path.endswith("/token"):
            self.tokens += 1
            return {"access_token": jwt.encode({"sub": "us"}, "k" * 32), "expires_in": 60}
        if path.endswith("group-by-path/parents"):
            return {"id": "g"}
        if path.endswith("/members"):
            self.comparing.set()
            time.sleep(0.1)
            self.members += 1
            return [account(f"stranger-{self.members}", EMPTY)]
        if path.endswith("/users"):
            return [account(one, self.values.get(one, "{}")) for one in asked["search"][0][3:].split()]
        if found := USER.fullmatch(path):
            return self.user(method, found[1], body) if found[2] is None else []
        return []

    def user(self, method: str, parent: str, body: bytes) -> Any:
        """Read or write one account."""
        with self.lock:
            self.busy[parent] += 1
            self.most = max(self.most, sum(map(bool, self.busy.values())))
            self.most_of_one = max(self.most_of_one, self.busy[parent])
        if method == "PUT" and parent == self.held:
            self.let_go.wait(20)
        time.sleep(0.05)
        with self.lock:
            self.busy[parent] -= 1
            if method == "PUT":
                (self.values[parent],) = json.loads(body)["attributes"]["student_links"]
                self.written.append(parent)
                return None
            return account(parent, self.values.get(parent, "{}"))


def account(parent: str, value: str) -> dict[str, Any]:
    return {
        "id": parent, "username": parent, "email": "p@mail.example", "attributes": {"student_links": [value]}
    }  # fmt: skip


@pytest.fixture
def keycloak() -> Iterator[SlowKeycloak]:
    plays = SlowKeycloak()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = plays.answer(self.command, self.path, sent)
            body = b"" if said is None else json.dumps(said).encode()
            with suppress(OSError):
                self.send_response(204 if said is None else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        plays.url = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield plays
        plays.let_go.set()


@pytest.fixture
def env(tmp_path, keycloak) -> dict[str, str]:
    own = {"IDP_BRIDGE_KEYCLOAK__URL": keycloak.url, "IDP_BRIDGE_WORKER__THREADS": str(THREADS)}
    return plain_env() | worker_env(tmp_path) | own


@pytest.fixture
def worker(store, env) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "idp_bridge", "worker"]
    process = subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        process.kill()
        process.communicate()


def due(store, *parents: str, loss: bool = False) -> None:
    with store.transaction() as rows:
        for parent in parents:
            rows.parents.save(Parent(ParentId(parent), "p@mail.example", "A", "B", "en", NOW))
        rows.projections.mark_all_due([ParentId(parent) for parent in parents], NOW, loss=loss)


def left(store) -> int:
    rows = journals.projections
    with store.connection(write=False) as connection:
        query = sa.select(sa.func.count()).where(rows.c.due_since.is_not(None))
        return int(connection.execute(query).scalar_one())


def mismatches(store) -> int:
    with store.connection(write=False) as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM audit WHERE name = 'projection:mismatch'")
        return int(count.scalar_one())


def until(true, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_several_are_written_at_once_none_by_two_with_one_token(store, keycloak, worker):
    due(store, *(f"p-{number}" for number in range(MANY)))
    until(lambda: left(store) == 0)
    assert sorted(keycloak.written) == sorted(f"p-{number}" for number in range(MANY))
    assert set(keycloak.values.values()) == {EMPTY}
    assert 1 < keycloak.most <= THREADS
    assert keycloak.most_of_one == 1
    assert keycloak.tokens == 1
    assert mismatches(store) == 0


def test_a_comparison_that_takes_its_time_and_one_slow_write_hold_up_no_loss(store, env, keycloak, worker):
    assert keycloak.comparing.wait(20)
    keycloak.held = "slow"
    due(store, "slow")
    until(lambda: keycloak.busy["slow"])
    began = time.monotonic()
    due(store, "loss", loss=True)
    HueyWakeup(make_queue(Worker(queue_file=env["IDP_BRIDGE_WORKER__QUEUE_FILE"]))).projection_due("loss")
    until(lambda: "loss" in keycloak.written)
    assert time.monotonic() - began < 3
    assert "slow" not in keycloak.written


def test_sigterm_lets_the_write_that_runs_finish_and_does_not_wait_for_a_comparison(store, keycloak, worker):
    assert keycloak.comparing.wait(20)
    keycloak.held = "slow"
    due(store, "slow")
    until(lambda: keycloak.busy["slow"])
    due(store, *(f"p-{number}" for number in range(MANY)))
    worker.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert worker.poll() is None
    threading.Timer(0.5, keycloak.let_go.set).start()
    _, said = worker.communicate(timeout=15)
    assert (worker.returncode, "Traceback" in said) == (0, False)
    assert "slow" in keycloak.written
    with store.reading() as rows:
        assert rows.projections.get(ParentId("slow")).due_since is None
        assert rows.projections.holders(NOW) == ()
