"""Say the desk's lists, counts, decisions and states in words; never decides what is listed."""

from __future__ import annotations

from datetime import datetime

from flask_babel import format_decimal, format_time
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from idp_bridge.domain.link import LinkState
from idp_bridge.services.queueing import Queue, Tab
from idp_bridge.web.desk_wording import DECIDED

TABS = {
    Tab.ALL: _l("All"),
    Tab.WEEK: _l("This week"),
    Tab.SECOND: _l("Second person needed"),
    Tab.REFERRED: _l("Referred"),
    Tab.APPS: _l("Not yet in apps"),
}
HEADINGS = {
    Tab.ALL: _l("Waiting for a visit"),
    Tab.WEEK: _l("Waiting for a visit, until Sunday"),
    Tab.SECOND: _l("Waiting for a second person"),
    Tab.REFERRED: _l("Referred to the district office"),
    Tab.APPS: _l("Linked, not yet in apps"),
}
NOBODY = {
    Tab.ALL: _l("Nobody is waiting for a visit at your school."),
    Tab.WEEK: _l("Nobody has to come until Sunday."),
    Tab.SECOND: _l("Nothing waits for a second person."),
    Tab.REFERRED: _l("No school has referred a request."),
    Tab.APPS: _l("Every link has arrived in the parents’ apps."),
}
JUST_DECIDED = {
    LinkState.VERIFIED: _l("Verified"),
    LinkState.DENIED: _l("Refused"),
    LinkState.AWAITING_SECOND: _l("Second person asked"),
    LinkState.REFERRED: _l("Sent to the district"),
}
STATES = {
    **DECIDED,
    LinkState.REQUESTED: _l("Waiting for a visit"),
    LinkState.AWAITING_VISIT: _l("Waiting for a visit"),
    LinkState.AWAITING_SECOND: _l("Waiting for a second person"),
    LinkState.REFERRED: _l("Referred to the district office"),
}


def count(shown: Queue, tab: Tab) -> str:
    """Return the count of a list as the desk shows it: `23`, or `100+` where nobody counted further."""
    number, most = shown.counts[tab], shown.most[tab]
    return format_decimal(most) + "+" if number > most else format_decimal(number)


def summary(shown: Queue) -> str:
    """Return which part of a list is shown."""
    many = len(shown.rows) + len(shown.arriving)
    parts = {
        "first": format_decimal(min(shown.first + 1, shown.first + many)),
        "last": format_decimal(shown.first + many),
        "total": count(shown, shown.tab),
    }
    if shown.tab is Tab.APPS:
        return _("%(first)s to %(last)s of %(total)s, longest wait first", **parts)
    return _("%(first)s to %(last)s of %(total)s, nearest deadline first", **parts)


def clock(value: datetime) -> str:
    """Return the time of day of an instant, in the district's time zone."""
    return format_time(value, "short")
