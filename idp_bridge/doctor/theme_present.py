"""Check that Keycloak's pages wear the bridge's own stylesheet; never changes a theme."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import requests
from requests import RequestException

import idp_bridge.web
from idp_bridge.doctor.examining import Check, Finding, Installation, broken, holds, unknown

WAIT_S = 5
OURS = Path(idp_bridge.web.__file__).parent / "static" / "site.css"
TODO = "Copy keycloak-theme/ and the stylesheet into the server's themes/ and build again (docs/look.md)."


def look(here: Installation) -> Finding:
    """Open the sign-in page and compare the stylesheet it links with ours, byte for byte."""
    realm = here.settings.parents_realm
    page = f"{realm.issuer}/protocol/openid-connect/auth"
    asked = {
        "client_id": realm.client_id, "response_type": "code", "scope": "openid",
        "code_challenge_method": "S256", "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "redirect_uri": f"{here.settings.web.url}/signin/parents/callback",
    }  # fmt: skip
    try:
        answer = requests.get(page, params=asked, timeout=WAIT_S)
        linked = re.search(r'href="([^"]*/site\.css)"', answer.text)
        if linked is None:
            return broken("the sign-in page does not link site.css", TODO)
        served = requests.get(urljoin(page, linked[1]), timeout=WAIT_S).content
    except RequestException as fault:
        return unknown(type(fault).__name__, "Start Keycloak, or correct the issuer's address.")
    if served != OURS.read_bytes():
        return broken("the stylesheet Keycloak serves is another version's", TODO)
    return holds("the sign-in page wears this version's stylesheet")


CHECK = Check("theme_present", "Keycloak's pages wear the bridge's theme", look)
