"""Read what a parent types, one question a page; never says whether the child exists."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Form, FormField, RadioField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired

from idp_bridge.domain.people import School, StudentNumber, read_student_number
from idp_bridge.web.wording import BIRTH_DATE_FAULTS, RELATIONSHIPS, student_number

MOST_ROWS = 8
"""Schools up to this number are rows to tap; more become a list to choose from."""
FIRST_YEAR = 1900


def stripped(text: str | None) -> str:
    """Return what was typed without spaces around it."""
    return (text or "").strip()


class NumberForm(FlaskForm):
    """The student number; spaces and dashes do not matter."""

    number = StringField(
        _l("What is your child’s student number?"),
        filters=[stripped],
        description=_l("8 digits, for example 4600 1234. It is not the lunch number."),
    )

    def validate_number(self, field: StringField) -> None:
        """Say what to change, the most helpful thing first."""
        if not field.data:
            raise ValidationError(_("Enter the student number"))
        if any(ch.isalpha() for ch in field.data):
            raise ValidationError(_("The student number has digits only, no letters"))
        if read_student_number(field.data) is None:
            raise ValidationError(_("Enter all 8 digits of the student number"))

    @property
    def answer(self) -> str:
        """Return the number without spaces, once the form is valid."""
        return read_student_number(self.number.data) or StudentNumber("")

    def remember(self, answer: str) -> None:
        """Show an earlier answer again."""
        self.number.data = student_number(answer)

    def refuse(self, _reason: str) -> None:
        """Say that another child of this request has the number."""
        self.number.errors = [_("You have added this student already")]


class DateParts(Form):
    """A remembered date: month, day and year, each on its own."""

    month = StringField(filters=[stripped])
    day = StringField(filters=[stripped])
    year = StringField(filters=[stripped])

    def validate_month(self, field: StringField) -> None:
        """Accept 1 to 12."""
        _digits(field.data, _("Enter the month"))
        if not 1 <= int(field.data) <= 12:
            raise ValidationError(_("The month is a number from 1 to 12"))

    def validate_day(self, field: StringField) -> None:
        """Accept a day this month has, in this year if it is known."""
        _digits(field.data, _("Enter the day"))
        if not self._is_day(int(field.data)):
            raise ValidationError(_("This month has no such day. Check the day."))

    def validate_year(self, field: StringField) -> None:
        """Accept four digits."""
        _digits(field.data, _("Enter the year"))
        if len(field.data) != 4:
            raise ValidationError(_("Enter all 4 digits of the year, for example 2016"))
        if int(field.data) < FIRST_YEAR:
            raise ValidationError(BIRTH_DATE_FAULTS["too-long-ago"])

    def _is_day(self, day: int) -> bool:
        month = int(self.month.data) if _is_number(self.month.data, 12) else 1
        year = int(self.year.data) if _is_number(self.year.data, 9999) else 2000
        try:
            date(year, month, day)
        except (ValueError, OverflowError):
            return False
        return True


class OptionalDate(DateParts):
    """A date that may be left out whole, but not in part."""

    def validate(self, extra_validators: Any = None) -> bool:
        """Accept three empty fields, or a whole date."""
        return not any(part.data for part in self) or super().validate(extra_validators)


def day_of(field: FormField) -> date | None:
    """Return the date of a valid field, or None where it was left out."""
    parts = field.form
    if not parts.year.data:
        return None
    return date(int(parts.year.data), int(parts.month.data), int(parts.day.data))


class BirthDateForm(FlaskForm):
    """When the child was born."""

    birth_date = FormField(DateParts, _l("When was your child born?"))

    @property
    def value(self) -> date:
        """Return the date, once the form is valid."""
        parts = self.birth_date.form
        return date(int(parts.year.data), int(parts.month.data), int(parts.day.data))

    @property
    def answer(self) -> str:
        """Return the date as the draft keeps it."""
        return self.value.isoformat()

    def remember(self, answer: str) -> None:
        """Show an earlier answer again."""
        parts, known = self.birth_date.form, date.fromisoformat(answer)
        parts.month.data, parts.day.data, parts.year.data = str(known.month), str(known.day), str(known.year)

    def refuse(self, reason: str) -> None:
        """Say at the date as a whole what is wrong with it."""
        for part in self.birth_date.form:
            part.errors = [BIRTH_DATE_FAULTS[reason]]


class _Choice(FlaskForm):
    """One question with answers to choose from; nothing is chosen beforehand."""

    _name: str

    @property
    def answer(self) -> str:
        """Return the code that was chosen."""
        return str(self[self._name].data)

    def remember(self, answer: str) -> None:
        """Show an earlier answer again."""
        self[self._name].data = answer


class SchoolForm(_Choice):
    """The school, as rows to tap."""

    _name = "school"
    school = RadioField(
        _l("Which school does your child go to?"),
        [InputRequired(_l("Choose a school"))],
        description=_l("Not at one of our schools yet, or taught at home? Choose the district office."),
        validate_choice=False,
    )

    def refuse(self, _reason: str) -> None:
        """Ask to choose again, when the school is not there any more."""
        self.school.errors = [_("Choose a school")]


class LongSchoolForm(SchoolForm):
    """The school, as a list to choose from."""

    school = SelectField(
        _l("Which school does your child go to?"),
        [InputRequired(_l("Choose a school"))],
        description=_l("Not at one of our schools yet, or taught at home? Choose the district office."),
        validate_choice=False,
    )


class RelationshipForm(_Choice):
    """Who the parent is to the child."""

    _name = "relationship"
    relationship = RadioField(
        _l("Who are you to the child?"),
        [
            InputRequired(_l("Choose who you are to the child")),
            AnyOf(list(RELATIONSHIPS), _l("Choose who you are to the child")),
        ],
        choices=[SelectChoice(code, words) for code, words in RELATIONSHIPS.items()],
        description=_l("The school will ask for something that shows it."),
        validate_choice=False,
    )


class CheckForm(FlaskForm):
    """The parent stands by the answers."""

    true = BooleanField(
        _l("These answers are true, as far as I know."),
        [InputRequired(_l("Confirm that your answers are true"))],
    )


def school_form(schools: Iterable[School]) -> SchoolForm:
    """Return the form that offers `schools`."""
    known = [SelectChoice(school.code, school.name) for school in schools]
    if len(known) <= MOST_ROWS:
        form = SchoolForm()
        form.school.choices = known
    else:
        form = LongSchoolForm()
        form.school.choices = [SelectChoice("", _("Choose a school")), *known]
    form.school.validators = [
        *form.school.validators,
        AnyOf([one.value for one in known], _("Choose a school")),
    ]
    return form


def _digits(text: str, missing: str) -> None:
    if not text:
        raise ValidationError(missing)
    if not (text.isascii() and text.isdigit()):
        raise ValidationError(_("Use numbers only, for example 3 for March"))


def _is_number(text: Any, most: int) -> bool:
    return bool(text) and text.isascii() and text.isdigit() and 1 <= int(text) <= most


__all__ = ["BirthDateForm", "CheckForm", "NumberForm", "RelationshipForm", "school_form"]
