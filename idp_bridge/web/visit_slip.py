"""Prepare the visit slip: code, picture of the code, where to go, what to bring; never asks who was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import segno
from flask_babel import format_date
from flask_babel import gettext as _
from markupsafe import Markup

from idp_bridge.domain.evidence import EvidenceKind, EvidencePolicy
from idp_bridge.domain.link import Link
from idp_bridge.domain.people import Relationship, School
from idp_bridge.services.reading import Slip
from idp_bridge.web import wording

NOT_BROUGHT = (EvidenceKind.SCHOOL_RECORD, EvidenceKind.OTHER_ACCEPTED)
"""What the school has itself, or decides on the day."""


@dataclass(frozen=True, slots=True)
class Place:
    """A school as the slip prints it; `students` are the numbers it decides about, where there are others."""

    name: str
    address_lines: tuple[str, ...]
    hours: str
    students: str


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything the slip's macro shows."""

    code: str
    qr: Markup
    visit_by: date
    places: tuple[Place, ...]
    bring: tuple[tuple[str, str], ...]
    students: tuple[tuple[str, str, str], ...]


def paper(slip: Slip, policy: EvidencePolicy) -> Paper:
    """Return `slip` in words of the page's language."""
    return Paper(
        code=slip.code,
        qr=picture(slip.code),
        visit_by=slip.visit.visit_by,
        places=tuple(_place(school, slip) for school in slip.schools),
        bring=tuple(_bring(slip.links, policy)),
        students=tuple(_student(link) for link in slip.links),
    )


def picture(code: str) -> Markup:
    """Return the bare `code` as a QR drawing; no address, so that scanning it leaves no code in a log."""
    drawing = segno.make_qr(code, error="m").svg_inline(border=1, omitsize=True)
    return Markup(drawing)  # noqa: S704 - segno draws squares, and the code is letters and a dash


def born(birth_date: date) -> str:
    """Return a birth date in words: `March 9, 2016`."""
    return format_date(birth_date, "long", rebase=False)


def _place(school: School, slip: Slip) -> Place:
    street, comma, town = school.address.partition(", ")
    lines = tuple(line for line in (street, town if comma else "") if line)
    here = [
        wording.student_number(link.claimed.student_number)
        for link in slip.links
        if link.claimed.school == school.code
    ]
    return Place(school.name, lines, school.office_hours, ", ".join(here) if len(slip.schools) > 1 else "")


def _student(link: Link) -> tuple[str, str, str]:
    claimed = link.claimed
    number = wording.student_number(claimed.student_number)
    return number, born(claimed.birth_date), str(wording.RELATIONSHIPS[claimed.relationship])


def _bring(links: Iterable[Link], policy: EvidencePolicy) -> list[tuple[str, str]]:
    papers = dict.fromkeys(_papers(link.claimed.relationship, policy) for link in links)
    return [
        ("mobile", _("This code, on your phone or on paper")),
        ("id", _("Your photo ID: a driver license, a passport, a consular or military ID")),
        *(("doc", words) for words in papers),
    ]


def _papers(relationship: Relationship, policy: EvidencePolicy) -> str:
    """Say which papers show this relationship, as the district's own policy has it."""
    kinds = policy[relationship].kinds
    names = [
        wording.EVIDENCE_KINDS[kind] for kind in EvidenceKind if kind in kinds and kind not in NOT_BROUGHT
    ]
    papers = wording.any_of(names)
    who = wording.RELATIONSHIPS[relationship]
    if EvidenceKind.SCHOOL_RECORD in kinds:
        return _(
            "%(who)s: only if your name is not in the school record, one of these: %(papers)s",
            who=who,
            papers=papers,
        )
    return _("%(who)s: one of these papers: %(papers)s", who=who, papers=papers)
