"""What the clerk reads beside each other: same, similar, differs, not asked, not listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.link import Claimed
from idp_bridge.domain.matching import Match, compare, fits, nearest
from idp_bridge.domain.people import (
    GuardianHint,
    Parent,
    ParentId,
    Relationship,
    SchoolCode,
    StudentNumber,
)
from tests.conftest import IRIS, NOW

CLAIMED = Claimed(StudentNumber("46554860"), date(2016, 3, 9), SchoolCode("0552"), Relationship.PARENT)


def parent(name: str, email: str = "amara@mail.example") -> Parent:
    given, _, family = name.partition(" ")
    return Parent(ParentId("p"), email, given, family, "en", NOW)


def hint(name: str, email: str = "", role: str = "parent", sourced_id: str = "g1") -> GuardianHint:
    given, _, family = name.partition(" ")
    return GuardianHint(IRIS.id, sourced_id, given, family, role, email)


ACCOUNT = parent("Amara Quintero-Bell")
HINTS = (hint("Amara Quintero"),)


def marks(claimed=CLAIMED, account=ACCOUNT, hints=HINTS):
    return {row.topic: row.match for row in compare(claimed, account, IRIS, hints)}


def test_all_fits():
    assert marks() == {
        "student-number": Match.SAME,
        "birth-date": Match.SAME,
        "school": Match.SAME,
        "relationship": Match.SAME,
        "parent-name": Match.SIMILAR,
        "student-name": Match.NOT_ASKED,
    }


@pytest.mark.parametrize(
    ("changes", "topic"),
    [
        ({"birth_date": date(2016, 9, 3)}, "birth-date"),
        ({"school": SchoolCode("0610")}, "school"),
        ({"relationship": Relationship.LEGAL_GUARDIAN}, "relationship"),
    ],
)
def test_what_differs_is_marked(changes, topic):
    found = marks(replace(CLAIMED, **changes))
    assert found[topic] is Match.DIFFERS
    assert [key for key, match in found.items() if match is Match.DIFFERS] == [topic]


def test_a_name_compares_without_accents_and_case():
    assert marks(account=parent("AMÁRA quintero"))["parent-name"] is Match.SAME


def test_nobody_like_the_parent_is_listed():
    found = marks(account=parent("Bo Li", "bo@mail.example"))
    assert found["parent-name"] is found["relationship"] is Match.NOT_LISTED
    assert marks(hints=())["parent-name"] is Match.NOT_LISTED


def test_the_e_mail_finds_the_guardian_even_under_another_name():
    hints = (
        hint("Amara Quintero-Bell", sourced_id="g1"),
        hint("A. Q.", "amara@mail.example", sourced_id="g2"),
    )
    assert nearest(parent("Amara Quintero-Bell"), hints).sourced_id == "g2"


def test_a_claim_fits_by_number_and_birth_date_alone():
    assert fits(replace(CLAIMED, school=SchoolCode("0610"), relationship=Relationship.SURROGATE), IRIS)
    assert not fits(replace(CLAIMED, birth_date=date(2016, 3, 10)), IRIS)
    assert not fits(replace(CLAIMED, student_number=StudentNumber("46554861")), IRIS)
