"""Begin a server's data with a copy of a just initialised database; never holds a realm of ours.

It skips making the schema and the `master` realm: a third of the first start.
"""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tools.stack.places import distribution

DATA = Path("data") / "h2"
PASSWORD_FILE = "admin-password"  # noqa: S105 - the name of a file
TIMEOUT_S = 10


def seed() -> Path:
    """Return where the copy is, or would be; it belongs to one build of the distribution."""
    built = distribution()
    return built.with_name(f"{built.name}-seed")


def plant(home: Path) -> None:
    """Give the server in `home` the copy, unless it has data already or there is no copy."""
    if seed().exists() and not (home / DATA).exists():
        shutil.copytree(seed(), home / DATA)


def own(home: Path, url: str, user: str, password: str) -> None:
    """Give the administrator of the running server in `home` a password of its own, once."""
    planted = home / DATA / PASSWORD_FILE
    if planted.exists():
        change_password(url, user, planted.read_text(), password)
        planted.unlink()


def change_password(url: str, user: str, old: str, new: str) -> None:
    """Replace the administrator's password; raises URLError where the server refuses."""
    form = {"grant_type": "password", "client_id": "admin-cli", "username": user, "password": old}
    answer = _ask(f"{url}/realms/master/protocol/openid-connect/token", urllib.parse.urlencode(form).encode())
    bearer = {"Authorization": f"Bearer {answer['access_token']}", "Content-Type": "application/json"}
    users = f"{url}/admin/realms/master/users"
    [found] = _ask(f"{users}?exact=true&username={urllib.parse.quote(user)}", headers=bearer)
    body = json.dumps({"type": "password", "value": new, "temporary": False}).encode()
    _ask(f"{users}/{found['id']}/reset-password", body, bearer, "PUT")


def _ask(
    url: str, body: bytes | None = None, headers: dict[str, str] | None = None, method: str | None = None
) -> Any:
    request = urllib.request.Request(url, body, headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return json.loads(answer.read() or b"null")
