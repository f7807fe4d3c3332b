"""Find what was decided before about a parent and a student, and twins of the account; never decides.

What was refused or ended on the merits does not come back by a new request alone (design 4): somebody with
the duty must overrule it, and the audit names what they overruled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from idp_bridge.domain.access import Action, StaffMember, may
from idp_bridge.domain.errors import EndedBefore
from idp_bridge.domain.link import LIVE, UNDECIDED, Link, LinkId, LinkState
from idp_bridge.domain.matching import plain_name
from idp_bridge.domain.people import Parent, ParentId, Student, StudentId
from idp_bridge.domain.reasons import DENIAL_REASONS, REVOCATION_REASONS, is_final
from idp_bridge.services.rows import Rows

REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Earlier:
    """One earlier link of the same two that was refused or revoked."""

    link: LinkId
    state: LinkState
    reason: str
    at: datetime
    final: bool
    """True where only a duty that may overrule can link the two again."""


@dataclass(frozen=True, slots=True)
class Twin:
    """Another account that seems to be the same person's, with its newest link to the student."""

    parent: ParentId
    state: LinkState

    @property
    def linked(self) -> bool:
        """Tell whether that account is linked to the student."""
        return self.state in LIVE - UNDECIDED

    @property
    def asks(self) -> bool:
        """Tell whether that account waits for a decision, too."""
        return self.state in UNDECIDED


def earlier_ends(
    rows: Rows, parent: ParentId, student: StudentId, but: LinkId | None = None
) -> tuple[Earlier, ...]:
    """Return what was refused or revoked before for these two, newest first, `but` for one link."""
    links = [link for link in rows.links.of_parent(parent) if link.student == student]
    ends = [_earlier(rows, link, links) for link in links if link.id != but and _was_turned_away(link)]
    return tuple(sorted(ends, key=lambda one: one.at, reverse=True))


def overruled(
    rows: Rows, staff: StaffMember, parent: ParentId, student: Student, *, overrule: bool
) -> LinkId | None:
    """Return the earlier link that verifying these two overrules, or None where nothing stands against it.

    Raises EndedBefore unless `staff` may overrule at the student's school and says that they mean to.
    """
    ends = [one for one in earlier_ends(rows, parent, student.id) if one.final]
    if not ends:
        return None
    if not (overrule and may(staff, Action.OVERRULE, student.school)):
        raise EndedBefore
    return ends[0].link


def twins(rows: Rows, parent: Parent, student: StudentId) -> tuple[Twin, ...]:
    """Return the other accounts of the same name, or the same birth date and part of the name, that ask for
    this student, are linked to them, or were turned away."""
    found: dict[ParentId, LinkState] = {}
    for link in rows.links.of_student(student):
        if link.parent == parent.id or not (link.state in LIVE or _was_turned_away(link)):
            continue
        other = rows.parents.get(link.parent)
        if other and _same_person(rows, parent, other):
            found[link.parent] = link.state
    return tuple(Twin(other, state) for other, state in found.items())


def _was_turned_away(link: Link) -> bool:
    return link.state is LinkState.DENIED or (link.state is LinkState.ENDED and link.reason == REVOKED)


def _earlier(rows: Rows, link: Link, all_of_the_two: list[Link]) -> Earlier:
    denied = link.state is LinkState.DENIED
    reason = (link.reason if denied else _revoked_for(rows, link.id)) or ""
    known = DENIAL_REASONS if denied else REVOCATION_REASONS
    final = is_final(reason, known) and not _settled_since(link, all_of_the_two)
    return Earlier(link.id, link.state, reason, link.changed_at, final)


def _revoked_for(rows: Rows, link: LinkId) -> str | None:
    """Return the reason of a revocation: the row says only that it was one, the audit says why."""
    for event in reversed(rows.audit.of_link(link)):
        if event.name == "link:revoked" and event.fields:
            return str(event.fields["reason"])
    return None


def _settled_since(link: Link, all_of_the_two: list[Link]) -> bool:
    """Tell whether this end was overruled before: a later link was verified and not revoked again."""
    return any(
        other.verified_at is not None and other.verified_at > link.changed_at and not _was_turned_away(other)
        for other in all_of_the_two
    )


def _same_person(rows: Rows, parent: Parent, other: Parent) -> bool:
    mine, theirs = (plain_name(one.name) for one in (parent, other))
    if mine == theirs:
        return bool(mine)
    proofs = [rows.proofs.get(one.id) for one in (parent, other)]
    born = {proof.birth_date_hash if proof else None for proof in proofs}
    return len(born) == 1 and None not in born and bool(set(mine.split()) & set(theirs.split()))
