"""Say in plain words why a parent cannot see a child in an app; never why a link is on hold."""

from __future__ import annotations

from flask_babel import gettext as _

from idp_bridge.domain.link import LinkState
from idp_bridge.services.reading import Child
from idp_bridge.web import wording


def why(child: Child, state: LinkState) -> str:
    """Return the reason for a link that shows as `state`."""
    match state:
        case LinkState.AWAITING_VISIT:
            return _(
                "You have asked, and your visit is still to come. The apps show a student once the school "
                "has seen your photo ID and what shows your relationship."
            )
        case LinkState.AWAITING_SECOND:
            return _("The school has seen your papers, and a second person there has to agree.")
        case LinkState.REFERRED:
            return _("The district office decides this request. It can take some days.")
        case LinkState.VERIFIED if child.in_apps:
            return _(
                "You can see this student. If an app does not show it, sign out of the app and sign in again."
            )
        case LinkState.VERIFIED:
            return _(
                "The school confirmed it, and the apps do not know yet. That takes minutes; after that, sign "
                "in to the app again."
            )
        case LinkState.SUSPENDED:
            return _("The link is on hold, so the apps do not show this student to you.")
        case LinkState.LAPSED:
            return _("You asked, and the last day for the visit is over. Ask again to get a new visit code.")
        case LinkState.DENIED:
            return str(wording.DENIAL_ADVICE.get(child.link.reason or "", wording.STATES[state]))
        case _:
            return str(wording.END_REASONS.get(child.link.reason or "", wording.END_REASONS["revoked"]))
