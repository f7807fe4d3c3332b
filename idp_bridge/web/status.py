"""Say whether the bridge is up and ready; never anything about a person."""

from __future__ import annotations

from flask import Blueprint, current_app

from idp_bridge.services.reading import schools
from idp_bridge.web.guards import for_everybody

blueprint = Blueprint("status", __name__)


@blueprint.get("/healthz")
@for_everybody
def alive() -> dict[str, str]:
    """Answer as long as the process runs."""
    return {"status": "up"}


@blueprint.get("/readyz")
@for_everybody
def ready() -> tuple[dict[str, str], int]:
    """Answer 200 once the database answers."""
    try:
        schools(current_app.extensions["house"])
    except Exception:
        current_app.logger.exception("not ready")
        return {"status": "database"}, 503
    return {"status": "ready"}, 200
