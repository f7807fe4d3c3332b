"""Serve the page that corrects a claim with the parent at the counter; never decides whom it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FormField, StringField

from idp_bridge.domain.errors import AlreadyAsked, BadInput, MoveRefused, NotThere
from idp_bridge.domain.link import WAITING, Link, LinkId, asked_for
from idp_bridge.domain.people import StudentNumber, read_student_number
from idp_bridge.services.correcting import correct_claim
from idp_bridge.services.desk import DeskVisit
from idp_bridge.services.desk_child import DeskChild
from idp_bridge.web import at_counter, wording
from idp_bridge.web.desk_person import house, uid
from idp_bridge.web.desk_visit import child_of, shown_with
from idp_bridge.web.forms import BirthDateForm, DateParts, NumberForm, stripped
from idp_bridge.web.guards import for_staff
from idp_bridge.web.visit_slip import born

blueprint = Blueprint("correcting", __name__, url_prefix="/desk/links")


class CorrectionForm(BirthDateForm):
    """What the parent meant: both facts that name a student."""

    number = StringField(
        _l("Student number"),
        filters=[stripped],
        description=_l("8 digits, for example 4600 1234. It is not the lunch number."),
    )
    birth_date = FormField(DateParts, _l("Date of birth"))

    validate_number = NumberForm.validate_number

    @property
    def meant(self) -> StudentNumber:
        """Return the number without spaces, once the form is valid."""
        return read_student_number(self.number.data) or StudentNumber("")

    def refuse_each(self, faults: Mapping[str, str]) -> None:
        """Say at each field what is wrong with it."""
        if "birth_date" in faults:
            self.refuse(faults["birth_date"])
        else:
            self.number.errors = [
                _("This is what was asked for already. Change the number or the date of birth.")
            ]


@blueprint.get("/<string:link_id>/correct")
@for_staff
def ask(link_id: str) -> str:
    """Show what was typed, and the two fields to correct it in."""
    shown = shown_with(link_id)
    child = child_of(shown, link_id)
    return _page(shown, child, _filled(child.link))


@blueprint.post("/<string:link_id>/correct")
@for_staff
def correct(link_id: str) -> Any:
    """Note what the parent meant; the visit then shows whom it fits."""
    shown = shown_with(link_id)
    child = child_of(shown, link_id)
    form = CorrectionForm()
    if not form.validate():
        return _page(shown, child, form), 422
    try:
        done = correct_claim(house(), uid(), LinkId(link_id), form.meant, form.value)
    except BadInput as fault:
        form.refuse_each(fault.fields)
        return _page(shown, child, form), 422
    except AlreadyAsked:
        form.number.errors = [
            _(
                "The parent has a request or a link for this student already. "
                "Refuse this one as made by mistake."
            )
        ]
        return _page(shown, child, form), 409
    flash(*_said(done))
    return redirect(url_for("school.visit", visit_id=shown.visit.id))


def _filled(link: Link) -> CorrectionForm:
    form, meant = CorrectionForm(formdata=None), asked_for(link)
    form.number.data = wording.student_number(meant.student_number)
    form.remember(meant.birth_date.isoformat())
    return form


def _page(shown: DeskVisit, child: DeskChild, form: CorrectionForm) -> str:
    link = child.link
    if link.state not in WAITING:
        raise MoveRefused(f"correct in {link.state}")
    if not child.mine:
        raise NotThere
    return render_template(
        "school/correct.html",
        form=form,
        link=link,
        typed=(wording.student_number(link.claimed.student_number), born(link.claimed.birth_date)),
        school=child.claimed_school.name if child.claimed_school else "",
        relationship=wording.RELATIONSHIPS[link.claimed.relationship],
        **at_counter.head(shown),
    )


def _said(done: Link) -> tuple[str, str]:
    """Return whether it fits somebody now; who it is and where it is decided stands on the visit itself."""
    if done.student:
        return _("Corrected. The request fits a student now."), "ok"
    return _("Corrected. The request still fits no student."), "wait"
