"""Say in words what only staff read: topics and marks of the match table; never decides anything."""

from __future__ import annotations

from datetime import date

from flask_babel import format_date, get_locale
from flask_babel import gettext as _
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

STAGES = {"KG": _l("kindergarten"), "PK": _l("pre-kindergarten")}
"""Grades of the roster that are no number."""

HELD = (
    _l("Ask the principal about this one"),
    _l("It cannot be decided at the counter. Do not discuss it there."),
)
"""What the counter learns of a restriction, and of an end it cannot overrule: never which of the two."""

RESTRICTED = (
    _l("A restriction stands here"),
    _l("Nobody can link the two until it is lifted. Do not discuss it at the counter."),
)
"""What a duty that may read the restriction sees instead."""

NOT_READY = {
    "birth-date": _l(
        "The date of birth differs from the roster. Check it with the parent; "
        "the parent can ask again on the phone at once."
    ),
    "linked-or-new": _l(
        "The two are linked already, or the student came to the roster after the request. "
        "The parent can look under My children, or ask again on the phone at once."
    ),
    "left": _l("The student left the district’s schools after the request. Ask the parent what they need."),
}
"""Why a claim whose number a student has cannot be verified, and what to do."""

UNTIL_FAULTS = {
    "enter": _l("Enter the last day the paper names"),
    "in-past": _l("The last day must be in the future"),
    "too-far": _l("The last day is more than 5 years away. Check the year."),
}

EARLIER = {LinkState.DENIED: _l("Not confirmed"), LinkState.ENDED: _l("Ended")}
"""How an earlier link of the same two was turned away."""

DECIDED = {
    LinkState.VERIFIED: _l("Linked"),
    LinkState.SUSPENDED: _l("On hold"),
    LinkState.DENIED: _l("Not confirmed"),
    LinkState.LAPSED: _l("The visit time is over"),
    LinkState.ENDED: _l("Ended"),
}


def corrected(typed: str, meant: str) -> str:
    """Return what the parent typed with what they meant, as found out at the counter."""
    return _("%(typed)s, corrected to %(meant)s", typed=typed, meant=meant)


def deadline_day(value: date) -> str:
    """Return a last day as the queue shows it: `Tue, Nov 24`."""
    return format_date(value, "EEE, MMM d" if str(get_locale()) == "en" else "EEE d MMM", rebase=False)
