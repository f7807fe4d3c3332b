"""Read what staff type and choose at the desk; never says whether they may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, FormField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired

from idp_bridge.domain.evidence import IdentityKind
from idp_bridge.domain.people import School
from idp_bridge.domain.reasons import DENIAL_REASONS
from idp_bridge.services.desk_child import DeskChild
from idp_bridge.web import desk_wording, wording
from idp_bridge.web.forms import OptionalDate

LONGEST_CODE = 40
LONGEST_SEARCH = 320
OVERRULE, MUST_TICK = _l("Verify all the same"), _l("Tick this to verify all the same")
PAGE_FORM = "decide"
"""Name of the one form of the visit page to which the fields of every child belong."""


class CodeForm(FlaskForm):
    """A visit code, scanned or typed."""

    code = StringField(
        _l("Scan or type a visit code"),
        [InputRequired(_l("Scan or type the eight letters"))],
        description=_l("The scanner presses Enter for you. Letters only; the dash is optional."),
    )
    status = 0
    """What to answer with where the code leads to no visit."""


class SearchForm(CodeForm):
    """A visit code, a student number or a parent's e-mail."""

    code = StringField(
        _l("Find a request"),
        [InputRequired(_l("Type a student number, an e-mail or a code"))],
        description=_l("Student number, the parent’s e-mail, or a visit code"),
    )


class IdentityForm(FlaskForm):
    """Which identification staff saw, and at which of their schools."""

    identity = RadioField(
        _l("Which ID did you see?"),
        [
            InputRequired(_l("Choose which ID you saw")),
            AnyOf(list(IdentityKind), _l("Choose which ID you saw")),
        ],
        choices=[SelectChoice(kind, wording.IDENTITY_KINDS[kind]) for kind in IdentityKind],
        description=_l("Name and face must fit. Write no number, make no copy."),
        validate_choice=False,
    )
    born = FormField(OptionalDate, _l("Date of birth on the ID"))
    school = RadioField(
        _l("At which school?"), [InputRequired(_l("Choose where you saw it"))], validate_choice=False
    )


class DayField(DateField):
    """A day, as the browser's own date field sends it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the day; nothing typed is no day, anything else that is none is said in our words."""
        if not any(valuelist):
            return
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(_("Enter the day, for example 2027-06-30")) from None


class EvidenceForm(FlaskForm):
    """What showed the relationship; only kinds the policy accepts are offered.

    The other two questions are taken out where they are not asked.
    """

    evidence = RadioField(
        _l("What showed the relationship?"),
        [InputRequired(_l("Choose what showed the relationship"))],
        validate_choice=False,
    )
    until = DayField(
        _l("Last day of the relationship"), description=_l("As the paper says. The link ends after it.")
    )
    overrule = BooleanField(OVERRULE, [InputRequired(MUST_TICK)])

    @property
    def begun(self) -> bool:
        """Tell whether anything was answered for this child."""
        return any(field.data for field in self if field.type != "CSRFTokenField")

    def refuse(self, faults: Mapping[str, str]) -> None:
        """Say at the fields what the rules refuse there."""
        if "until" in faults and self.until:
            self.until.errors = [desk_wording.UNTIL_FAULTS[faults["until"]]]
        else:
            self.evidence.errors = [_("Choose what showed the relationship")]


class OverruleForm(FlaskForm):
    """That a second person means it, where the two were refused or revoked before."""

    overrule = BooleanField(OVERRULE, [InputRequired(MUST_TICK)])


class RefusalForm(FlaskForm):
    """Why a request is refused; the parent reads it in their own words."""

    reason = RadioField(
        _l("Why can this request not be confirmed?"),
        [
            InputRequired(_l("Choose a reason")),
            AnyOf(DENIAL_REASONS, _l("Choose a reason")),
        ],
        choices=[SelectChoice(code, wording.DENIAL_REASONS[code]) for code in DENIAL_REASONS],
        description=_l(
            "The parent reads this reason. Custody alone is not one: both parents have equal rights."
        ),
        validate_choice=False,
    )


def identity_form(schools: Iterable[School]) -> IdentityForm:
    """Return the form for a clerk of `schools`; a clerk of one school is not asked which."""
    known = tuple(schools)
    form = IdentityForm()
    form.school.choices = [SelectChoice(school.code, school.name) for school in known]
    if len(known) == 1 and not form.school.data:
        form.school.data = known[0].code
        form.school.raw_data = [known[0].code]
    return form


def evidence_form(child: DeskChild) -> EvidenceForm:
    """Return the form of one child; its fields are told apart from the next child's by the link's id.

    The fields belong to the page's one form by its name, so that one Enter verifies all that was chosen.
    """
    form = EvidenceForm(prefix=child.link.id)
    form.evidence.choices = [SelectChoice(kind, wording.EVIDENCE_KINDS[kind]) for kind in child.accepted]
    if not child.asks_until:
        del form.until
    elif child.policy.end_date:
        form.until.validators = [InputRequired(desk_wording.UNTIL_FAULTS["enter"])]
    if not (child.ended_before and child.overrules):
        del form.overrule
    _tie_to_page(form)
    return form


def overrule_form(child: DeskChild) -> OverruleForm:
    """Return the form of a second person for one child; it asks nothing where nothing ended before."""
    form = OverruleForm(prefix=child.link.id)
    if not child.ended_before:
        del form.overrule
    _tie_to_page(form)
    return form


def _tie_to_page(form: FlaskForm) -> None:
    """Tie the fields of `form` to the page's one form."""
    for field in form:
        field.render_kw = {"form": PAGE_FORM}
