"""Bring a family's links into any state through the rules, as tests and the sample server need them."""

from __future__ import annotations

from datetime import date

from idp_bridge.domain.link import WAITING, Claimed, Link, Move, moved, verified
from idp_bridge.domain.people import ParentId, Relationship, SchoolCode, Student, StudentNumber
from idp_bridge.services.house import House
from idp_bridge.services.linking import request_link


def claim(
    number: str,
    birth_date: date = date(2016, 3, 9),
    school: str = "0552",
    relationship: Relationship = Relationship.PARENT,
) -> Claimed:
    """Return what a parent could type."""
    return Claimed(StudentNumber(number), birth_date, SchoolCode(school), relationship)


def claim_for(student: Student, relationship: Relationship = Relationship.PARENT) -> Claimed:
    """Return what a parent who knows the child types."""
    return claim(student.number, student.birth_date, student.school, relationship)


def asked(house: House, parent: ParentId, claimed: Claimed) -> Link:
    """Ask for a link and return it as it waits."""
    request_link(house, parent, claimed)
    return next(link for link in links_of(house, parent) if link.claimed == claimed and link.state in WAITING)


def links_of(house: House, parent: ParentId) -> tuple[Link, ...]:
    """Return all links of a parent."""
    with house.store.reading() as rows:
        return rows.links.of_parent(parent)


def confirmed(house: House, link: Link, student: Student, *, arrived: bool = True) -> Link:
    """Verify `link`, as a clerk would; `arrived` says whether the token says so already."""
    now = house.clock.now()
    done = verified(link, student, "school-record", student.school, now, house.rules.zone)
    with house.store.transaction() as rows:
        rows.links.save(done)
        if not arrived:
            rows.projections.mark_due(link.parent, now, loss=False)
    return done


def after(house: House, link: Link, move: Move, reason: str | None = None) -> Link:
    """Move `link` on by one allowed move."""
    done = moved(link, move, house.clock.now(), reason)
    with house.store.transaction() as rows:
        rows.links.save(done)
    return done
