"""Put the pages of one visit together, with what was refused or is missing; never decides."""

from __future__ import annotations

from collections.abc import Mapping

from flask import redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp_bridge.domain.access import Action, require_somewhere
from idp_bridge.domain.errors import (
    BadInput,
    EvidenceRefused,
    MoveRefused,
    NotThere,
    OneRefused,
    Refusal,
    SamePerson,
)
from idp_bridge.domain.link import UNDECIDED, WAITING, LinkId, VisitId
from idp_bridge.services.desk import DeskVisit, desk_visit, find_link, is_open
from idp_bridge.services.desk_child import DeskChild
from idp_bridge.services.paper import enterable
from idp_bridge.web import desk_children, errors, wording
from idp_bridge.web.at_counter import words_of
from idp_bridge.web.desk_forms import EvidenceForm, IdentityForm, RefusalForm, identity_form
from idp_bridge.web.desk_person import house, place_name, staff
from idp_bridge.web.guards import signed_in
from idp_bridge.web.languages import plain_day


def visit_page(
    shown: DeskVisit,
    identity: IdentityForm | None = None,
    forms: desk_children.Forms | None = None,
    fault: errors.Words | None = None,
) -> str:
    """Return the visit; `identity` and `forms` (by link) came back with errors, `fault` stands on top."""
    children = [desk_children.view(house(), shown, child, forms or {}) for child in shown.children]
    wrong = identity or next((form for form in (forms or {}).values() if form.errors), None)
    made = shown.parent.first_seen_at.astimezone(house().rules.zone).date()
    return render_template(
        "school/visit.html",
        account_made=plain_day(made),
        shown=shown,
        children=children,
        several=sum(1 for one in children if one.form) > 1,
        seen=desk_children.seen,
        last_day=lambda link: desk_children.last_day(link, house().rules.zone),
        identity=identity or identity_form(shown.clerk_schools),
        one_school=len(shown.clerk_schools) == 1,
        identity_kinds=wording.IDENTITY_KINDS,
        on_paper=wording.on_paper,
        waits=WAITING,
        enterable=enterable(shown),
        wrong=wrong,
        fault=fault,
        start_at=None if wrong or fault else desk_children.first_question(shown, children),
        school_name=place_name(shown.clerk_schools),
        person_name=signed_in().name,
    )


def refused(visit_id: str, refusal: Refusal) -> tuple[str, int]:
    """Show the visit as it stands now, with what was refused and what to do on top."""
    words = words_of(refusal)
    return visit_page(shown_visit(visit_id), fault=words), words.status


def refused_one(shown: DeskVisit, stop: OneRefused, forms: Mapping[str, EvidenceForm]) -> tuple[str, int]:
    """Show which of several children was refused and why; what was chosen for the others stays chosen."""
    words = words_of(stop.why)
    if stop.link in forms and isinstance(stop.why, BadInput | EvidenceRefused):
        say_at_field(forms[stop.link], stop.why)
        return visit_page(shown, forms=forms), 422
    who = desk_children.title(child_of(shown, stop.link))
    fault = errors.Words(
        words.status,
        _("%(who)s: %(what)s", who=who, what=words.title),
        _("%(why)s None of the students was linked.", why=words.text),
    )
    return visit_page(shown_visit(shown.visit.id), forms=forms, fault=fault), words.status


def say_at_field(form: EvidenceForm, refusal: Refusal) -> None:
    """Say at the form's fields what the rules refuse there."""
    if isinstance(refusal, BadInput):
        form.refuse(refusal.fields)
    else:
        words = errors.TABLE[type(refusal)]
        form.evidence.errors = [f"{words.title}. {words.text}"]


def refusal_page(link_id: str, form: RefusalForm) -> str:
    """Ask why a request is refused, if it is this clerk's to refuse."""
    shown = shown_with(link_id)
    child = child_of(shown, link_id)
    if child.first:
        raise SamePerson
    if not child.mine:
        raise NotThere if child.link.state in UNDECIDED else MoveRefused
    return render_template(
        "school/refuse.html",
        form=form,
        notes=desk_children.reason_notes(),
        shown=shown,
        link=child.link,
        title=desk_children.title(child),
        number=wording.student_number(child.link.claimed.student_number),
        relationship=wording.RELATIONSHIPS[child.link.claimed.relationship],
        school_name=place_name(shown.clerk_schools),
        person_name=signed_in().name,
    )


def onward(visit_id: str) -> Response:
    """Go back to the visit while something waits in it, else to the desk for the next person."""
    if is_open(house(), VisitId(visit_id)):
        return redirect(url_for("school.visit", visit_id=visit_id))
    return redirect(url_for("school.desk"))


def shown_visit(visit_id: str) -> DeskVisit:
    """Return the visit as it stands now. Raises NoDuty and NotThere."""
    return desk_visit(house(), staff(), VisitId(visit_id))


def shown_with(link_id: str) -> DeskVisit:
    """Return the visit that holds this link; LDAP is asked first, so that a stranger learns nothing."""
    require_somewhere(staff(), Action.FIND_VISIT)
    return desk_visit(house(), staff(), find_link(house(), LinkId(link_id)).visit)


def child_of(shown: DeskVisit, link_id: str) -> DeskChild:
    """Return one child of the visit. Raises MoveRefused where the parent took the request back."""
    found = [child for child in shown.children if child.link.id == link_id]
    if not found:
        raise MoveRefused("the parent took it back")
    return found[0]
