"""Gather what a parent's pages show; never changes anything and never formats a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.events import EVENTS, Event
from idp_bridge.domain.link import (
    WAITING,
    Link,
    LinkState,
    Visit,
    opens_apps,
)
from idp_bridge.domain.people import (
    ParentId,
    School,
    SchoolCode,
    Student,
)
from idp_bridge.domain.visit_code import make
from idp_bridge.services.house import House
from idp_bridge.services.rows import Rows

NEUTRAL = {
    "link:suspended": "link:on-hold",
    "link:disputed": "link:on-hold",
    "link:resumed": "link:works-again",
    "link:dispute-settled": "link:works-again",
}
"""Events a parent must not be able to tell apart: the reason of a hold may be a restriction."""
TOLD = frozenset(name for name in EVENTS if name.startswith("link:"))
"""Events a parent may know of: what happened to a link. What was tried behind the counter is not told."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a link, for the parent's timeline: never who of the staff."""

    event: str
    at: datetime
    school: School | None
    seen_at: datetime | None = None
    """When the papers were seen, where that was entered later from a log sheet."""


@dataclass(frozen=True, slots=True)
class Child:
    """One of the parent's links. `student` is None before verification: no name before proof."""

    link: Link
    student: Student | None
    school: School
    """The student's school once verified, the claimed one before."""
    visit_by: date | None
    in_apps: bool
    """True once the parent's token has been brought to say it; None-like False before."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Slip:
    """The confirmation a parent brings to school: code, last day, and each waiting request."""

    visit: Visit
    code: str
    links: tuple[Link, ...]
    schools: tuple[School, ...]
    """The schools to visit, in the order of the requests."""


def schools(house: House) -> tuple[School, ...]:
    """Return every school a parent can name."""
    with house.store.reading() as rows:
        return rows.schools.all()


def children_of(house: House, parent_id: ParentId) -> tuple[Child, ...]:
    """Return the parent's links, newest first; a cancelled one is no longer shown."""
    with house.store.reading() as rows:
        known = {school.code: school for school in rows.schools.all()}
        row = rows.projections.get(parent_id)
        settled = row is None or row.due_since is None
        links = [link for link in rows.links.of_parent(parent_id) if link.state is not LinkState.CANCELLED]
        return tuple(_child(house, rows, link, known, settled) for link in links)


def slip_of(house: House, parent_id: ParentId) -> Slip:
    """Return the parent's open visit with its code; raise NotThere if none is open."""
    with house.store.reading() as rows:
        visit = rows.visits.open_of(parent_id)
        if visit is None:
            raise NotThere
        links = tuple(link for link in rows.links.of_visit(visit.id) if link.state in WAITING)
        codes = dict.fromkeys(link.claimed.school for link in links)
        places = tuple(school for code in codes if (school := rows.schools.get(code)))
    return Slip(visit, make(house.rules.code_key, visit.id, visit.code_turn), links, places)


def _child(house: House, rows: Rows, link: Link, known: dict[SchoolCode, School], settled: bool) -> Child:
    proven = link.verified_at is not None and link.student is not None
    student = rows.students.get(link.student) if proven and link.student else None
    visit = rows.visits.get(link.visit)
    return Child(
        link=link,
        student=student,
        school=known[student.school if student else link.claimed.school],
        visit_by=visit.visit_by if visit else None,
        in_apps=settled and opens_apps(link, house.clock.now()),
        steps=steps_of(rows, link, known),
    )


def steps_of(rows: Rows, link: Link, known: Mapping[SchoolCode, School] | None = None) -> tuple[Step, ...]:
    """Return what happened to a link as its parent may know it, oldest first.

    Before the school confirmed the link, a step stands at the school the parent named: the one that decides
    may be another, and would tell where the student really goes.
    """
    schools = {school.code: school for school in rows.schools.all()} if known is None else known
    return tuple(
        Step(event.name, event.at, schools.get(_where(event, link)), _seen_at(event))
        for event in rows.audit.of_link(link.id)
        if event.name in TOLD and not _behind_hold(event)
    )


def _where(event: Event, link: Link) -> SchoolCode:
    if event.name == "link:requested" or (event.school and not link.verified_at):
        return link.claimed.school
    return SchoolCode(event.school or "")


def _seen_at(event: Event) -> datetime | None:
    seen = (event.fields or {}).get("seen_at")
    return datetime.fromisoformat(str(seen)) if seen else None


def _behind_hold(event: Event) -> bool:
    """Tell whether it only changed why a link is on hold, which nobody but the school's duties may learn."""
    fields = event.fields or {}
    return "before" in fields and fields["before"] == fields["after"]
