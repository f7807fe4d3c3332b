"""Let a parent arrive and ask to be linked to a child; never says whether the child was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from idp_bridge.domain.errors import AlreadyAsked, BadInput, NotThere
from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import (
    LIVE,
    WAITING,
    Claimed,
    Link,
    LinkId,
    LinkState,
    Move,
    Visit,
    VisitId,
    moved,
)
from idp_bridge.domain.matching import fits
from idp_bridge.domain.people import Parent, ParentId, StudentId
from idp_bridge.domain.visit_code import fingerprint, make
from idp_bridge.services.account_checking import check_account, save_email
from idp_bridge.services.expiring import close_visit, lapse
from idp_bridge.services.guessing import counted
from idp_bridge.services.house import House
from idp_bridge.services.notifying import tell
from idp_bridge.services.recording import record
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows
from idp_bridge.services.standing import follow_name

OLDEST_STUDENT_YEARS = 26
"""Nobody older is a student here: Florida serves students with disabilities up to the 22nd birthday."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What the ID token of realm `parents` says of a parent who just signed in."""

    id: ParentId
    email: str
    given_name: str
    family_name: str
    locale: str


@again_if_undone
def arrive(house: House, person: SignedIn) -> Parent:
    """Take a snapshot of the account of a parent who signed in, and return it.

    An e-mail that changed is noted and told to the old address; this sign-in is the fresh one it asks for.
    """
    now = house.clock.now()
    new = Parent(person.id, person.email, person.given_name, person.family_name, person.locale, now)
    with house.store.transaction() as rows:
        before = rows.parents.get(person.id)
        kept = save_email(rows, before, person.email, now) if before else new
        parent = replace(
            kept,
            email=person.email,
            given_name=person.given_name,
            family_name=person.family_name,
            locale=person.locale,
            signed_in_at=now,
            deleted_at=None,
        )
        rows.parents.save(parent)
        restricted = follow_name(rows, house.rules.code_key, before, parent, now)
        arrived = known(rows, person.id)
    if restricted:
        house.wakeup.projection_due(arrived.id)
    return arrived


def check_birth_date(house: House, birth_date: date) -> None:
    """Raise BadInput where no student can have this birth date: in the future, or too long ago."""
    today = _today(house, house.clock.now())
    if birth_date > today:
        raise BadInput({"birth_date": "in-future"})
    if birth_date.year < today.year - OLDEST_STUDENT_YEARS:
        raise BadInput({"birth_date": "too-long-ago"})


def request_link(house: House, parent_id: ParentId, claimed: Claimed, address: str = "") -> VisitId:
    """Ask for one link, as `request_links` does. Raises BadInput with the claim's own fields."""
    try:
        return request_links(house, parent_id, (claimed,), address)
    except BadInput as fault:
        fields = {name.rpartition(".")[2]: reason for name, reason in fault.fields.items()}
        raise BadInput(fields) from None


@again_if_undone
def request_links(house: House, parent_id: ParentId, claims: Sequence[Claimed], address: str = "") -> VisitId:
    """Ask for several links at once and return the one visit that will settle them: all, or none.

    The answer is the same whether a student exists, the birth date is right, or the link is there
    already. The same request again changes nothing. Raises what check_account raises, TooManyGuesses, and
    BadInput whose fields are `<place of the claim>.<field>`. `address` is the network address it came
    from, for limits.
    """
    _check(house, claims)
    check_account(house, parent_id)
    now = house.clock.now()
    numbers = tuple(claimed.student_number for claimed in claims)
    with counted(house, parent_id, numbers, address, now) as rows:
        visit = _open_visit(house, rows, parent_id, now)
        for place, claimed in enumerate(claims):
            at = now + timedelta(microseconds=place)  # so that they keep the order they were typed in
            if not _asked_already(rows, parent_id, claimed, at):
                _add(house, rows, visit, claimed, at)
        return visit.id


def _check(house: House, claims: Sequence[Claimed]) -> None:
    """Raise BadInput where a claim cannot be true of any student, where two name one, or where none is."""
    if not claims:
        raise BadInput({"children": "enter"})
    faults: dict[str, str] = {}
    seen: set[str] = set()
    with house.store.reading() as rows:
        for place, claimed in enumerate(claims):
            found = _faults(house, rows, claimed, seen)
            faults |= {f"{place}.{name}": reason for name, reason in found.items()}
            seen.add(claimed.student_number)
    if faults:
        raise BadInput(faults)


def _faults(house: House, rows: Rows, claimed: Claimed, seen: set[str]) -> dict[str, str]:
    faults: dict[str, str] = {}
    try:
        check_birth_date(house, claimed.birth_date)
    except BadInput as fault:
        faults |= fault.fields
    if rows.schools.get(claimed.school) is None:
        faults["school"] = "choose"
    if claimed.student_number in seen:
        faults["number"] = "twice"
    return faults


