"""List faults that the walk must see, each as a change of the product's text; never changes the tree itself.

`python -m tests.life.mutants [word ...]` copies the product, makes one change at a time there, walks as CI does
and prints what saw it. Exit 1 where a change went unseen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from idp_bridge.domain.events import EVENTS

ROOT = Path(__file__).parents[2]
PRODUCT = "idp_bridge"


@dataclass(frozen=True)
class Mutant:
    """One fault: in `file`, `old` (found there once) becomes `new`."""

    name: str
    file: str
    old: str
    new: str


_SERVICES, _DOMAIN = "idp_bridge/services", "idp_bridge/domain"
NAMED = (
    Mutant(
        "a request is taken back in one transaction and its visit closed in another",
        f"{_SERVICES}/linking.py",
        "        take_back(rows, link, now)\n        close_visit(rows, link.visit, now)\n\n\ndef leave_link",
        "        take_back(rows, link, now)\n    with house.store.transaction() as rows:\n"
        "        close_visit(rows, link.visit, now)\n\n\ndef leave_link",
    ),
    Mutant(
        "an old link ends in one transaction and the new account gets it in another",
        f"{_SERVICES}/moving.py",
        "        done = _move(house, rows, staff, visit_id, old_id, now)\n",
        "        leave_first(house, old_id, now)\n        done = _move(house, rows, staff, visit_id, old_id, now)\n",
    ),
    Mutant(
        "a refusal is checked at the school that was typed, not the child's",
        f"{_SERVICES}/refusing.py",
        "    place = place_of(rows, link)\n",
        "    place = link.claimed.school\n",
    ),
    Mutant(
        "a loss is not marked due",
        f"{_SERVICES}/recording.py",
        "        rows.projections.mark_due(after.parent, now, loss=not visible[1])\n",
        "        if visible[1]:\n            rows.projections.mark_due(after.parent, now, loss=False)\n",
    ),
    Mutant(
        "a loss is marked due, but not as one",
        f"{_SERVICES}/recording.py",
        "loss=not visible[1])",
        "loss=False)",
    ),
    Mutant(
        "a change raises no revision",
        f"{_SERVICES}/recording.py",
        "        rows.parents.raise_revision(after.parent, now)\n",
        "",
    ),
    Mutant(
        "sessions do not end after a loss",
        f"{_SERVICES}/projecting.py",
        "        if run.lease.after_loss:\n            _end_sessions(house, run)\n",
        "",
    ),
    Mutant(
        "what expired is wanted",
        f"{_DOMAIN}/link.py",
        "        and (link.expires_at is None or link.expires_at > now)\n",
        "",
    ),
    Mutant(
        "anybody cancels and leaves anybody's link",
        f"{_SERVICES}/linking.py",
        "    if link is None or link.parent != parent_id:\n",
        "    if link is None:\n",
    ),
    Mutant(
        "who asked to lift an order lifts it",
        f"{_DOMAIN}/restriction.py",
        "    if restriction.lift_asked_by == staff:\n        raise SamePerson\n",
        "",
    ),
    Mutant(
        "an order is lifted though nobody asked",
        f"{_DOMAIN}/restriction.py",
        "    if not restriction.stands or restriction.lift_asked_by is None:\n",
        "    if not restriction.stands:\n",
    ),
    Mutant(
        "a lifted order lets go what another one holds",
        f"{_SERVICES}/standing.py",
        "    return disputed(link) or access_restricted(rows, link)\n",
        "    return disputed(link)\n",
    ),
    Mutant(
        "a lifted order lets go what is disputed",
        f"{_SERVICES}/standing.py",
        "    return disputed(link) or access_restricted(rows, link)\n",
        "    return access_restricted(rows, link)\n",
    ),
    Mutant(
        "a settled dispute lets go what an order holds",
        f"{_SERVICES}/disputing.py",
        "restricted=access_restricted(rows, link))",
        "restricted=False)",
    ),
    Mutant(
        "an order on messages takes no messages away",
        f"{_SERVICES}/wanting.py",
        "    return replace(link, purposes=link.purposes - {Purpose.MESSAGES})\n",
        "    return link\n",
    ),
    Mutant(
        "an order on messages reaches no token",
        f"{_SERVICES}/standing.py",
        "    if restriction.messages and verified:\n",
        "    if restriction.messages and not verified:\n",
    ),
    Mutant(
        "an order on messages is no loss",
        f"{_SERVICES}/standing.py",
        "    _say_again(rows, restriction, parent, now, loss=True)\n",
        "    _say_again(rows, restriction, parent, now, loss=False)\n",
    ),
    Mutant(
        "a clerk clears a namesake",
        f"{_SERVICES}/restricting.py",
        "    require_somewhere(staff, Action.RESTRICT)\n    restriction = rows.restrictions.get(restriction_id)\n"
        "    student = rows.students.get(restriction.student) if restriction else None\n"
        "    if restriction is None or student is None or not may(staff, Action.RESTRICT, student.school):\n",
        "    require_somewhere(staff, Action.VERIFY)\n    restriction = rows.restrictions.get(restriction_id)\n"
        "    student = rows.students.get(restriction.student) if restriction else None\n"
        "    if restriction is None or student is None or not may(staff, Action.VERIFY, student.school):\n",
    ),
    Mutant(
        "another school's principal clears a namesake",
        f"{_SERVICES}/restricting.py",
        "    if restriction is None or student is None or not may(staff, Action.RESTRICT, student.school):\n",
        "    if restriction is None or student is None:\n",
    ),
    Mutant(
        "a cleared namesake is held again by the next ID",
        f"{_SERVICES}/standing.py",
        "    return parent.id not in {one.parent for one in rows.restrictions.namesakes(restriction.id)}\n",
        "    return True\n",
    ),
    Mutant(
        "an ID with another birth date frees nobody",
        f"{_SERVICES}/standing.py",
        "    freed = _free_namesake(rows, key, parent, who, now)\n",
        "    freed = False\n",
    ),
    Mutant(
        "who is freed by an ID raises no alarm",
        f"{_SERVICES}/standing.py",
        "            _alarm(rows, restriction, parent.id, who, now)\n",
        "            pass\n",
    ),
    Mutant(
        "an ID frees the account an order names",
        f"{_SERVICES}/standing.py",
        "        if one.parent != parent.id and other_birth_date(one, born, key)\n",
        "        if other_birth_date(one, born, key)\n",
    ),
    Mutant(
        "a restricted person who deleted the account and came back is free",
        f"{_SERVICES}/standing.py",
        "    if before is not None and before.name == parent.name:\n",
        "    if before is not None:\n",
    ),
    Mutant(
        "a correction changes what was typed",
        f"{_SERVICES}/correcting.py",
        "    return replace(\n        link,\n        corrected_number=",
        "    return replace(\n        link,\n        claimed=replace(typed, birth_date=birth_date),\n        corrected_number=",
    ),
    Mutant(
        "a correction gives a parent a second live link to a child",
        f"{_SERVICES}/correcting.py",
        "    if all(one.id == link.id or one.state not in LIVE for one in others):\n",
        "    if True:\n",
    ),
    Mutant(
        "a correction does not look at the day",
        f"{_SERVICES}/correcting.py",
        "    refuse_lapsed(house, visit, now)\n",
        "",
    ),
    Mutant(
        "a move leaves the old link live",
        f"{_SERVICES}/moving.py",
        '    record(\n        rows, old, ended, "link:merged"',
        '    record(\n        rows, old, replace(ended, state=old.state), "link:merged"',
    ),
    Mutant(
        "a move does not ask for the identity in this visit",
        f"{_SERVICES}/moving.py",
        "    return proof is not None and proof.at >= visit.opened_at\n",
        "    return proof is not None\n",
    ),
    Mutant(
        "a move takes links from under an order",
        f"{_SERVICES}/moving.py",
        "        _refuse_restricted(house, rows, link, (old, parent))\n",
        "",
    ),
    Mutant(
        "a move gets round what was turned away",
        f"{_SERVICES}/moving.py",
        "        _refuse_ended(rows, link, parent)\n",
        "",
    ),
    Mutant(
        "a move lets a disputed link work",
        f"{_SERVICES}/moving.py",
        "        decided_by=None,\n        version=0,\n",
        "        decided_by=None,\n        version=0,\n        state=LinkState.VERIFIED,\n",
    ),
    Mutant(
        "a move is made to a namesake with another birth date",
        f"{_SERVICES}/moving.py",
        "    return len(hashes - {None}) < 2\n",
        "    return True\n",
    ),
    Mutant(
        "a move is made to anybody who asked for the child",
        f"{_SERVICES}/moving.py",
        "if same_name(one.name, parent.name) and _same_birth",
        "if _same_birth",
    ),
    Mutant(
        "a link of 18 is given back by itself",
        f"{_SERVICES}/expiring.py",
        "    done = moved(link, move, now)\n    record(rows, link, done, name, CLOCK)\n\n\ndef end_withdrawn",
        "    done = moved(link, move, now)\n    record(rows, link, done, name, CLOCK)\n"
        "    if of_age:\n        give_back(house, rows, done, now)\n\n\ndef end_withdrawn",
    ),
    Mutant(
        "a link goes on after the 18th birthday",
        f"{_DOMAIN}/link.py",
        "        expires_at=min(until, of_age) if until else of_age,\n",
        "        expires_at=until,\n",
    ),
    Mutant(
        "what a student allowed ends by the clock",
        "idp_bridge/storage/due.py",
        "                rows.c.expires_at > now,\n                rows.c.state.in_",
        "                rows.c.state.in_",
    ),
    Mutant(
        "a student gives back what staff ended",
        f"{_SERVICES}/granting.py",
        "    return link.state is LinkState.ENDED and link.reason in ALLOWED_AGAIN\n",
        "    return link.state is LinkState.ENDED\n",
    ),
    Mutant(
        "a student gives back what an order forbids",
        f"{_SERVICES}/granting.py",
        "        raise Restricted\n",
        "        pass\n",
    ),
    Mutant(
        "a student allows all, whatever was chosen",
        f"{_SERVICES}/granting.py",
        "LinkId(house.new_id()), purposes, student.school",
        "LinkId(house.new_id()), frozenset(Purpose), student.school",
    ),
    Mutant(
        "a student of 17 decides",
        f"{_SERVICES}/granting.py",
        "    if not _of_age(house, student, now) or link is None or link.student != student.id:\n",
        "    if link is None or link.student != student.id:\n",
    ),
    Mutant(
        "a student decides about another student's records",
        f"{_SERVICES}/granting.py",
        "    if not _of_age(house, student, now) or link is None or link.student != student.id:\n",
        "    if not _of_age(house, student, now) or link is None:\n",
    ),
    Mutant(
        "a student ends what staff verified",
        f"{_SERVICES}/granting.py",
        "        if link.evidence != CONSENT:\n            raise NotThere\n",
        "",
    ),
    Mutant(
        "a deleted account keeps its links",
        f"{_SERVICES}/leaving.py",
        "            _part(rows, link, now)\n",
        "            pass\n",
    ),
    Mutant(
        "a deleted account keeps what is on hold",
        f"{_SERVICES}/leaving.py",
        "    if link.state in LEAVABLE:\n        leave(rows, link, now)\n",
        "    if link.state is LinkState.VERIFIED:\n        leave(rows, link, now)\n",
    ),
    Mutant(
        "a deleted account keeps its proof of identity",
        f"{_SERVICES}/leaving.py",
        "        rows.proofs.remove(parent_id)\n",
        "",
    ),
    Mutant(
        "the wrong child raises no alarm",
        f"{_SERVICES}/leaving.py",
        '            rows.audit.append(_event("alarm:wrong-child", parent_id, now, link))\n',
        "",
    ),
    Mutant(
        "undo has no end",
        f"{_SERVICES}/undoing.py",
        "    if at is None or at < now - undo_window(house):\n",
        "    if at is None:\n",
    ),
    Mutant(
        "undo is anybody's",
        f"{_SERVICES}/undoing.py",
        "if last and last.name in DECISIONS and last.actor == actor(staff) else None",
        "if last and last.name in DECISIONS else None",
    ),
    Mutant(
        "undo reaches behind what happened since",
        f"{_SERVICES}/undoing.py",
        'if "after" in (event.fields or {})]',
        "if event.name in DECISIONS]",
    ),
    Mutant(
        "undo lets two requests wait for one number",
        f"{_SERVICES}/undoing.py",
        "    _refuse_second_request(rows, link)\n",
        "",
    ),
    Mutant(
        "undo gives a deleted account a request back",
        f"{_SERVICES}/undoing.py",
        "    _refuse_deleted(rows, link)\n",
        "",
    ),
    Mutant(
        "a student who left ends the link before the grace",
        f"{_SERVICES}/expiring.py",
        "    left_by = today - timedelta(days=house.rules.withdrawal_grace_days)\n",
        "    left_by = today - timedelta(days=house.rules.withdrawal_grace_days - 1)\n",
    ),
    Mutant(
        "a student who left ends no link",
        f"{_SERVICES}/expiring.py",
        "    left_by = today - timedelta(days=house.rules.withdrawal_grace_days)\n",
        "    left_by = today - timedelta(days=house.rules.withdrawal_grace_days + 1)\n",
    ),
    Mutant(
        "who came back in time loses the link all the same",
        "idp_bridge/storage/due.py",
        "                sa.not_(students.c.enrolled),\n",
        "",
    ),
    Mutant(
        "a transfer reaches no token",
        f"{_DOMAIN}/roster.py",
        "if old.school != new.school) - numbers",
        "if False) - numbers",
    ),
    Mutant(
        "a visit lapses on its last day",
        f"{_SERVICES}/expiring.py",
        "        visits = rows.visits.overdue(today, limit)\n",
        "        visits = rows.visits.overdue(today + timedelta(days=1), limit)\n",
    ),
    Mutant(
        "a visit is good after its last day",
        f"{_SERVICES}/counter.py",
        "    if visit and visit.visit_by < now.astimezone(house.rules.zone).date():\n",
        "    if False:\n",
    ),
    Mutant(
        "a sheet is taken of a time after the last day",
        f"{_DOMAIN}/paper.py",
        "    if at.astimezone(zone).date() > visit.visit_by:\n",
        "    if False:\n",
    ),
    Mutant(
        "a sheet needs no duty of who saw the papers",
        f"{_SERVICES}/paper.py",
        "        if not may(saw, action, place):\n",
        "        if False:\n",
    ),
    Mutant(
        "a sheet makes who enters it the first of two",
        f"{_SERVICES}/deciding.py",
        "    first = (papers.seen.by if papers.seen else staff).directory_id\n",
        "    first = staff.directory_id\n",
    ),
    Mutant(
        "a sheet opens again beside a newer request",
        f"{_SERVICES}/paper.py",
        "        if not _in_place_of(link, other):\n",
        "        if True:\n",
    ),
    Mutant(
        "a sheet outdates what is linked",
        f"{_SERVICES}/paper.py",
        "        if other.state not in WAITING:\n            raise AlreadyAsked\n",
        "        if other.state not in WAITING:\n            continue\n",
    ),
    Mutant(
        "the first person agrees with themselves",
        f"{_SERVICES}/agreeing.py",
        "    if link.state is LinkState.AWAITING_SECOND and link.first_staff == staff.directory_id:\n",
        "    if False:\n",
    ),
    Mutant(
        "a school decides what it referred",
        f"{_SERVICES}/deciding.py",
        "    if link.state is LinkState.REFERRED or policy[link.claimed.relationship].referral:\n",
        "    if policy[link.claimed.relationship].referral:\n",
    ),
    Mutant(
        "a second person agrees under an order",
        f"{_SERVICES}/deciding.py",
        "    refuse_restricted(house, rows, parent, student.id)\n",
        "",
    ),
    Mutant(
        "a clerk overrules",
        f"{_SERVICES}/earlier.py",
        "    if not (overrule and may(staff, Action.OVERRULE, student.school)):\n",
        "    if not overrule:\n",
    ),
    Mutant(
        "a new request alone brings back what was revoked",
        f"{_SERVICES}/earlier.py",
        "    return link.state is LinkState.DENIED or (link.state is LinkState.ENDED and link.reason == REVOKED)\n",
        "    return link.state is LinkState.DENIED\n",
    ),
    Mutant(
        "a new request alone brings back what was refused on the merits",
        f"{_SERVICES}/earlier.py",
        "    return link.state is LinkState.DENIED or (link.state is LinkState.ENDED and link.reason == REVOKED)\n",
        "    return link.state is LinkState.ENDED and link.reason == REVOKED\n",
    ),
    Mutant(
        "what was overruled once is overruled for ever",
        f"{_SERVICES}/earlier.py",
        "        other.verified_at is not None and other.verified_at > link.changed_at and not _was_turned_away(other)\n",
        "        other.verified_at is not None and other.verified_at > link.changed_at\n",
    ),
    Mutant(
        "an overruled refusal raises no alarm",
        f"{_SERVICES}/deciding.py",
        "    if papers.overrules:\n",
        "    if False:\n",
    ),
    Mutant(
        "a student who left is linked",
        f"{_SERVICES}/deciding.py",
        "    if student is None or not student.enrolled or not fits(asked_for(link), student):\n",
        "    if student is None:\n",
    ),
    Mutant(
        "a student of 18 is linked by a school",
        f"{_SERVICES}/deciding.py",
        "        raise OfAge\n",
        "        pass\n",
    ),
    Mutant(
        "a link is verified without an identity",
        f"{_SERVICES}/deciding.py",
        "    if rows.proofs.get(parent.id) is None:\n",
        "    if False:\n",
    ),
    Mutant(
        "of several children the last one is forgotten",
        f"{_SERVICES}/linking.py",
        "        for place, claimed in enumerate(claims):\n            at = ",
        "        for place, claimed in enumerate(claims[:3]):\n            at = ",
    ),
    Mutant(
        "of several children two are the same",
        f"{_SERVICES}/linking.py",
        "            seen.add(claimed.student_number)\n",
        "",
    ),
    Mutant(
        "a request names a child the parent is linked to already",
        f"{_SERVICES}/linking.py",
        "    if any(link.student == student.id and link.state in LIVE for link in mine):\n        return None\n",
        "",
    ),
    Mutant(
        "a request matches by the number alone",
        f"{_DOMAIN}/matching.py",
        "claimed.student_number == student.number and claimed.birth_date == student.birth_date\n",
        "claimed.student_number == student.number\n",
    ),
)
"""What could go wrong in one place of the product."""

_RECORDED = "    rows.audit.append(\n        Event(\n            event,\n"
_WRITTEN = "    visible = [one.state is LinkState.VERIFIED for one in (before, after)]\n"
MOVES = tuple(
    name
    for name in EVENTS
    if name.startswith("link:")
    and name not in ("link:requested", "link:corrected", "link:moved", "link:granted")
)
"""Events that `services/recording.py` writes."""
FORGOTTEN = tuple(
    Mutant(
        f"{name} is not written down",
        f"{_SERVICES}/recording.py",
        "    rows.audit.append(\n",
        f'    (rows.audit.append if event != "{name}" else str)(\n',
    )
    for name in MOVES
)
DOUBLED = tuple(
    Mutant(
        f"{name} is written down twice",
        f"{_SERVICES}/recording.py",
        "    rows.audit.append(\n",
        f'    (rows.audit.append if event != "{name}" else twice(rows))(\n',
    )
    for name in MOVES
)
MUTANTS = (*NAMED, *FORGOTTEN, *DOUBLED)

PARTS = {
    "leave_first": """

def leave_first(house, old_id, now):
    from idp_bridge.storage import tables
""",
}
