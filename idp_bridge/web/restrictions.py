"""Serve the pages about restrictions to the duties that may know of them; never decides a duty.

Each request asks LDAP afresh; without the duty the answer is the same whether or not there is one.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from idp_bridge.domain.errors import (
    BadInput,
    ChangedMeanwhile,
    ConflictOfInterest,
    MoveRefused,
    NotThere,
    Refusal,
    SamePerson,
)
from idp_bridge.domain.link import LinkId, LinkState
from idp_bridge.domain.people import ParentId
from idp_bridge.domain.restriction import RestrictionId
from idp_bridge.services.reading_restrictions import (
    guardian_shown,
    my_schools,
    restriction_shown,
    restrictions_at,
)
from idp_bridge.services.restricting import (
    Order,
    ask_lift,
    clear_namesake,
    confirm_lift,
    place,
    read_note,
    review,
)
from idp_bridge.web import errors, wording
from idp_bridge.web import restriction_wording as words
from idp_bridge.web.desk_person import house, place_name, staff, uid
from idp_bridge.web.forms import day_of
from idp_bridge.web.guards import for_staff, signed_in
from idp_bridge.web.restriction_forms import RestrictionForm, ReviewForm, StudentForm, say_at_fields

blueprint = Blueprint("restrictions", __name__, url_prefix="/desk/restrictions")

SAID_ON_THE_PAGE = (ChangedMeanwhile, ConflictOfInterest, MoveRefused, SamePerson)
"""Refusals said on top of the restriction as it stands now."""


@blueprint.get("")
@for_staff
def every() -> str:
    """List the restrictions in force at my schools, nearest review first."""
    shown = restrictions_at(house(), staff())
    return render_template(
        "restrictions/list.html",
        shown=shown,
        find=StudentForm(formdata=None),
        **_words(),
        school_name=place_name(shown.schools),
        person_name=signed_in().name,
    )


@blueprint.get("/new")
@for_staff
def ask() -> str:
    """Ask for a new restriction; what is known of a link or student is filled in."""
    form = RestrictionForm(formdata=None)
    link = request.args.get("link", "")
    if link:
        student, guardian = guardian_shown(house(), staff(), LinkId(link))
        form.link.data, form.number.data = link, wording.student_number(student.number)
        form.given_name.data = guardian.parent.given_name
        form.family_name.data = guardian.parent.family_name
    return _form_page(form)


@blueprint.post("/new")
@for_staff
def send() -> Any:
    """Place a restriction; whatever is missing is asked for with everything typed still there."""
    form = RestrictionForm()
    if not form.validate():
        return _form_page(form), 422
    try:
        done = place(house(), uid(), _order(form))
    except BadInput as fault:
        say_at_fields(form, fault.fields)
        return _form_page(form), 422
    except NotThere:
        form.number.errors = [_("No student of your schools has this number")]
        return _form_page(form), 422
    _flash_placed(done.id)
    return redirect(url_for("restrictions.one", restriction_id=done.id))


@blueprint.get("/<string:restriction_id>")
@for_staff
def one(restriction_id: str) -> str:
    """Show one restriction, but for its note."""
    return _page(restriction_id)


@blueprint.post("/<string:restriction_id>/review")
@for_staff
def look_again(restriction_id: str) -> Any:
    """Set the next review."""
    form = ReviewForm()
    if not form.validate():
        return _page(restriction_id, form=form), 422
    day = day_of(form.review_on)
    try:
        review(house(), uid(), RestrictionId(restriction_id), day)  # type: ignore[arg-type]  # a whole date
    except BadInput as fault:
        say_at_fields(form, fault.fields)
        return _page(restriction_id, form=form), 422
    except SAID_ON_THE_PAGE as refusal:
        return _refused(restriction_id, refusal)
    flash(_("The next review is noted."), "ok")
    return _back(restriction_id)


@blueprint.post("/<string:restriction_id>/lift")
@for_staff
def lift(restriction_id: str) -> Any:
    """Ask to lift it, as the first of two persons."""
    try:
        ask_lift(house(), uid(), RestrictionId(restriction_id))
    except SAID_ON_THE_PAGE as refusal:
        return _refused(restriction_id, refusal)
    flash(_("Noted. It stands until a second person confirms."), "wait")
    return _back(restriction_id)


@blueprint.post("/<string:restriction_id>/lift/confirm")
@for_staff
def confirm(restriction_id: str) -> Any:
    """Lift it, as the second person."""
    try:
        confirm_lift(house(), uid(), RestrictionId(restriction_id))
    except SAID_ON_THE_PAGE as refusal:
        return _refused(restriction_id, refusal)
    flash(_("The restriction is lifted. Links work again unless something else holds them."), "ok")
    return _back(restriction_id)


@blueprint.post("/<string:restriction_id>/note")
@for_staff
def note(restriction_id: str) -> Any:
    """Open the sealed note; that I did is written down."""
    try:
        sealed = read_note(house(), uid(), RestrictionId(restriction_id))
    except SAID_ON_THE_PAGE as refusal:
        return _refused(restriction_id, refusal)
    return _page(restriction_id, note=sealed or _("The note is empty."))


@blueprint.post("/<string:restriction_id>/namesakes")
@for_staff
def namesake(restriction_id: str) -> Any:
    """Say that an account of the same name is another person's."""
    account = ParentId(request.form.get("account", "")[:64])
    try:
        clear_namesake(house(), uid(), RestrictionId(restriction_id), account)
    except SAID_ON_THE_PAGE as refusal:
        return _refused(restriction_id, refusal)
    flash(_("The restriction no longer stands against that account."), "ok")
    return _back(restriction_id)


