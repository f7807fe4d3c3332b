"""The mail server is down, hangs, refuses or dies: decisions go on, and each mail arrives after the mend."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.faults.figures import LONG, within
from tests.faults.proxy import FaultyProxy, Mode
from tests.faults.running import Bridge, Crowd, mail_to, stored, unsent, until
from tools.aims import at_least, exactly
from tools.stack.ports import Ports

PAGE_S = 5


@dataclass
class Post:
    """A real SMTP server. `mood` is what it does with a mail; `mails` are those it kept, by address."""

    mood: str = "takes"
    mails: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.mood == "later":
            return "451 4.7.1 later"
        if self.mood == "never":
            return "550 5.1.1 never"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        if self.mood != "dies before it took them":
            self.mails[envelope.rcpt_tos[0]].append(message_from_bytes(envelope.content))
        if self.mood.startswith("dies"):
            server.transport.abort()
        return "250 OK"


@dataclass(frozen=True)
class Fault:
    """How the server fails, for how long, and how soon after the mend the last mail is gone."""

    break_it: Callable[[Post, FaultyProxy], None]
    aim_s: float
    lasts_s: float = 2.5
    twice: bool = False
    """The server took mails and said nothing: sending them again is all that is left."""


def mood(name: str) -> Callable[[Post, FaultyProxy], None]:
    return lambda post, _wire: setattr(post, "mood", name)


def wire(mode: Mode, **how: Any) -> Callable[[Post, FaultyProxy], None]:
    return lambda _post, wire: wire.switch(mode, **how)


FAULTS = {
    "is down": Fault(wire(Mode.REFUSE), 20),
    "hangs": Fault(wire(Mode.BLACK_HOLE), 20),
    "dies after it took them": Fault(mood("dies after it took them"), 20, twice=True),
}
if LONG:
    FAULTS |= {
        "is down for a minute": Fault(wire(Mode.REFUSE), 25, lasts_s=60),
        "hangs for a minute": Fault(wire(Mode.BLACK_HOLE), 25, lasts_s=60),
        "says 503 and ends": Fault(wire(Mode.ANSWER, reply=b"503 go away\r\n"), 20),
        "dies before it took them": Fault(mood("dies before it took them"), 20),
        "hangs up after its greeting": Fault(wire(Mode.CUT, after_bytes=80), 20),
        "says later (451) for half a minute": Fault(mood("later"), 60, lasts_s=30),
        "says never (550) and changes its mind": Fault(mood("never"), 65, lasts_s=20),
    }


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    post = Post()
    server = Controller(post, hostname="127.0.0.1", port=Ports.free().smtp)
    server.start()
    post.port = server.port  # type: ignore[attr-defined]
    yield post
    server.stop()


@pytest.fixture(scope="module")
def to_post(post: Post) -> Iterator[FaultyProxy]:
    with FaultyProxy(post.port) as wire:  # type: ignore[attr-defined]
        yield wire


@pytest.fixture(scope="module")
def bridge(sqlite_bridge: Callable[..., Bridge], to_post: FaultyProxy) -> Bridge:
    """Both processes on a database of their own, their mails through the wire."""
    return sqlite_bridge(IDP_BRIDGE_MAIL__TIMEOUT_S="1", **mail_to(to_post.port))


@pytest.mark.parametrize("name", FAULTS)
def test_each_mail_arrives_after_the_mend(bridge, post, to_post, figure, times, name):
    fault, families = FAULTS[name], bridge.families(times(10, 40))
    post.mails.clear()
    fault.break_it(post, to_post)
    began = time.monotonic()
    with Crowd(families, at_once=4) as crowd:
        pass
    assert crowd.acknowledged == stored(bridge, families).whole == {one.id for one in families}
    time.sleep(max(0.0, fault.lasts_s - (time.monotonic() - began)))
    assert unsent(bridge) == len(families)
    post.mood = "takes"
    to_post.mend()
    took = until(lambda: not unsent(bridge), 120)
    about = f"mail server {name}"
    figure(f"{about}: slowest page meanwhile, s", crowd.slowest_s, within(PAGE_S))
    figure(f"{about}: seconds from mend to all sent", took, within(fault.aim_s))
    came = {one.email: post.mails[one.email] for one in families}
    figure(f"{about}: mails lost of {len(came)}", sum(not mails for mails in came.values()), exactly(0))
    again = sum(max(len(mails) - 1, 0) for mails in came.values())
    figure(f"{about}: came more than once", again, at_least(1) if fault.twice else exactly(0))
    ids = Counter(len({mail["Message-ID"] for mail in mails}) for mails in came.values())
    figure(f"{about}: came again with another Message-ID", len(came) - ids[1], exactly(0))
