"""Say restrictions and holds in words for the duties that may know of them; never for anybody else."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from idp_bridge.domain.link import LinkState
from idp_bridge.domain.restriction import Basis

BASES = {
    Basis.COURT_ORDER: _l("Court order"),
    Basis.STATE_STATUTE: _l("State law"),
    Basis.BINDING_DOCUMENT: _l("Legally binding document"),
}
BASIS_NOTES = {
    Basis.COURT_ORDER: _l("It says what this person may not have or do"),
    Basis.STATE_STATUTE: _l("A statute takes the right away; name it in the note"),
    Basis.BINDING_DOCUMENT: _l("It must specifically revoke the rights"),
}
LIMITS = {
    "access": _l("No access to the student’s records"),
    "messages": _l("No messages about the student"),
}
EVENTS = {
    "restriction:placed": _l("Placed"),
    "restriction:reviewed": _l("Reviewed, with a new date"),
    "restriction:note-read": _l("The sealed note was opened"),
    "restriction:namesake-cleared": _l("An account was found to be another person’s"),
    "restriction:lift-asked": _l("Asked to lift it"),
    "restriction:lifted": _l("Lifted"),
    "link:suspended": _l("A link was put on hold"),
    "link:resumed": _l("A link works again"),
}
LINK_STATES = {
    LinkState.REQUESTED: _l("Waiting for the visit"),
    LinkState.AWAITING_VISIT: _l("Waiting for the visit"),
    LinkState.AWAITING_SECOND: _l("A second person must agree"),
    LinkState.REFERRED: _l("At the district office"),
    LinkState.VERIFIED: _l("Linked"),
    LinkState.SUSPENDED: _l("On hold"),
    LinkState.DENIED: _l("Not confirmed"),
    LinkState.CANCELLED: _l("Taken back"),
    LinkState.LAPSED: _l("The visit time is over"),
    LinkState.ENDED: _l("Ended"),
}
FAULTS = {
    ("limits", "choose"): _l("Choose what is restricted"),
    ("basis", "choose"): _l("Choose the legal basis"),
    ("given_name", "enter"): _l("Enter the given name"),
    ("family_name", "enter"): _l("Enter the family name"),
    ("given_name", "too-long"): _l("Use 200 letters or fewer"),
    ("family_name", "too-long"): _l("Use 200 letters or fewer"),
    ("note", "too-long"): _l("Use 2,000 letters or fewer"),
    ("review_on", "in-past"): _l("The review must be on a day to come"),
    ("review_on", "too-far"): _l("Review it within three years"),
    ("born", "in-future"): _l("The date of birth must be in the past"),
    ("born", "too-long-ago"): _l("Check the year of the date of birth"),
}
"""Field and reason of a BadInput -> words beside the field."""
