"""Lead a parent from a child's number to the visit code, and show how each link stands; never decides one.

What is typed is kept as a draft in the session until it is sent: nothing is lost on the way, and nothing
of it stands in an address.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp_bridge.domain.errors import BadInput, DistrictAddress, NotThere
from idp_bridge.domain.link import UNDECIDED, Claimed, LinkId, LinkState
from idp_bridge.domain.people import ParentId, Relationship, SchoolCode, StudentNumber, in_district_domain
from idp_bridge.services.house import House
from idp_bridge.services.linking import cancel_request, check_birth_date, leave_link, request_link
from idp_bridge.services.reading import Child, Slip, children_of, schools, slip_of
from idp_bridge.web import wording
from idp_bridge.web.cards import Card, card, cards
from idp_bridge.web.forms import BirthDateForm, CheckForm, NumberForm, RelationshipForm, school_form
from idp_bridge.web.guards import for_parents, signed_in
from idp_bridge.web.visit_slip import born, paper

blueprint = Blueprint("parent", __name__)

QUESTIONS = ("number", "birth-date", "school", "relationship")
DRAFT = "draft"
FIELD_OF = {"birth_date": "birth-date", "school": "school"}
"""Field of a claim the rules can refuse -> the question that asks for it."""
MAIN_APP = "oneview"
LEAVABLE = (LinkState.VERIFIED, LinkState.SUSPENDED)


@blueprint.get("/children")
@for_parents
def children() -> str:
    """Show every child with how the link stands and what to do next."""
    house = _house()
    shown = cards(children_of(house, _me()), _today(house), house.rules.zone)
    app_name = wording.APP_NAMES[MAIN_APP]
    return render_template("parent/children.html", cards=shown, app_url=_app_url(), app_name=app_name)


@blueprint.get("/children/add/<any('number', 'birth-date', 'school', 'relationship'):question>")
@for_parents
def ask(question: str) -> str | Response:
    """Ask one question; an answer given before stands in the form."""
    _refuse_district_address()
    form = _form(question)
    answer = _draft().get(question)
    if answer:
        form.remember(answer)
    return _page(question, form)


@blueprint.post("/children/add/<any('number', 'birth-date', 'school', 'relationship'):question>")
@for_parents
def answer(question: str) -> Any:
    """Keep one answer and go on to the next question that is still open."""
    _refuse_district_address()
    form = _form(question)
    if not (form.validate_on_submit() and _possible(form)):
        return _page(question, form), 422
    session[DRAFT] = {**_draft(), question: form.answer}
    return redirect(_next_open() or url_for("parent.check"))


@blueprint.get("/children/add/check")
@for_parents
def check() -> str | Response:
    """Show every answer once more before anything is sent."""
    _refuse_district_address()
    open_question = _next_open()
    return redirect(open_question) if open_question else _check_page(CheckForm())


@blueprint.post("/children/add/check")
@for_parents
def send() -> Any:
    """Ask for the link. What comes back is the same for a child that exists and one that does not."""
    _refuse_district_address()
    open_question = _next_open()
    if open_question:
        return redirect(open_question)
    form = CheckForm()
    if not form.validate_on_submit():
        return _check_page(form), 422
    try:
        request_link(_house(), _me(), _claimed(_draft()), request.remote_addr or "")
    except BadInput as fault:
        return _ask_again(fault)
    session.pop(DRAFT, None)
    return redirect(url_for("parent.visit"))


@blueprint.get("/visit")
@for_parents
def visit() -> str | Response:
    """Show the visit code; without an open visit there is nothing to show, so go to My children."""
    return _visit_page("parent/visit.html")


@blueprint.get("/visit/slip")
@for_parents
def slip() -> str | Response:
    """Show the slip as it goes on paper."""
    return _visit_page("parent/slip.html")


@blueprint.get("/children/<string:link_id>/about")
@for_parents
def about(link_id: str) -> str:
    """Say what an answer of the school or an end means, and what the parent can do."""
    child = _mine(link_id)
    shown = _card(child)
    advice = {LinkState.DENIED: wording.DENIAL_ADVICE, LinkState.ENDED: wording.END_ADVICE}.get(shown.state)
    if advice is None:
        raise NotThere
    return render_template(
        "parent/about.html",
        card=shown,
        advice=advice.get(child.link.reason or "", _("Call the school. They can tell you what to do next.")),
        appeal=wording.appeal(child.link.reason) if shown.state is LinkState.DENIED else (),
        again=child.link.reason not in ("student_is_18", "consent_withdrawn"),
    )


@blueprint.post("/children/<string:link_id>/again")
@for_parents
def again(link_id: str) -> Response:
    """Start a new request with the answers of an old one; the parent checks them before sending."""
    claimed = _mine(link_id).link.claimed
    session[DRAFT] = {
        "number": claimed.student_number,
        "birth-date": claimed.birth_date.isoformat(),
        "school": claimed.school,
        "relationship": claimed.relationship.value,
    }
    return redirect(url_for("parent.check"))


@blueprint.get("/children/<string:link_id>/cancel")
@for_parents
def ask_cancel(link_id: str) -> str | Response:
    """Ask whether the request shall be taken back."""
    shown = _card(_mine(link_id))
    if shown.state not in UNDECIDED:
        return redirect(url_for("parent.children"))
    return render_template("parent/cancel.html", card=shown)


@blueprint.post("/children/<string:link_id>/cancel")
@for_parents
def cancel(link_id: str) -> Response:
    """Take a waiting request back."""
    cancel_request(_house(), _me(), LinkId(link_id))
    return redirect(url_for("parent.children"))


@blueprint.get("/children/<string:link_id>/leave")
@for_parents
def ask_leave(link_id: str) -> str | Response:
    """Ask whether the link shall end."""
    shown = _card(_mine(link_id))
    if shown.state not in LEAVABLE:
        return redirect(url_for("parent.children"))
    return render_template("parent/leave.html", card=shown)


@blueprint.post("/children/<string:link_id>/leave")
@for_parents
def leave(link_id: str) -> Response:
    """End one's own link; the apps follow."""
    leave_link(_house(), _me(), LinkId(link_id))
    return redirect(url_for("parent.children"))


