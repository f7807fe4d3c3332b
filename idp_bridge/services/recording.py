"""Write one change of a link with all that belongs to it: row, audit, mail, due mark; never decides one."""

from __future__ import annotations

from idp_bridge.domain.events import Actor, Event
from idp_bridge.domain.link import Link, LinkState
from idp_bridge.domain.notice import NoticeKind, about
from idp_bridge.domain.people import SchoolCode
from idp_bridge.services.notifying import SILENT, tell
from idp_bridge.services.rows import Rows


def record(
    rows: Rows,
    before: Link,
    after: Link,
    event: str,
    who: Actor,
    *,
    school: SchoolCode | None = None,
    notice: NoticeKind | None = None,
    **fields: object,
) -> None:
    """Save `after`, append its one audit event and note the mail, inside the caller's transaction.

    Where the token must say something else from now on, the parent's revision is raised and their projection
    marked due; a link that is verified no more is a loss. The caller wakes the worker after the commit.
    `notice` is the mail to send instead of the one the new state has. Raises ChangedMeanwhile.
    """
    now = after.changed_at
    rows.links.save(after)
    rows.audit.append(
        Event(
            event,
            now,
            who,
            parent=after.parent,
            student=after.student,
            link=after.id,
            school=school,
            fields={**fields, "before": before.state, "after": after.state},
        )
    )
    if notice:
        rows.notices.add(about(notice, after, now))
    elif event not in SILENT:
        tell(rows, after, now)
    visible = [one.state is LinkState.VERIFIED for one in (before, after)]
    if any(visible):
        rows.parents.raise_revision(after.parent, now)
        rows.projections.mark_due(after.parent, now, loss=not visible[1])
