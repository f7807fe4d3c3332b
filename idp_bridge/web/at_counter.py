"""Hand the pages about a visit, beside the visit page itself, what their skeleton needs; never decides."""

from __future__ import annotations

from typing import Any

from flask import current_app, request

from idp_bridge.domain.access import Action, reach
from idp_bridge.domain.errors import (
    AccountClosed,
    ChangedMeanwhile,
    CodeLapsed,
    ConflictOfInterest,
    DistrictAddress,
    EndedBefore,
    IdentityMissing,
    MoveRefused,
    Refusal,
    Restricted,
    SignInAgain,
)
from idp_bridge.services.desk import DeskVisit
from idp_bridge.web import errors
from idp_bridge.web.desk_person import place_name, staff
from idp_bridge.web.guards import signed_in

SAID = (
    AccountClosed,
    ChangedMeanwhile,
    CodeLapsed,
    ConflictOfInterest,
    DistrictAddress,
    EndedBefore,
    IdentityMissing,
    MoveRefused,
    Restricted,
    SignInAgain,
)
"""Refusals said on top of the page the clerk is on, whatever was to be done there."""


def head(shown: DeskVisit) -> dict[str, Any]:
    """Return what the skeleton of a page about `shown` needs."""
    return {
        "shown": shown,
        "school_name": place_name(shown.clerk_schools),
        "person_name": signed_in().name,
    }


def words_of(refusal: Refusal) -> errors.Words:
    """Return what the page says on top of a refusal; the log says only its kind.

    An earlier end and a restriction have the same words for who could overrule neither: other words for the
    one would say what the neutral ones stand for.
    """
    current_app.logger.info("refused %s: %s", request.endpoint, type(refusal).__name__)
    if isinstance(refusal, EndedBefore) and not reaches(Action.OVERRULE):
        return errors.TABLE[Restricted]
    return errors.TABLE[type(refusal)]


def reaches(action: Action) -> bool:
    """Tell whether who asks may do `action` at one school at least."""
    mine = reach(staff(), action)
    return mine is None or bool(mine)
