"""Say in words what the desk shows of one child: title, rows, form or why there is none; never decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from idp_bridge.domain.errors import CodeLapsed, OfAge, Restricted
from idp_bridge.domain.link import UNDECIDED, WAITING, Link, LinkState
from idp_bridge.domain.matching import Comparison, Match
from idp_bridge.domain.reasons import DENIAL_REASONS, Ground
from idp_bridge.services.desk import DeskVisit
from idp_bridge.services.desk_child import DeskChild
from idp_bridge.services.house import House
from idp_bridge.services.reading import schools
from idp_bridge.web import desk_marks, desk_wording, errors, wording
from idp_bridge.web.desk_forms import EvidenceForm, OverruleForm, evidence_form, overrule_form
from idp_bridge.web.languages import local_day, plain_day

Row = tuple[str, str, str, str]
"""Topic, what the parent said, what the roster says, mark."""


MARKS = {Match.NOT_ASKED: "not_asked", Match.NOT_LISTED: "differs"}
"""A guardian the roster does not list is one it differs from: the clerk looks twice."""


@dataclass(frozen=True, slots=True)
class ChildView:
    """One child on the visit page, with the rows and the form the page shows."""

    child: DeskChild
    title: str
    said: str
    """The number as the parent typed it, spaced for reading aloud."""
    rows: list[Row]
    form: EvidenceForm | None
    agree: OverruleForm | None
    """What a second person is asked; None where this is not for one."""
    refer: bool
    note: str
    """Why it cannot be verified here and now; empty if it can."""
    decided: bool
    decided_on: str
    """What showed the relationship, or why it was refused, and the day; only with a duty at the school."""
    banner: tuple[str, str] | None
    """What must be seen before anything is said at the counter."""
    marks: list[str]
    """What was decided before about the two, and other accounts of the same person."""
    evidence_notes: dict[str, str]
    paper: str
    """That it was entered later from a log sheet, for ever; empty where it was not."""


Forms = Mapping[str, EvidenceForm | OverruleForm]
"""The forms that came back with errors, by link."""


def view(house: House, shown: DeskVisit, child: DeskChild, forms: Forms) -> ChildView:
    """Return what the page shows of `child`."""
    why_not = note(house, shown, child)
    names: dict[str, str] = {school.code: school.name for school in schools(house)}
    second = child.link.state is LinkState.AWAITING_SECOND
    return ChildView(
        child=child,
        title=title(child),
        said=_said(child.link),
        rows=[_row(row, names) for row in child.rows],
        form=None if why_not or second else _form(child, forms, evidence_form),
        agree=None if why_not or not second else _form(child, forms, overrule_form),
        refer=child.refers and not _obstacle(shown, child),
        note=why_not,
        decided=child.link.state in desk_wording.DECIDED,
        decided_on=_decided_on(child),
        banner=_banner(child),
        marks=desk_marks.marks(child),
        evidence_notes={kind: _("Also needs a second person") for kind in child.policy.second_person},
        paper=wording.on_paper(child.link.paper_seen_at),
    )


def title(child: DeskChild) -> str:
    """Return the student's name and grade where this clerk may read them, else the number that was typed."""
    student = child.student
    if student is None:
        return _("Student %(number)s", number=wording.student_number(child.link.claimed.student_number))
    if student.grade.isdigit():
        return _("%(name)s, grade %(grade)s", name=student.name, grade=int(student.grade))
    stage = desk_wording.STAGES.get(student.grade)
    return f"{student.name}, {stage}" if stage else student.name


def note(house: House, shown: DeskVisit, child: DeskChild) -> str:
    """Say why this clerk cannot verify this child here and now, and what to do; empty if they can."""
    decided = desk_wording.DECIDED.get(child.link.state)
    if decided:
        return str(decided)
    return _elsewhere(child) or _obstacle(shown, child) or _higher_up(house, child)


def _elsewhere(child: DeskChild) -> str:
    """Say who decides it, where this clerk has no say."""
    place = child.place.name if child.place else ""
    if child.first:
        return _(
            "You saw the papers. Now a second person must agree: a colleague at %(school)s, "
            "or the district office.",
            school=place,
        )
    if child.mine:
        return ""
    if child.link.state is LinkState.REFERRED:
        return _("The district office decides this one.")
    return _("To be decided at %(school)s.", school=place)


