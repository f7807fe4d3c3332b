"""Say in words what only staff read: topics and marks of the match table; never decides anything."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from idp_bridge.domain.link import LinkState

TOPICS = {
    "student-number": _l("Student number"),
    "birth-date": _l("Date of birth"),
    "school": _l("School"),
    "relationship": _l("Relationship"),
    "parent-name": _l("Parent’s name"),
    "student-name": _l("Student’s name"),
}

ROSTER_ROLES = {
    "parent": _l("Parent"),
    "guardian": _l("Guardian"),
    "relative": _l("Relative"),
}

NOT_LISTED = _l("Not listed")

DECIDED = {
    LinkState.VERIFIED: _l("Linked"),
    LinkState.SUSPENDED: _l("On hold"),
    LinkState.DENIED: _l("Not confirmed"),
    LinkState.LAPSED: _l("The visit time is over"),
    LinkState.ENDED: _l("Ended"),
}
