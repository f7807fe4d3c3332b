"""Keep redirects inside the bridge; never follows an address somebody else wrote."""

from __future__ import annotations

from urllib.parse import urlsplit


def local_path(target: str | None, otherwise: str) -> str:
    """Return `target` if it is a path of our own, else `otherwise`.

    `//host`, `/\\host` and control characters are what browsers read as another site.
    """
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return otherwise
    if any(ord(ch) < 32 or ch == "\\" for ch in target) or urlsplit(target).netloc:
        return otherwise
    return target
