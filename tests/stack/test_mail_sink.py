"""The mail sink keeps what it is sent and shows it to people and programs."""

from __future__ import annotations

import smtplib
import socket
import sys
from email.message import EmailMessage

import pytest
import requests

from tools.stack.places import ROOT
from tools.stack.ports import Ports, answers
from tools.stack.program import Program


@pytest.fixture(scope="module")
def sink(tmp_path_factory):
    ports = Ports.free()
    command = [sys.executable, "-m", "tools.stack.mail_sink"]
    command += ["--smtp-port", str(ports.smtp), "--http-port", str(ports.mail)]
    program = Program("mail", command, tmp_path_factory.mktemp("mail") / "mail.log", cwd=ROOT)
    program.start()
    program.wait_ready(lambda: answers(ports.mail) and answers(ports.smtp), 20)
    yield ports
    program.stop()


@pytest.fixture
def url(sink):
    url = f"http://127.0.0.1:{sink.mail}"
    assert requests.delete(f"{url}/api/messages", timeout=5).status_code == 204
    return url


def send(sink: Ports, to: str, subject: str, text: str, html: str | None = None) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "parents@district.example", to, subject
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", sink.smtp, timeout=5) as server:
        server.send_message(mail)


def listed(url: str, **query: str):
    return requests.get(f"{url}/api/messages", params=query, timeout=5).json()


def test_a_mail_is_listed_with_both_its_parts(sink, url):
    send(sink, "amara@mail.example", "Su código", "Texto: ñ", "<p>Texto</p>")
    [mail] = listed(url)
    assert mail["to"] == ["amara@mail.example"]
    assert (mail["subject"], mail["text"].strip(), mail["html"].strip()) == (
        "Su código", "Texto: ñ", "<p>Texto</p>",
    )  # fmt: skip


def test_mails_are_found_by_address_oldest_first(sink, url):
    for to, subject in (("a@mail.example", "1"), ("b@mail.example", "2"), ("a@mail.example", "3")):
        send(sink, to, subject, "text")
    assert [mail["subject"] for mail in listed(url, to="a@mail.example")] == ["1", "3"]
    assert listed(url, to="nobody@mail.example") == []


def test_one_mail_by_its_number(sink, url):
    send(sink, "a@mail.example", "mine", "text")
    [mail] = listed(url)
    assert requests.get(f"{url}/api/messages/{mail['id']}", timeout=5).json() == mail
    assert requests.get(f"{url}/api/messages/999999", timeout=5).status_code == 404


def test_the_page_has_links_to_press_and_no_markup_of_the_mail(sink, url):
    send(sink, "a@mail.example", "<b>bold</b>", "See http://localhost:8180/x?a=1&b=2 now <script>x</script>")
    page = requests.get(url, timeout=5).text
    assert '<a href="http://localhost:8180/x?a=1&amp;b=2">' in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<script>" not in page


def test_deleting_forgets_all(sink, url):
    send(sink, "a@mail.example", "1", "text")
    requests.delete(f"{url}/api/messages", timeout=5)
    assert listed(url) == []


def test_what_is_no_mail_at_all_does_not_stop_it(sink, url):
    with smtplib.SMTP("127.0.0.1", sink.smtp, timeout=5) as server:
        server.sendmail("x@mail.example", ["a@mail.example"], b"\xff\xfe no header\r\n\r\n\x00")
    send(sink, "a@mail.example", "after", "text")
    assert listed(url)[-1]["subject"] == "after"


@pytest.mark.parametrize("path", ["/etc/passwd", "/api", "/api/messages/x", "/api/messages/1/2"])
def test_other_addresses_are_not_here(url, path):
    assert requests.get(f"{url}{path}", timeout=5).status_code == 404


def test_it_listens_on_loopback_only(sink):
    outside = [name[4][0] for name in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    for address in {name for name in outside if not name.startswith("127.")}:
        with socket.socket() as probe:
            probe.settimeout(1)
            assert probe.connect_ex((address, sink.mail)) != 0
