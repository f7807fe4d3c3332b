"""Lead a parent from a child's number to the visit code, one question a page; never decides about a link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import wraps
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp_bridge.domain.errors import BadInput, DistrictAddress
from idp_bridge.domain.people import SchoolCode, in_district_domain
from idp_bridge.services.linking import check_birth_date, request_links
from idp_bridge.services.reading import schools
from idp_bridge.web import drafts, wording
from idp_bridge.web.drafts import QUESTIONS, Draft
from idp_bridge.web.forms import BirthDateForm, CheckForm, NumberForm, RelationshipForm, school_form
from idp_bridge.web.guards import for_parents, signed_in
from idp_bridge.web.parent_person import house, me
from idp_bridge.web.visit_slip import born

blueprint = Blueprint("asking", __name__)

QUESTION = "<any('number', 'birth-date', 'school', 'relationship'):question>"
FIELD_OF = {"birth_date": "birth-date", "school": "school", "number": "number"}
"""Field of a claim the rules can refuse -> the question that asks for it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One child of the check page: its place, heading and answers; `open` leads on where one is missing."""

    place: int
    title: str
    facts: list[tuple[str, str, str]]
    open: str | None


def _asking(view: Callable[..., Any]) -> Callable[..., Any]:
    """Tell the owner of a district address before the first question, not after the last."""

    @wraps(view)
    def asked(**named: Any) -> Any:
        if in_district_domain(signed_in().email, house().rules.email_domains):
            raise DistrictAddress
        return view(**named)

    return asked


@blueprint.get(f"/children/add/{QUESTION}")
@for_parents
@_asking
def ask(question: str) -> str | Response:
    """Ask one question; an answer given before stands in the form."""
    place = _place()
    form = _form(question)
    answer = drafts.draft(place).get(question)
    if answer:
        form.remember(answer)
    return _page(question, form, place)


@blueprint.post(f"/children/add/{QUESTION}")
@for_parents
@_asking
def answer(question: str) -> Any:
    """Keep one answer and go on to the next question that is still open."""
    place = _place()
    form = _form(question)
    if not (form.validate_on_submit() and _possible(form, place)):
        return _page(question, form, place), 422
    drafts.keep(place, **{question.replace("-", "_"): form.answer})
    return redirect(_next(place))


@blueprint.get("/children/add/same")
@for_parents
@_asking
def ask_same() -> str | Response:
    """Offer the school and relationship of the child before; the parent sees them and says yes or no."""
    place = _place()
    before = drafts.like_before(place)
    if not before or not _number(place):
        return redirect(_next(place))
    return render_template(
        "parent/same.html",
        before=_number(place - 1),
        title=_number(place),
        facts=[_school_fact(before["school"]), _relationship_fact(before["relationship"])],
        back=_url("birth-date", place),
        here=url_for("asking.same", **_child(place)),
        other=_url("school", place),
    )


@blueprint.post("/children/add/same")
@for_parents
@_asking
def same() -> Response:
    """Take the school and relationship of the child before for this one too."""
    place = _place()
    before = drafts.like_before(place)
    if before:
        drafts.keep(place, **before)
    return redirect(_next(place))


@blueprint.post("/children/add/remove")
@for_parents
@_asking
def remove() -> Response:
    """Forget one child that was not sent yet."""
    drafts.remove(_place())
    return redirect(url_for("asking.check" if drafts.drafts() else "parent.children"))


@blueprint.get("/children/add/check")
@for_parents
@_asking
def check() -> str | Response:
    """Show every answer once more before anything is sent."""
    place = drafts.first_open()
    whole = any(drafts.open_question(at) is None for at in range(len(drafts.drafts())))
    return redirect(_next(place or 0)) if place is not None and not whole else _check_page(CheckForm())


@blueprint.post("/children/add/check")
@for_parents
@_asking
def send() -> Any:
    """Ask for every link. What comes back is the same for a child that exists and one that does not."""
    place = drafts.first_open()
    if place is not None:
        return redirect(_next(place))
    form = CheckForm()
    if not form.validate_on_submit():
        return _check_page(form), 422
    try:
        claims = [drafts.claim(said) for said in drafts.drafts()]
        request_links(house(), me(), claims, request.remote_addr or "")
    except BadInput as fault:
        return _ask_again(fault)
    drafts.forget()
    return redirect(url_for("parent.visit"))


def _place() -> int:
    """Return which child the address is about; without a word about it, the one typed last."""
    place = request.args.get("child", drafts.last_place(), int)
    if not drafts.is_place(place):
        abort(404)
    return place


def _child(place: int) -> dict[str, Any]:
    return {"child": place} if place else {}


def _url(question: str, place: int) -> str:
    return url_for("asking.ask", question=question, **_child(place))


def _next(place: int) -> str:
    """Return the address of the first open question about a child, or of the check page."""
    question = drafts.open_question(place)
    if question is None:
        return url_for("asking.check")
    if question == "school" and "relationship" not in drafts.draft(place) and drafts.like_before(place):
        return url_for("asking.ask_same", **_child(place))
    return _url(question, place)


def _form(question: str) -> Any:
    if question == "school":
        return school_form(schools(house()))
    return {"number": NumberForm, "birth-date": BirthDateForm, "relationship": RelationshipForm}[question]()


def _possible(form: Any, place: int) -> bool:
    """Tell whether the rules can accept a birth date or number at all; if not, the form says why."""
    if isinstance(form, NumberForm) and drafts.twice(place, form.answer):
        form.refuse("twice")
        return False
    if not isinstance(form, BirthDateForm):
        return True
    try:
        check_birth_date(house(), form.value)
    except BadInput as fault:
        form.refuse(fault.fields["birth_date"])
        return False
    return True


def _page(question: str, form: Any, place: int) -> str:
    return render_template(
        f"parent/{question}.html",
        form=form,
        back=_back(question, place),
        place=place,
        question=QUESTIONS.index(question) + 1,
        questions=len(QUESTIONS),
        here=url_for("asking.answer", question=question, **_child(place)),
        notes=wording.RELATIONSHIP_NOTES,
    )


def _back(question: str, place: int) -> str:
    before = QUESTIONS.index(question)
    if before:
        return _url(QUESTIONS[before - 1], place)
    return url_for("asking.check" if place else "parent.children")


def _check_page(form: CheckForm) -> str:
    every = [_asked(place, said) for place, said in enumerate(drafts.drafts())]
    return render_template(
        "parent/check.html",
        form=form,
        children=every,
        more=url_for("asking.ask", question="number", child=len(every)) if len(every) < drafts.MOST else "",
        back=_url("relationship", len(every) - 1),
        unfinished=any(child.open for child in every),
    )


def _asked(place: int, said: Draft) -> Asked:
    facts = {
        "number": lambda answer: (_("Student number"), wording.student_number(answer)),
        "birth-date": lambda answer: (_("Date of birth"), born(date.fromisoformat(answer))),
        "school": _school_fact,
        "relationship": _relationship_fact,
    }
    return Asked(
        place,
        _number(place),
        [
            (*facts[question](said[question]), _url(question, place))
            for question in QUESTIONS
            if question in said
        ],
        _next(place) if drafts.open_question(place) else None,
    )


def _number(place: int) -> str:
    return wording.student_number(drafts.draft(place).get("number", ""))


def _school_fact(code: str) -> tuple[str, str]:
    names = {school.code: school.name for school in schools(house())}
    return _("School"), names.get(SchoolCode(code), "")


def _relationship_fact(code: str) -> tuple[str, str]:
    return _("You are the child’s"), str(wording.RELATIONSHIPS[code])


def _ask_again(fault: BadInput) -> Any:
    """Show the question whose answer the rules refuse by now (a school that closed, say), with the reason."""
    name, reason = next(iter(fault.fields.items()))
    place, _dot, field = name.partition(".")
    question, child = FIELD_OF[field], int(place)
    form = _form(question)
    form.remember(drafts.draft(child)[question])
    form.refuse(reason)
    return _page(question, form, child), 422
