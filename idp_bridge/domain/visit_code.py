"""Make, read and fingerprint visit codes; never stores one in clear.

A code is derived from the visit's id and a secret key, so that the parent's page can show it again while
the database holds only a keyed hash: who steals the database alone can neither read nor test a code.
"""

from __future__ import annotations

import hashlib
import hmac

from idp_bridge.domain.errors import CodeUnknown
from idp_bridge.domain.link import VisitId

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""Twenty consonants: no vowel, so no word; no digit, so nothing to confuse with a letter. 20^8 = 2.6e10."""
LENGTH = 8


def make(key: bytes, visit: VisitId, turn: int = 0) -> str:
    """Return the code of `visit` as `XXXX-XXXX`; another `turn` gives another code (after a collision)."""
    digest = hmac.new(key, f"visit-code:{visit}:{turn}".encode(), hashlib.sha256).digest()
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"


def read(text: str) -> str:
    """Return `text` as `XXXX-XXXX`; spaces, dashes and case do not matter. Raise CodeUnknown otherwise."""
    letters = "".join(ch for ch in text.upper() if ch.isalnum())
    if len(letters) != LENGTH or any(ch not in ALPHABET for ch in letters):
        raise CodeUnknown
    return f"{letters[:4]}-{letters[4:]}"


def fingerprint(key: bytes, code: str) -> str:
    """Return the keyed hash (HMAC-SHA-256, hex) under which a visit with `code` is stored."""
    return hmac.new(key, f"visit-code-hash:{code}".encode(), hashlib.sha256).hexdigest()
