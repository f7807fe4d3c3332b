"""Sample visits for correcting, paper logs and moving links; beside `serve_desk`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from idp_bridge.domain.link import Claimed, LinkId, VisitId
from idp_bridge.domain.people import ParentId, Relationship, SchoolCode, StudentNumber
from idp_bridge.services.correcting import correct_claim
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.paper import Log, enter_log
from idp_bridge.services.verifying import record_identity, verify_link
from tests.web.serve_desk import NOW, Desk, _claim

CLERK, DISTRICT, LAKESIDE = "jo.hathaway", "dee.collins", SchoolCode("0552")


def fill_later(desk: Desk) -> dict[str, str]:
    """Make the sample visits; return the pages worth looking at, by name."""
    mistyped, corrected = _mistyped(desk), _corrected(desk)
    paper, entered, lapsed = _open(desk), _entered(desk), _lapsed(desk)
    moving = _lost_mailbox(desk)
    return {
        "correct": f"/desk/links/{desk.links(mistyped)[0]}/correct",
        "before correcting": f"/desk/visits/{mistyped}",
        "corrected": f"/desk/visits/{corrected}",
        "sheet": "/desk/paper/sheet",
        "paper": f"/desk/visits/{paper}/paper",
        "paper, lapsed": f"/desk/visits/{lapsed}/paper",
        "entered": f"/desk/visits/{entered}",
        "seen again": f"/desk/visits/{moving}",
        "move": f"/desk/visits/{moving}/move",
        "nothing to move": f"/desk/visits/{paper}/move",
    }


def _mistyped(desk: Desk) -> VisitId:
    ida = desk.student("Ida")
    return desk.visit(
        "Petra Lindqvist",
        [replace(_claim(ida, Relationship.PARENT), birth_date=ida.birth_date - timedelta(days=17))],
        1,
    )


def _corrected(desk: Desk) -> VisitId:
    ida = desk.student("Ida")
    wrong = Claimed(StudentNumber("46999999"), ida.birth_date, LAKESIDE, Relationship.PARENT)
    visit = desk.visit("Nils Sorensen", [wrong], 1)
    correct_claim(desk.house, CLERK, LinkId(desk.links(visit)[0]), ida.number, ida.birth_date)
    return visit


def _open(desk: Desk) -> VisitId:
    return desk.visit(
        "Rosa Delgado-Marin", [desk.student("Ida"), _claim(desk.student("Noa"), Relationship.CASEWORKER)], 3
    )


def _sheet(desk: Desk, visit: VisitId) -> Log:
    first, second = (LinkId(link) for link in desk.links(visit))
    return Log(
        seen_at=datetime(2026, 11, 23, 9, 40),
        seen_by=CLERK,
        school=LAKESIDE,
        identity="passport",
        verified={first: "birth-certificate"},
        refused={second: "relationship-not-shown"},
    )


def _entered(desk: Desk) -> VisitId:
    visit = desk.visit("Hana Sato", [desk.student("Noa"), desk.student("Ida")], 3)
    enter_log(desk.house, CLERK, visit, _sheet(desk, visit))
    return visit


def _lapsed(desk: Desk) -> VisitId:
    visit = desk.visit("Olu Adeyemi", [desk.student("Ida")], 20)
    lapse_visits(desk.house, desk.clock.now())
    return visit


def _lost_mailbox(desk: Desk) -> VisitId:
    """Return the visit of the new account; the earlier one is linked at two schools."""
    old = desk.visit("Marguerite Okonjo", [desk.student("Iris"), desk.student("Mateo")], 30)
    desk.clock.at = NOW - timedelta(days=29)
    record_identity(desk.house, DISTRICT, old, LAKESIDE, "passport")
    for link in desk.links(old):
        verify_link(desk.house, DISTRICT, LinkId(link), "birth-certificate")
    new = desk.visit("Marguerite Okonjo Diaz", [desk.student("Iris")], 1)
    record_identity(desk.house, CLERK, new, LAKESIDE, "passport")
    return new


def old_account() -> ParentId:
    """Return the earlier account of the lost mailbox."""
    return ParentId("marguerite.okonjo")
