"""Gather what the bridge keeps of a parent, to take away; never staff, other people or restrictions.

A link on hold says so and no more: the reason may be a restriction. A student is named once the school
confirmed the link, never before. The shape is `docs/my-data.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from idp_bridge.domain.events import Actor, ActorKind, Event
from idp_bridge.domain.link import Link, LinkState
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.services.house import House
from idp_bridge.services.linking import known
from idp_bridge.services.reading import NEUTRAL, steps_of
from idp_bridge.services.repeating import again_if_undone
from idp_bridge.services.rows import Rows

VERSION = 1
ON_HOLD = "on-hold"


@again_if_undone
def my_data(house: House, parent_id: ParentId) -> dict[str, Any]:
    """Return everything kept of a parent, as JSON can say it, and write down that it was taken.

    Raises NotThere.
    """
    now = house.clock.now()
    with house.store.transaction() as rows:
        parent = known(rows, parent_id)
        links = rows.links.of_parent(parent_id)
        data = {
            "version": VERSION,
            "made_at": _time(now),
            "account": _account(parent),
            "identity": _identity(rows, parent_id),
            "links": [_link(rows, link) for link in reversed(links)],
            "mails": _mails(rows, parent_id, links),
        }
        taken = Actor(ActorKind.PARENT, parent_id)
        rows.audit.append(Event("parent:data-downloaded", now, taken, parent=parent_id))
    return data


def _account(parent: Parent) -> dict[str, object]:
    return {
        "id": parent.id,
        "email": parent.email,
        "given_name": parent.given_name,
        "family_name": parent.family_name,
        "language": parent.locale,
        "first_seen_at": _time(parent.first_seen_at),
    }


def _identity(rows: Rows, parent: ParentId) -> dict[str, object] | None:
    proof = rows.proofs.get(parent)
    return {"kind": proof.kind, "school": proof.school, "at": _time(proof.at)} if proof else None


def _link(rows: Rows, link: Link) -> dict[str, object]:
    held = link.state is LinkState.SUSPENDED
    return {
        "id": link.id,
        "state": ON_HOLD if held else link.state,
        "reason": None if held else link.reason,
        "asked": {
            "student_number": link.claimed.student_number,
            "birth_date": link.claimed.birth_date.isoformat(),
            "school": link.claimed.school,
            "relationship": link.claimed.relationship,
        },
        "student": _student(rows, link),
        "purposes": [] if held else sorted(link.purposes),
        "requested_at": _time(link.requested_at),
        "verified_at": _time(link.verified_at),
        "verified_school": link.verified_school,
        "expires_at": _time(link.expires_at),
        "happened": [
            {"what": NEUTRAL.get(step.event, step.event), "at": _time(step.at), "school": _code(step.school)}
            for step in steps_of(rows, link)
        ],
    }


def _student(rows: Rows, link: Link) -> dict[str, object] | None:
    student = rows.students.get(link.student) if link.student and link.verified_at else None
    if student is None:
        return None
    return {"student_number": student.number, "name": student.name, "school": student.school}


def _mails(rows: Rows, parent: ParentId, links: Iterable[Link]) -> list[dict[str, object]]:
    """Return the mails that went out; one about another guardian's link says nothing of that link."""
    own = {link.id for link in links}
    return [
        {"kind": sent.kind, "link": sent.link if sent.link in own else None, "sent_at": _time(sent.sent_at)}
        for sent in rows.notices.sent_to(parent)
    ]


def _code(school: Any) -> str | None:
    return school.code if school else None


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
