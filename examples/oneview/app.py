"""Build the example app: the token alone decides who may see which student; never a list of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from examples.oneview.records import Record, read_records
from examples.oneview.words import LANGUAGES, WORDS
from idp_bridge.rp.links import Reason
from idp_bridge.rp.people import EMPLOYEE, PARENT, STUDENT, Person, district_issuer, parents_issuer
from idp_bridge.rp.refusals import EntryDenied, IssuerDown, SignInRefused
from idp_bridge.rp.relying import RelyingApp, relying_app

pages = Blueprint("pages", __name__)
COOKIE = "example_language"
YEAR_S = 365 * 24 * 3600
POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class Kind:
    """Which example app this is."""

    name: str
    shown_name: str
    purpose: str
    """Purpose a link must open for this app to show a student at all."""


ONEVIEW = Kind("oneview", "OneView", "records")
FOCUS = Kind("focus", "Focus", "choice")


def make_app(kind: Kind, env: Mapping[str, str]) -> Flask:
    """Return the app.

    `env` has `<NAME>_URL`, `_CLIENT_ID`, `_CLIENT_SECRET`, `_STUDENTS`, PARENTS_ISSUER, DISTRICT_ISSUER and
    BRIDGE_URL.
    """
    prefix = kind.name.upper()
    app = Flask("examples.oneview")
    app.config.update(
        KIND=kind,
        BRIDGE_URL=env["BRIDGE_URL"].rstrip("/"),
        RECORDS=read_records(Path(env[f"{prefix}_STUDENTS"])),
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    RelyingApp(
        (parents_issuer(env["PARENTS_ISSUER"]), district_issuer(env["DISTRICT_ISSUER"])),
        env[f"{prefix}_CLIENT_ID"],
        env[f"{prefix}_CLIENT_SECRET"],
        env[f"{prefix}_URL"],
        _now,
        cookie=f"{kind.name}_session",
        language=language,
    ).init_app(app)
    app.register_blueprint(pages)
    app.register_error_handler(HTTPException, _problem)
    app.after_request(_headers)
    app.context_processor(_context)
    return app


@pages.get("/healthz")
def alive() -> dict[str, str]:
    """Answer as long as the process runs."""
    return {"status": "up"}


@pages.get("/")
def home() -> str | AnyResponse:
    """Show the first student this person may see, what to do next if there is none, or the ways in."""
    person = relying_app().person()
    if person is None:
        return render_template("who.html")
    shown = visible(person)
    if shown and person.population != EMPLOYEE:
        return redirect(url_for("pages.student", number=shown[0].student_number))
    if shown:
        return render_template("list.html", records=shown)
    return render_template("nothing.html", **_why_nothing(person))


@pages.get("/students/<string:number>")
def student(number: str) -> str | AnyResponse:
    """Show one student; one this person may not see is not here, like one that does not exist."""
    person = relying_app().person()
    if person is None:
        return redirect(url_for("pages.home"))
    shown = visible(person)
    record = next((one for one in shown if one.student_number == number), None)
    if record is None:
        abort(404)
    link = person.links.link(number, _now())
    return render_template(
        "student.html",
        record=record,
        others=shown if person.population == PARENT else (),
        relation=link.relation if link else None,
        purposes=link.purposes if link else frozenset({"records", "transport", "choice", "messages"}),
    )


@pages.get("/language/<string:code>")
def choose_language(code: str) -> AnyResponse:
    """Remember the language in the browser."""
    response = redirect(url_for("pages.home"))
    if code in LANGUAGES:
        response.set_cookie(COOKIE, code, max_age=YEAR_S, samesite="Lax", httponly=True)
    return response


@pages.get("/look/<any('site.css', 'mark.svg'):name>")
def look(name: str) -> Response:
    """Serve the stylesheet this app shares with the bridge."""
    text = files("idp_bridge").joinpath("web", "static", name).read_text(encoding="utf-8")
    kind = "text/css" if name.endswith(".css") else "image/svg+xml"
    return Response(text, mimetype=kind, headers={"Cache-Control": "public, max-age=3600"})


def visible(person: Person) -> tuple[Record, ...]:
    """Return the students this person may see here: by links, by duty at a school, or the student alone."""
    records: dict[str, Record] = current_app.config["RECORDS"]
    purpose = current_app.config["KIND"].purpose
    if person.population == PARENT:
        links = person.links.live(_now())
        allowed = (records.get(one.student_number) for one in links if purpose in one.purposes)
        return tuple(record for record in allowed if record)
    if person.population == EMPLOYEE:
        schools = person.schools()
        return tuple(one for one in records.values() if one.school in schools)
    if person.population == STUDENT and person.student_number in records:
        return (records[person.student_number],)
    return ()


def language() -> str:
    """Return the code of this request's language."""
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, "en")


def say(key: str, **values: object) -> str:
    """Return the words of `key` in this request's language."""
    return WORDS[language()][key].format(app=current_app.config["KIND"].shown_name, **values)


def _why_nothing(person: Person) -> dict[str, Any]:
    """Say why there is nothing to see, and the one thing to do next."""
    if person.population == PARENT:
        refused = person.links.reason in (
            Reason.MALFORMED,
            Reason.UNKNOWN_VERSION,
            Reason.ABSENT,
            Reason.STALE,
        )
        return {"key": "refused" if refused else "none", "bridge": not refused}
    return {"key": "duty" if person.population else "wrong", "bridge": False}


def _problem(fault: HTTPException) -> Any:
    if fault.response is not None or (fault.code or 500) < 400:
        return fault
    known = {IssuerDown: "down", SignInRefused: "unfinished", EntryDenied: "denied"}
    key = known.get(type(fault), "not_here" if fault.code in (404, 405) else "unfinished")
    headers = {"Retry-After": "10"} if fault.code == 503 else {}
    return render_template("problem.html", key=key, code=fault.code), fault.code, headers


def _headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _context() -> dict[str, object]:
    code = language()
    links = [(one, label, url_for("pages.choose_language", code=one)) for one, label in LANGUAGES.items()]
    return {
        "say": say,
        "language": code,
        "language_links": links,
        "kind": current_app.config["KIND"],
        "bridge_url": current_app.config["BRIDGE_URL"],
        "person": g.get("relying_person"),
    }


def _now() -> datetime:
    return datetime.now(UTC)
