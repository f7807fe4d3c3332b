"""Decide who may open a page, before the page runs; never what a staff member's duties are.

Every route carries one guard. A response on which no guard decided is a programming error and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, redirect, request, session, url_for
from werkzeug.exceptions import Forbidden, MethodNotAllowed
from werkzeug.wrappers import Response as AnyResponse

from idp_bridge.domain.people import Population
from idp_bridge.services.failures import Unreachable
from idp_bridge.web.session import Person, current_person

View = TypeVar("View", bound=Callable[..., Any])
UNGUARDED = "PROGRAMMING ERROR: no access decision was taken for this response"


class WrongPopulation(Forbidden):
    """Signed in, but with the other kind of account."""


def for_everybody(view: View) -> View:
    """Mark a page that needs no sign-in."""
    return _guard(view, "everybody", lambda: None)


def for_parents(view: View) -> View:
    """Mark a page of parents; others are led to sign in, employees and students are told why not."""
    return _guard(view, "parents", lambda: _require("parents", Population.PARENT))


def for_staff(view: View) -> View:
    """Mark a page of employees. The page's service asks LDAP for the duty."""
    return _guard(view, "staff", lambda: _require("district", Population.EMPLOYEE))


def for_students(view: View) -> View:
    """Mark a page of students; what is theirs is found by the student number in their token."""
    return _guard(view, "students", lambda: _require("district", Population.STUDENT))


def signed_in() -> Person:
    """Return who is signed in, on a page whose guard made sure that somebody is."""
    person: Person = g.person
    return person


def install(app: Flask) -> None:
    """Refuse every response on which no guard decided, and every request whose session cannot be loaded."""
    app.before_request(_refuse_unloaded)
    app.after_request(_refuse_undecided)


def _guard(view: View, audience: str, decide: Callable[[], AnyResponse | None]) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.access_decided = audience
        refusal = decide()
        try:
            answer = refusal if refusal is not None else view(*args, **kwargs)
        except Unreachable as failure:  # the page that says so must not wait for the database once more
            session._get_current_object().failure = failure  # type: ignore[attr-defined]
            raise
        _store_session()
        return answer

    guarded.audience = audience  # type: ignore[attr-defined]  # tests/house reads it
    return guarded  # type: ignore[return-value]


def _store_session() -> None:
    """Write the session while a failure can still become a page; a GET does without what it would keep."""
    mine = session._get_current_object()  # type: ignore[attr-defined]
    try:
        current_app.session_interface.store(mine)  # type: ignore[attr-defined]
    except Unreachable as failure:
        mine.failure = failure
        if request.method not in ("GET", "HEAD"):
            raise


def _require(realm: str, population: Population) -> AnyResponse | None:
    person = current_person()
    if person is None:
        if request.method not in ("GET", "HEAD"):
            return redirect(url_for("signin.start", realm=realm))
        return redirect(url_for("signin.start", realm=realm, next=request.full_path.rstrip("?")))
    if person.realm != realm or person.population != population:
        raise WrongPopulation
    g.person = person
    return None


def _refuse_unloaded() -> None:
    """Raise why the session could not be loaded. Nobody is signed in then, and a form's anti-forgery value
    fits no session: without this, an outage would read "open for too long" or lead to sign in."""
    failure = getattr(session, "failure", None)
    if failure:
        raise failure


def _refuse_undecided(response: Response) -> Response:
    decided = g.get("access_decided") or request.endpoint == "static" or request.url_rule is None
    if decided or isinstance(request.routing_exception, MethodNotAllowed):
        return response
    return Response(UNGUARDED, 500, mimetype="text/plain")
