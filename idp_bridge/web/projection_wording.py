"""Say in words how far the writing of one account has come; never decides what comes next."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from idp_bridge.services.journals import ProjectionRow

STEPS = {
    "value": _l("the new value in Keycloak"),
    "sessions": _l("the end of the sessions"),
    "offline": _l("the end of offline tokens"),
    "own-sessions": _l("the end of our own sessions"),
}
"""In the order they are done; the last three only after access was removed."""


def waits_for(row: ProjectionRow | None) -> str:
    """Return what is still to be done for the account; empty where nothing is."""
    if row is None or (row.due_since is None and row.stopped_at is None):
        return ""
    if row.stopped_at is not None:
        return _("somebody who resolves it")
    return str(STEPS[row.step or "value"])
