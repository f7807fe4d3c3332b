"""Show a parent how each link stands and let them end it; never decides about a link."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.link import UNDECIDED, LinkId, LinkState
from idp_bridge.services.leaving import LEAVABLE, report_wrong_child
from idp_bridge.services.linking import cancel_request, leave_link
from idp_bridge.services.reading import Child, Slip, children_of, slip_of
from idp_bridge.web import drafts, wording
from idp_bridge.web.cards import Card, card, cards
from idp_bridge.web.guards import for_parents
from idp_bridge.web.parent_person import house, me, today
from idp_bridge.web.visit_slip import paper

blueprint = Blueprint("parent", __name__)

MAIN_APP = "oneview"


@blueprint.get("/children")
@for_parents
def children() -> str:
    """Show every child with how the link stands and what to do next."""
    return render_template("parent/children.html", unsent=len(drafts.drafts()), **_cards())


@blueprint.get("/children/why")
@for_parents
def why() -> str:
    """Say for each child why an app may not show it, and for a child that is not listed what can be."""
    return render_template("parent/why.html", wording=wording, **_cards())


@blueprint.get("/visit")
@for_parents
def visit() -> str | Response:
    """Show the visit code; without an open visit there is nothing to show, so go to My children."""
    return _visit_page("parent/visit.html")


@blueprint.get("/visit/slip")
@for_parents
def slip() -> str | Response:
    """Show the slip as it goes on paper."""
    return _visit_page("parent/slip.html")


@blueprint.get("/children/<string:link_id>/about")
@for_parents
def about(link_id: str) -> str:
    """Say what an answer of the school or an end means, and what the parent can do."""
    child = _mine(link_id)
    shown = _card(child)
    advice = {LinkState.DENIED: wording.DENIAL_ADVICE, LinkState.ENDED: wording.END_ADVICE}.get(shown.state)
    if advice is None:
        raise NotThere
    return render_template(
        "parent/about.html",
        card=shown,
        advice=advice.get(child.link.reason or "", _("Call the school. They can tell you what to do next.")),
        appeal=wording.appeal(child.link.reason) if shown.state is LinkState.DENIED else (),
        again=child.link.reason not in ("student_is_18", "consent_withdrawn"),
    )


@blueprint.post("/children/<string:link_id>/again")
@for_parents
def again(link_id: str) -> Response:
    """Start a new request with the answers of an old one; the parent checks them before sending."""
    drafts.add_again(_mine(link_id).link.claimed)
    return redirect(url_for("asking.check"))


@blueprint.get("/children/<string:link_id>/cancel")
@for_parents
def ask_cancel(link_id: str) -> str | Response:
    """Ask whether the request shall be taken back."""
    return _question("parent/cancel.html", link_id, UNDECIDED)


@blueprint.post("/children/<string:link_id>/cancel")
@for_parents
def cancel(link_id: str) -> Response:
    """Take a request back that is not decided yet."""
    cancel_request(house(), me(), LinkId(link_id))
    return redirect(url_for("parent.children"))


@blueprint.get("/children/<string:link_id>/leave")
@for_parents
def ask_leave(link_id: str) -> str | Response:
    """Ask whether the link shall end."""
    return _question("parent/leave.html", link_id, frozenset(LEAVABLE))


@blueprint.post("/children/<string:link_id>/leave")
@for_parents
def leave(link_id: str) -> Response:
    """End one's own link; the apps follow."""
    leave_link(house(), me(), LinkId(link_id))
    return redirect(url_for("parent.children"))


@blueprint.get("/children/<string:link_id>/not-mine")
@for_parents
def ask_not_mine(link_id: str) -> str | Response:
    """Ask whether this is really not the parent's child."""
    return _question("parent/not-mine.html", link_id, UNDECIDED | {*LEAVABLE})


@blueprint.post("/children/<string:link_id>/not-mine")
@for_parents
def not_mine(link_id: str) -> Response:
    """End what ties the parent to a child that is not theirs; the district looks at a confirmed one."""
    report_wrong_child(house(), me(), LinkId(link_id))
    return redirect(url_for("parent.told"))


@blueprint.get("/children/told")
@for_parents
def told() -> str:
    """Thank for the word, the same whether the request had matched somebody or not."""
    return render_template("parent/told.html")


def _cards() -> dict[str, Any]:
    shown = cards(children_of(house(), me()), today(), house().rules.zone)
    return {"cards": shown, "app_url": _app_url(), "app_name": wording.APP_NAMES[MAIN_APP]}


def _app_url() -> str:
    if MAIN_APP not in current_app.config["APPS"]:
        return ""
    chosen: dict[str, Any] = {"app": MAIN_APP, "as": "parent"}
    return url_for("start.who", **chosen)


def _question(template: str, link_id: str, states: frozenset[LinkState]) -> str | Response:
    """Ask before something ends; a link in another state has nothing to ask, so go to My children."""
    shown = _card(_mine(link_id))
    if shown.state not in states:
        return redirect(url_for("parent.children"))
    return render_template(template, card=shown)


def _visit_page(template: str) -> str | Response:
    try:
        open_slip: Slip = slip_of(house(), me())
    except NotThere:
        return redirect(url_for("parent.children"))
    if open_slip.visit.visit_by < today():
        return redirect(url_for("parent.children"))
    return render_template(template, paper=paper(open_slip, house().rules.evidence), today=today())


def _mine(link_id: str) -> Child:
    """Return one of the parent's own links; raise NotThere for everybody else's and for none."""
    for child in children_of(house(), me()):
        if child.link.id == link_id:
            return child
    raise NotThere


def _card(child: Child) -> Card:
    return card(child, today(), house().rules.zone)
