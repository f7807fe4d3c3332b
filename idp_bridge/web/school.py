"""Serve a visit at the desk: record the identity, verify or refuse each child; never decides a duty.

Each request asks LDAP afresh through the service it calls; nothing here trusts the sign-in for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _

from idp_bridge.domain.errors import (
    BadInput,
    EvidenceRefused,
    NotInRoster,
    OfAge,
    OneRefused,
    SamePerson,
)
from idp_bridge.domain.link import Link, LinkId, LinkState, VisitId
from idp_bridge.domain.people import SchoolCode
from idp_bridge.services.agreeing import agree_link, refer_link
from idp_bridge.services.desk import DeskVisit, find_link
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.verifying import Choice, record_identity, verify_link, verify_links
from idp_bridge.web import at_counter, desk_children, errors, wording
from idp_bridge.web.desk_forms import (
    EvidenceForm,
    RefusalForm,
    evidence_form,
    identity_form,
    overrule_form,
)
from idp_bridge.web.desk_person import house, uid
from idp_bridge.web.desk_visit import (
    child_of,
    onward,
    refusal_page,
    refused,
    refused_one,
    say_at_field,
    shown_visit,
    shown_with,
    visit_page,
)
from idp_bridge.web.forms import day_of
from idp_bridge.web.guards import for_staff
from idp_bridge.web.restriction_forms import say_at_fields

blueprint = Blueprint("school", __name__, url_prefix="/desk")

SAID_ON_THE_VISIT = (*at_counter.SAID, NotInRoster, OfAge, SamePerson)
"""Refusals said on top of the visit as it stands now, where the clerk sees what to do."""


@blueprint.get("/visits/<string:visit_id>")
@for_staff
def visit(visit_id: str) -> str:
    """Show one visit: the person, and what was claimed beside what the roster says of each child."""
    return visit_page(shown_visit(visit_id))


@blueprint.post("/visits/<string:visit_id>/identity")
@for_staff
def identity(visit_id: str) -> Any:
    """Record that I saw the person's identification, the first time or again."""
    shown = shown_visit(visit_id)
    form = identity_form(shown.clerk_schools)
    again = bool(request.form.get("again"))
    if not form.validate():
        settled = desk_children.first_question(shown, []) != "identity"
        if settled and not again:  # by a colleague meanwhile: nothing to correct
            return redirect(url_for("school.visit", visit_id=visit_id))
        return visit_page(shown, identity=form), 422
    try:
        record_identity(
            house(), uid(), VisitId(visit_id), SchoolCode(form.school.data), form.identity.data,
            day_of(form.born), again=again,
        )  # fmt: skip
    except BadInput as fault:
        say_at_fields(form, fault.fields)
        return visit_page(shown, identity=form), 422
    except SAID_ON_THE_VISIT as refusal:
        return refused(visit_id, refusal)
    flash(_("The identity is recorded."), "ok")
    return redirect(url_for("school.visit", visit_id=visit_id))


@blueprint.post("/visits/<string:visit_id>/verify")
@for_staff
def verify_chosen(visit_id: str) -> Any:
    """Verify every child for whom I chose what I saw: all of them, or none."""
    shown = shown_visit(visit_id)
    forms = _chosen(shown)
    wrong = [form for form in forms.values() if form and not form.validate()]
    if wrong or not forms:
        return _missing(shown, forms)
    picked = [_choice(link, form) for link, form in forms.items()]
    known = {link: form for link, form in forms.items() if form}
    try:
        done = verify_links(house(), uid(), picked)
    except OneRefused as stop:
        return refused_one(shown, stop, known)
    except SAID_ON_THE_VISIT as refusal:
        return refused(visit_id, refusal)
    for link in done:
        _tell(shown, link)
    return onward(visit_id)


@blueprint.post("/links/<string:link_id>/verify")
@for_staff
def verify(link_id: str) -> Any:
    """Verify one child; what was not chosen is asked for on the visit's page."""
    shown = shown_with(link_id)
    child = child_of(shown, link_id)
    form = evidence_form(child)
    if not desk_children.note(house(), shown, child) and not form.validate():
        return visit_page(shown, forms={link_id: form}), 422
    try:
        done = verify_link(house(), uid(), LinkId(link_id), **_answers(form))
    except (BadInput, EvidenceRefused) as refusal:
        say_at_field(form, refusal)
        return visit_page(shown, forms={link_id: form}), errors.TABLE[type(refusal)].status
    except SAID_ON_THE_VISIT as refusal:
        return refused(shown.visit.id, refusal)
    _tell(shown, done)
    return onward(shown.visit.id)


