"""Check that each LDAP server shows a certificate we trust and for how long; never signs in."""

from __future__ import annotations

import socket
import ssl
from datetime import timedelta
from urllib.parse import urlsplit

from cryptography import x509

from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds, unknown

WAIT_S = 5
LDAPS_PORT = 636
SOON = timedelta(days=30)


def look(here: Installation) -> Finding:
    """Open TLS to each server as the gate does: our authority, by name."""
    ends = []
    for url in here.settings.directory.urls:
        parts = urlsplit(url)
        if parts.scheme != "ldaps":
            return broken(
                f"{parts.hostname} is asked without TLS", "Use ldaps:// in IDP_BRIDGE_DIRECTORY__URLS."
            )
        try:
            ends.append(_shown(parts.hostname or "", parts.port or LDAPS_PORT, here).not_valid_after_utc)
        except ssl.SSLCertVerificationError as fault:
            return broken(
                f"{parts.hostname}: {fault.verify_message}", "Renew it, or correct CA_FILE or the name."
            )
        except (OSError, ValueError) as fault:
            return unknown(
                f"{parts.hostname}: {type(fault).__name__}", "Start the server, or correct its address."
            )
    first = min(ends)
    if first - here.now < SOON:
        return broken(
            f"one ends on {first:%Y-%m-%d}", "Renew it before that day: no duty can be read after it."
        )
    return holds(f"trusted, the first ends on {first:%Y-%m-%d}")


def _shown(host: str, port: int, here: Installation) -> x509.Certificate:
    context = ssl.create_default_context(cafile=here.settings.directory.ca_file)
    with (
        socket.create_connection((host, port), WAIT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(shown or b"")


CHECK = Check("ldap_certificate", "Each LDAP server shows a certificate we trust", look)
