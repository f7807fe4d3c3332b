"""Hand letters to the district's mail server; never keeps or logs one."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage

from idp_bridge.outside.errors import NotNow, Refused, Unreachable
from idp_bridge.outside.letters import compose
from idp_bridge.services.ports import Letter
from idp_bridge.settings import District, Mail

SYSTEM = "mail"
WHOLE_S = 30
"""One mail altogether: the time-out of the settings is for each word, and a server that drips goes on."""
REFUSALS = (
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPDataError,
    smtplib.SMTPNotSupportedError,
)
"""What the server says about this mail, and not about itself."""


class SmtpMail:
    """One SMTP server. Each letter is a connection of its own: a district sends a few a minute."""

    def __init__(self, settings: Mail, district: District, url: str) -> None:
        self._settings = settings
        self._district = district
        self._url = f"{url}/children"

    def send(self, letter: Letter) -> None:
        """Put the letter into words and hand it over. Raises Unreachable, Refused and NotNow.

        Unreachable may be after the server took it: a server that dies before its answer cannot be told from
        one that never got the mail. Sent again, it has the same Message-ID.
        """
        try:
            message = self._message(letter)
            with opened(self._settings) as server:
                server.send_message(message)
        except (*REFUSALS, ValueError) as refusal:
            kind = NotNow if 400 <= _code(refusal) < 500 else Refused
            raise kind(SYSTEM, type(refusal).__name__) from refusal
        except (smtplib.SMTPException, OSError) as failure:
            raise Unreachable(SYSTEM, type(failure).__name__) from failure

    def _message(self, letter: Letter) -> EmailMessage:
        words = compose(letter, self._district.name, self._district.help_phone, self._url)
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["To"] = letter.to
        message["Subject"] = words.subject
        domain = self._settings.sender.rpartition("@")[2]
        message["Message-ID"] = f"<{hashlib.sha256(letter.id.encode()).hexdigest()[:32]}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(words.text)
        message.add_alternative(words.html, subtype="html")
        message["Content-Language"] = words.language  # last: setting a content drops every such header
        return message


@contextmanager
def opened(settings: Mail) -> Iterator[smtplib.SMTP]:
    """Open a connection ready to take a mail, for WHOLE_S at most. Raises SMTPException and OSError."""
    server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
    timer = threading.Timer(WHOLE_S, _shut, (server,))
    timer.daemon = True
    timer.start()
    try:
        if settings.starttls:
            server.starttls(context=ssl.create_default_context())
        if settings.user:
            server.login(settings.user, settings.password.get_secret_value())
        yield server
        with suppress(smtplib.SMTPException, OSError):  # it took the mail: how it says goodbye is its own
            server.quit()
    finally:
        timer.cancel()
        server.close()


def _shut(server: smtplib.SMTP) -> None:
    with suppress(OSError, AttributeError):  # closed meanwhile
        server.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


def _code(refusal: Exception) -> int:
    """Return the code of a refusal; 500 for a mail that could not even be written."""
    if isinstance(refusal, smtplib.SMTPRecipientsRefused):
        codes: list[int] = [code for code, _ in refusal.recipients.values()]
        return max(codes, default=500)
    return int(getattr(refusal, "smtp_code", 500))
