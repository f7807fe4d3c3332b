"""Read what staff type and choose at the desk; never says whether they may."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired

from idp_bridge.domain.evidence import DENIAL_REASONS, EvidenceKind, IdentityKind
from idp_bridge.domain.people import School
from idp_bridge.web import wording

LONGEST_CODE = 40
LONGEST_SEARCH = 320


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
    school = RadioField(
        _l("At which school?"), [InputRequired(_l("Choose where you saw it"))], validate_choice=False
    )


class EvidenceForm(FlaskForm):
    """What showed the relationship; only kinds the policy accepts are offered."""

    evidence = RadioField(
        _l("What showed the relationship?"),
        [InputRequired(_l("Choose what showed the relationship"))],
        validate_choice=False,
    )


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


def evidence_form(link: str, accepted: Iterable[EvidenceKind]) -> EvidenceForm:
    """Return the form of one child; its fields are told apart from the next child's by `link`."""
    form = EvidenceForm(prefix=link)
    form.evidence.choices = [SelectChoice(kind, wording.EVIDENCE_KINDS[kind]) for kind in accepted]
    return form
