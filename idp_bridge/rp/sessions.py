"""Keep sign-ins and page sessions on the server; never puts more than an opaque id into a cookie."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

Clock = Callable[[], datetime]
MOST_SESSIONS = 20_000
"""Page sessions kept in memory; the oldest go first, so that a flood costs memory only up to here."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One person signed in to this app. All times aware UTC."""

    id: str
    issuer: str
    """Name of the issuer, as in `Issuer.name`."""
    sub: str
    sid: str | None
    claims: Mapping[str, object] = field(repr=False)
    """Verified claims of the newest ID token."""
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    access_ends_at: datetime
    refreshed_at: datetime
    ends_at: datetime
    """When the person must sign in again, whatever happens."""
    ask_again_at: datetime | None = None
    """After an issuer did not answer: not before this."""


class SignIns(Protocol):
    """Where sign-ins live. Several processes need one that they share (a table with the same five verbs)."""

    def get(self, id: str) -> SignIn | None:
        """Return the sign-in, or None when it ended."""
        ...

    def add(self, sign_in: SignIn) -> None:
        """Keep a new sign-in."""
        ...

    def replace(self, sign_in: SignIn) -> bool:
        """Replace a sign-in that still exists; False (and nothing kept) when it ended meanwhile."""
        ...

    def end(self, issuer: str, sub: str | None = None, sid: str | None = None, id: str | None = None) -> int:
        """End the sign-ins at `issuer` to which every part that is given applies; return how many."""
        ...

    @contextmanager
    def alone(self, id: str, wait_s: float) -> Iterator[bool]:
        """Hold this sign-in's lock: one refresh at a time. Yields False after `wait_s` seconds of waiting."""
        ...


class SignInsInMemory:
    """`SignIns` for one process; a restart signs everybody out of this app (their realm session remains)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, SignIn] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, id: str) -> SignIn | None:
        """Return the sign-in, or None when it ended."""
        one = self._kept.get(id)
        return one if one and self._clock() < one.ends_at else None

    def add(self, sign_in: SignIn) -> None:
        """Keep a new sign-in."""
        now = self._clock()
        with self._guard:
            for id in [id for id, one in self._kept.items() if one.ends_at <= now]:
                self._forget(id)
            self._kept[sign_in.id] = sign_in

    def replace(self, sign_in: SignIn) -> bool:
        """Replace a sign-in that still exists; False (and nothing kept) when it ended meanwhile."""
        with self._guard:
            if sign_in.id not in self._kept:
                return False
            self._kept[sign_in.id] = sign_in
            return True

    def end(self, issuer: str, sub: str | None = None, sid: str | None = None, id: str | None = None) -> int:
        """End the sign-ins at `issuer` to which every part that is given applies; return how many."""
        if sub is None and sid is None and id is None:
            raise ValueError("name an account, a session or a sign-in")
        with self._guard:
            ended = [one.id for one in self._kept.values() if _matches(one, issuer, sub, sid, id)]
            for one_id in ended:
                self._forget(one_id)
        return len(ended)

    @contextmanager
    def alone(self, id: str, wait_s: float) -> Iterator[bool]:
        """Hold this sign-in's lock: one refresh at a time. Yields False after `wait_s` seconds of waiting."""
        with self._guard:
            lock = self._locks.setdefault(id, threading.Lock())
        held = lock.acquire(timeout=wait_s)
        try:
            yield held
        finally:
            if held:
                lock.release()

    def _forget(self, id: str) -> None:
        self._kept.pop(id, None)
        self._locks.pop(id, None)


def _matches(one: SignIn, issuer: str, sub: str | None, sid: str | None, id: str | None) -> bool:
    asked = ((sub, one.sub), (sid, one.sid), (id, one.id))
    return one.issuer == issuer and all(wanted is None or wanted == has for wanted, has in asked)


class PageSession(CallbackDict[str, object], SessionMixin):
    """Flask's `session`, with the id under which the server keeps it."""

    def __init__(self, id: str, values: Mapping[str, object], is_new: bool) -> None:
        def changed(_: CallbackDict[str, object]) -> None:
            self.modified = True

        super().__init__(dict(values), changed)
        self.id = id
        self.was: str | None = None
        self.new = is_new
        self.modified = False

    def renew(self) -> None:
        """Move to a fresh id, so that one planted before a sign-in is worth nothing after it."""
        self.was, self.id = self.id, new_id()
        self.modified = True


class ServerSessions(SessionInterface):
    """Flask sessions whose values stay in this process. The cookie is `name`, HttpOnly, SameSite=Lax."""

    def __init__(self, name: str, secure: bool, clock: Clock, lifetime: timedelta) -> None:
        """`secure`: the app is served by https; the cookie is then `__Host-<name>`."""
        self._cookie = f"__Host-{name}" if secure else name
        self._secure = secure
        self._clock = clock
        self._lifetime = lifetime
        self._kept: OrderedDict[str, tuple[datetime, dict[str, object]]] = OrderedDict()
        self._lock = threading.Lock()

    def open_session(self, app: Flask, request: Request) -> PageSession:
        """Return the session the cookie names, or a new one."""
        id = request.cookies.get(self._cookie, "")
        with self._lock:
            ends_at, values = self._kept.get(id, (None, {}))
        if ends_at is None or ends_at <= self._clock():
            return PageSession(new_id(), {}, is_new=True)
        return PageSession(id, values, is_new=False)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Keep what changed; a session that is still empty leaves no trace and no cookie."""
        if not isinstance(session, PageSession) or not session.modified or (session.new and not session):
            return
        with self._lock:
            self._kept.pop(session.was or session.id, None)
            self._kept[session.id] = (self._clock() + self._lifetime, dict(session))
            while len(self._kept) > MOST_SESSIONS:
                self._kept.popitem(last=False)
        response.set_cookie(
            self._cookie, session.id, secure=self._secure, httponly=True, samesite="Lax", path="/"
        )


def new_id() -> str:
    """Return an unguessable id: 256 bits, safe in a cookie."""
    return secrets.token_urlsafe(32)