# --- pages ---------------------------------------------------------------------------------------


def _form_page(form: RestrictionForm) -> str:
    """Show the form, to staff who may place one somewhere."""
    return render_template(
        "restrictions/form.html",
        form=form,
        basis_notes=words.BASIS_NOTES,
        school_name=place_name(my_schools(house(), staff())),
        person_name=signed_in().name,
    )


def _page(
    restriction_id: str,
    form: ReviewForm | None = None,
    note: str | None = None,
    fault: errors.Words | None = None,
) -> str:
    shown = restriction_shown(house(), staff(), RestrictionId(restriction_id))
    return render_template(
        "restrictions/one.html",
        shown=shown,
        form=form or ReviewForm(formdata=None),
        note=note,
        fault=fault,
        **_words(),
        school_name=place_name(shown.schools),
        person_name=signed_in().name,
    )


def _refused(restriction_id: str, refusal: Refusal) -> tuple[str, int]:
    current_app.logger.info("refused %s: %s", request.endpoint, type(refusal).__name__)
    said = errors.TABLE[type(refusal)]
    return _page(restriction_id, fault=said), said.status


def _back(restriction_id: str) -> Response:
    return redirect(url_for("restrictions.one", restriction_id=restriction_id))


def _words() -> dict[str, object]:
    return {
        "bases": words.BASES,
        "limits": words.LIMITS,
        "events": words.EVENTS,
        "states": words.LINK_STATES,
        "number": wording.student_number,
    }


def _order(form: RestrictionForm) -> Order:
    limits = set(form.limits.data or ())
    return Order(
        student_number=form.student,
        given_name=form.given_name.data or "",
        family_name=form.family_name.data or "",
        access="access" in limits,
        messages="messages" in limits,
        basis=form.basis.data,
        review_on=day_of(form.review_on),  # type: ignore[arg-type]  # validated: a whole date
        note=form.note.data or "",
        parent=_account_of(form),
        birth_date=day_of(form.birth_date),
    )


def _account_of(form: RestrictionForm) -> ParentId | None:
    """Return the account of the link the form was opened for, if the number typed is still its student's."""
    if not form.link.data:
        return None
    student, guardian = guardian_shown(house(), staff(), LinkId(form.link.data))
    return guardian.parent.id if student.number == form.student else None


def _flash_placed(restriction_id: RestrictionId) -> None:
    shown = restriction_shown(house(), staff(), restriction_id)
    held = [one for one in shown.against if one.link and one.link.state is LinkState.SUSPENDED]
    if held and shown.restriction.access:
        text = ngettext(
            "The restriction stands. %(num)d link is on hold; you see it below.",
            "The restriction stands. %(num)d links are on hold; you see them below.",
            len(held),
        )
    elif shown.against:
        text = _("The restriction stands, also against the accounts you see below.")
    else:
        text = _("The restriction stands. No account of this person is known yet; a later one is stopped.")
    flash(text, "ok")
