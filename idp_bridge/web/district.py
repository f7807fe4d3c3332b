"""Serve the district's pages: alarms, the audit, the projection; never a name or an e-mail, only ids."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from idp_bridge.domain.access import ALLOWED, Action
from idp_bridge.domain.errors import NotThere
from idp_bridge.domain.people import ParentId
from idp_bridge.services import urging, watching
from idp_bridge.services.auditing import disclosure_line
from idp_bridge.web import wording
from idp_bridge.web.alarm_wording import ALARMS, BY
from idp_bridge.web.desk_person import house, staff, uid
from idp_bridge.web.district_forms import DisclosureForm, ParentForm, SearchForm
from idp_bridge.web.guards import for_staff
from idp_bridge.web.projection_wording import waits_for

blueprint = Blueprint("district", __name__, url_prefix="/desk/district")

PAGE_SIZE = 25
LARGEST = 2**31 - 1


@blueprint.get("/alarms")
@for_staff
def alarms() -> str:
    """Show the alarms nobody has dealt with, newest first; with `seen` those somebody has."""
    seen = "seen" in request.args
    shown = watching.alarms(house(), staff(), seen=seen, before=_number("before"), size=PAGE_SIZE)
    return _page("alarms", shown=shown, seen=seen, words=ALARMS, by=BY, student_number=wording.student_number)


@blueprint.post("/alarms/<int:number>/seen")
@for_staff
def see(number: int) -> Response:
    """Record that somebody has dealt with an alarm."""
    watching.see(house(), uid(), min(number, LARGEST))
    flash(_("The alarm is marked as seen. That is recorded."), "ok")
    return redirect(url_for("district.alarms"))


@blueprint.get("/audit")
@for_staff
def audit() -> Any:
    """Search the audit; without anything to search for, show the newest events."""
    form = SearchForm(_given())
    if not form.validate():
        return _audit_page(form, None), 422
    wanted = form.wanted
    return _audit_page(form, watching.search_audit(house(), staff(), wanted, _number("before"), PAGE_SIZE))


@blueprint.get("/audit/chain")
@for_staff
def chain() -> str:
    """Check a piece of the audit's chain, from row `from` on."""
    piece = watching.check_chain(house(), staff(), max(1, _number("from") or 1))
    return _page("chain", piece=piece)


@blueprint.get("/audit/disclosures")
@for_staff
def disclosures() -> Any:
    """Hand out a student's record of disclosures, one JSON object a line, as the command does."""
    form = DisclosureForm(_given())
    number = str(form.number.data or "").strip()
    try:
        events = watching.disclosures_for(house(), staff(), number)
    except NotThere:
        form.number.errors = [_("No enrolled student has this number.")]
        return _audit_page(SearchForm(MultiDict()), None, form), 404
    lines = "".join(f"{disclosure_line(event)}\n" for event in events)
    name = f"disclosures-{''.join(filter(str.isalnum, number))}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(lines, mimetype="application/x-ndjson", headers=headers)


@blueprint.get("/projection")
@for_staff
def projection() -> str:
    """Show what has not arrived in Keycloak, and where one parent stands."""
    form = ParentForm(_given())
    parent = str(form.parent.data or "").strip()
    shown = watching.projection(house(), staff(), parent)
    stopped = shown.one is not None and shown.one.stopped_at is not None
    both = _both(parent) if stopped else []
    return _page(
        "projection",
        shown=shown,
        form=form,
        parent=parent,
        stopped=stopped,
        both=both,
        waits_for=waits_for,
    )


@blueprint.post("/projection/now")
@for_staff
def project_now() -> Response:
    """Have the worker look at one account now."""
    urging.project_now(house(), uid(), _asked())
    flash(_("The worker looks at this account now. Load the page again in a moment."), "ok")
    return redirect(url_for("district.projection", parent=_asked()))


@blueprint.post("/projection/compare")
@for_staff
def compare_all() -> Response:
    """Have the worker compare all accounts now."""
    urging.compare_all(house(), uid())
    flash(_("The worker compares all accounts. What differs is written again."), "ok")
    return redirect(url_for("district.projection"))


@blueprint.post("/projection/resolve")
@for_staff
def resolve() -> Response:
    """Go on with our side of an account that was stopped."""
    rev = urging.go_on_with_ours(house(), uid(), _asked())
    flash(_("Our side goes out as revision %(rev)d. That is recorded.", rev=rev), "ok")
    return redirect(url_for("district.projection", parent=_asked()))


def _asked() -> ParentId:
    return ParentId(request.form.get("parent", "").strip())


def _both(parent: str) -> list[tuple[str, str]]:
    """Return both sides in words; nothing while Keycloak does not say."""
    sides = urging.sides_of(house(), staff(), ParentId(parent))
    if sides is None:
        return []
    theirs = [(_("Keycloak’s"), _said(value)) for value in sides.theirs]
    return [(_("Ours"), _said(sides.ours.value)), *theirs]


def _said(value: str) -> str:
    """Return what a value says, in words; what is no claim stays as it is, cut."""
    try:
        claim = json.loads(value)
        numbers, rev = [str(link["id"]) for link in claim["links"]], int(claim["rev"])
    except (ValueError, TypeError, KeyError):
        return value[:200]
    return _("Revision %(rev)d: %(students)s", rev=rev, students=", ".join(numbers) or _("no student"))


def _audit_page(
    form: SearchForm, found: watching.AuditPage | None, export: DisclosureForm | None = None
) -> str:
    return _page(
        "audit", form=form, found=found, export=export or DisclosureForm(MultiDict()), given=_query()
    )


def _page(name: str, **more: Any) -> str:
    """Render a page of the district with the tabs its reader's duties open."""
    duties = {role.duty for role in staff().roles}
    tabs = [
        (words, None, url_for(f"district.{endpoint}"), endpoint == _tab(name))
        for words, endpoint, action in (
            (_("Alarms"), "alarms", Action.SEE_ALARMS),
            (_("Audit"), "audit", Action.READ_AUDIT),
            (_("Projection"), "projection", Action.SEE_PROJECTION),
        )
        if duties & ALLOWED[action]
    ]
    return render_template(
        f"district/{name}.html",
        tabs=tabs,
        reads_audit=bool(duties & ALLOWED[Action.READ_AUDIT]),
        person_name=staff().name,
        **more,
    )


def _tab(name: str) -> str:
    return "audit" if name == "chain" else name


def _given() -> MultiDict[str, str]:
    return MultiDict(request.args)


def _query() -> dict[str, str]:
    """Return what was searched for, to go on with on the next page."""
    return {name: value for name, value in request.args.items() if value and name != "before"}


def _number(name: str) -> int | None:
    """Return a row number from the address; anything else is no number."""
    value = request.args.get(name, type=int)
    return min(max(value, 1), LARGEST) if value is not None else None
