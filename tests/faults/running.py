"""Run the real web process and the real worker on what a test breaks, and ask as families do; never Keycloak.

Families are planted as a sign-in leaves them: a parent, a session, a whole request that only has to be sent.
"""

from __future__ import annotations

import http.client
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from itsdangerous import URLSafeTimedSerializer

from idp_bridge.domain.link import verified
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.storage import journals, tables
from idp_bridge.storage.store import SqlStore
from idp_bridge.storage.writing import upsert
from idp_bridge.web.session import COOKIE, _hash
from tests.conftest import IRIS, person_of
from tests.outside.test_queue import plain_env, worker_env
from tools.stack.places import ROOT
from tools.stack.ports import Ports, answers
from tools.stack.program import Program
from tools.stack.serving import served

READY_WITHIN_S = 30
ANSWER_WITHIN_S = 20
SECRET = "s" * 32
"""The key that signs anti-forgery tokens (`worker_env`)."""
PLANTED = "f" * 40
PLENTY = 1_000_000
MANY = ("POSTS_PER_ADDRESS", "REQUESTS_PER_ADDRESS", "REQUESTS_PER_NUMBER", "ACCOUNTS_PER_NUMBER")
"""Limits that a test from one address for one child would reach."""
DRAFT = {
    "number": IRIS.number,
    "birth-date": IRIS.birth_date.isoformat(),
    "school": IRIS.school,
    "relationship": "birth-or-adoptive-parent",
}


@dataclass
class Bridge:
    """`idp-bridge` as two processes on `database`; every system it asks is not there unless `env` says so."""

    folder: Path
    database: str
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = Ports.free().bridge
        self.host = f"localhost:{self.port}"
        self.settings = plain_env() | worker_env(self.folder) | self._own() | self.env
        self.store = SqlStore(self.database)
        self.web = self._program("web", served(self.port))
        self.worker = self._program("worker", [served(0)[0], "-m", "idp_bridge", "worker"])

    def start(self, *, worker: bool = True) -> Bridge:
        """Start both, or the pages alone, and wait until pages answer."""
        if worker:
            self.worker.start()
        self.start_web()
        return self

    def start_web(self) -> None:
        """Start the pages and wait until they answer."""
        self.web.start()
        self.web.wait_ready(lambda: answers(self.port), READY_WITHIN_S)

    def stop(self) -> None:
        """End both."""
        for program in (self.web, self.worker):
            program.stop()
        self.store.close()

    def families(self, count: int) -> list[Family]:
        """Plant so many parents with a whole request in their session, as a sign-in and the form leave it."""
        made = [Family(self, secrets.token_hex(16)) for _ in range(count)]
        with self.store.transaction() as rows:
            for one in made:
                rows.parents.save(Parent(ParentId(one.id), one.email, "Amara", "Quintero-Bell", "en", now()))
        self._signed_in(made)
        return made

    def employees(self, *uids: str) -> list[Employee]:
        """Plant sign-ins of these employees."""
        made = [Employee(self, uid) for uid in uids]
        self._signed_in(made)
        return made

    def _signed_in(self, people: Sequence[Person]) -> None:
        with self.store.connection(write=True) as connection:
            upsert(connection, journals.sessions, [one.session for one in people])

    def _own(self) -> dict[str, str]:
        url = f"http://{self.host}"
        limits = {f"IDP_BRIDGE_LIMITS__{name}": str(PLENTY) for name in MANY}
        return {
            "IDP_BRIDGE_WEB__URL": url,
            "IDP_BRIDGE_WEB__SECRET_KEY": SECRET,
            "IDP_BRIDGE_DATABASE__URL": self.database,
            **limits,
        }

    def _program(self, name: str, command: list[str]) -> Program:
        log = self.folder.parent / f"{self.folder.name}-{name}.log"
        return Program(name, command, log, env=self.settings, cwd=ROOT)


@dataclass(frozen=True)
class Answer:
    """What came back: `status` is None where nobody answered; `lost` says how it was cut off, if it was."""

    status: int | None
    location: str = ""
    text: str = ""
    lost: str = ""
    refused: bool = False
    """Nobody listened: the request never left."""
    took_s: float = 0.0

    @property
    def tried_again(self) -> bool:
        """Tell whether a person would send the same again: nobody listened, or the page says so."""
        return self.refused or self.status == 503


