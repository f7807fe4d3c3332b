"""Mails on their way through a real mail server: once each, and the same one after a crash."""

from __future__ import annotations

import smtplib
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from idp_bridge.domain.link import Move, moved
from idp_bridge.outside.errors import NotNow, Refused, Unreachable
from idp_bridge.outside.mail import SmtpMail
from idp_bridge.services.linking import SignedIn, arrive, request_link
from idp_bridge.services.notifying import LEASE, Outbox, send_due, tell
from idp_bridge.settings import District, Mail
from idp_bridge.storage.notices import SqlNotices
from tests.conftest import AMARA, IRIS, OTHER
from tests.web.families import asked, claim_for, confirmed
from tools.stack.ports import Ports


class Inbox:
    """Keeps every mail the server took, in order."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, _server, _session, envelope) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def inbox():
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=Ports.free().smtp)
    server.start()
    inbox.port = server.port
    yield inbox
    server.stop()


@pytest.fixture
def posting(house, inbox):
    """A house whose letters go to the inbox, with two parents."""
    arrive(house, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    arrive(house, SignedIn(OTHER, "bo@mail.example", "Bo", "Li", "es"))
    district = District(
        name="Heron County Schools", email_domains=("d.example",), help_phone="(321) 555-0142"
    )
    mail = SmtpMail(
        Mail(host="127.0.0.1", port=inbox.port, sender="parents@district.example"),
        district,
        "http://localhost",
    )
    return replace(house, mail=mail)


def test_a_crash_between_sending_and_marking_sends_the_same_mail_again(posting, inbox, clock, monkeypatch):
    request_link(posting, AMARA, claim_for(IRIS))

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(SqlNotices, "sent", killed)
    with pytest.raises(KeyboardInterrupt):
        send_due(posting, clock.now())
    monkeypatch.undo()
    assert send_due(posting, clock.now()) == 0  # leased: no second worker sends it now
    clock.advance(minutes=3)
    assert [send_due(posting, clock.now()) for _ in range(3)] == [1, 0, 0]
    one, other = inbox.mails
    assert one["Message-ID"] == other["Message-ID"]
    assert one.get_body(("plain",)).get_content() == other.get_body(("plain",)).get_content()


def test_mails_of_two_people_have_ids_of_their_own(posting, inbox, clock):
    for parent in (AMARA, OTHER):
        request_link(posting, parent, claim_for(IRIS))
    send_due(posting, clock.now())
    assert {mail["To"] for mail in inbox.mails} == {"amara@mail.example", "bo@mail.example"}
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 2
    assert {mail["Content-Language"] for mail in inbox.mails} == {"en", "es"}


def test_what_was_rolled_back_writes_no_mail(posting, inbox, clock):
    link = confirmed(posting, asked(posting, AMARA, claim_for(IRIS)), IRIS)
    send_due(posting, clock.now())
    before = len(inbox.mails)
    with pytest.raises(RuntimeError):
        _told_and_rolled_back(posting, moved(link, Move.LEAVE, clock.now()))
    send_due(posting, clock.now())
    assert len(inbox.mails) == before


def test_a_mail_carries_both_parts_and_answers_to_nobody(posting, inbox, clock):
    request_link(posting, AMARA, claim_for(IRIS))
    send_due(posting, clock.now())
    (mail,) = inbox.mails
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"] == "parents@district.example"
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "Lakeside Elementary" in plain
    assert "Lakeside Elementary" in html


def test_a_server_that_comes_back_gets_every_mail_once(posting, inbox, clock, monkeypatch):
    request_link(posting, AMARA, claim_for(IRIS))
    monkeypatch.setattr(smtplib.SMTP, "send_message", _hang_up)
    assert send_due(posting, clock.now()) == 1
    monkeypatch.undo()
    clock.advance(minutes=1)
    assert [send_due(posting, clock.now()) for _ in range(2)] == [1, 0]
    assert len(inbox.mails) == 1


def _told_and_rolled_back(house, link):
    with house.store.transaction() as rows:
        tell(rows, link, house.clock.now())
        raise RuntimeError("rolled back")


def _hang_up(*_, **__):
    raise smtplib.SMTPServerDisconnected("gone")


# --- servers that are not as they should be -------------------------------------------------------


class Curt(Inbox):
    """Takes mails and is gone before anybody can say goodbye."""

    async def handle_QUIT(self, server, _session, _envelope) -> str:
        server.transport.abort()
        return "221 Bye"


class Refusing(Inbox):
    """Refuses every recipient with `answer`."""

    answer = ""

    async def handle_RCPT(self, *_) -> str:
        return self.answer


@pytest.fixture
def served_by(house):
    """Return a function that gives the house a real server with this handler."""
    running = []

    def serve(handler):
        server = Controller(handler, hostname="127.0.0.1", port=Ports.free().smtp)
        server.start()
        running.append(server)
        district = District(name="H", email_domains=("d.example",), help_phone="(321) 555-0142")
        settings = Mail(host="127.0.0.1", port=server.port, sender="parents@district.example")
        return replace(house, mail=SmtpMail(settings, district, "http://localhost"))

    yield serve
    for server in running:
        server.stop()


def test_a_mail_that_was_taken_is_sent_however_the_server_says_goodbye(served_by, clock):
    box = Curt()
    posting = served_by(box)
    arrive(posting, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    request_link(posting, AMARA, claim_for(IRIS))
    send_due(posting, clock.now())
    clock.advance(minutes=1)
    send_due(posting, clock.now())
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("answer", "failure", "first_s", "later_s"),
    [("451 later", NotNow, 5, 10), ("550 never", Refused, 30, 60), ("421 too many", NotNow, 5, 10)],
)
def test_later_is_tried_soon_and_never_seldom(served_by, clock, answer, failure, first_s, later_s):
    box = Refusing()
    box.answer = answer
    posting = served_by(box)
    arrive(posting, SignedIn(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en"))
    request_link(posting, AMARA, claim_for(IRIS))
    for wait_s in (first_s, later_s):
        assert send_due(posting, clock.now()) == 1
        clock.advance(seconds=wait_s - 1)
        assert send_due(posting, clock.now()) == 0
        clock.advance(seconds=1)
    with posting.store.connection(write=False) as connection:
        found = connection.exec_driver_sql("SELECT last_error, attempts FROM notice").one()
    assert tuple(found) == (failure.__name__, 2)


def test_an_address_no_mail_can_go_to_holds_up_nobody(posting, inbox, clock):
    arrive(posting, SignedIn(OTHER, "bo@mail.example\r\nBcc: eve@mail.example", "Bo", "Li", "es"))
    for parent in (OTHER, AMARA):
        request_link(posting, parent, claim_for(IRIS))
    assert send_due(posting, clock.now()) == 3  # both requests, and a word to the old address
    assert {mail["To"] for mail in inbox.mails} == {"bo@mail.example", "amara@mail.example"}


def test_a_server_that_does_not_answer_is_asked_once_a_turn(posting, clock, monkeypatch):
    for parent in (AMARA, OTHER):
        request_link(posting, parent, claim_for(IRIS))
    tried = []

    def hangs(*_, **__):
        tried.append(1)
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(smtplib.SMTP, "send_message", hangs)
    assert send_due(posting, clock.now()) == 2
    assert len(tried) == 1
    assert send_due(posting, clock.now()) == 1  # the one that was given back: the other waits
    assert len(tried) == 2


def test_a_turn_ends_before_its_lease_does(posting, inbox, clock, monkeypatch):
    for parent in (AMARA, OTHER):
        request_link(posting, parent, claim_for(IRIS))
    real = smtplib.SMTP.send_message

    def slow(server, message):
        clock.advance(seconds=LEASE.total_seconds() * 0.6)
        return real(server, message)

    monkeypatch.setattr(smtplib.SMTP, "send_message", slow)
    send_due(posting, clock.now())
    assert len(inbox.mails) == 1
    monkeypatch.undo()
    send_due(posting, clock.now())
    assert len({mail["To"] for mail in inbox.mails}) == len(inbox.mails) == 2


def test_a_mail_whose_mark_was_lost_is_marked_at_the_next_turn_and_not_sent_again(
    posting, inbox, clock, monkeypatch
):
    for parent in (AMARA, OTHER):
        request_link(posting, parent, claim_for(IRIS))
    outbox = Outbox()

    def away(*_):
        raise Unreachable("database")

    monkeypatch.setattr(SqlNotices, "sent", away)
    with pytest.raises(Unreachable):
        send_due(posting, clock.now(), outbox=outbox)
    assert (len(outbox.sent), len(outbox.held)) == (1, 1)
    monkeypatch.undo()
    assert [send_due(posting, clock.now(), outbox=outbox) for _ in range(2)] == [1, 0]  # the other, at once
    clock.advance(minutes=3)
    send_due(posting, clock.now(), outbox=outbox)
    assert sorted(mail["To"] for mail in inbox.mails) == ["amara@mail.example", "bo@mail.example"]


@pytest.mark.parametrize(("due", "more"), [(2, True), (1, False)])
def test_a_full_turn_asks_for_the_next_at_once(posting, clock, due, more):
    for parent in (AMARA, OTHER)[:due]:
        request_link(posting, parent, claim_for(IRIS))
    outbox = Outbox()
    send_due(posting, clock.now(), 2, outbox=outbox)
    assert outbox.more == more
