"""Serve a student of 18: who has access to my records, allow it again, stop it; never what a parent sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import SelectMultipleField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput, ListWidget

from idp_bridge.domain.errors import (
    AccountClosed,
    BadInput,
    DistrictAddress,
    MoveRefused,
    NotThere,
    Restricted,
    SignInAgain,
)
from idp_bridge.domain.link import LinkId
from idp_bridge.domain.people import Purpose, StudentNumber
from idp_bridge.services.granting import Access, Owner, OwnRecords, grant, own_records, withdraw
from idp_bridge.services.house import House
from idp_bridge.web.guards import for_students, signed_in
from idp_bridge.web.languages import plain_day
from idp_bridge.web.wording import RELATIONSHIPS

blueprint = Blueprint("student", __name__, url_prefix="/student")

PURPOSES = {
    Purpose.RECORDS: _l("School records"),
    Purpose.TRANSPORT: _l("Bus and transport"),
    Purpose.CHOICE: _l("Choice of school and programs"),
    Purpose.MESSAGES: _l("Messages of the school"),
}
PURPOSE_NOTES = {
    Purpose.RECORDS: _l("Grades, attendance, tests"),
    Purpose.CHOICE: _l("See and send applications for you"),
    Purpose.MESSAGES: _l("Get what the school writes about you"),
}
ASK_THE_OFFICE = (AccountClosed, Restricted, SignInAgain, DistrictAddress)
"""Said in one way: the student learns that it cannot be done here, and not what stands against the other."""


@dataclass(frozen=True, slots=True)
class Card:
    """One parent on the page, in words."""

    link_id: str
    name: str
    fact: str
    state: str
    band: str
    rows: tuple[tuple[str, str], ...]
    can_allow: bool
    can_stop: bool


class AllowForm(FlaskForm):
    """What a parent may see again; nothing is chosen beforehand."""

    purposes = SelectMultipleField(
        _l("What do you allow?"),
        choices=[SelectChoice(purpose.value, words) for purpose, words in PURPOSES.items()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    def refuse(self) -> None:
        """Say that nothing was chosen."""
        self.purposes.errors = [_("Choose at least one")]


@blueprint.get("")
@for_students
def records() -> str:
    """Show who had and has access; before 18 only from which day on the student decides."""
    found = _found()
    cards = [_card(one) for one in found.access] if found else []
    return render_template("student/records.html", found=found, cards=cards)


@blueprint.get("/allow/<string:link_id>")
@for_students
def ask_allow(link_id: str) -> str:
    """Ask what one parent may see again."""
    return _allow_page(AllowForm(formdata=None), _one(link_id, allowing=True))


@blueprint.post("/allow/<string:link_id>")
@for_students
def allow(link_id: str) -> Any:
    """Allow it; the apps follow within a moment."""
    form, one = AllowForm(), _one(link_id, allowing=None)
    chosen = [purpose for purpose in Purpose if purpose in (form.purposes.data or ())]
    try:
        grant(_house(), _owner(), LinkId(link_id), chosen)
    except BadInput:
        form.refuse()
        return _allow_page(form, one), 422
    except ASK_THE_OFFICE as refusal:
        current_app.logger.info("refused student.allow: %s", type(refusal).__name__)
        return _allow_page(form, one, refused=True), 409
    except MoveRefused:  # sent twice: it works already, and the page says so
        return redirect(url_for("student.records"))
    flash(_("%(name)s can see it again. The apps follow in a moment.", name=one.parent.name))
    return redirect(url_for("student.records"))


@blueprint.get("/stop/<string:link_id>")
@for_students
def ask_stop(link_id: str) -> str:
    """Ask once more before the access ends."""
    return render_template("student/stop.html", one=_one(link_id, allowing=False))


@blueprint.post("/stop/<string:link_id>")
@for_students
def stop(link_id: str) -> Response:
    """End what the student allowed."""
    one = _one(link_id, allowing=None)
    try:
        withdraw(_house(), _owner(), LinkId(link_id))
    except MoveRefused:
        return redirect(url_for("student.records"))
    flash(_("%(name)s can no longer see your records.", name=one.parent.name))
    return redirect(url_for("student.records"))


def _allow_page(form: AllowForm, one: Access, *, refused: bool = False) -> str:
    return render_template("student/allow.html", form=form, one=one, notes=PURPOSE_NOTES, refused=refused)


def _card(one: Access) -> Card:
    allowed = (str(words) for purpose, words in PURPOSES.items() if purpose in one.link.purposes)
    facts = [str(RELATIONSHIPS[one.link.claimed.relationship]), one.school.name if one.school else ""]
    now = [(_("Allowed"), ", ".join(allowed))] if one.until is None else []
    return Card(
        link_id=one.link.id,
        name=one.parent.name,
        fact=" · ".join(fact for fact in facts if fact),
        state="ended" if one.until else "verified",
        band=_("Ended on %(day)s", day=_day(one.until)) if one.until else _("Has access"),
        rows=((_("First linked"), _day(one.since)), *now),
        can_allow=one.can_allow,
        can_stop=one.can_stop,
    )


def _day(at: datetime) -> str:
    return plain_day(at.astimezone(_house().rules.zone).date())


def _found() -> OwnRecords | None:
    """Return what the page shows, or None where the roster has no such student."""
    try:
        return own_records(_house(), _owner().number)
    except NotThere:
        return None


def _one(link_id: str, *, allowing: bool | None) -> Access:
    """Return one line of the page, or raise NotThere; `allowing` asks for one that can be changed so."""
    found = _found()
    for one in found.access if found else ():
        able = {True: one.can_allow, False: one.can_stop, None: True}[allowing]
        if one.link.id == link_id and able:
            return one
    raise NotThere


def _owner() -> Owner:
    person = signed_in()
    return Owner(StudentNumber(person.student_number), person.sub)


def _house() -> House:
    house: House = current_app.extensions["house"]
    return house
