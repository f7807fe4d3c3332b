"""Turn each refusal and failure into a status, a page and words; never decides whether to refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from idp_bridge.domain import errors as refusals
from idp_bridge.services import failures
from idp_bridge.web.guards import WrongPopulation
from idp_bridge.web.session import current_person
from idp_bridge.web.signin import SignInUnfinished


@dataclass(frozen=True, slots=True)
class Words:
    """What a person reads when something does not work: what it is, and what to do."""

    status: int
    title: Any
    text: Any


NOT_HERE = Words(
    404,
    _l("This page is not here"),
    _l("The address may be mistyped, or the page belongs to somebody else. Go back to the start page."),
)

TABLE: dict[type[Exception], Words] = {
    refusals.NotThere: NOT_HERE,
    refusals.NoDuty: Words(
        403,
        _l("This needs a duty you do not have right now"),
        _l("The district directory was asked just now. If your duties changed, ask your principal."),
    ),
    refusals.MoveRefused: Words(
        409,
        _l("This was decided already"),
        _l("Somebody may have decided it a moment ago. Open the visit again to see how it stands."),
    ),
    refusals.ChangedMeanwhile: Words(
        409,
        _l("Somebody else changed this a moment ago"),
        _l("Nothing of yours was saved. Open the page again, look, and decide again."),
    ),
    refusals.AlreadyAsked: Words(
        409, _l("You asked for this already"), _l("See My children for your visit code.")
    ),
    refusals.CodeUnknown: Words(
        404,
        _l("No visit has this code"),
        _l("Check the eight letters with the parent and type them again."),
    ),
    refusals.CodeUsed: Words(
        410,
        _l("This visit is finished"),
        _l("Everything in it was decided. The parent sees the result under My children."),
    ),
    refusals.CodeLapsed: Words(
        410,
        _l("The last day of this visit is over"),
        _l("Nothing was lost. The parent can ask again on the phone and gets a new code at once."),
    ),
    refusals.IdentityMissing: Words(
        409,
        _l("Record the identity first"),
        _l("The relationship can be verified once somebody has seen the person's photo ID."),
    ),
    refusals.EvidenceRefused: Words(
        422,
        _l("This paper is not enough for this relationship"),
        _l("Choose one of the kinds the page offers, or refuse the request."),
    ),
    refusals.NotInRoster: Words(
        409,
        _l("The request does not fit a student"),
        _l("Compare the number and the birth date with the parent. The parent can ask again at once."),
    ),
    refusals.ConflictOfInterest: Words(
        403,
        _l("Ask a colleague to decide this one"),
        _l(
            "It is your own account or your own child. A colleague at the school or the district office can "
            "decide it; the visit stays in their queue. This was recorded; nothing was changed."
        ),
    ),
    refusals.Restricted: Words(
        403,
        _l("Ask the principal about this one"),
        _l("It cannot be decided at the counter. Do not discuss it there; nothing was changed."),
    ),
    refusals.SamePerson: Words(
        403,
        _l("A second person must do this"),
        _l("You asked for it yourself. Ask a colleague with the same duty to confirm it."),
    ),
    refusals.EndedBefore: Words(
        403,
        _l("This was refused or ended before"),
        _l(
            "Look at the earlier end and its reason. Only a principal or the district office can decide anew."
        ),
    ),
    refusals.OfAge: Words(
        409,
        _l("The student is 18"),
        _l("The rights over the records are the student’s own. The student can allow a parent to see them."),
    ),
    refusals.SignInAgain: Words(
        409,
        _l("The e-mail of the account changed"),
        _l("The parent signs in again on the phone, then the link can be verified."),
    ),
    refusals.AccountClosed: Words(
        409,
        _l("The account is switched off"),
        _l("No new child can be linked to it. Call the district, which knows why, then try again."),
    ),
    refusals.OneRefused: Words(
        409,
        _l("Nothing was linked yet"),
        _l("One of the students needs a closer look. Look at each, then decide again."),
    ),
    refusals.TooLate: Words(
        409,
        _l("It is too late to undo this"),
        _l("Only who decided can undo it, and only for a short time. A principal can end a link."),
    ),
    refusals.DistrictAddress: Words(
        403,
        _l("Use a personal e-mail address"),
        _l(
            "A parent account cannot use a district address. "
            "Change the e-mail of the account, or make another."
        ),
    ),
    refusals.TooManyGuesses: Words(
        429,
        _l("Please wait a little"),
        _l("There were many tries in a short time. Nothing was lost. Wait a few minutes, then try again."),
    ),
    refusals.BadInput: Words(
        422, _l("Something is missing"), _l("Go back, look at the form, and send it again.")
    ),
    WrongPopulation: Words(
        403,
        _l("You are signed in with another kind of account"),
        _l(
            "Parents use an account with a personal e-mail; staff and students use the district’s. "
            "Sign out first."
        ),
    ),
    SignInUnfinished: Words(
        400,
        _l("The sign-in was not finished"),
        _l("It took too long, or another tab finished first. Please sign in again."),
    ),
    CSRFError: Words(
        400,
        _l("This page was open for too long"),
        _l("Nothing was lost. Go back, load the page again, and send it again."),
    ),
    failures.OutsideFailure: Words(
        503,
        _l("We cannot do this right now"),
        _l("A system of the district does not answer. Nothing was lost. Try again in a few minutes."),
    ),
}


def install(app: Flask) -> None:
    """Register the table, and one page for every HTTP error Flask itself raises."""
    for kind, words in TABLE.items():
        app.register_error_handler(kind, _handler(words))
    app.register_error_handler(refusals.SignInAgain, _sign_in_again)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _fault)


def page(words: Words, retry_after_s: int | None = None) -> tuple[str, int, dict[str, str]]:
    """Return the error page in the look of whoever is signed in."""
    g.setdefault("access_decided", "refused")
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    return render_template("error.html", words=words, again=_again(words)), words.status, headers


def _again(words: Words) -> str:
    """Return where the same can be tried again: this page, or the form that was sent, with what was typed."""
    if request.method == "GET":
        return request.full_path.rstrip("?") if words.status in (429, 500, 503) else ""
    adapter = current_app.create_url_adapter(request)
    form = words.status == 429 and adapter is not None and adapter.test(request.path, "GET")
    return request.path if form else ""


def _handler(words: Words) -> Any:
    def handle(fault: Exception) -> Any:
        current_app.logger.info("refused %s: %s", request.endpoint, type(fault).__name__)
        wait = 10 if words.status == 503 else getattr(fault, "retry_after_s", None)
        return page(words, wait)

    return handle


def _sign_in_again(fault: Exception) -> Any:
    """Lead a parent whose e-mail changed to a fresh sign-in and back; tell everybody else in words."""
    person = current_person()
    if person is None or person.realm != "parents":
        return _handler(TABLE[refusals.SignInAgain])(fault)
    back = request.path if _can_be_read(request.path) else url_for("parent.children")
    return redirect(url_for("signin.start", realm="parents", fresh=1, next=back))


def _can_be_read(path: str) -> bool:
    return current_app.url_map.bind("").test(path, method="GET")


def _http(fault: HTTPException) -> Any:
    if fault.code in (301, 302, 303, 307, 308):
        return fault
    if fault.code in (404, 405):
        return page(Words(fault.code, NOT_HERE.title, NOT_HERE.text))
    if fault.code == 413:
        return page(Words(413, _l("That is too much at once"), _l("Send less, or ask the help line.")))
    return page(Words(fault.code or 500, _l("This did not work"), _l("Go back and try again.")))


def _fault(fault: Exception) -> Any:
    current_app.logger.exception("unexpected fault at %s", request.endpoint)
    return page(
        Words(
            500,
            _l("Something broke on our side"),
            _l("Nothing was changed. Try again; if it happens again, call the help line."),
        )
    )
