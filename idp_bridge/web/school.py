"""Serve the desk: find a visit, record the identity, verify or refuse each child; never decides a duty.

Each request asks LDAP afresh through the service it calls; nothing here trusts the sign-in for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp_bridge.domain.errors import (
    BadInput,
    CodeLapsed,
    CodeUnknown,
    CodeUsed,
    IdentityMissing,
    NotThere,
)
from idp_bridge.domain.link import LinkId, VisitId
from idp_bridge.domain.matching import Comparison, Match
from idp_bridge.domain.people import School, SchoolCode
from idp_bridge.services.house import House
from idp_bridge.services.reading import DeskChild, DeskVisit, desk_visit, find_link, queue, schools
from idp_bridge.services.verifying import (
    find_visit,
    record_identity,
    refuse_link,
    staff_member,
    verify_link,
)
from idp_bridge.web import desk_wording, errors, wording
from idp_bridge.web.desk_forms import (
    LONGEST_CODE,
    CodeForm,
    EvidenceForm,
    IdentityForm,
    RefusalForm,
    evidence_form,
    identity_form,
)
from idp_bridge.web.guards import for_staff, signed_in
from idp_bridge.web.languages import plain_day

blueprint = Blueprint("school", __name__, url_prefix="/desk")

PAGE_SIZE = 10
SOON_DAYS = 2
"""A last day this near carries a tag in the queue."""
CODE_FAULTS = (CodeUnknown, CodeUsed, CodeLapsed)


@dataclass(frozen=True, slots=True)
class ChildView:
    """One child on the visit page, with the rows and the form the page shows."""

    child: DeskChild
    title: str
    rows: list[tuple[str, str, str, str]]
    form: EvidenceForm | None
    note: str
    """Why it cannot be verified here and now; empty if it can."""


@blueprint.get("")
@for_staff
def desk() -> str:
    """Show the code field and the visits that wait at my schools, nearest last day first."""
    return _desk(CodeForm(formdata=None))


@blueprint.post("/find")
@for_staff
def find() -> Any:
    """Open the visit of a code; a code that opens none comes back with words at the field."""
    form = CodeForm()
    if not form.validate():
        return _desk(form), 422
    typed = str(form.code.data)[:LONGEST_CODE]
    try:
        visit = find_visit(_house(), _uid(), typed)
    except CODE_FAULTS as refusal:
        words = errors.TABLE[type(refusal)]
        form.code.errors = [f"{words.title}. {words.text}"]
        return _desk(form), words.status
    return redirect(url_for("school.visit", visit_id=visit))


@blueprint.get("/visits/<string:visit_id>")
@for_staff
def visit(visit_id: str) -> str:
    """Show one visit: the person, and what was claimed beside what the roster says of each child."""
    return _visit_page(_shown(visit_id))


@blueprint.post("/visits/<string:visit_id>/identity")
@for_staff
def identity(visit_id: str) -> Any:
    """Record that I saw the person's identification."""
    shown = _shown(visit_id)
    form = identity_form(shown.clerk_schools)
    if not form.validate():
        return _visit_page(shown, identity=form), 422
    record_identity(_house(), _uid(), VisitId(visit_id), SchoolCode(form.school.data), form.identity.data)
    flash(_("The identity is recorded."), "ok")
    return redirect(url_for("school.visit", visit_id=visit_id))


@blueprint.post("/links/<string:link_id>/verify")
@for_staff
def verify(link_id: str) -> Any:
    """Verify one child; what was not chosen is asked for on the visit's page."""
    shown = _shown(find_link(_house(), LinkId(link_id)).visit)
    child = _child(shown, link_id)
    form = evidence_form(link_id, child.accepted)
    if not form.validate():
        return _visit_page(shown, evidence=(link_id, form)), 422
    try:
        verify_link(_house(), _uid(), LinkId(link_id), form.evidence.data)
    except (IdentityMissing, BadInput) as refusal:
        words = errors.TABLE[type(refusal)]
        form.evidence.errors = [f"{words.title}. {words.text}"]
        return _visit_page(shown, evidence=(link_id, form)), words.status
    flash(_("Linked. The parent’s apps follow in a moment."), "ok")
    return _onward(shown.visit.id)


@blueprint.get("/links/<string:link_id>/refuse")
@for_staff
def ask_refusal(link_id: str) -> str:
    """Ask why a request is refused."""
    return _refusal_page(link_id, RefusalForm(formdata=None))


@blueprint.post("/links/<string:link_id>/refuse")
@for_staff
def refuse(link_id: str) -> Any:
    """Refuse one child for a reason of the list."""
    form = RefusalForm()
    if not form.validate():
        return _refusal_page(link_id, form), 422
    done = refuse_link(_house(), _uid(), LinkId(link_id), form.reason.data)
    flash(_("Not confirmed. The parent sees the reason under My children."), "off")
    return _onward(done.visit)


# --- pages ---------------------------------------------------------------------------------------