@blueprint.post("/links/<string:link_id>/agree")
@for_staff
def agree(link_id: str) -> Any:
    """Agree, as the second person, with what the first one saw."""
    shown = shown_with(link_id)
    child = child_of(shown, link_id)
    form = overrule_form(child)
    if not desk_children.note(house(), shown, child) and not form.validate():
        return visit_page(shown, forms={link_id: form}), 422
    try:
        done = agree_link(house(), uid(), LinkId(link_id), overrule=bool(form.data.get("overrule")))
    except SAID_ON_THE_VISIT as refusal:
        return refused(shown.visit.id, refusal)
    _tell(shown, done)
    others = [one for one in shown.children if one.link.state is LinkState.AWAITING_SECOND]
    if len(others) > 1:  # the visit itself is over, so that it does not look open
        return redirect(url_for("school.visit", visit_id=shown.visit.id))
    return onward(shown.visit.id)


@blueprint.post("/links/<string:link_id>/refer")
@for_staff
def refer(link_id: str) -> Any:
    """Hand one request to the district office."""
    shown = shown_with(link_id)
    try:
        done = refer_link(house(), uid(), LinkId(link_id))
    except SAID_ON_THE_VISIT as refusal:
        return refused(shown.visit.id, refusal)
    _tell(shown, done)
    return onward(shown.visit.id)


@blueprint.get("/links/<string:link_id>/refuse")
@for_staff
def ask_refusal(link_id: str) -> str:
    """Ask why a request is refused."""
    return refusal_page(link_id, RefusalForm(formdata=None))


@blueprint.post("/links/<string:link_id>/refuse")
@for_staff
def refuse(link_id: str) -> Any:
    """Refuse one child for a reason of the list."""
    form = RefusalForm()
    if not form.validate():
        return refusal_page(link_id, form), 422
    try:
        done = refuse_link(house(), uid(), LinkId(link_id), form.reason.data)
    except SAID_ON_THE_VISIT as refusal:
        return refused(find_link(house(), LinkId(link_id)).visit, refusal)
    who = _("Student %(number)s", number=wording.student_number(done.claimed.student_number))
    flash(_("%(who)s: not confirmed. The parent sees the reason under My children.", who=who), "off")
    return onward(done.visit)


# --- pages ---------------------------------------------------------------------------------------


def _chosen(shown: DeskVisit) -> dict[str, EvidenceForm | None]:
    """Return the forms of the children that were answered; None where a child is not open to this clerk any
    more, so that the rules say why instead of leaving it out in silence."""
    found: dict[str, EvidenceForm | None] = {}
    for child in shown.children:
        form = evidence_form(child)
        if form.begun:
            found[child.link.id] = None if desk_children.note(house(), shown, child) else form
    return found


def _choice(link_id: str, form: EvidenceForm | None) -> Choice:
    return Choice(LinkId(link_id), **_answers(form)) if form else Choice(LinkId(link_id), "")


def _answers(form: EvidenceForm) -> dict[str, Any]:
    said = form.data
    return {
        "evidence": said["evidence"] or "",
        "until": said.get("until"),
        "overrule": bool(said.get("overrule")),
    }


def _missing(shown: DeskVisit, forms: Mapping[str, EvidenceForm | None]) -> Any:
    """Show what is missing; where nothing was chosen at all, ask at the first child that can be verified."""
    known = {link: form for link, form in forms.items() if form}
    ready = [child for child in shown.children if not desk_children.note(house(), shown, child)]
    if not known and not ready:
        return redirect(url_for("school.visit", visit_id=shown.visit.id))
    if not known:
        first = evidence_form(ready[0])
        first.validate()
        known = {ready[0].link.id: first}
    return visit_page(shown, forms=known), 422


def _tell(shown: DeskVisit, done: Link) -> None:
    """Say what became of one child."""
    child = child_of(shown, done.id)
    who, school = desk_children.title(child), child.place.name if child.place else ""
    if done.state is LinkState.AWAITING_SECOND:
        words = _(
            "%(who)s: the papers are noted. A second person at %(school)s must agree.", who=who, school=school
        )
        flash(words, "wait")
    elif done.state is LinkState.REFERRED:
        flash(_("%(who)s: sent to the district office, which decides.", who=who), "wait")
    else:
        flash(_("%(who)s: linked. The parent’s apps follow in a moment.", who=who), "ok")
