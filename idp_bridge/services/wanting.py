"""Compute what parents' attributes must say from all links now; never reads or writes Keycloak."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from idp_bridge.domain.claims import EMPTY, Shown, student_links
from idp_bridge.domain.link import Link, opens_apps
from idp_bridge.domain.people import ParentId, Purpose, StudentId
from idp_bridge.services.rows import Rows


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the parent's attribute must say, and the revision it says it at."""

    rev: int
    value: str


NOBODY = Wanted(0, EMPTY)
"""For an account that never came to the bridge: nothing, said explicitly."""


def wanted_for(rows: Rows, parent: ParentId, now: datetime) -> Wanted:
    """Return what `parent`'s attribute must say at `now`."""
    return wanted_for_all(rows, (parent,), now)[parent]


def wanted_for_all(rows: Rows, parents: Iterable[ParentId], now: datetime) -> Mapping[ParentId, Wanted]:
    """Return what each of `parents` must say at `now`: four or five queries, however many they are.

    A student who left and whose number another one bears by now is not shown: the number would name that one.
    """
    asked = tuple(parents)
    known = rows.parents.some(asked)
    links = [link for link in rows.links.verified_of(asked) if opens_apps(link, now)]
    students = rows.students.some({link.student for link in links if link.student})
    left = {student.number for student in students.values() if not student.enrolled}
    taken = rows.students.taken(left) if left else frozenset()
    silenced = rows.restrictions.silenced({link.parent for link in links}) if links else frozenset()
    shown: dict[ParentId, list[Shown]] = defaultdict(list)
    for link in links:
        if link.student and (students[link.student].enrolled or students[link.student].number not in taken):
            shown[link.parent].append(Shown(_without_messages(link, silenced), students[link.student]))
    return {
        parent: Wanted(one.rev, student_links(one.rev, one.rev_at, shown[parent])) if one else NOBODY
        for parent in asked
        for one in (known.get(parent),)
    }


def _without_messages(link: Link, silenced: frozenset[tuple[ParentId, StudentId]]) -> Link:
    """Return the link without `messages` where a restriction says so; access is a matter of its state."""
    if link.student is None or (link.parent, link.student) not in silenced:
        return link
    return replace(link, purposes=link.purposes - {Purpose.MESSAGES})