def _obstacle(shown: DeskVisit, child: DeskChild) -> str:
    """Say what stands in the way whoever decides."""
    if child.link.state in WAITING and shown.lapsed:
        return str(errors.TABLE[CodeLapsed].text)
    if child.student is None:
        return _(
            "No student of your schools has this number. Check it with the parent; "
            "the parent can ask again on the phone at once."
        )
    if not child.ready:
        return str(desk_wording.NOT_READY[_misfit(child)])
    if child.of_age:
        return f"{errors.TABLE[OfAge].title}. {errors.TABLE[OfAge].text}"
    if child.above_me:
        return str(errors.TABLE[Restricted].title)
    return _("Record the identity first.") if shown.proof is None else ""


def _higher_up(house: House, child: DeskChild) -> str:
    """Say what needs another duty than this clerk's."""
    if not child.settles:
        return _("For this relationship the district office decides. Hand the request over.")
    ends = child.link.expires_at
    if ends and ends <= house.clock.now():
        return _("The last day that was entered is over. Refuse the request; the parent can ask again.")
    return ""


def first_question(shown: DeskVisit, children: list[ChildView]) -> str | None:
    """Return where the keyboard starts: `identity`, or the id of a link; None where nothing is to be done.

    A link that can be verified comes before one that must be agreed with, referred, corrected or refused.
    """
    if shown.proof is None and not (shown.lapsed or shown.visit.closed_at):
        return "identity"
    open_ = [one for one in children if (one.child.mine and one.child.link.state in UNDECIDED) or one.refer]
    return next((one.child.link.id for one in [*(one for one in open_ if one.form), *open_]), None)


def _banner(child: DeskChild) -> tuple[str, str] | None:
    if not child.mine or not child.above_me:
        return None
    return desk_wording.RESTRICTED if child.restrictions else desk_wording.HELD


def _said(link: Link) -> str:
    typed = wording.student_number(link.claimed.student_number)
    if link.corrected_number is None:
        return typed
    return desk_wording.corrected(typed, wording.student_number(link.corrected_number))


def seen(child: DeskChild) -> str:
    """Say what the first person saw and when."""
    words = wording.EVIDENCE_KINDS.get(child.link.evidence or "")
    return f"{words}, {local_day(child.link.changed_at)}" if words and child.student else ""


def last_day(link: Link, zone: ZoneInfo) -> str:
    """Return the last day on which a link works, as it was entered."""
    return plain_day((link.expires_at.astimezone(zone) - timedelta(days=1)).date()) if link.expires_at else ""


def reason_notes() -> dict[str, str]:
    """Return what staff read under each reason: the rule it rests on, and what it means later."""
    later = _("Only a principal or the district office can link the two after it.")
    notes = {}
    for code, reason in DENIAL_REASONS.items():
        law = _("The law: %(rule)s.", rule=reason.source) if reason.ground is Ground.LEGAL else ""
        notes[code] = f"{law} {later if reason.final else ''}".strip()
    return notes


def _misfit(child: DeskChild) -> str:
    """Return why a claim whose number a student has names nobody who can be linked."""
    if any(row.topic == "birth-date" and row.match is Match.DIFFERS for row in child.rows):
        return "birth-date"
    return "linked-or-new" if child.student and child.student.enrolled else "left"


def _decided_on(child: DeskChild) -> str:
    link = child.link
    words = wording.EVIDENCE_KINDS.get(link.evidence or "") or wording.DENIAL_REASONS.get(link.reason or "")
    return f"{words}, {local_day(link.changed_at)}" if words and child.student else ""


def _form(child: DeskChild, forms: Forms, make: Callable[[DeskChild], Any]) -> Any:
    """Return the form that came back with errors, else a fresh one."""
    came_back = forms.get(child.link.id)
    if came_back is not None:
        return came_back
    form = make(child)
    form.process(formdata=None)
    return form


def _row(row: Comparison, names: Mapping[str, str]) -> Row:
    mark = MARKS.get(row.match) or str(row.match)
    listed = row.match is not Match.NOT_LISTED
    roster = _value(row.topic, row.roster, names) if listed else str(desk_wording.NOT_LISTED)
    said = _value(row.topic, row.said, names)
    if row.meant is not None:
        said = desk_wording.corrected(said, _value(row.topic, row.meant, names))
    return str(desk_wording.TOPICS[row.topic]), said, roster, mark


def _value(topic: str, value: object, names: Mapping[str, str]) -> str:
    """Format one side of a comparison for the table."""
    if value is None:
        return ""
    if isinstance(value, date):
        return plain_day(value)
    if topic == "student-number":
        return wording.student_number(str(value))
    if topic == "school":
        return names.get(str(value), str(value))
    if topic == "relationship":
        known = wording.RELATIONSHIPS.get(str(value)) or desk_wording.ROSTER_ROLES.get(str(value))
        return str(known or value)
    return str(value)
