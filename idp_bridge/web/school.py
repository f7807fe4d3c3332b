"""Serve a visit at the desk: record the identity, verify or refuse each child; never decides a duty.

Each request asks LDAP afresh through the service it calls; nothing here trusts the sign-in for that.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp_bridge.domain.access import Action, require_somewhere
from idp_bridge.domain.errors import (
    ChangedMeanwhile,
    CodeLapsed,
    ConflictOfInterest,
    DistrictAddress,
    EvidenceRefused,
    IdentityMissing,
    MoveRefused,
    NotInRoster,
    NotThere,
    Refusal,
    Restricted,
)
from idp_bridge.domain.link import WAITING, LinkId, VisitId
from idp_bridge.domain.people import SchoolCode
from idp_bridge.services.desk import DeskChild, DeskVisit, desk_visit, find_link, is_open
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.web import desk_children, errors, wording
from idp_bridge.web.desk_forms import (
    EvidenceForm,
    IdentityForm,
    RefusalForm,
    evidence_form,
    identity_form,
)
from idp_bridge.web.desk_person import house, place_name, staff, uid
from idp_bridge.web.guards import for_staff, signed_in
from idp_bridge.web.languages import plain_day

blueprint = Blueprint("school", __name__, url_prefix="/desk")

SAID_ON_THE_VISIT = (
    ChangedMeanwhile,
    CodeLapsed,
    ConflictOfInterest,
    DistrictAddress,
    IdentityMissing,
    MoveRefused,
    NotInRoster,
    Restricted,
)
"""Refusals said on top of the visit as it stands now, where the clerk sees what to do."""


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
        if desk_children.first_question(shown, []) != "identity":  # settled meanwhile: nothing to correct
            return redirect(url_for("school.visit", visit_id=visit_id))
        return _visit_page(shown, identity=form), 422
    try:
        record_identity(house(), uid(), VisitId(visit_id), SchoolCode(form.school.data), form.identity.data)
    except SAID_ON_THE_VISIT as refusal:
        return _refused(visit_id, refusal)
    flash(_("The identity is recorded."), "ok")
    return redirect(url_for("school.visit", visit_id=visit_id))


@blueprint.post("/links/<string:link_id>/verify")
@for_staff
def verify(link_id: str) -> Any:
    """Verify one child; what was not chosen is asked for on the visit's page."""
    shown = _shown_with(link_id)
    child = _child(shown, link_id)
    form = evidence_form(link_id, child.accepted)
    if not desk_children.note(shown, child) and not form.validate():
        return _visit_page(shown, evidence=(link_id, form)), 422
    try:
        verify_link(house(), uid(), LinkId(link_id), form.evidence.data or "")
    except EvidenceRefused as refusal:
        words = errors.TABLE[type(refusal)]
        form.evidence.errors = [f"{words.title}. {words.text}"]
        return _visit_page(shown, evidence=(link_id, form)), words.status
    except SAID_ON_THE_VISIT as refusal:
        return _refused(shown.visit.id, refusal)
    flash(_("%(who)s: linked. The parent’s apps follow in a moment.", who=desk_children.title(child)), "ok")
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
    try:
        done = refuse_link(house(), uid(), LinkId(link_id), form.reason.data)
    except SAID_ON_THE_VISIT as refusal:
        return _refused(find_link(house(), LinkId(link_id)).visit, refusal)
    who = _("Student %(number)s", number=wording.student_number(done.claimed.student_number))
    flash(_("%(who)s: not confirmed. The parent sees the reason under My children.", who=who), "off")
    return _onward(done.visit)


# --- pages ---------------------------------------------------------------------------------------


def _visit_page(
    shown: DeskVisit,
    identity: IdentityForm | None = None,
    evidence: tuple[str, EvidenceForm] | None = None,
    fault: errors.Words | None = None,
) -> str:
    forms = dict([evidence]) if evidence else {}
    children = [desk_children.view(house(), shown, child, forms) for child in shown.children]
    wrong = identity or (evidence[1] if evidence else None)
    made = shown.parent.first_seen_at.astimezone(house().rules.zone).date()
    return render_template(
        "school/visit.html",
        account_made=plain_day(made),
        shown=shown,
        children=children,
        identity=identity or identity_form(shown.clerk_schools),
        one_school=len(shown.clerk_schools) == 1,
        identity_kinds=wording.IDENTITY_KINDS,
        wrong=wrong,
        fault=fault,
        start_at=None if wrong or fault else desk_children.first_question(shown, children),
        school_name=place_name(shown.clerk_schools),
        person_name=signed_in().name,
    )


def _refused(visit_id: str, refusal: Refusal) -> tuple[str, int]:
    """Show the visit as it stands now, with what was refused and what to do on top."""
    current_app.logger.info("refused %s: %s", request.endpoint, type(refusal).__name__)
    words = errors.TABLE[type(refusal)]
    return _visit_page(_shown(visit_id), fault=words), words.status


def _refusal_page(link_id: str, form: RefusalForm) -> str:
    shown = _shown_with(link_id)
    child = _child(shown, link_id)
    if not child.mine:
        raise NotThere if child.link.state in WAITING else MoveRefused
    return render_template(
        "school/refuse.html",
        form=form,
        shown=shown,
        link=child.link,
        title=desk_children.title(child),
        number=wording.student_number(child.link.claimed.student_number),
        relationship=wording.RELATIONSHIPS[child.link.claimed.relationship],
        school_name=place_name(shown.clerk_schools),
        person_name=signed_in().name,
    )


def _onward(visit_id: str) -> Response:
    """Go back to the visit while something waits in it, else to the desk for the next person."""
    if is_open(house(), VisitId(visit_id)):
        return redirect(url_for("school.visit", visit_id=visit_id))
    return redirect(url_for("school.desk"))


# --- who and where -------------------------------------------------------------------------------


def _shown(visit_id: str) -> DeskVisit:
    return desk_visit(house(), staff(), VisitId(visit_id))


def _shown_with(link_id: str) -> DeskVisit:
    """Return the visit that holds this link; LDAP is asked first, so that a stranger learns nothing."""
    require_somewhere(staff(), Action.FIND_VISIT)
    return desk_visit(house(), staff(), find_link(house(), LinkId(link_id)).visit)


def _child(shown: DeskVisit, link_id: str) -> DeskChild:
    found = [child for child in shown.children if child.link.id == link_id]
    if not found:
        raise MoveRefused("the parent took it back")
    return found[0]
