"""Serve a student's page to principals: every link, hold and settle, end; never decides a duty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from idp_bridge.domain.errors import ChangedMeanwhile, ConflictOfInterest, MoveRefused, NotThere, Refusal
from idp_bridge.domain.link import Link, LinkId
from idp_bridge.domain.people import read_student_number
from idp_bridge.services.disputing import end_link, hold_link, settle_dispute
from idp_bridge.services.house import House
from idp_bridge.services.reading_restrictions import guardian_shown, my_schools, student_shown
from idp_bridge.web import errors, wording
from idp_bridge.web import restriction_wording as words
from idp_bridge.web.desk_person import house, place_name, staff, uid
from idp_bridge.web.guards import for_staff, signed_in
from idp_bridge.web.restriction_forms import EndForm, StudentForm

blueprint = Blueprint("students", __name__, url_prefix="/desk/students")

SAID_ON_THE_PAGE = (ChangedMeanwhile, ConflictOfInterest, MoveRefused)


@blueprint.get("")
@for_staff
def ask() -> str:
    """Ask for a student number."""
    return _find_page(StudentForm(formdata=None))


@blueprint.post("/find")
@for_staff
def find() -> Any:
    """Open a student's page; a number nobody at my schools has is said at the field."""
    form = StudentForm()
    if not form.validate():
        return _find_page(form), 422
    try:
        student_shown(house(), staff(), form.student)
    except NotThere:
        form.number.errors = [_("No student of your schools has this number")]
        return _find_page(form), 404
    return redirect(url_for("students.one", number=form.student))


@blueprint.get("/<string:number>")
@for_staff
def one(number: str) -> str:
    """Show a student of my schools: every link and every restriction."""
    asked = staff()
    typed = read_student_number(number)
    if typed is None:
        my_schools_or_refuse()
        raise NotThere
    shown = student_shown(house(), asked, typed)
    return render_template(
        "restrictions/student.html",
        shown=shown,
        **_words(),
        school_name=place_name(shown.schools),
        person_name=signed_in().name,
    )


@blueprint.get("/links/<string:link_id>")
@for_staff
def link(link_id: str) -> str:
    """Show one link with what can be done to it."""
    return _link_page(link_id, EndForm(formdata=None))


@blueprint.post("/links/<string:link_id>/hold")
@for_staff
def hold(link_id: str) -> Any:
    """Put the link on hold in a dispute."""
    return _do(link_id, hold_link, _("The link is on hold until somebody with your duty settles it."))


@blueprint.post("/links/<string:link_id>/settle")
@for_staff
def settle(link_id: str) -> Any:
    """Settle the dispute."""
    return _do(
        link_id, settle_dispute, _("The dispute is settled. The link works, unless it is held otherwise.")
    )


@blueprint.post("/links/<string:link_id>/end")
@for_staff
def end(link_id: str) -> Any:
    """End the link for a reason of the list."""
    form = EndForm()
    if not form.validate():
        return _link_page(link_id, form), 422

    def revoke(built: House, who: str, which: LinkId) -> Link:
        return end_link(built, who, which, form.reason.data)

    return _do(link_id, revoke, _("The link is ended. The parent’s apps follow in a moment."))


# --- pages ---------------------------------------------------------------------------------------


def my_schools_or_refuse() -> str:
    """Return what stands under "School desk"; raise NoDuty for who has no duty about students."""
    return place_name(my_schools(house(), staff()))


def _find_page(form: StudentForm) -> str:
    return render_template(
        "restrictions/find.html",
        form=form,
        school_name=my_schools_or_refuse(),
        person_name=signed_in().name,
    )


def _link_page(link_id: str, form: EndForm, fault: errors.Words | None = None) -> str:
    student, guardian = guardian_shown(house(), staff(), LinkId(link_id))
    return render_template(
        "restrictions/link.html",
        student=student,
        guardian=guardian,
        form=form,
        fault=fault,
        **_words(),
        school_name=my_schools_or_refuse(),
        person_name=signed_in().name,
    )


def _do(link_id: str, act: Callable[[House, str, LinkId], Link], said: str) -> Any:
    """Do one thing to a link and go back to its student."""
    try:
        act(house(), uid(), LinkId(link_id))
    except SAID_ON_THE_PAGE as refusal:
        return _refused(link_id, refusal)
    flash(said, "ok")
    student, _guardian = guardian_shown(house(), staff(), LinkId(link_id))
    return redirect(url_for("students.one", number=student.number))


def _refused(link_id: str, refusal: Refusal) -> tuple[str, int]:
    current_app.logger.info("refused %s: %s", request.endpoint, type(refusal).__name__)
    said = errors.TABLE[type(refusal)]
    return _link_page(link_id, EndForm(formdata=None), fault=said), said.status


def _words() -> dict[str, object]:
    return {
        "bases": words.BASES,
        "limits": words.LIMITS,
        "states": words.LINK_STATES,
        "relationships": wording.RELATIONSHIPS,
        "number": wording.student_number,
    }
