"""Hand letters to the district's mail server; never keeps or logs one."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from idp_bridge.outside.errors import Refused, Unreachable
from idp_bridge.outside.letters import compose
from idp_bridge.services.ports import Letter
from idp_bridge.settings import District, Mail

SYSTEM = "mail"


class SmtpMail:
    """One SMTP server. Each letter is a connection of its own: a district sends a few a minute."""

    def __init__(self, settings: Mail, district: District, url: str) -> None:
        self._settings = settings
        self._district = district
        self._url = f"{url}/children"

    def send(self, letter: Letter) -> None:
        """Put the letter into words and hand it over. Raises Unreachable and Refused."""
        message = self._message(letter)
        try:
            with opened(self._settings) as server:
                server.send_message(message)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as refusal:
            raise Refused(SYSTEM, type(refusal).__name__) from refusal
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
    """Open a connection that is ready to take a mail. Raises SMTPException and OSError."""
    with smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s) as server:
        if settings.starttls:
            server.starttls(context=ssl.create_default_context())
        if settings.user:
            server.login(settings.user, settings.password.get_secret_value())
        yield server
