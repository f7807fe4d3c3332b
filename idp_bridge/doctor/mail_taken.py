"""Check that the mail server takes mails of our sender; never sends one."""

from __future__ import annotations

import smtplib

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds, unknown
from idp_bridge.outside.mail import opened

ACCEPTED = 250


def look(here: Installation) -> Finding:
    """Open the connection as for a mail, name our sender, and leave."""
    mail = here.settings.mail
    try:
        with opened(mail) as server:
            server.ehlo_or_helo_if_needed()
            code, _words = server.mail(mail.sender)
    except smtplib.SMTPAuthenticationError:
        return broken("it does not accept our account", "Correct IDP_BRIDGE_MAIL__USER and __PASSWORD.")
    except (smtplib.SMTPException, OSError) as fault:
        return unknown(type(fault).__name__, "Start the mail server, or correct IDP_BRIDGE_MAIL__HOST.")
    if code != ACCEPTED:
        return broken(f"it answers {code} to our sender", "Correct IDP_BRIDGE_MAIL__SENDER.")
    return holds(f"{mail.host} takes mails of our sender")


CHECK = Check("mail_taken", "The mail server takes our mails", look)
