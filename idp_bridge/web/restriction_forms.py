"""Read what principals type about a restriction or a link; never says whether they may."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    FormField,
    HiddenField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from idp_bridge.domain.people import StudentNumber, read_student_number
from idp_bridge.domain.reasons import REVOCATION_REASONS
from idp_bridge.domain.restriction import LONGEST_NAME, LONGEST_NOTE, Basis
from idp_bridge.web import wording
from idp_bridge.web.forms import DateParts, OptionalDate
from idp_bridge.web.restriction_wording import BASES, FAULTS, LIMITS


def _stripped(text: str | None) -> str:
    return (text or "").strip()


class Ticks(SelectMultipleField):
    """Check boxes, none of them ticked beforehand."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


_SHORT = Length(max=LONGEST_NAME, message=FAULTS["given_name", "too-long"])


class StudentForm(FlaskForm):
    """A student number, to open the student's page."""

    number = StringField(_l("Student number"), filters=[_stripped], description=_l("8 digits"))

    def validate_number(self, field: StringField) -> None:
        """Accept eight digits; spaces and dashes do not matter."""
        if read_student_number(field.data or "") is None:
            raise ValidationError(_("Enter all 8 digits of the student number"))

    @property
    def student(self) -> StudentNumber:
        """Return the number, once the form is valid."""
        return read_student_number(self.number.data or "") or StudentNumber("")


class RestrictionForm(StudentForm):
    """Who may not, which student, what, on what basis, and when to look at it again."""

    link = HiddenField()
    given_name = StringField(
        _l("Given name"),
        [
            InputRequired(FAULTS["given_name", "enter"]),
            _SHORT,
        ],
        filters=[_stripped],
    )
    family_name = StringField(
        _l("Family name"),
        [
            InputRequired(FAULTS["family_name", "enter"]),
            _SHORT,
        ],
        filters=[_stripped],
        description=_l("As the paper has it. If there is one name only, write it in both fields."),
    )
    birth_date = FormField(OptionalDate, _l("Date of birth, if the paper says it"))
    limits = Ticks(
        _l("What is restricted?"),
        [InputRequired(FAULTS["limits", "choose"])],
        choices=[SelectChoice(code, words) for code, words in LIMITS.items()],
        validate_choice=False,
    )
    basis = RadioField(
        _l("What is the legal basis?"),
        [InputRequired(FAULTS["basis", "choose"]), AnyOf(list(Basis), FAULTS["basis", "choose"])],
        choices=[SelectChoice(code, words) for code, words in BASES.items()],
        validate_choice=False,
    )
    review_on = FormField(DateParts, _l("Look at it again on"))
    note = TextAreaField(
        _l("Sealed note"),
        [Length(max=LONGEST_NOTE, message=FAULTS["note", "too-long"])],
        filters=[_stripped],
        description=_l("For example court, case number and what it says. Each opening is recorded."),
    )


class ReviewForm(FlaskForm):
    """When to look at a restriction again."""

    review_on = FormField(DateParts, _l("Next review"))


class EndForm(FlaskForm):
    """Why a link ends."""

    reason = RadioField(
        _l("Why does this link end?"),
        [InputRequired(_l("Choose a reason")), AnyOf(REVOCATION_REASONS, _l("Choose a reason"))],
        choices=[SelectChoice(code, wording.REVOCATION_REASONS[code]) for code in REVOCATION_REASONS],
        validate_choice=False,
    )


def say_at_fields(form: FlaskForm, faults: Mapping[str, str]) -> None:
    """Say at each field what the rules do not take, so that all that was typed stays."""
    for name, reason in faults.items():
        field = form[name if name in form else "birth_date"]
        parts = field.form if isinstance(field, FormField) else (field,)
        for part in parts:
            part.errors = [FAULTS[name, reason]]