def _desk(form: CodeForm) -> str:
    page = max(1, request.args.get("page", 1, type=int))
    staff = staff_member(_house(), _uid())
    waiting = queue(_house(), staff, (page - 1) * PAGE_SIZE, PAGE_SIZE)
    last = min(waiting.first + waiting.size, waiting.total)
    return render_template(
        "school/desk.html",
        form=form,
        waiting=waiting,
        page=page,
        pages=max(1, -(-waiting.total // PAGE_SIZE)),
        summary=_("%(first)d to %(last)d of %(total)d, nearest deadline first",
                  first=min(waiting.first + 1, last), last=last, total=waiting.total),
        relationships=wording.RELATIONSHIPS,
        number=wording.student_number,
        soon=SOON_DAYS,
        school_name=_place(waiting.schools),
        person_name=staff.name,
    )  # fmt: skip


def _visit_page(
    shown: DeskVisit,
    identity: IdentityForm | None = None,
    evidence: tuple[str, EvidenceForm] | None = None,
) -> str:
    forms = dict([evidence]) if evidence else {}
    return render_template(
        "school/visit.html",
        shown=shown,
        children=[_view(shown, child, forms.get(child.link.id)) for child in shown.children],
        identity=identity or identity_form(shown.clerk_schools),
        one_school=len(shown.clerk_schools) == 1,
        identity_kinds=wording.IDENTITY_KINDS,
        wrong=identity or (evidence[1] if evidence else None),
        school_name=_place(shown.clerk_schools),
        person_name=signed_in().name,
    )


def _refusal_page(link_id: str, form: RefusalForm) -> str:
    shown = _shown(find_link(_house(), LinkId(link_id)).visit)
    child = _child(shown, link_id)
    if not child.mine:
        abort(404)
    return render_template(
        "school/refuse.html",
        form=form,
        shown=shown,
        link=child.link,
        title=_title(child),
        school_name=_place(shown.clerk_schools),
        person_name=signed_in().name,
    )


def _onward(visit_id: str) -> Response:
    """Go back to the visit while something waits in it, else to the desk for the next person."""
    shown = _shown(visit_id)
    if shown.visit.closed_at is None:
        return redirect(url_for("school.visit", visit_id=visit_id))
    return redirect(url_for("school.desk"))


# --- what a page shows of a child ----------------------------------------------------------------


def _view(shown: DeskVisit, child: DeskChild, form: EvidenceForm | None) -> ChildView:
    note = _note(shown, child)
    if not note and form is None:
        form = evidence_form(child.link.id, child.accepted)
        form.process(formdata=None)
    rows = [_row(row, shown) for row in child.rows]
    return ChildView(child, _title(child), rows, None if note else form, note)


def _title(child: DeskChild) -> str:
    if child.student is None:
        return _("Student %(number)s", number=wording.student_number(child.link.claimed.student_number))
    if not child.student.grade:
        return child.student.name
    return _("%(name)s, grade %(grade)s", name=child.student.name, grade=child.student.grade)


def _note(shown: DeskVisit, child: DeskChild) -> str:
    """Say why this child cannot be verified here and now, and what to do; empty if it can."""
    decided = desk_wording.DECIDED.get(child.link.state)
    if decided:
        return str(decided)
    if not child.mine:
        return _("To be decided at %(school)s.", school=child.place.name if child.place else "")
    if child.student is None:
        return _(
            "No student of your schools has this number. Check it with the parent; "
            "the parent can ask again on the phone at once."
        )
    if not child.ready:
        return _(
            "The number fits a student, the rest does not, or the two are linked already. "
            "Check the date of birth with the parent; the parent can ask again on the phone at once."
        )
    if shown.proof is None:
        return _("Record the identity first.")
    return ""


def _row(row: Comparison, shown: DeskVisit) -> tuple[str, str, str, str]:
    mark = "not_asked" if row.match in (Match.NOT_ASKED, Match.NOT_LISTED) else str(row.match)
    roster = desk_wording.NOT_LISTED if row.match is Match.NOT_LISTED else _said(row.topic, row.roster)
    return str(desk_wording.TOPICS[row.topic]), _said(row.topic, row.said), str(roster), mark


def _said(topic: str, value: object) -> str:
    """Format one side of a comparison for the table."""
    if value is None:
        return ""
    if isinstance(value, date):
        return plain_day(value)
    if topic == "student-number":
        return wording.student_number(str(value))
    if topic == "school":
        return _school_names().get(str(value), str(value))
    if topic == "relationship":
        known = wording.RELATIONSHIPS.get(str(value)) or desk_wording.ROSTER_ROLES.get(str(value))
        return str(known or value)
    return str(value)


# --- who and where -------------------------------------------------------------------------------


def _shown(visit_id: str) -> DeskVisit:
    staff = staff_member(_house(), _uid())
    return desk_visit(_house(), staff, VisitId(visit_id))


def _child(shown: DeskVisit, link_id: str) -> DeskChild:
    found = [child for child in shown.children if child.link.id == link_id]
    if not found:
        raise NotThere
    return found[0]


def _school_names() -> dict[str, str]:
    return {school.code: school.name for school in schools(_house())}


def _place(mine: tuple[School, ...]) -> str:
    if len(mine) == 1:
        return mine[0].name
    return str(current_app.config["DISTRICT"].name)


def _house() -> House:
    house: House = current_app.extensions["house"]
    return house


def _uid() -> str:
    return signed_in().username
