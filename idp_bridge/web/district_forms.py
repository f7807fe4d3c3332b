"""Read what the district searches for; never says whether it may."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import DateField, Form, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional

from idp_bridge.domain.events import EVENTS
from idp_bridge.services.watching import Search

LONGEST_ID = 255


def _id(label: str, hint: str = "") -> StringField:
    return StringField(
        label,
        [Length(max=LONGEST_ID, message=_l("That is longer than any id"))],
        filters=[lambda text: (text or "").strip()],
        description=hint,
    )


class DayField(DateField):
    """A day, or nothing; WTForms' own words for anything else are not ours."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the day; say what to do where it is none."""
        try:
            super().process_formdata([value for value in valuelist if value])
        except ValueError:
            raise ValueError(_l("Choose a day, for example 2026-11-24")) from None


class SearchForm(Form):
    """What to look for in the audit. Searching changes nothing, so it carries no anti-forgery value."""

    student = _id(_l("Student number or id"))
    parent = _id(_l("Parent’s id"))
    link = _id(_l("Link’s id"))
    staff = _id(_l("Who did it, by id"))
    event = SelectField(
        _l("Event"),
        choices=[SelectChoice("", _l("Any")), *(SelectChoice(name, name) for name in sorted(EVENTS))],
        validate_choice=False,
    )
    since = DayField(_l("From"), [Optional()])
    until = DayField(_l("To"), [Optional()])

    @property
    def wanted(self) -> Search:
        """Return what was typed, for the service."""
        return Search(
            link=self.link.data,
            parent=self.parent.data,
            student=self.student.data,
            staff=self.staff.data,
            event=self.event.data or "",
            since=self.since.data,
            until=self.until.data,
        )


class DisclosureForm(Form):
    """Whose record of disclosures."""

    number = _id(_l("Student number"))


class ParentForm(Form):
    """Whose projection."""

    parent = _id(_l("Parent’s id"))
