"""Serve the desk's front page, its search and the undo of one's own decision; never shows a visit.

What somebody searches for is an e-mail or a number: it goes into the session's row and no address, so that it
stands in no log, no history and no Referer, and a page of results can still be left and come back to.
"""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from idp_bridge.domain.access import Action, require_somewhere
from idp_bridge.domain.errors import (
    ChangedMeanwhile,
    CodeLapsed,
    CodeUnknown,
    CodeUsed,
    MoveRefused,
    TooLate,
)
from idp_bridge.domain.link import WAITING, LinkId, LinkState, VisitId
from idp_bridge.domain.people import read_student_number
from idp_bridge.services import queueing
from idp_bridge.services.queueing import MOST, Tab
from idp_bridge.services.rows import Found
from idp_bridge.services.undoing import undo_decision
from idp_bridge.services.verifying import find_visit
from idp_bridge.web import desk_wording, errors, queue_wording, wording
from idp_bridge.web.desk_forms import LONGEST_CODE, LONGEST_SEARCH, CodeForm, SearchForm
from idp_bridge.web.desk_person import house, place_name, staff, uid
from idp_bridge.web.guards import for_staff
from idp_bridge.web.menus import first_tab
from idp_bridge.web.school import blueprint

PAGE_SIZE = 10
SOON_DAYS = 2
"""A last day this near carries a tag in the queue."""
CODE_FAULTS = (CodeUnknown, CodeUsed, CodeLapsed)
UNDO_FAULTS = (ChangedMeanwhile, MoveRefused, TooLate)
LOOKED_FOR = "looked_for"
LISTED = {Tab.SECOND: {LinkState.AWAITING_SECOND}, Tab.REFERRED: {LinkState.REFERRED}}
"""Which of a visit's links a list is about, where it is not those that wait for the visit."""


@blueprint.get("")
@for_staff
def desk() -> Any:
    """Show the code field, my last decisions, and what waits at my schools, nearest last day first.

    Whose duties are others is led to their own first page; who has none is told so.
    """
    mine = first_tab(staff())
    if mine not in (None, "school.desk"):
        return redirect(url_for(mine))
    return _desk(CodeForm(formdata=None))


@blueprint.post("/find")
@for_staff
def find() -> Any:
    """Open the visit of a code, or look for a number or an e-mail; what is neither comes back with words."""
    form = CodeForm()
    answer = _look(form) if form.validate() else None
    return answer or (_desk(form), _status(form))


@blueprint.get("/search")
@for_staff
def search() -> str:
    """Ask for a student number, a parent's e-mail or a code."""
    return _search_page(SearchForm(formdata=None), None)


@blueprint.post("/search")
@for_staff
def look() -> Any:
    """Keep what is looked for in the session and show what is found, or say what is missing."""
    form = SearchForm()
    answer = _look(form) if form.validate() else None
    return answer or (_search_page(form, None), _status(form))


@blueprint.get("/found")
@for_staff
def found() -> Any:
    """Show what was looked for last: open and past requests at my schools, newest first."""
    require_somewhere(staff(), Action.FIND_VISIT)
    words = session.get(LOOKED_FOR)
    if not words:
        return redirect(url_for("school.search"))
    return _search_page(SearchForm(formdata=None, code=words), queueing.search(house(), staff(), words))


@blueprint.post("/links/<string:link_id>/undo")
@for_staff
def undo(link_id: str) -> Any:
    """Take my own decision back and open the visit again."""
    try:
        done = undo_decision(house(), uid(), LinkId(link_id))
    except UNDO_FAULTS as refusal:
        words = errors.TABLE[type(refusal)]
        return _desk(CodeForm(formdata=None), fault=words), words.status
    flash(_("Taken back. The request waits for your decision again."), "ok")
    return redirect(url_for("school.visit", visit_id=done.visit))


def _look(form: CodeForm) -> Response | None:
    """Return where to go with what was typed; None, with the reason at the field, where it leads nowhere."""
    typed = str(form.code.data).strip()[:LONGEST_SEARCH]
    if "@" in typed or read_student_number(typed):
        session[LOOKED_FOR] = typed
        return redirect(url_for("school.found"))
    try:
        visit = find_visit(house(), uid(), typed[:LONGEST_CODE])
    except CODE_FAULTS as refusal:
        words = errors.TABLE[type(refusal)]
        form.code.errors = [f"{words.title}. {words.text}"]
        form.status = words.status
        return None
    return redirect(url_for("school.visit", visit_id=visit))


def _status(form: CodeForm) -> int:
    return form.status or 422


def _desk(form: CodeForm, fault: errors.Words | None = None) -> str:
    asked = staff()
    tab, page = _wanted()
    shown = queueing.queue(house(), asked, tab, (page - 1) * PAGE_SIZE, PAGE_SIZE)
    total = shown.counts[shown.tab]
    pages = max(1, -(-min(total, MOST) // PAGE_SIZE))
    return render_template(
        "school/desk.html",
        form=form,
        fault=fault,
        shown=shown,
        page=shown.first // PAGE_SIZE + 1,
        chosen=not fault and not form.errors and bool({"list", "page"} & request.args.keys()),
        pages=pages,
        summary=queue_wording.summary(shown),
        total=queue_wording.count(shown, shown.tab),
        tabs=[
            (queue_wording.TABS[one], queue_wording.count(shown, one), _list_url(one), one is shown.tab)
            for one in shown.counts
        ],
        words=queue_wording,
        listed=LISTED.get(shown.tab, WAITING),
        to_check=_to_check(shown),
        deadline_day=desk_wording.deadline_day,
        me=asked.directory_id,
        number=wording.student_number,
        relationships=wording.RELATIONSHIPS,
        soon=SOON_DAYS,
        school_name=place_name((shown.school,) if shown.school else ()),
        person_name=asked.name,
    )


def _search_page(form: SearchForm, results: tuple[Found, ...] | None) -> str:
    asked = staff()
    return render_template(
        "school/search.html",
        form=form,
        results=results,
        most=queueing.MOST_FOUND,
        words=queue_wording,
        deadline_day=desk_wording.deadline_day,
        number=wording.student_number,
        relationships=wording.RELATIONSHIPS,
        school_name=place_name((school,) if (school := queueing.only_school(house(), asked)) else ()),
        person_name=asked.name,
    )


def _to_check(shown: queueing.Queue) -> set[VisitId]:
    """Return the visits with a claim at my schools that fits nobody there."""
    mine = shown.schools
    return {
        row.visit.id
        for row in shown.rows
        for link in row.links
        if link.student is None and link.state in WAITING and (mine is None or link.claimed.school in mine)
    }


def _wanted() -> tuple[Tab, int]:
    """Return the list and page in the address; what is no list is the first, what is no page is page 1."""
    name = request.args.get("list", Tab.ALL)
    tab = Tab(name) if name in set(Tab) else Tab.ALL
    return tab, min(max(1, request.args.get("page", 1, type=int)), MOST)


def _list_url(tab: Tab) -> str:
    return url_for("school.desk") if tab is Tab.ALL else url_for("school.desk", list=tab.value)