def _house() -> House:
    house: House = current_app.extensions["house"]
    return house


def _me() -> ParentId:
    return ParentId(signed_in().sub)


def _today(house: House) -> date:
    return house.clock.now().astimezone(house.rules.zone).date()


def _app_url() -> str:
    if MAIN_APP not in current_app.config["APPS"]:
        return ""
    chosen: dict[str, Any] = {"app": MAIN_APP, "as": "parent"}
    return url_for("start.who", **chosen)


def _refuse_district_address() -> None:
    """Tell the owner of a district address before the first question, not after the last."""
    if in_district_domain(signed_in().email, _house().rules.email_domains):
        raise DistrictAddress


def _draft() -> dict[str, str]:
    draft: dict[str, str] = session.get(DRAFT, {})
    return draft


def _next_open() -> str | None:
    """Return the address of the first question without an answer."""
    for question in QUESTIONS:
        if question not in _draft():
            return url_for("parent.ask", question=question)
    return None


def _form(question: str) -> Any:
    if question == "school":
        return school_form(schools(_house()))
    return {"number": NumberForm, "birth-date": BirthDateForm, "relationship": RelationshipForm}[question]()


def _possible(form: Any) -> bool:
    """Tell whether the rules can accept a birth date at all; if not, the form says why."""
    if not isinstance(form, BirthDateForm):
        return True
    try:
        check_birth_date(_house(), form.value)
    except BadInput as fault:
        form.refuse(fault.fields["birth_date"])
        return False
    return True


def _page(question: str, form: Any) -> str:
    place = QUESTIONS.index(question)
    back = url_for("parent.ask", question=QUESTIONS[place - 1]) if place else url_for("parent.children")
    return render_template(
        f"parent/{question}.html",
        form=form,
        back=back,
        question=place + 1,
        questions=len(QUESTIONS),
        here=url_for("parent.answer", question=question),
        notes=wording.RELATIONSHIP_NOTES,
    )


def _check_page(form: CheckForm) -> str:
    draft = _draft()
    names = {school.code: school.name for school in schools(_house())}
    said = (
        (_("Student number"), wording.student_number(draft["number"])),
        (_("Date of birth"), born(date.fromisoformat(draft["birth-date"]))),
        (_("School"), names.get(SchoolCode(draft["school"]), "")),
        (_("You are the child’s"), wording.RELATIONSHIPS[draft["relationship"]]),
    )
    links = (url_for("parent.ask", question=question) for question in QUESTIONS)
    facts = [(*row, link) for row, link in zip(said, links, strict=True)]
    return render_template("parent/check.html", form=form, facts=facts)


def _ask_again(fault: BadInput) -> Any:
    """Show the question whose answer the rules refuse by now (a school that closed, say), with the reason."""
    field, reason = next(iter(fault.fields.items()))
    form = _form(FIELD_OF[field])
    form.remember(_draft()[FIELD_OF[field]])
    form.refuse(reason)
    return _page(FIELD_OF[field], form), 422


def _claimed(draft: dict[str, str]) -> Claimed:
    return Claimed(
        StudentNumber(draft["number"]),
        date.fromisoformat(draft["birth-date"]),
        SchoolCode(draft["school"]),
        Relationship(draft["relationship"]),
    )


def _visit_page(template: str) -> str | Response:
    house = _house()
    try:
        open_slip: Slip = slip_of(house, _me())
    except NotThere:
        return redirect(url_for("parent.children"))
    if open_slip.visit.visit_by < _today(house):
        return redirect(url_for("parent.children"))
    return render_template(template, paper=paper(open_slip, house.rules.evidence), today=_today(house))


def _mine(link_id: str) -> Child:
    """Return one of the parent's own links; raise NotThere for everybody else's and for none."""
    for child in children_of(_house(), _me()):
        if child.link.id == link_id:
            return child
    raise NotThere


def _card(child: Child) -> Card:
    house = _house()
    return card(child, _today(house), house.rules.zone)
