"""Let a student of 18 see who had access to their records, and allow it again; never a younger one.

At 18 the rights pass from the parents to the student (34 CFR 99.5). A restriction still outranks the student.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from idp_bridge.domain.errors import AlreadyAsked, BadInput, MoveRefused, NotThere, Restricted
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import (
    CONSENT,
    Link,
    LinkId,
    LinkState,
    Move,
    end_of_childhood,
    granted,
    moved,
    opens_apps,
)
from idp_bridge.domain.people import (
    Parent,
    ParentId,
    Purpose,
    School,
    Student,
    StudentNumber,
    eighteenth_birthday,
)
from idp_bridge.services.account_checking import check_account
from idp_bridge.services.house import House
from idp_bridge.services.notifying import tell
from idp_bridge.services.recording import record
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import standing_against

ALLOWED_AGAIN = frozenset({"student_is_18", "consent_withdrawn", "left", "expired", "withdrew"})
"""Ends after which the student may allow access again: all but those that staff or a lost mailbox made."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The student who is signed in, by what the ID token of realm `district` says."""

    number: StudentNumber
    sub: str


@dataclass(frozen=True, slots=True)
class Access:
    """One parent who has, or had, access to the student's records."""

    link: Link
    """The newest link of the two: it says how they stand now."""
    parent: Parent
    school: School | None
    since: datetime
    """When they were first linked."""
    until: datetime | None
    """When it ended; None while it works."""
    can_allow: bool
    can_stop: bool


@dataclass(frozen=True, slots=True)
class OwnRecords:
    """What a student's own page shows: nothing but the day, until the rights are theirs."""

    birthday: date
    """The 18th."""
    of_age: bool
    access: tuple[Access, ...] = ()


def own_records(house: House, number: StudentNumber) -> OwnRecords:
    """Return who has or had access to the student's records; raise NotThere for an unknown number."""
    now = house.clock.now()
    with house.store.reading() as rows:
        student = _student(rows, number)
        birthday = eighteenth_birthday(student.birth_date)
        if not _of_age(house, student, now):
            return OwnRecords(birthday, of_age=False)
        return OwnRecords(birthday, of_age=True, access=tuple(_access(rows, student, now)))


@again_if_undone
def grant(house: House, owner: Owner, link_id: LinkId, purposes: Collection[Purpose]) -> Link:
    """Allow a parent of before to see the records again, for `purposes`; their token follows.

    Raises NotThere (no such link of this student, or not 18 yet), BadInput (no purpose), MoveRefused (it
    works already, or staff ended it), Restricted, and what check_account raises about the parent.
    """
    now = house.clock.now()
    with house.store.reading() as rows:
        before = _own(house, rows, owner, link_id, now)
    chosen = _chosen(purposes)
    check_account(house, before.parent)
    with house.store.transaction() as rows:
        done = _grant(house, rows, owner, link_id, chosen, now)
    house.wakeup.projection_due(done.parent)
    return done


@again_if_undone
def withdraw(house: House, owner: Owner, link_id: LinkId) -> Link:
    """Take back what the student allowed; the parent's sessions end. Raises NotThere and MoveRefused."""
    now = house.clock.now()
    with house.store.transaction() as rows:
        link = _own(house, rows, owner, link_id, now)
        if link.evidence != CONSENT:
            raise NotThere
        done = moved(link, Move.WITHDRAW_CONSENT, now)
        record(rows, link, done, "link:grant-withdrawn", _actor(owner))
    house.wakeup.projection_due(done.parent)
    return done


def _grant(
    house: House, rows: Rows, owner: Owner, link_id: LinkId, purposes: frozenset[Purpose], now: datetime
) -> Link:
    before = _own(house, rows, owner, link_id, now)
    student, parent = _student(rows, owner.number), rows.parents.get(before.parent)
    if parent is None or parent.deleted_at is not None:
        raise NotThere
    if any(one.access for one in standing_against(rows, house.rules.code_key, parent, student.id)):
        raise Restricted
    newest = _newest(rows, student)[before.parent]
    if newest.id != before.id or not _may_allow(newest):
        raise MoveRefused("it works already, or staff ended it")
    done = granted(before, LinkId(house.new_id()), purposes, student.school, now)
    try:
        rows.links.add(done)
    except AlreadyAsked:
        raise MoveRefused("there is a live link of the two") from None
    fields = {"from_link": before.id, "purposes": sorted(purposes), "after": done.state}
    rows.audit.append(
        Event("link:granted", now, _actor(owner), done.parent, student.id, done.id, student.school, fields)
    )
    tell(rows, done, now)
    rows.parents.raise_revision(done.parent, now)
    rows.projections.mark_due(done.parent, now, loss=False)
    return done


def _access(rows: Rows, student: Student, now: datetime) -> Iterable[Access]:
    """Yield each parent with a link that was ever verified, who works now first, then the latest end."""
    newest, first = _newest(rows, student), _first(rows, student)
    order = sorted(newest.values(), key=lambda link: (not opens_apps(link, now), -_seconds(link)))
    for link in order:
        parent = rows.parents.get(link.parent)
        if parent is None or (parent.deleted_at and not parent.name):
            continue  # the parent deleted it: nothing is left that could be shown
        yield Access(
            link=link,
            parent=parent,
            school=rows.schools.get(link.verified_school) if link.verified_school else None,
            since=first[link.parent],
            until=_until(link, now),
            can_allow=_may_allow(link) and parent.deleted_at is None,
            can_stop=link.evidence == CONSENT and link.state is LinkState.VERIFIED,
        )


def _newest(rows: Rows, student: Student) -> dict[ParentId, Link]:
    links = (link for link in rows.links.of_student(student.id) if link.verified_at)
    return {link.parent: link for link in sorted(links, key=lambda link: (link.verified_at, link.id))}


def _first(rows: Rows, student: Student) -> dict[ParentId, datetime]:
    first: dict[ParentId, datetime] = {}
    for link in rows.links.of_student(student.id):
        if link.verified_at:
            first[link.parent] = min(link.verified_at, first.get(link.parent, link.verified_at))
    return first


def _until(link: Link, now: datetime) -> datetime | None:
    if opens_apps(link, now):
        return None
    return link.expires_at if link.state is LinkState.VERIFIED else link.changed_at


def _may_allow(link: Link) -> bool:
    return link.state is LinkState.ENDED and link.reason in ALLOWED_AGAIN


def _own(house: House, rows: Rows, owner: Owner, link_id: LinkId, now: datetime) -> Link:
    """Return a link to the student's own records; raise NotThere for all else, and below 18."""
    student, link = _student(rows, owner.number), rows.links.get(link_id)
    if not _of_age(house, student, now) or link is None or link.student != student.id:
        raise NotThere
    if link.verified_at is None:
        raise NotThere
    return link


def _student(rows: Rows, number: StudentNumber) -> Student:
    student = rows.students.by_number(number)
    if student is None:
        raise NotThere
    return student


def _of_age(house: House, student: Student, now: datetime) -> bool:
    return end_of_childhood(student.birth_date, house.rules.zone) <= now


def _chosen(purposes: Iterable[Purpose]) -> frozenset[Purpose]:
    chosen = frozenset(purposes)
    if not chosen:
        raise BadInput({"purposes": "choose"})
    return chosen


def _seconds(link: Link) -> float:
    return link.changed_at.timestamp()


def _actor(owner: Owner) -> Actor:
    return Actor(ActorKind.STUDENT, owner.sub)