@again_if_undone
def cancel_request(house: House, parent_id: ParentId, link_id: LinkId) -> None:
    """Take a request back that is not decided yet. Raises NotThere and MoveRefused."""
    now = house.clock.now()
    with house.store.transaction() as rows:
        link = own_link(rows, parent_id, link_id)
        take_back(rows, link, now)
        close_visit(rows, link.visit, now)


@again_if_undone
def leave_link(house: House, parent_id: ParentId, link_id: LinkId) -> None:
    """End one's own verified or suspended link; the token follows. Raises NotThere and MoveRefused."""
    now = house.clock.now()
    with house.store.transaction() as rows:
        leave(rows, own_link(rows, parent_id, link_id), now)
    house.wakeup.projection_due(parent_id)


def own_link(rows: Rows, parent_id: ParentId, link_id: LinkId) -> Link:
    """Return one of the parent's own links; raise NotThere for everybody else's and for none."""
    link = rows.links.get(link_id)
    if link is None or link.parent != parent_id:
        raise NotThere
    return link


def take_back(rows: Rows, link: Link, now: datetime, reason: str = "") -> None:
    """Cancel a request inside the caller's transaction, perhaps for a reason. Raises MoveRefused."""
    _part(rows, link, moved(link, Move.CANCEL, now), "link:cancelled", reason)


def leave(rows: Rows, link: Link, now: datetime, reason: str = "") -> None:
    """End a link for its parent inside the caller's transaction, perhaps for a reason. Raises MoveRefused."""
    _part(rows, link, moved(link, Move.LEAVE, now), "link:left", reason)


def _part(rows: Rows, link: Link, done: Link, event: str, reason: str) -> None:
    said: dict[str, Any] = {"reason": reason} if reason else {}
    record(rows, link, done, event, Actor(ActorKind.PARENT, link.parent), **said)


def _asked_already(rows: Rows, parent: ParentId, claimed: Claimed, now: datetime) -> bool:
    """Tell whether the same request waits already; one for the same number with other details is cancelled.

    So a parent who mistyped a birth date just asks again, and nothing shows which of the two was right.
    """
    for link in rows.links.of_parent(parent):
        if link.state in WAITING and link.claimed.student_number == claimed.student_number:
            if link.claimed == claimed:
                return True
            take_back(rows, link, now)
    return False


def _add(house: House, rows: Rows, visit: Visit, claimed: Claimed, now: datetime) -> None:
    student = _matched(rows, claimed, rows.links.of_parent(visit.parent))
    link = Link(
        id=LinkId(house.new_id()),
        parent=visit.parent,
        visit=visit.id,
        claimed=claimed,
        student=student,
        state=LinkState.REQUESTED,
        requested_at=now,
        changed_at=now,
    )
    waiting = moved(link, Move.AWAIT_VISIT, now)
    try:
        rows.links.add(waiting)
    except AlreadyAsked:
        return  # the same request in another tab won the race: its row is as good as ours
    rows.audit.append(
        Event(
            "link:requested",
            now,
            Actor(ActorKind.PARENT, visit.parent),
            parent=visit.parent,
            student=student,
            link=link.id,
            fields={
                "claimed_school": claimed.school,
                "relationship": claimed.relationship,
                "matched": student is not None,
            },
        )
    )
    tell(rows, waiting, now)


def _matched(rows: Rows, claimed: Claimed, mine: tuple[Link, ...]) -> StudentId | None:
    """Return the student the claim names, unless this parent has a live link to them already.

    Such a request is kept unmatched and lapses: the page must not tell it from any other.
    """
    student = rows.students.by_number(claimed.student_number)
    if student is None or not fits(claimed, student):
        return None
    if any(link.student == student.id and link.state in LIVE for link in mine):
        return None
    return student.id


def _open_visit(house: House, rows: Rows, parent: ParentId, now: datetime) -> Visit:
    """Return the parent's open visit; lapse one whose last day is over and open a new one."""
    today = _today(house, now)
    visit = rows.visits.open_of(parent)
    if visit is not None and visit.visit_by >= today:
        return visit
    if visit is not None:
        lapse(rows, visit, now)
    fresh = _new_visit(house, rows, parent, now, today)
    try:
        rows.visits.add(fresh)
    except AlreadyAsked:  # another tab opened one between our look and our insert (PostgreSQL only)
        return rows.visits.open_of(parent) or fresh
    return fresh


def _new_visit(house: House, rows: Rows, parent: ParentId, now: datetime, today: date) -> Visit:
    visit = VisitId(house.new_id())
    key, turn = house.rules.code_key, 0
    while rows.visits.by_fingerprint(fingerprint(key, make(key, visit, turn))):
        turn += 1
    return Visit(
        id=visit,
        parent=parent,
        code_fingerprint=fingerprint(key, make(key, visit, turn)),
        code_turn=turn,
        opened_at=now,
        visit_by=today + timedelta(days=house.rules.visit_days),
    )


def _today(house: House, now: datetime) -> date:
    return now.astimezone(house.rules.zone).date()


def known(rows: Rows, parent: ParentId) -> Parent:
    """Return the parent; raise NotThere for one who never signed in."""
    found = rows.parents.get(parent)
    if found is None:
        raise NotThere
    return found
