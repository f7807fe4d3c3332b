"""Keep true which restrictions stand against which account and its links; never places or lifts one.

Everything here runs inside the caller's transaction. The accounts found are kept in a table of their own, so
that the database itself can refuse a verified link under a restriction (docs/decisions/0009).
Order matters: a link is suspended before a restriction stands, and resumed only after it stands no more.
"""

from __future__ import annotations

from datetime import datetime

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import Link, LinkState, Move, disputed, moved
from idp_bridge.domain.matching import namesakes
from idp_bridge.domain.people import Parent, ParentId, StudentId
from idp_bridge.domain.restriction import Restriction, against, other_birth_date, same_name
from idp_bridge.services.recording import record
from idp_bridge.services.rows import Rows

STANDING = Actor(ActorKind.SYSTEM, "restrictions")
"""Who suspends a link when an account turns out to be a restricted person's: nobody decided it just now."""


def standing_against(rows: Rows, key: bytes, parent: Parent, student: StudentId) -> tuple[Restriction, ...]:
    """Return the restrictions in force for this person and student, oldest first; `key` is `code_key`.

    By the table, or by the rule now: the second also where the first was not brought up to date.
    """
    kept = {one.id for one in rows.restrictions.against(parent.id, student)}
    standing = rows.restrictions.standing_for(student)
    return tuple(one for one in standing if one.id in kept or _concerns(rows, key, one, parent))


def stand_against_all(rows: Rows, key: bytes, restriction: Restriction, now: datetime, who: Actor) -> None:
    """Let a new restriction stand against every account of the named person."""
    found = list(namesakes(restriction.name, rows.parents.names()))
    if restriction.parent:
        found.append(restriction.parent)
    for parent in (rows.parents.get(one) for one in dict.fromkeys(found)):
        if parent and _concerns(rows, key, restriction, parent):
            stand(rows, restriction, parent.id, now, who)


def follow_name(rows: Rows, key: bytes, before: Parent | None, parent: Parent, now: datetime) -> bool:
    """Let every restriction stand that the name of an account brings with it; tell whether any began to.

    A new name takes none away: who is restricted must not get out of it by a new name on the account.
    """
    if before is not None and before.name == parent.name:
        return False
    kept = {one.id for one in rows.restrictions.against(parent.id)}
    fresh = [
        one
        for one in rows.restrictions.standing()
        if one.id not in kept and _concerns(rows, key, one, parent)
    ]
    for restriction in fresh:
        stand(rows, restriction, parent.id, now, STANDING)
    return bool(fresh)


def follow_proof(rows: Rows, key: bytes, parent: Parent, who: Actor, now: datetime) -> bool:
    """Take away the restrictions of a namesake whose identification says another birth date, and let those
    stand that it brings with it: seen again, it may say another day than before.

    Tells whether anything changed. Those against the account itself stay. A mistyped day would set the
    restricted person free, so each of access that is taken away is an alarm about what `who` recorded.
    """
    freed = _free_namesake(rows, key, parent, who, now)
    return follow_name(rows, key, None, parent, now) or freed


def _free_namesake(rows: Rows, key: bytes, parent: Parent, who: Actor, now: datetime) -> bool:
    proof = rows.proofs.get(parent.id)
    born = proof.birth_date_hash if proof else None
    others = [
        one
        for one in rows.restrictions.against(parent.id)
        if one.parent != parent.id and other_birth_date(one, born, key)
    ]
    for restriction in others:
        if restriction.access:
            _alarm(rows, restriction, parent.id, who, now)
        stand_no_more(rows, restriction, parent.id, now, STANDING)
    return bool(others)


def _alarm(rows: Rows, restriction: Restriction, parent: ParentId, who: Actor, now: datetime) -> None:
    student = rows.students.get(restriction.student)
    rows.audit.append(
        Event(
            "alarm:restriction-namesake",
            now,
            who,
            parent=parent,
            student=restriction.student,
            school=student.school if student else None,
            fields={"restriction": restriction.id},
        )
    )


def stand(rows: Rows, restriction: Restriction, parent: ParentId, now: datetime, who: Actor) -> None:
    """Let `restriction` stand against one account: its verified link goes on hold, or loses its messages."""
    for link in _open_links(rows, restriction, parent):
        if restriction.access and link.state is LinkState.VERIFIED:
            done = moved(link, Move.SUSPEND, now)
            _record(rows, link, done, "link:suspended", who, restriction)
    rows.restrictions.stand(restriction.id, parent, now)
    _say_again(rows, restriction, parent, now, loss=True)


def stand_no_more(rows: Rows, restriction: Restriction, parent: ParentId, now: datetime, who: Actor) -> None:
    """Let `restriction` stand against one account no more: its link works again, unless held otherwise."""
    rows.restrictions.stand_no_more(restriction.id, parent)
    _say_again(rows, restriction, parent, now, loss=False)
    for link in _open_links(rows, restriction, parent):
        if restriction.access and link.state is LinkState.SUSPENDED and not held(rows, link):
            done = moved(link, Move.RESUME, now)
            _record(rows, link, done, "link:resumed", who, restriction)


def held(rows: Rows, link: Link) -> bool:
    """Tell whether a suspended link must stay so: a dispute, or a restriction on access."""
    return disputed(link) or access_restricted(rows, link)


def access_restricted(rows: Rows, link: Link) -> bool:
    """Tell whether a restriction on access stands against the link's account, as the database has it."""
    return link.student is not None and any(
        one.access for one in rows.restrictions.against(link.parent, link.student)
    )


def look_alikes(rows: Rows, restriction: Restriction) -> tuple[Parent, ...]:
    """Return accounts of the same name with a link to the student, against which it does not stand."""
    kept = rows.restrictions.accounts(restriction.id)
    found = dict.fromkeys(link.parent for link in rows.links.of_student(restriction.student))
    parents = (rows.parents.get(parent) for parent in found if parent not in kept)
    return tuple(parent for parent in parents if parent and same_name(restriction, parent))


def _concerns(rows: Rows, key: bytes, restriction: Restriction, parent: Parent) -> bool:
    """Tell whether the rule lets `restriction` stand against `parent`, who is not cleared as a namesake."""
    if not against(restriction, parent, None, key):
        return False
    proof = rows.proofs.get(parent.id)
    if not against(restriction, parent, proof.birth_date_hash if proof else None, key):
        return False
    return parent.id not in {one.parent for one in rows.restrictions.namesakes(restriction.id)}


def _open_links(rows: Rows, restriction: Restriction, parent: ParentId) -> tuple[Link, ...]:
    return tuple(
        link
        for link in rows.links.of_parent(parent)
        if link.student == restriction.student and link.state in (LinkState.VERIFIED, LinkState.SUSPENDED)
    )


def _say_again(rows: Rows, restriction: Restriction, parent: ParentId, now: datetime, *, loss: bool) -> None:
    """Let the token follow where the link's state stays and yet its purposes are others."""
    verified = any(one.state is LinkState.VERIFIED for one in _open_links(rows, restriction, parent))
    if restriction.messages and verified:
        rows.parents.raise_revision(parent, now)
        rows.projections.mark_due(parent, now, loss=loss)


def _record(rows: Rows, link: Link, done: Link, name: str, who: Actor, restriction: Restriction) -> None:
    student = rows.students.get(restriction.student)
    school = student.school if student else None
    record(rows, link, done, name, who, school=school, restriction=restriction.id)