@dataclass(frozen=True)
class Person:
    """Somebody signed in at a browser of their own."""

    bridge: Bridge
    id: str

    @property
    def signed_in(self) -> dict[str, str]:
        """Return what the session keeps of who signed in."""
        raise NotImplementedError

    @property
    def session(self) -> dict[str, Any]:
        """Return the row of the session, as the callback of a sign-in leaves it."""
        person, ends = self.signed_in, now() + timedelta(hours=8)
        content = {"person": person, "ends": ends.isoformat(), "csrf_token": PLANTED, **self.typed}
        return {
            "id_hash": _hash(self.id), "iss": person["iss"], "sub": person["sub"], "sid": person["sid"],
            "created_at": now(), "expires_at": ends, "content": content,
        }  # fmt: skip

    @property
    def typed(self) -> dict[str, Any]:
        """Return what else stands in the session."""
        return {}

    def get(self, path: str, kept: http.client.HTTPConnection | None = None) -> Answer:
        """Open a page."""
        return self._ask("GET", path, None, kept)

    def post(self, path: str, kept: http.client.HTTPConnection | None = None, **form: str) -> Answer:
        """Send a form."""
        return self._ask("POST", path, form, kept)

    def _ask(
        self, method: str, path: str, form: dict[str, str] | None, kept: http.client.HTTPConnection | None
    ) -> Answer:
        body = urlencode({**form, "csrf_token": csrf()}) if form is not None else None
        headers = {"Host": self.bridge.host, "Cookie": f"{COOKIE}={self.id}"}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if kept is None:
            headers["Connection"] = "close"
        port = self.bridge.port
        connection = kept or http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN_S)
        began = time.monotonic()
        try:
            if connection.sock is None:
                connection.connect()
            connection.request(method, path, body, headers)
            came = connection.getresponse()
            text = came.read().decode()
        except ConnectionRefusedError:
            return Answer(None, refused=True)
        except (OSError, http.client.HTTPException) as fault:
            connection.close()
            return Answer(None, lost=type(fault).__name__, took_s=time.monotonic() - began)
        if kept is None:
            connection.close()
        return Answer(came.status, came.getheader("Location", ""), text, took_s=time.monotonic() - began)


@dataclass(frozen=True)
class Family(Person):
    """A parent whose request is whole and only has to be sent."""

    @property
    def email(self) -> str:
        """Return the parent's address."""
        return f"{self.id}@mail.example"

    @property
    def signed_in(self) -> dict[str, str]:
        """Return a parent."""
        return person_of("parents", self.id, "parent", self.email, "Amara Quintero-Bell", self.email)

    @property
    def typed(self) -> dict[str, Any]:
        """Return the answers to every question."""
        return {"drafts": [DRAFT]}

    def send(self, kept: http.client.HTTPConnection | None = None) -> Answer:
        """Send the request that stands in the session."""
        return self.post("/children/add/check", kept, true="y")


@dataclass(frozen=True)
class Employee(Person):
    """Somebody of the district's staff; `id` is their uid in LDAP."""

    @property
    def signed_in(self) -> dict[str, str]:
        """Return an employee."""
        return person_of("district", f"sub-{self.id}", "employee", self.id, self.id.title(), "")


def csrf() -> str:
    """Return the anti-forgery token that fits every planted session."""
    return str(URLSafeTimedSerializer(SECRET, salt="wtf-csrf-token").dumps(PLANTED))


def now() -> datetime:
    """Return the real time: these processes have no other."""
    return datetime.now(UTC)


