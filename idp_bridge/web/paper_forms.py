"""Read what is copied from a paper log sheet; never says whether it counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import FormField, RadioField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, Optional

from idp_bridge.domain.errors import BadInput, EvidenceRefused, Refusal
from idp_bridge.domain.evidence import IdentityKind
from idp_bridge.domain.link import LinkId
from idp_bridge.domain.people import School, SchoolCode
from idp_bridge.domain.reasons import DENIAL_REASONS
from idp_bridge.services.desk_child import DeskChild
from idp_bridge.services.paper import Log
from idp_bridge.web import desk_wording, wording
from idp_bridge.web.desk_forms import DayField
from idp_bridge.web.forms import OptionalDate, day_of, stripped
from idp_bridge.web.restriction_forms import say_at_fields

FAULTS = {
    "in-future": _l("This day and time is still to come"),
    "too-long-ago": _l("More than 30 days ago: the papers must be seen again"),
    "before-the-request": _l("The parent asked for this visit later than that"),
    "after-the-last-day": _l("The last day of the visit was over by then"),
    "no-identity": _l("Choose which ID the sheet names"),
    "no-duty": _l("Nobody with this user name has the duty for this at this school right now"),
    "choose": _l("Choose what the sheet says of one child at least"),
}
EARLIEST_HOUR = 7
"""No office opens earlier: a time before it, without AM, is meant for the afternoon."""
SAID, UNTIL = "said-", "until-"
"""How the fields of a child are named; the link's id follows."""


class PaperForm(FlaskForm):
    """When and by whom the papers of a visit were seen, and which."""

    seen_on = DayField(
        _l("On which day were the papers seen?"),
        [InputRequired(_l("Enter the day that stands on the sheet"))],
    )
    seen_time = StringField(
        _l("At what time?"), filters=[stripped], description=_l("For example 9:40 AM or 2:15 PM")
    )
    seen_by = StringField(
        _l("Who saw the papers?"),
        [InputRequired(_l("Enter the user name of the person who saw the papers"))],
        filters=[stripped],
        description=_l("The district user name, for example jo.hathaway"),
    )
    identity = RadioField(
        _l("Which ID was seen?"),
        [Optional(), AnyOf(list(IdentityKind), _l("Choose which ID the sheet names"))],
        choices=[SelectChoice(kind, wording.IDENTITY_KINDS[kind]) for kind in IdentityKind],
        validate_choice=False,
    )
    born = FormField(OptionalDate, _l("Date of birth on the ID"))
    school = RadioField(_l("At which school?"), validate_choice=False)

    children: tuple[str, ...] = ()
    """Ids of the links that are asked about."""

    def validate_seen_time(self, field: StringField) -> None:
        """Accept a time of the day, with AM or PM or in 24 hours."""
        if read_time(field.data or "") is None:
            raise ValidationError(_("Enter the time with AM or PM, for example 2:15 PM"))

    @property
    def log(self) -> Log:
        """Return what the sheet says, once the form is valid."""
        said = {LinkId(link): str(self[SAID + link].data) for link in self.children}
        days = {LinkId(link): self[UNTIL + link].data for link in self.children if UNTIL + link in self}
        return Log(
            seen_at=datetime.combine(self.seen_on.data, read_time(self.seen_time.data) or time.min),
            seen_by=str(self.seen_by.data),
            school=SchoolCode(str(self.school.data or "")),
            identity=(self.identity.data or None) if self.identity is not None else None,
            born=day_of(self.born) if self.born is not None else None,
            verified=_of_kind(said, "shown"),
            refused=_of_kind(said, "refused"),
            until={link: day for link, day in days.items() if day},
        )

    def refuse_each(self, faults: Mapping[str, str]) -> None:
        """Say at each field what is wrong with it."""
        for name, reason in faults.items():
            if name == "born":
                say_at_fields(self, {name: reason})
                continue
            self[SAID + self.children[0] if name == "links" else name].errors = [FAULTS[reason]]

    def refuse_child(self, link: str, why: Refusal, words: str) -> bool:
        """Say at the child's fields what the rules refuse there; False where it is not about a field."""
        if isinstance(why, BadInput) and "until" in why.fields and UNTIL + link in self:
            self[UNTIL + link].errors = [desk_wording.UNTIL_FAULTS[why.fields["until"]]]
        elif isinstance(why, BadInput | EvidenceRefused):
            self[SAID + link].errors = [words]
        else:
            return False
        return True


def paper_form(
    schools: Iterable[School],
    children: Iterable[tuple[str, DeskChild]],
    *,
    needs_identity: bool,
    fresh: bool = False,
) -> PaperForm:
    """Return the form for a visit: its `children`, by title, each with a list to choose from."""
    asked = tuple(children)
    fields = dict(pair for title, child in asked for pair in _child(title, child))
    links = tuple(child.link.id for _title, child in asked)
    kind: Any = type("PaperFormOfVisit", (PaperForm,), {**fields, "children": links})
    form: PaperForm = kind(formdata=None) if fresh else kind()
    _offer(form, tuple(schools), needs_identity)
    return form


def read_time(text: str) -> time | None:
    """Return a time of the day as people write it, or None if it is not one.

    `2:15` alone is not: at a school it is the afternoon, on a clock of 24 hours the night.
    """
    compact = text.upper().replace(".", "").replace(" ", "")
    for pattern in ("%I:%M%p", "%I%p", "%H:%M"):
        try:
            found = datetime.strptime(compact, pattern).time()  # noqa: DTZ007 - a wall clock has no zone
        except ValueError:
            continue
        return None if pattern == "%H:%M" and found.hour < EARLIEST_HOUR else found
    return None


def _offer(form: PaperForm, schools: tuple[School, ...], needs_identity: bool) -> None:
    form.school.choices = [SelectChoice(school.code, school.name) for school in schools]
    if len(schools) == 1:
        form.school.data = schools[0].code
        form.school.raw_data = [schools[0].code]
    if not needs_identity:
        del form.identity
        del form.born


def _child(title: str, child: DeskChild) -> Iterator[tuple[str, Any]]:
    """Yield the fields that ask for one child, by name."""
    link, accepted = child.link.id, child.accepted
    choices = [
        ("", _("Nothing on the sheet")),
        *((f"shown:{kind}", _("Linked: %(what)s", what=wording.EVIDENCE_KINDS[kind])) for kind in accepted),
        *(
            (f"refused:{code}", _("Refused: %(why)s", why=wording.DENIAL_REASONS[code]))
            for code in DENIAL_REASONS
        ),
    ]
    known = AnyOf([value for value, _words in choices], FAULTS["choose"])
    offered = [SelectChoice(value, words) for value, words in choices]
    yield SAID + link, SelectField(title, [known], choices=offered, validate_choice=False)
    if child.asks_until:
        yield UNTIL + link, DayField(_("Last day of the relationship"), [Optional()])


def _of_kind(said: Mapping[LinkId, str], kind: str) -> dict[LinkId, str]:
    return {
        link: code for link, value in said.items() for word, _, code in [value.partition(":")] if word == kind
    }
