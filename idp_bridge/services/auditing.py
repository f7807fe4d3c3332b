"""Check the audit and hand out what it says of a student; never changes it."""

from __future__ import annotations

import json

from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.events import Event
from idp_bridge.domain.people import read_student_number
from idp_bridge.services.house import House


def first_bad_row(house: House) -> int | None:
    """Return the number of the first audit row that does not fit the chain, or None if it is whole."""
    with house.store.reading() as rows:
        return rows.audit.first_bad()


def disclosures(house: House, number: str) -> tuple[Event, ...]:
    """Return who was given access to the student with this number, and who decided it, oldest first.

    This is the record of disclosures that 34 CFR 99.32 asks for, by ids. Raises NotThere.
    """
    wanted = read_student_number(number)
    with house.store.reading() as rows:
        student = rows.students.by_number(wanted) if wanted else None
        if student is None:
            raise NotThere
        return rows.audit.of_student(student.id)


def disclosure_line(event: Event) -> str:
    """Return one event of the record as a line of JSON, ids only."""
    said = {
        "event": event.name,
        "at": event.at.isoformat(),
        "by": {"realm": event.actor.kind, "id": event.actor.id},
        "parent": event.parent,
        "link": event.link,
        "school": event.school,
        **dict(event.fields or {}),
    }
    return json.dumps(said, sort_keys=True)
