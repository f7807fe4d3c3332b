"""Say in words how each of a parent's links stands and what comes next; never names staff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from idp_bridge.domain.link import WAITING, LinkState
from idp_bridge.services.reading import Child, Step
from idp_bridge.web import wording
from idp_bridge.web.languages import day, moment, plain_day
from idp_bridge.web.reasons import why

ORDER = (
    LinkState.AWAITING_VISIT,
    LinkState.AWAITING_SECOND,
    LinkState.REFERRED,
    LinkState.VERIFIED,
    LinkState.SUSPENDED,
    LinkState.DENIED,
    LinkState.LAPSED,
    LinkState.ENDED,
)
REPLACED = (LinkState.DENIED, LinkState.LAPSED)
"""States whose card goes away once the parent has asked again for the same number."""


@dataclass(frozen=True, slots=True)
class Card:
    """One child as My children shows it. `happened` are rows (when, what, ISO time) for the timeline;
    `why` says why an app may not show the child."""

    id: str
    state: LinkState
    band: str
    title: str
    fact: str
    sentence: str
    why: str
    happened: tuple[tuple[str | None, str, str], ...]
    phone: str
    in_apps: bool


def cards(children: Iterable[Child], today: date, zone: ZoneInfo) -> tuple[Card, ...]:
    """Return a card for each child, waiting ones first, requests made again only once."""
    shown = [card(child, today, zone) for child in _newest(tuple(children))]
    return tuple(sorted(shown, key=lambda one: ORDER.index(one.state)))


def card(child: Child, today: date, zone: ZoneInfo) -> Card:
    """Return `child` in words."""
    state = _state(child, today)
    return Card(
        id=child.link.id,
        state=state,
        band=_band(child, state, zone),
        title=_title(child),
        fact=_fact(child),
        sentence=_sentence(child, state, zone),
        why=why(child, state),
        happened=(*_happened(child), *_next(child, state)),
        phone="" if state is LinkState.REFERRED else child.school.phone,
        in_apps=child.in_apps,
    )


def _newest(children: tuple[Child, ...]) -> Iterable[Child]:
    """Yield children, newest first as they came, without old requests that were made again."""
    seen: set[str] = set()
    for child in children:
        number = child.link.claimed.student_number
        if child.link.state not in REPLACED or number not in seen:
            yield child
        seen.add(number)


def _state(child: Child, today: date) -> LinkState:
    """Return the state to show: a visit whose last day is over has lapsed, though the timer comes later."""
    if child.link.state not in WAITING:
        return child.link.state
    return LinkState.LAPSED if child.visit_by and child.visit_by < today else LinkState.AWAITING_VISIT


def _title(child: Child) -> str:
    if child.student:
        return child.student.name
    return _("Student %(number)s", number=wording.student_number(child.link.claimed.student_number))


def _fact(child: Child) -> str:
    if child.student is None:
        said = wording.RELATIONSHIPS[child.link.claimed.relationship]
        return _("You said: %(relationship)s", relationship=said)
    if child.student.grade.isdigit():
        return _("Grade %(grade)s, %(school)s", grade=int(child.student.grade), school=child.school.name)
    return child.school.name


def _band(child: Child, state: LinkState, zone: ZoneInfo) -> str:
    if state is LinkState.AWAITING_VISIT and child.visit_by:
        return _(
            "Waiting for your visit to %(school)s by %(day)s",
            school=child.school.name,
            day=day(child.visit_by),
        )
    if state is LinkState.ENDED:
        return _("Ended on %(day)s", day=_on(child.link.changed_at, zone))
    return str(wording.STATES[state])


def _sentence(child: Child, state: LinkState, zone: ZoneInfo) -> str:
    match state:
        case LinkState.AWAITING_VISIT:
            return _("Bring your visit code and your photo ID.")
        case LinkState.AWAITING_SECOND:
            return _(
                "The school saw your papers, and one more person there looks at the request. "
                "You do not need to come again; the answer stands here."
            )
        case LinkState.REFERRED:
            return _(
                "The school sent your request to the district office, which decides. "
                "You do not need to come again; the answer stands here."
            )
        case LinkState.VERIFIED if child.in_apps:
            return _("You can open the records, bus and messages of this student.")
        case LinkState.VERIFIED:
            return _("The school confirmed it; the apps will follow, usually within minutes.")
        case LinkState.SUSPENDED:
            return _("This link cannot be used right now. The school can tell you what to do next.")
        case LinkState.DENIED:
            return _(
                "The school could not confirm this request on %(day)s.", day=_on(child.link.changed_at, zone)
            )
        case LinkState.LAPSED:
            return _("Nothing was lost. Ask again and you get a new visit code at once.")
        case _:
            return str(wording.END_REASONS.get(child.link.reason or "", wording.END_REASONS["revoked"]))


def _happened(child: Child) -> list[tuple[str | None, str, str]]:
    return [
        (moment(step.at), _words(step), step.at.isoformat())
        for step in child.steps
        if step.event in wording.EVENTS
    ]


def _words(step: Step) -> str:
    """Return what happened and where; a paper log is told for ever."""
    words = str(wording.EVENTS[step.event])
    if step.school:
        words = _("%(what)s (%(school)s)", what=words, school=step.school.name)
    return f"{words}. {wording.on_paper(step.seen_at)}" if step.seen_at else words


def _next(child: Child, state: LinkState) -> list[tuple[str | None, str, str]]:
    if state is LinkState.AWAITING_VISIT and child.visit_by:
        return [(None, _("Next: visit the front office by %(day)s", day=day(child.visit_by)), "")]
    if state is LinkState.VERIFIED and not child.in_apps:
        return [(None, _("Next: the apps open for you"), "")]
    return []


def _on(at: datetime, zone: ZoneInfo) -> str:
    return plain_day(at.astimezone(zone).date())
