"""What the desk is shown: the roster only with a duty at the student's school, the claim to every clerk."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import pytest

from idp_bridge.domain.errors import NoDuty, NotThere
from idp_bridge.domain.evidence import EvidenceKind
from idp_bridge.domain.link import Move, VisitId
from idp_bridge.domain.matching import Match
from idp_bridge.domain.people import Parent, Relationship, SchoolCode
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.counter import staff_member
from idp_bridge.services.desk import desk_visit
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, SCHOOLS, TEO, staff
from tests.web.families import after, asked, claim, claim_for, confirmed


@pytest.fixture(autouse=True)
def _parents(house):
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero-Bell", "en", NOW))
        rows.parents.save(Parent(OTHER, "bo@mail.example", "Bo", "Li", "en", NOW))


def shown(house, uid: str, visit: str):
    return desk_visit(house, staff_member(house, uid), VisitId(visit))


def child(house, uid: str, link):
    return next(one for one in shown(house, uid, link.visit).children if one.link.id == link.id)


def marks(one) -> dict[str, Match]:
    return {row.topic: row.match for row in one.rows}


def test_the_clerk_sees_the_claim_beside_the_roster(house):
    one = child(house, "jo.hathaway", asked(house, AMARA, claim_for(IRIS)))
    assert (one.student, one.place, one.mine, one.ready) == (IRIS, SCHOOLS[0], True, True)
    assert marks(one) == {
        "student-number": Match.SAME,
        "birth-date": Match.SAME,
        "school": Match.SAME,
        "relationship": Match.SAME,
        "parent-name": Match.SIMILAR,
        "student-name": Match.NOT_ASKED,
    }


def test_a_clerk_of_another_school_sees_no_word_of_the_roster(house):
    asked(house, AMARA, claim("46554860"))
    link = asked(house, AMARA, claim_for(TEO))
    visit = shown(house, "sam.okafor", link.visit)
    for one in visit.children:
        assert (one.student, one.rows, one.mine, one.other_guardians) == (None, (), False, 0)
        assert (one.ready, one.held) == (False, False)
        assert one.place == SCHOOLS[0]
    said = repr([replace(one, link=replace(one.link, student=None)) for one in visit.children])
    assert [word for word in ("Iris", "Teo", "g-amara") if word in said] == []


def test_a_clerk_of_another_school_cannot_tell_a_hit_from_a_miss(house):
    """Nothing but the internal id, which no page shows, differs between a number that fits and one that
    does not."""
    hit = child(house, "sam.okafor", asked(house, AMARA, claim_for(IRIS)))
    miss = child(house, "sam.okafor", asked(house, OTHER, claim("46999999")))
    for name in (field.name for field in fields(hit)):
        if name != "link":
            assert getattr(hit, name) == getattr(miss, name), name


@pytest.mark.parametrize("uid", ["tess.moore", "ira.novak"])
def test_without_a_duty_nothing_is_shown(house, uid):
    link = asked(house, AMARA, claim_for(IRIS))
    with pytest.raises(NoDuty):
        shown(house, uid, link.visit)


def test_a_visit_that_is_not_there(house):
    with pytest.raises(NotThere):
        shown(house, "jo.hathaway", "0" * 32)


def test_the_district_office_sees_every_school(house, clock):
    asked(house, AMARA, claim_for(IRIS))
    clock.advance(seconds=1)
    link = asked(house, AMARA, claim_for(MATEO))
    visit = shown(house, "dee.collins", link.visit)
    assert [one.student for one in visit.children] == [IRIS, MATEO]
    assert all(one.mine for one in visit.children)
    assert {school.code for school in visit.clerk_schools} == {"0552", "0610", "9001"}


def test_a_student_claimed_elsewhere_is_decided_at_their_own_school(house):
    link = asked(house, AMARA, replace(claim_for(MATEO), school=SchoolCode("0552")))
    lakeside, middle = child(house, "jo.hathaway", link), child(house, "sam.okafor", link)
    assert (lakeside.student, lakeside.mine, lakeside.place) == (None, False, SCHOOLS[1])
    assert (middle.student, middle.mine, middle.ready) == (MATEO, True, True)
    assert marks(middle)["school"] is Match.DIFFERS


def test_a_wrong_birth_date_shows_as_a_difference_and_cannot_be_verified(house):
    one = child(house, "jo.hathaway", asked(house, AMARA, claim(TEO.number, date(2018, 7, 30))))
    assert one.student == TEO
    assert marks(one)["birth-date"] is Match.DIFFERS
    assert not one.ready


def test_a_number_nobody_has_shows_no_student(house):
    one = child(house, "jo.hathaway", asked(house, AMARA, claim("46999999")))
    assert (one.student, one.rows, one.mine, one.ready) == (None, (), True, False)


def test_a_parent_the_roster_does_not_name_is_not_listed(house):
    one = child(house, "jo.hathaway", asked(house, OTHER, claim_for(IRIS)))
    assert marks(one)["relationship"] is Match.NOT_LISTED
    assert marks(one)["parent-name"] is Match.NOT_LISTED
    assert one.ready


def test_a_student_who_left_after_the_request_cannot_be_verified(house):
    link = asked(house, AMARA, claim_for(IRIS))
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, enrolled=False),)))
    assert not child(house, "jo.hathaway", link).ready


def test_a_birth_date_corrected_after_the_request_shows(house):
    link = asked(house, AMARA, claim_for(IRIS))
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, birth_date=date(2016, 9, 3)),)))
    one = child(house, "jo.hathaway", link)
    assert marks(one)["birth-date"] is Match.DIFFERS
    assert not one.ready


@pytest.mark.parametrize(
    ("relationship", "kinds"),
    [
        (Relationship.CAREGIVER, (EvidenceKind.SCHOOL_RECORD, EvidenceKind.CAREGIVER_AFFIDAVIT)),
        (Relationship.FOSTER_PARENT, (EvidenceKind.COURT_ORDER, EvidenceKind.PLACEMENT_LETTER)),
    ],
)
def test_only_accepted_evidence_is_offered(house, relationship, kinds):
    assert child(house, "jo.hathaway", asked(house, AMARA, claim_for(IRIS, relationship))).accepted == kinds


def test_other_guardians_are_counted_without_a_name(house):
    other = asked(house, OTHER, claim_for(IRIS))
    link = asked(house, AMARA, claim_for(IRIS))
    assert child(house, "jo.hathaway", link).other_guardians == 0  # a request is no guardian
    done = confirmed(house, other, IRIS)
    one = child(house, "jo.hathaway", link)
    assert one.other_guardians == 1
    assert not any("Bo" in repr(getattr(one, field.name)) for field in fields(one))
    after(house, done, Move.REVOKE)
    assert child(house, "jo.hathaway", link).other_guardians == 0


def test_a_proof_of_another_school_is_shown_with_its_place(house):
    link = asked(house, AMARA, claim_for(IRIS))
    assert shown(house, "jo.hathaway", link.visit).proof is None
    record_identity(house, "sam.okafor", link.visit, SchoolCode("0610"), "passport")
    visit = shown(house, "jo.hathaway", link.visit)
    assert (visit.proof.kind, visit.proof_school) == ("passport", SCHOOLS[1])


def test_a_restriction_shows_as_held_only_where_the_clerk_has_the_duty(house):
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    link, other = asked(house, AMARA, claim_for(IRIS)), asked(house, OTHER, claim_for(IRIS))
    order = Order(
        IRIS.number, "Amara", "Quintero-Bell", True, False, "court-order", date(2027, 6, 1), "sealed"
    )
    place(house, "ana.ruiz", order)
    assert child(house, "jo.hathaway", link).held
    assert not child(house, "sam.okafor", link).held
    assert not child(house, "jo.hathaway", other).held
    assert "sealed" not in repr(shown(house, "jo.hathaway", link.visit))


def test_the_last_day_counts_in_the_district_s_time_zone(house, clock):
    link = asked(house, AMARA, claim_for(IRIS))
    clock.advance(days=14, hours=13)  # 11 p.m. of the last day in Florida, the next day in UTC
    assert not shown(house, "jo.hathaway", link.visit).lapsed
    clock.advance(hours=1)
    assert shown(house, "jo.hathaway", link.visit).lapsed


def test_no_code_is_stored_where_a_page_could_leak_it(house):
    """The visit page shows the code; the rows behind it hold only a keyed hash."""
    link = asked(house, AMARA, claim_for(IRIS))
    visit = shown(house, "jo.hathaway", link.visit)
    assert visit.code not in repr(visit.visit)
