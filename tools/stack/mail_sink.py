"""Take every mail on loopback and show it, as a page and as JSON; never sends one on."""

from __future__ import annotations

import argparse
import html
import json
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller

MOST_MAILS = 1000
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Mails</title><style>
body{{font:1rem/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}}
article{{border:1px solid #ccc;border-radius:.5rem;padding:1rem;margin:1rem 0;overflow-wrap:anywhere}}
pre{{white-space:pre-wrap;font:inherit}}</style><main><h1>Mails</h1>
<p>Newest first. Nothing leaves this machine.</p>
{mails}</main></html>"""


@dataclass(frozen=True)
class Mail:
    """One mail as it came in."""

    id: int
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str


class Box:
    """The mails, newest last."""

    def __init__(self) -> None:
        self._mails: list[Mail] = []
        self._next = 1
        self._lock = threading.Lock()

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        """Keep one mail (aiosmtpd calls this)."""
        message = cast(EmailMessage, message_from_bytes(envelope.content, policy=policy.default))
        with self._lock:
            self._mails.append(
                Mail(
                    self._next,
                    envelope.mail_from,
                    envelope.rcpt_tos,
                    str(message["Subject"] or ""),
                    _body(message, "plain"),
                    _body(message, "html"),
                )
            )
            self._next += 1
            del self._mails[:-MOST_MAILS]
        return "250 kept"

    def to(self, address: str | None) -> Iterator[Mail]:
        """Yield the mails to `address`, or all, oldest first."""
        with self._lock:
            mails = list(self._mails)
        return (mail for mail in mails if address is None or address in mail.to)

    def clear(self) -> None:
        """Forget every mail."""
        with self._lock:
            self._mails.clear()


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""


class Pages(BaseHTTPRequestHandler):
    """`/` for people; `/api/messages[?to=]`, `/api/messages/<id>` for programs; DELETE forgets all."""

    box: Box

    def do_GET(self) -> None:
        """Show mails."""
        address = urlsplit(self.path)
        if address.path == "/":
            self._answer(200, "text/html", PAGE.format(mails=_listed(self.box)))
        elif address.path == "/api/messages":
            to = parse_qs(address.query).get("to", [None])[0]
            self._answer(200, "application/json", json.dumps([asdict(mail) for mail in self.box.to(to)]))
        elif match := re.fullmatch(r"/api/messages/(\d+)", address.path):
            self._one(int(match[1]))
        else:
            self._answer(404, "text/plain", "not here")

    def do_DELETE(self) -> None:
        """Forget every mail."""
        self.box.clear()
        self._answer(204, "text/plain", "")

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: addresses do not belong in a log."""

    def _one(self, wanted: int) -> None:
        found = [mail for mail in self.box.to(None) if mail.id == wanted]
        if found:
            self._answer(200, "application/json", json.dumps(asdict(found[0])))
        else:
            self._answer(404, "text/plain", "not here")

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _listed(box: Box) -> str:
    mails = [
        f"<article><h2>{html.escape(mail.subject)}</h2><p>To {html.escape(', '.join(mail.to))}</p>"
        f"<pre>{_with_links(mail.text)}</pre></article>"
        for mail in reversed(list(box.to(None)))
    ]
    return "\n".join(mails) or "<p>None yet.</p>"


def _with_links(text: str) -> str:
    return re.sub(r"https?://[^\s<&]+(?:&amp;[^\s<&]+)*", r'<a href="\g<0>">\g<0></a>', html.escape(text))


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    ports = parser.parse_args()
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=ports.smtp_port)
    controller.start()
    server = ThreadingHTTPServer(("127.0.0.1", ports.http_port), type("Bound", (Pages,), {"box": box}))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        controller.stop()


if __name__ == "__main__":
    main()
