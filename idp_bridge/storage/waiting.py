"""Keep the desk's lists true: which undecided link waits at which school until when; never reads a list.

`waiting_place` says nothing that link, visit and student do not say. It exists because a list is asked for by
school (the link's, or its student's) in the order of the last day (the visit's), and one index cannot hold
columns of three tables: without it, each page would sort all that waits. Each write of the three ends here.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from idp_bridge.domain.link import UNDECIDED, WAITING, Link, LinkState, VisitId
from idp_bridge.domain.people import StudentId
from idp_bridge.services.rows import DeskList
from idp_bridge.storage import tables

_links, _visits, _students, _places = tables.links, tables.visits, tables.students, tables.waiting_places
COLUMNS = ("list", "school", "day", "visit", "link")


def follow_link(connection: sa.Connection, link: Link) -> None:
    """Bring the lists to what `link`, just written, says."""
    connection.execute(sa.delete(_places).where(_places.c.link == link.id))
    if link.state in UNDECIDED:
        _list(connection, _links.c.id == link.id)


def follow_visit(connection: sa.Connection, visit: VisitId) -> None:
    """Bring the lists to the last day, and the end, of a visit."""
    _renew(connection, _links.c.visit == visit)


def follow_students(connection: sa.Connection, students: Sequence[StudentId]) -> None:
    """Bring the lists to the schools these students are at now."""
    _renew(connection, _links.c.student.in_(students))


def _renew(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    some = sa.select(_links.c.id).where(which, _links.c.state.in_(sorted(UNDECIDED)))
    connection.execute(sa.delete(_places).where(_places.c.link.in_(some)))
    _list(connection, which)


def _list(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    connection.execute(sa.insert(_places).from_select(COLUMNS, true_places(which)))


def true_places(which: sa.ColumnElement[bool]) -> sa.CompoundSelect[tuple[object, ...]]:
    """Return the query of what the lists should hold of `which` links.

    A request waits where it was claimed, since the slip leads the parent there, and where its student is,
    since that school decides. What waits for a second person or the district is with the student's school.
    """
    waits = sa.and_(_links.c.state.in_(sorted(WAITING)), _visits.c.closed_at.is_(None))
    after_the_visit = _links.c.state.in_(sorted(UNDECIDED - WAITING))
    here = sa.or_(waits, sa.and_(after_the_visit, _links.c.student.is_(None)))
    claimed = _one(_links.c.claimed_school, which, here)
    own = _one(_students.c.school, which, sa.or_(waits, after_the_visit))
    own = own.join_from(_links, _students, _students.c.id == _links.c.student)
    return sa.union(claimed, own)


def _one(school: sa.ColumnElement[str], *where: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
    which = sa.case(
        (_links.c.state == LinkState.AWAITING_SECOND, DeskList.SECOND.value),
        (_links.c.state == LinkState.REFERRED, DeskList.REFERRED.value),
        else_=DeskList.VISITS.value,
    )
    columns = (which.label("list"), school.label("school"), _visits.c.visit_by.label("day"))
    return (
        sa.select(*columns, _visits.c.id.label("visit"), _links.c.id.label("link"))
        .join_from(_links, _visits, _visits.c.id == _links.c.visit)
        .where(*where)
    )
