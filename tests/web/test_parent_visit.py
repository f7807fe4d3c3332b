"""The visit code and its slip: when, where, what to bring; the picture holds the bare code."""

from __future__ import annotations

import re

import pytest
import segno

from idp_bridge.domain.evidence import DEFAULT_POLICY, EvidenceKind
from idp_bridge.domain.people import Relationship
from idp_bridge.services.reading import slip_of
from idp_bridge.services.verifying import find_visit
from idp_bridge.web import wording
from tests.conftest import AMARA, IRIS, MATEO, TEO
from tests.web.families import asked, claim_for
from tests.web.pages import text


@pytest.fixture
def parent(sign_in_parent):
    return sign_in_parent()


def test_it_says_code_students_when_where_and_what_to_bring(parent, house):
    asked(house, AMARA, claim_for(IRIS))
    page = text(parent.get("/visit").text)
    for words in (
        slip_of(house, AMARA).code,
        "4655 4860",
        "By Tuesday, December 8",
        "Lakeside Elementary",
        "1200 Lakeside Drive",
        "Heron Springs, FL 32999",
        "Your photo ID: a driver license, a passport, a consular or military ID",
    ):
        assert words in page


def test_one_code_for_all_children_and_every_school_is_named(parent, house):
    for student in (IRIS, TEO, MATEO):
        asked(house, AMARA, claim_for(student))
    html = parent.get("/visit").text
    page = text(html)
    assert len(set(re.findall(r"[B-Z]{4}-[B-Z]{4}", page))) == 1
    for words in ("4655 4860", "4661 0927", "4612 7790", "Lakeside Elementary", "Heron Middle School"):
        assert words in page


@pytest.mark.parametrize("relationship", Relationship)
def test_what_to_bring_follows_the_districts_policy(parent, house, relationship):
    asked(house, AMARA, claim_for(IRIS, relationship))
    page = text(parent.get("/visit").text).lower()
    kinds = DEFAULT_POLICY[relationship].kinds
    for kind in set(EvidenceKind) - {EvidenceKind.SCHOOL_RECORD, EvidenceKind.OTHER_ACCEPTED}:
        assert (str(wording.EVIDENCE_KINDS[kind]).lower() in page) == (kind in kinds)
    assert ("only if your name is not in the school record" in page) == (EvidenceKind.SCHOOL_RECORD in kinds)


def test_the_picture_holds_the_bare_code(parent, house):
    asked(house, AMARA, claim_for(IRIS))
    code = slip_of(house, AMARA).code
    drawn = re.search(r'class="qrline"[^>]* d="([^"]*)"', parent.get("/visit").text)
    expected = segno.make_qr(code, error="m").svg_inline(border=1, omitsize=True)
    assert drawn
    assert drawn.group(1) in expected


def test_the_code_opens_the_visit_at_the_desk(parent, house):
    link = asked(house, AMARA, claim_for(IRIS))
    code = re.search(r"[B-Z]{4}-[B-Z]{4}", text(parent.get("/visit").text))
    assert code
    assert find_visit(house, "jo.hathaway", code.group(0).lower().replace("-", " ")) == link.visit


def test_no_address_and_no_header_holds_the_code(parent, house):
    asked(house, AMARA, claim_for(IRIS))
    code = slip_of(house, AMARA).code
    answer = parent.get("/visit")
    assert code not in str(answer.headers)
    assert not [one for one in re.findall(r'(?:href|action|src)="([^"]*)"', answer.text) if code in one]
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_slip_has_a_box_for_the_office_and_no_name(parent, house):
    asked(house, AMARA, claim_for(IRIS))
    page = text(parent.get("/visit/slip").text)
    for words in ("Staff initials", "Date and time", "Printed November 24", "March 9, 2016"):
        assert words in page
    assert "Iris" not in page


@pytest.mark.parametrize("path", ["/visit", "/visit/slip"])
def test_without_an_open_visit_there_is_my_children(parent, path):
    answer = parent.get(path)
    assert (answer.status_code, answer.location) == (302, "/children")
