"""Serve the paper log of an outage: the sheet to print, and its later entry; never decides what counts."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from markupsafe import Markup

from idp_bridge.domain.access import Action, require_somewhere, schools_for
from idp_bridge.domain.errors import (
    AccountClosed,
    AlreadyAsked,
    BadInput,
    ChangedMeanwhile,
    ConflictOfInterest,
    DistrictAddress,
    IdentityMissing,
    MoveRefused,
    NoDuty,
    NotThere,
    OneRefused,
    SignInAgain,
)
from idp_bridge.domain.link import VisitId
from idp_bridge.domain.people import School
from idp_bridge.services.desk import DeskVisit
from idp_bridge.services.desk_child import DeskChild
from idp_bridge.services.paper import ENTERABLE, enter_log, enterable
from idp_bridge.services.reading import schools
from idp_bridge.web import at_counter, desk_children, errors, wording
from idp_bridge.web.desk_person import house, place_name, staff, uid
from idp_bridge.web.desk_visit import shown_visit
from idp_bridge.web.guards import for_staff, signed_in
from idp_bridge.web.paper_forms import PaperForm, paper_form

blueprint = Blueprint("paper", __name__, url_prefix="/desk")

ROWS = 6
"""Lines of one printed sheet."""
SAID_HERE = (
    AccountClosed,
    AlreadyAsked,
    ChangedMeanwhile,
    ConflictOfInterest,
    DistrictAddress,
    MoveRefused,
    NoDuty,
    SignInAgain,
)
"""Refusals said on top of the form, so that nothing that was copied from the sheet is lost."""


@blueprint.get("/paper/sheet")
@for_staff
def sheet() -> Response:
    """Show the log sheet, to print before an outage; `?keep=1` sends it as a file that needs no server."""
    require_somewhere(staff(), Action.FIND_VISIT)
    mine = _my_schools()
    keep = request.args.get("keep", type=int) == 1
    page = render_template(
        "school/sheet.html",
        rows=ROWS,
        school=mine[0] if len(mine) == 1 else None,
        identity_kinds=list(zip("123456789", wording.IDENTITY_KINDS.values(), strict=False)),
        evidence_kinds=list(zip("ABCDEFGHIJKLM", wording.EVIDENCE_KINDS.values(), strict=False)),
        style=_style() if keep else None,
        school_name=place_name(mine),
        person_name=signed_in().name,
    )
    answer = make_response(page)
    if keep:
        answer.headers["Content-Disposition"] = 'attachment; filename="visit-log.html"'
    return answer


@blueprint.get("/visits/<string:visit_id>/paper")
@for_staff
def ask(visit_id: str) -> str:
    """Ask what the sheet says of this visit."""
    shown = shown_visit(visit_id)
    children = _children(shown)
    return _page(shown, children, _form(shown, children, fresh=True))


@blueprint.post("/visits/<string:visit_id>/paper")
@for_staff
def enter(visit_id: str) -> Any:
    """Enter what the sheet says of this visit, all of it or nothing."""
    shown = shown_visit(visit_id)
    children = _children(shown)
    form = _form(shown, children)
    if not form.validate():
        return _page(shown, children, form), 422
    try:
        enter_log(house(), uid(), VisitId(visit_id), form.log)
    except BadInput as fault:
        form.refuse_each(fault.fields)
        return _page(shown, children, form), 422
    except OneRefused as stop:
        return _refused_one(shown, children, form, stop)
    except SAID_HERE as refusal:
        words = at_counter.words_of(refusal)
        return _page(shown, children, form, words), words.status
    flash(_("Entered from paper. It is marked as such for ever."), "ok")
    return redirect(url_for("school.visit", visit_id=visit_id))


def _refused_one(
    shown: DeskVisit, children: list[tuple[str, DeskChild]], form: PaperForm, stop: OneRefused
) -> tuple[str, int]:
    """Say which child was refused and why, at its field or on top; what was copied stays."""
    words = at_counter.words_of(stop.why)
    if isinstance(stop.why, IdentityMissing):
        form.refuse_each({"identity": "no-identity"})
        return _page(shown, children, form), 422
    if form.refuse_child(stop.link, stop.why, f"{words.title}. {words.text}"):
        return _page(shown, children, form), 422
    who = next((title for title, one in children if one.link.id == stop.link), "")
    fault = errors.Words(words.status, _("%(who)s: %(what)s", who=who, what=words.title), words.text)
    return _page(shown, children, form, fault), words.status


def _my_schools() -> tuple[School, ...]:
    every = schools(house())
    mine = schools_for(staff(), Action.RECORD_IDENTITY, (school.code for school in every))
    return tuple(school for school in every if school.code in mine)


def _children(shown: DeskVisit) -> list[tuple[str, DeskChild]]:
    """Return the requests of the visit that can be entered, with their titles."""
    return [(desk_children.title(one), one) for one in enterable(shown)]


def _form(shown: DeskVisit, children: list[tuple[str, DeskChild]], *, fresh: bool = False) -> PaperForm:
    return paper_form(shown.clerk_schools, children, needs_identity=shown.proof is None, fresh=fresh)


def _page(
    shown: DeskVisit,
    children: list[tuple[str, DeskChild]],
    form: PaperForm,
    fault: errors.Words | None = None,
) -> str:
    if not children:
        waits = any(one.link.state in ENTERABLE for one in shown.children)
        raise NotThere if waits else MoveRefused("nothing of the visit can be entered")
    return render_template(
        "school/paper.html",
        form=form,
        fault=fault,
        one_school=len(shown.clerk_schools) == 1,
        **at_counter.head(shown),
    )


def _style() -> Markup:
    """Return the stylesheet itself: a page that was kept must look right with no server."""
    with current_app.open_resource("static/site.css", "r") as file:
        return Markup(file.read())  # noqa: S704 - our own file
