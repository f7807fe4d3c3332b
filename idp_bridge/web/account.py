"""Show a parent their account: apps in use, sessions, data, and the end of it all; never decides a link."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from idp_bridge.services.account import apps_in_use, sign_out_everywhere
from idp_bridge.services.failures import OutsideFailure
from idp_bridge.services.leaving import delete_account
from idp_bridge.services.own_data import my_data
from idp_bridge.web import wording
from idp_bridge.web.guards import for_everybody, for_parents
from idp_bridge.web.languages import moment
from idp_bridge.web.parent_person import house, me

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
@for_parents
def show() -> str:
    """Show the account; while Keycloak cannot be asked, everything but the apps."""
    return _page()


@blueprint.post("/sign-out-everywhere")
@for_parents
def sign_out() -> Any:
    """End every session of the parent, here and in the apps."""
    try:
        sign_out_everywhere(house(), me())
    except OutsideFailure as failure:
        current_app.logger.warning("sign out everywhere: %s", type(failure).__name__)
        return _page(unfinished=True), 503
    session.clear()
    return redirect(url_for("account.signed_out"))


@blueprint.get("/signed-out")
@for_everybody
def signed_out() -> str:
    """Say that every session ended."""
    return render_template("parent/signed-out.html")


@blueprint.post("/data")
@for_parents
def data() -> Response:
    """Hand out what is kept of the parent as a file."""
    text = json.dumps(my_data(house(), me()), ensure_ascii=False, indent=2)
    answer = Response(text + "\n", mimetype="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


@blueprint.get("/delete")
@for_parents
def ask_delete() -> str:
    """Say what deleting the account means, before anything happens."""
    return render_template("parent/delete.html")


@blueprint.post("/delete")
@for_parents
def delete() -> AnyResponse:
    """End everything here, then lead to Keycloak, which asks once more and deletes the user."""
    delete_account(house(), me())
    house().sessions.end_of(me())
    session.clear()
    return redirect(url_for("signin.start", realm="parents", action="delete", next=url_for("account.show")))


def _page(*, unfinished: bool = False) -> str:
    used = apps_in_use(house(), me())
    return render_template(
        "parent/account.html",
        uses=[(wording.app_name(use.client), moment(use.last_at)) for use in used or ()],
        unknown=used is None,
        unfinished=unfinished,
    )
