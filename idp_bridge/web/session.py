"""Keep sessions behind an opaque cookie, in rows handed in by `app.py`; never puts content in the cookie."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from flask import Flask, Request, Response, current_app, session
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from idp_bridge.services.failures import Unreachable
from idp_bridge.services.ports import Clock

COOKIE = "idp_bridge"
BEFORE_SIGN_IN = timedelta(hours=1)
"""Life of a session nobody signed in to: long enough to read a mail and come back."""


class Sessions(Protocol):
    """Rows of sessions by the hash of their id (`storage/sessions.py`)."""

    def load(self, id_hash: str, now: datetime) -> dict[str, Any] | None:
        """Return the content of a session that has not expired."""
        ...

    def save(self, id_hash: str, content: dict[str, Any], now: datetime, expires_at: datetime) -> None:
        """Insert or replace a session."""
        ...

    def delete(self, id_hash: str) -> None:
        """Delete one session."""
        ...

    def delete_of(self, iss: str, sub: str | None, sid: str | None) -> int:
        """Delete the sessions a back-channel logout names."""
        ...

    def first_use(self, jti: str, expires_at: datetime, now: datetime) -> bool:
        """Remember a logout token's `jti`; False if it was seen before."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in, as the ID token said then. A duty is never read from here."""

    realm: str
    iss: str
    sub: str
    sid: str
    population: str
    username: str
    name: str
    email: str
    id_token: str
    """Kept for `id_token_hint` at sign-out."""
    student_number: str = ""
    """Of a student of realm `district`; empty for everybody else."""


class OpaqueSession(CallbackDict[str, Any], SessionMixin):
    """A session's content; `id` is the secret in the cookie, None until it is first saved."""

    def __init__(self, content: dict[str, Any] | None = None, id: str | None = None) -> None:
        def changed(mine: OpaqueSession) -> None:
            mine.modified = True

        super().__init__(content or {}, changed)
        self.id = id
        self.old_id: str | None = None
        self.failure: Unreachable | None = None
        """Why it could not be loaded; nobody is signed in then, and no page is shown."""
        self.modified = False
        self.ends: datetime | None = None
        """When it ends, once it was written in this request."""

    def renew(self) -> None:
        """Give the session a new id at sign-in, so that one planted before is worth nothing."""
        self.old_id, self.id, self.modified = self.id, None, True


class SqlSessionInterface(SessionInterface):
    """Loads and saves sessions; writes only when something changed."""

    def __init__(self, sessions: Sessions, clock: Clock, hours: int) -> None:
        self._sessions = sessions
        self._clock = clock
        self._life = timedelta(hours=hours)

    def open_session(self, app: Flask, request: Request) -> OpaqueSession:
        """Return the session the cookie names, or an empty one."""
        cookie = request.cookies.get(COOKIE, "")
        if request.endpoint == "static" or not cookie:
            return OpaqueSession()
        try:
            content = self._sessions.load(_hash(cookie), self._clock.now())
        except Unreachable as failure:  # raised by the guards: only there it becomes a page
            nobody = OpaqueSession()
            nobody.failure = failure
            return nobody
        return OpaqueSession(content, cookie) if content is not None else OpaqueSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Store a changed session and set or clear its cookie."""
        assert isinstance(session, OpaqueSession)
        if session.old_id:
            self._sessions.delete(_hash(session.old_id))
        if session.failure:
            return
        self.store(session)
        if session.ends is None:
            return
        if not session:
            self._forget(session, response)
            return
        response.set_cookie(
            COOKIE,
            str(session.id),
            max_age=int((session.ends - self._clock.now()).total_seconds()),
            httponly=True,
            samesite="Lax",
            secure=current_app.config["PREFERRED_URL_SCHEME"] == "https",
        )
        response.vary.add("Cookie")

    def store(self, session: OpaqueSession) -> None:
        """Write a changed session; a second call writes nothing. Raises Unreachable.

        Guards call it before the response leaves the view, where a failure becomes a page.
        """
        if not session.modified:
            return
        now = self._clock.now()
        session.ends = self._ends(session, now) if session else now
        if session:
            session.id = session.id or secrets.token_urlsafe(32)
            self._sessions.save(_hash(session.id), dict(session), now, session.ends)
        session.modified = False

    def _ends(self, session: OpaqueSession, now: datetime) -> datetime:
        """Return when the session ends: fixed at sign-in, so that use does not make it last for ever."""
        if "person" not in session:
            return now + BEFORE_SIGN_IN
        if "ends" not in session:
            session["ends"] = (now + self._life).isoformat()
        return datetime.fromisoformat(session["ends"])

    def _forget(self, session: OpaqueSession, response: Response) -> None:
        if session.id:
            self._sessions.delete(_hash(session.id))
        response.delete_cookie(COOKIE, httponly=True, samesite="Lax")


def current_person() -> Person | None:
    """Return who is signed in, or None."""
    stored = session.get("person")
    return Person(**stored) if stored else None


def sign_in(person: Person) -> None:
    """Make `person` the session's owner under a new id; what they typed stays, another person's goes."""
    assert isinstance(session, OpaqueSession) or hasattr(session, "renew")
    before = current_person()
    if before and (before.iss, before.sub) != (person.iss, person.sub):
        session.clear()
    session.renew()
    session["person"] = asdict(person)
    session.pop("ends", None)


def _hash(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()