def until(done: Callable[[], Any], within_s: float, every_s: float = 0.05) -> float:
    """Wait until `done()` holds and return how many seconds that took; fail after `within_s`."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        time.sleep(every_s)
    return time.monotonic() - began


# --- many at once --------------------------------------------------------------------------------


@dataclass
class Crowd:
    """Families that send, a few at a time, and what each was told."""

    families: Sequence[Family]
    at_once: int = 8
    patient: bool = True
    """Whether they try again where nobody listens, or a page says so."""
    told: dict[str, Answer] = field(default_factory=dict)
    refused: int = 0
    """How often nobody listened."""
    put_off: list[Answer] = field(default_factory=list)
    """Pages that said to try again in a few minutes; a patient crowd does so sooner."""

    def __enter__(self) -> Crowd:
        self._pool = ThreadPoolExecutor(self.at_once)
        self._began = [self._pool.submit(self._one, family) for family in self.families]
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        for one in self._began:
            one.result()

    @property
    def sent(self) -> int:
        """Return how many were told something so far."""
        return len(self.told)

    def _one(self, family: Family) -> None:
        deadline = time.monotonic() + (ANSWER_WITHIN_S if self.patient else 0)
        while (answer := family.send()).tried_again and time.monotonic() < deadline:
            if answer.refused:
                self.refused += 1
            else:
                self.put_off.append(answer)
            time.sleep(0.05)
        self.told[family.id] = answer

    def counted(self) -> Counter[str]:
        """Count the answers: by status, by how they were cut off, and those nobody took."""
        return Counter(
            "refused" if one.refused else one.lost or str(one.status) for one in self.told.values()
        )

    @property
    def slowest_s(self) -> float:
        """Return how long the slowest answer took, of those that put off too."""
        return max(one.took_s for one in (*self.told.values(), *self.put_off))

    @property
    def acknowledged(self) -> set[str]:
        """Return who was told that the request is in."""
        return {who for who, one in self.told.items() if (one.status, one.location) == (302, "/visit")}


@dataclass(frozen=True)
class Stored:
    """What the database holds of the families: all three rows, or a part."""

    whole: set[str]
    half: set[str]


def stored(bridge: Bridge, families: Iterable[Family]) -> Stored:
    """Return whose request is in the database: link, audit event and mail, or only some of them."""
    asked = {one.id for one in families}
    links, audit, notices = tables.links, journals.audit, journals.notices
    queries = (
        sa.select(links.c.parent),
        sa.select(audit.c.parent).where(audit.c.name == "link:requested"),
        sa.select(notices.c.parent).where(notices.c.kind == "request-received"),
    )
    with bridge.store.connection(write=False) as connection:
        found = [Counter(connection.execute(query).scalars()) for query in queries]
    known = [{who: rows[who] for who in asked if who in rows} for rows in found]
    whole = {who for who in asked if all(rows.get(who) == 1 for rows in known)}
    return Stored(whole, {who for rows in known for who in rows} - whole)


def chain_is_whole(bridge: Bridge) -> bool:
    """Tell whether the audit chain holds."""
    with bridge.store.reading() as rows:
        return rows.audit.first_bad() is None


# --- what the worker did -------------------------------------------------------------------------


class Postbox:
    """Keeps the Message-IDs of the mails it took, by address. `port` is where it listens (`posted`)."""

    port = 0

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = {}

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep one mail (aiosmtpd calls this)."""
        mail = message_from_bytes(envelope.content)
        self.ids.setdefault(envelope.rcpt_tos[0], []).append(mail["Message-ID"])
        return "250 OK"


Box = TypeVar("Box", bound=Postbox)


@contextmanager
def posted(box: Box) -> Iterator[Box]:
    """Run a real SMTP server with this postbox until the block ends."""
    server = Controller(box, hostname="127.0.0.1", port=Ports.free().smtp)
    server.start()
    box.port = server.port
    yield box
    server.stop()


def mail_to(port: int) -> dict[str, str]:
    """Return the settings that send mails to `port` of loopback."""
    values = {"HOST": "127.0.0.1", "PORT": str(port), "SENDER": "parents@district.example"}
    return {f"IDP_BRIDGE_MAIL__{name}": value for name, value in values.items()}


def unsent(bridge: Bridge) -> int:
    """Count the mails that are still to be sent."""
    query = sa.select(sa.func.count()).where(journals.notices.c.sent_at.is_(None))
    with bridge.store.connection(write=False) as connection:
        return int(connection.execute(query).scalar_one())


def linked(bridge: Bridge, families: Iterable[Family]) -> dict[str, str]:
    """Have every family's link verified, and return parent -> link."""
    links = {}
    for family in families:
        assert family.send().status == 302
        with bridge.store.reading() as rows:
            (link,) = rows.links.of_parent(ParentId(family.id))
            done = verified(link, IRIS, "school-record", IRIS.school, now(), ZoneInfo("America/New_York"))
        with bridge.store.transaction() as rows:
            rows.links.save(done)
        links[family.id] = link.id
    return links


def tried(bridge: Bridge, who: Family) -> bool:
    """Tell whether the worker took this parent up; without a Keycloak it comes no further."""
    with bridge.store.reading() as rows:
        row = rows.projections.get(ParentId(who.id))
    return row is not None and row.last_error is not None
