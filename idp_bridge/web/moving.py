"""Serve the page that moves links to a new account of the same person; never finds an account by itself."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField
from wtforms.validators import InputRequired

from idp_bridge.domain.link import VisitId
from idp_bridge.domain.people import ParentId
from idp_bridge.services.moving import Earlier, earlier_accounts, identified, move_links
from idp_bridge.web import at_counter, errors
from idp_bridge.web.desk_person import house, staff, uid
from idp_bridge.web.desk_visit import shown_visit
from idp_bridge.web.guards import for_staff
from idp_bridge.web.languages import plain_day

blueprint = Blueprint("moving", __name__, url_prefix="/desk/visits")


class MoveForm(FlaskForm):
    """One earlier account, and that the person is the same."""

    account = HiddenField()
    same = BooleanField(
        _l("The person showed the photo ID just now and knows the earlier e-mail address."),
        [InputRequired(_l("Confirm that it is the same person"))],
    )


@blueprint.get("/<string:visit_id>/move")
@for_staff
def ask(visit_id: str) -> str:
    """List the earlier accounts of this person and what would move."""
    return _page(visit_id)


@blueprint.post("/<string:visit_id>/move")
@for_staff
def move(visit_id: str) -> Any:
    """Move the links of one earlier account to the account of this visit."""
    form = MoveForm()
    if not form.validate():
        return _page(visit_id, form), 422
    try:
        done = move_links(house(), uid(), VisitId(visit_id), ParentId(form.account.data or ""))
    except at_counter.SAID as refusal:
        words = at_counter.words_of(refusal)
        return _page(visit_id, fault=words), words.status
    flash(
        ngettext(
            "%(num)d link moved to the new account. The apps follow in a moment.",
            "%(num)d links moved to the new account. The apps follow in a moment.",
            len(done),
        ),
        "ok",
    )
    return redirect(url_for("school.visit", visit_id=visit_id))


def _page(visit_id: str, form: MoveForm | None = None, fault: errors.Words | None = None) -> str:
    shown = shown_visit(visit_id)
    found = earlier_accounts(house(), staff(), VisitId(visit_id))
    return render_template(
        "school/move.html",
        accounts=[_account(one, form) for one in found],
        wrong=form,
        fault=fault,
        identified=identified(shown.visit, shown.proof),
        open=not (shown.visit.closed_at or shown.lapsed),
        **at_counter.head(shown),
    )


def _account(one: Earlier, wrong: MoveForm | None) -> dict[str, Any]:
    """Return what the page shows of an earlier account; its form is the one that came back, if it did."""
    form = wrong if wrong and wrong.account.data == one.parent.id else MoveForm(formdata=None)
    form.account.data = one.parent.id
    made = one.parent.first_seen_at.astimezone(house().rules.zone).date()
    return {
        "form": form,
        "name": one.parent.name,
        "email": masked(one.parent.email),
        "made": plain_day(made),
        "students": [student.name for student in one.students],
        "elsewhere": one.elsewhere,
    }


def masked(email: str) -> str:
    """Return an address so that who knows it recognises it: `a…@mail.example`."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}…@{domain}"
