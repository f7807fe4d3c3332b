"""Entered later from a paper log: as if it had been verified then, marked for ever, and no rule is looser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from idp_bridge.domain.errors import (
    AlreadyAsked,
    BadInput,
    ConflictOfInterest,
    DistrictAddress,
    EndedBefore,
    EvidenceRefused,
    IdentityMissing,
    MoveRefused,
    NoDuty,
    NotInRoster,
    NotThere,
    OneRefused,
    Restricted,
    SignInAgain,
)
from idp_bridge.domain.evidence import DEFAULT_POLICY, EvidenceKind
from idp_bridge.domain.link import LinkId, LinkState, Move, VisitId
from idp_bridge.domain.people import GuardianHint, Relationship
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.agreeing import agree_link
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.paper import Log, enter_log
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.storage import journals
from tests.conftest import AMARA, IRIS, MATEO, OTHER, TEO, staff
from tests.services.test_verifying import CLERK, DISTRICT, ELSEWHERE, LAKESIDE, audited, refused, save_parent
from tests.web.families import after, asked, claim, claim_for, confirmed, links_of

SAW = "ana.ruiz"
AT = datetime(2026, 11, 25, 9, 40)
AT_UTC = datetime(2026, 11, 25, 14, 40, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _people(house, directory):
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
    save_parent(house, OTHER, "bo@mail.example", "Bo", "Li")
    directory.people[SAW] = staff(SAW, "0552:office")


@pytest.fixture
def waiting(house, clock):
    """Iris's mother asked on Tuesday, came on Wednesday in an outage; it is entered on Thursday."""
    link = asked(house, AMARA, claim_for(IRIS))
    clock.advance(days=2)
    return link


@pytest.fixture
def lapsed(house, waiting, clock):
    """The same, and the outage went on for longer than the visit."""
    clock.advance(days=14)
    assert lapse_visits(house, clock.now()) == 1
    return waiting


def stopped(house, kind, act, *written) -> None:
    """Assert that one child was refused for exactly `kind`, and nothing of the sheet was entered."""
    why = []

    def noted() -> None:
        try:
            act()
        except OneRefused as stop:
            why.append(type(stop.why))
            raise

    refused(house, OneRefused, noted, *written)
    assert why == [kind]


def log(link=None, **more) -> Log:
    said = {"verified": {link.id: "birth-certificate"}} if link else {}
    return Log(**{"seen_at": AT, "seen_by": SAW, "school": LAKESIDE, "identity": "passport", **said, **more})


def link_of(house, link):
    return next(one for one in links_of(house, link.parent) if one.id == link.id)


def events(house, link) -> list:
    with house.store.reading() as rows:
        return list(rows.audit.of_link(link.id))


def proof_of(house, parent):
    with house.store.reading() as rows:
        return rows.proofs.get(parent)


def test_identity_and_link_carry_when_and_by_whom_they_were_seen(house, waiting, clock):
    before = len(audited(house))
    enter_log(house, CLERK, waiting.visit, log(waiting))
    proof, link = proof_of(house, AMARA), link_of(house, waiting)
    assert (proof.at, proof.staff, proof.entered_by) == (AT_UTC, "entry-ana.ruiz", "entry-jo.hathaway")
    assert (proof.kind, proof.school) == ("passport", LAKESIDE)
    assert (link.state, link.student, link.evidence) == (LinkState.VERIFIED, IRIS.id, "birth-certificate")
    assert (link.paper_seen_at, link.paper_seen_by) == (AT_UTC, "entry-ana.ruiz")
    assert (link.verified_at, link.decided_by) == (clock.now(), "entry-jo.hathaway")
    assert audited(house)[before:] == ["identity:proven", "link:verified"]
    event = events(house, link)[-1]
    assert (event.at, event.actor.id) == (clock.now(), "entry-jo.hathaway")
    assert event.fields == {
        "evidence": "birth-certificate", "before": "awaiting_visit", "after": "verified",
        "seen_at": "2026-11-25T14:40:00+00:00", "seen_by": "entry-ana.ruiz",
    }  # fmt: skip
    assert house.wakeup.woken == [AMARA]
    with house.store.reading() as rows:
        assert rows.parents.get(AMARA).rev == 1
        assert rows.visits.get(waiting.visit).closed_at == clock.now()


def test_the_identity_event_names_them_too(house, waiting):
    enter_log(house, CLERK, waiting.visit, log())
    with house.store.connection(write=False) as connection:
        proven = sa.select(journals.audit.c.fields).where(journals.audit.c.name == "identity:proven")
        assert connection.execute(proven).scalars().all() == [
            {"kind": "passport", "seen_at": "2026-11-25T14:40:00+00:00", "seen_by": "entry-ana.ruiz"}
        ]
    assert link_of(house, waiting).state is LinkState.AWAITING_VISIT
    assert proof_of(house, AMARA).entered_by == "entry-jo.hathaway"
    assert house.wakeup.woken == []


def test_who_saw_the_papers_may_enter_them(house, waiting):
    enter_log(house, CLERK, waiting.visit, log(waiting, seen_by=CLERK))
    assert link_of(house, waiting).paper_seen_by == "entry-jo.hathaway"


def test_a_refusal_is_entered_too_and_needs_no_identity(house, waiting):
    before = len(audited(house))
    said = log(identity=None, refused={waiting.id: "relationship-not-shown"})
    enter_log(house, CLERK, waiting.visit, said)
    link = link_of(house, waiting)
    assert (link.state, link.reason, link.paper_seen_at) == (
        LinkState.DENIED,
        "relationship-not-shown",
        AT_UTC,
    )
    assert audited(house)[before:] == ["link:denied"]
    assert events(house, link)[-1].fields["seen_by"] == "entry-ana.ruiz"
    assert house.wakeup.woken == []


def test_a_lapsed_visit_of_which_the_parent_came_in_time(house, lapsed):
    before = len(audited(house))
    enter_log(house, CLERK, lapsed.visit, log(lapsed))
    assert link_of(house, lapsed).state is LinkState.VERIFIED
    assert audited(house)[before:] == ["link:reopened", "identity:proven", "link:verified"]
    assert events(house, lapsed)[-2].fields == {"before": "lapsed", "after": "awaiting_visit"}


def test_only_what_the_sheet_names_is_reopened(house, waiting, clock):
    teo = asked(house, AMARA, claim_for(TEO))
    clock.advance(days=20)
    lapse_visits(house, clock.now())
    enter_log(house, CLERK, waiting.visit, log(waiting))
    assert link_of(house, teo).state is LinkState.LAPSED


def test_after_the_last_day_but_before_the_timer(house, waiting, clock):
    clock.advance(days=14)
    enter_log(house, CLERK, waiting.visit, log(waiting))
    assert link_of(house, waiting).state is LinkState.VERIFIED


def test_a_request_made_again_meanwhile_gives_way(house, lapsed, clock):
    again = asked(house, AMARA, claim_for(IRIS))
    enter_log(house, CLERK, lapsed.visit, log(lapsed))
    assert link_of(house, again).state is LinkState.CANCELLED
    assert events(house, again)[-1].fields["reason"] == "paper"
    assert link_of(house, lapsed).state is LinkState.VERIFIED
    with house.store.reading() as rows:
        assert rows.visits.open_of(AMARA) is None


@pytest.mark.parametrize("slip", ["on the sheet", "made again"])
def test_so_does_one_for_the_same_number_though_it_names_another_day(house, clock, slip):
    """One of the two matches nobody; the database holds one waiting request for each typed number."""
    both = [claim_for(IRIS), claim(IRIS.number, date(2016, 3, 8))]
    first, second = both if slip == "made again" else reversed(both)
    link = asked(house, AMARA, first)
    clock.advance(days=16)
    lapse_visits(house, clock.now())
    again = asked(house, AMARA, second)
    enter_log(house, CLERK, link.visit, log(refused={link.id: "not-the-student"}))
    assert link_of(house, link).state is LinkState.DENIED
    assert link_of(house, again).state is LinkState.CANCELLED
    assert events(house, again)[-1].fields["reason"] == "paper"


def test_what_was_verified_meanwhile_stands(house, lapsed):
    confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)
    refused(house, AlreadyAsked, lambda: enter_log(house, CLERK, lapsed.visit, log(lapsed)))


def test_all_of_a_sheets_line_or_nothing(house, waiting):
    nobody = asked(house, AMARA, claim("46999999"))
    said = log(verified={waiting.id: "birth-certificate", nobody.id: "birth-certificate"})
    stopped(house, NotInRoster, lambda: enter_log(house, CLERK, waiting.visit, said))


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (AT.replace(day=27), "in-future"),
        (AT.replace(day=23), "before-the-request"),
    ],
)
def test_times_that_cannot_be(house, waiting, at, reason):
    with pytest.raises(BadInput) as caught:
        enter_log(house, CLERK, waiting.visit, log(waiting, seen_at=at))
    assert caught.value.fields == {"seen_on": reason}
    refused(house, BadInput, lambda: enter_log(house, CLERK, waiting.visit, log(waiting, seen_at=at)))


def test_who_came_after_the_last_day_asks_again(house, lapsed):
    late = log(lapsed, seen_at=datetime(2026, 12, 9, 9, 0))
    refused(house, BadInput, lambda: enter_log(house, CLERK, lapsed.visit, late))


def test_more_than_30_days_later(house, waiting, clock):
    clock.advance(days=30)
    refused(house, BadInput, lambda: enter_log(house, CLERK, waiting.visit, log(waiting)))


@pytest.mark.parametrize("roles", [[], ["0610:office"], ["9001:identity-admin"]])
def test_who_saw_the_papers_needs_the_duty_now(house, directory, waiting, roles):
    directory.set_roles(SAW, *roles)
    refused(house, BadInput, lambda: enter_log(house, CLERK, waiting.visit, log(waiting)))
    only_identity = log()
    refused(house, BadInput, lambda: enter_log(house, CLERK, waiting.visit, only_identity))


def test_nobody_of_that_name_or_a_locked_one(house, directory, waiting):
    refused(house, BadInput, lambda: enter_log(house, CLERK, waiting.visit, log(waiting, seen_by="x.y")))
    directory.locked.add(SAW)
    refused(house, BadInput, lambda: enter_log(house, CLERK, waiting.visit, log(waiting)))


@pytest.mark.parametrize("uid", [ELSEWHERE, "tess.moore", "ira.novak", "nobody.known"])
def test_who_enters_needs_the_duty_too(house, waiting, uid):
    refused(house, NoDuty, lambda: enter_log(house, uid, waiting.visit, log(waiting)))


def test_the_district_office_enters_what_a_school_saw(house, waiting):
    enter_log(house, DISTRICT, waiting.visit, log(waiting))
    assert link_of(house, waiting).verified_school == LAKESIDE


def test_ldap_down(house, directory, waiting):
    directory.down = True
    refused(house, Unreachable, lambda: enter_log(house, CLERK, waiting.visit, log(waiting)))


@pytest.mark.parametrize("who", [CLERK, SAW])
def test_the_own_child_of_either_person_is_audited(house, directory, waiting, who):
    person = directory.people[who]
    hint = GuardianHint(IRIS.id, "g-own", person.given_name, person.family_name, "parent")
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(hints={IRIS.id: (hint,)}))
    enter = lambda said: enter_log(house, CLERK, waiting.visit, said)  # noqa: E731
    stopped(house, ConflictOfInterest, lambda: enter(log(waiting)), "verification:refused")
    no = log(identity=None, refused={waiting.id: "not-the-student"})
    stopped(house, ConflictOfInterest, lambda: enter(no), "verification:refused")
    assert {event.student for event in events(house, waiting)} == {IRIS.id}


def test_the_own_account_of_who_saw_the_papers_is_audited(house, waiting):
    save_parent(house, AMARA, "a@mail.example", "Ana", "Ruiz")
    refused(
        house,
        ConflictOfInterest,
        lambda: enter_log(house, CLERK, waiting.visit, log()),
        "verification:refused",
    )


def test_a_restriction_is_audited_at_the_link(house, directory, waiting):
    directory.people["pat.bell"] = staff("pat.bell", "0552:principal")
    limits = Order(IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1))
    place(house, "pat.bell", limits)
    stopped(
        house,
        Restricted,
        lambda: enter_log(house, CLERK, waiting.visit, log(waiting)),
        "verification:refused",
    )
    assert [event.fields for event in events(house, waiting)[-1:]] == [{"reason": "restriction"}]


def test_identity_and_evidence_as_in_a_normal_verification(house, waiting):
    enter = lambda **more: enter_log(house, CLERK, waiting.visit, log(waiting, **more))  # noqa: E731
    stopped(house, IdentityMissing, lambda: enter(identity=None))
    refused(house, BadInput, lambda: enter(identity="library-card"))
    stopped(house, EvidenceRefused, lambda: enter(verified={waiting.id: "agency-letter"}))
    stopped(house, BadInput, lambda: enter(verified={waiting.id: "a-promise"}))
    stopped(house, BadInput, lambda: enter(verified={}, refused={waiting.id: "custody"}))


def test_a_last_day_that_the_paper_names(house, clock):
    link = asked(house, AMARA, claim_for(IRIS, Relationship.CASEWORKER))
    clock.advance(days=2)
    said = log(verified={link.id: "agency-letter"}, until={link.id: date(2027, 6, 30)})
    enter_log(house, CLERK, link.visit, said)
    done = link_of(house, link)
    assert done.expires_at.isoformat() == "2027-07-01T04:00:00+00:00"
    assert events(house, link)[-1].fields["until"] == "2027-06-30"


def test_evidence_that_needs_a_second_person_asks_for_one(house, clock):
    policy = {**DEFAULT_POLICY}
    policy[Relationship.PARENT] = replace(
        policy[Relationship.PARENT], second_person=frozenset({EvidenceKind.BIRTH_CERTIFICATE})
    )
    house = replace(house, rules=replace(house.rules, evidence=policy))
    link = asked(house, AMARA, claim_for(IRIS))
    clock.advance(days=2)
    enter_log(house, CLERK, link.visit, log(link))
    done = link_of(house, link)
    assert (done.state, done.first_staff) == (LinkState.AWAITING_SECOND, "entry-ana.ruiz")
    assert events(house, link)[-1].fields["seen_by"] == "entry-ana.ruiz"
    assert agree_link(house, CLERK, link.id).paper_seen_at == AT_UTC
    refused(house, MoveRefused, lambda: agree_link(house, SAW, link.id))


def test_a_proven_identity_is_not_replaced(house, clock):
    link = asked(house, AMARA, claim_for(IRIS))
    proof = record_identity(house, DISTRICT, link.visit, LAKESIDE, "consular-id")
    clock.advance(days=2)
    enter_log(house, CLERK, link.visit, log(link))
    assert proof_of(house, AMARA) == proof


def test_an_e_mail_that_changed_needs_a_fresh_sign_in(house, waiting, clock):
    with house.store.transaction() as rows:
        rows.parents.save(replace(rows.parents.get(AMARA), email_changed_at=clock.now()))
    refused(house, SignInAgain, lambda: enter_log(house, CLERK, waiting.visit, log(waiting)))


def test_a_district_address(house, waiting):
    save_parent(house, AMARA, "amara@district.example", "Amara", "Quintero-Bell")
    refused(house, DistrictAddress, lambda: enter_log(house, CLERK, waiting.visit, log(waiting)))


def test_a_student_who_left_meanwhile(house, lapsed):
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, enrolled=False),)))
    stopped(house, NotInRoster, lambda: enter_log(house, CLERK, lapsed.visit, log(lapsed)))


def test_a_child_of_another_school(house, clock):
    link = asked(house, AMARA, claim_for(MATEO))
    clock.advance(days=2)
    refused(house, NoDuty, lambda: enter_log(house, CLERK, link.visit, log(link)))
    refused(house, BadInput, lambda: enter_log(house, ELSEWHERE, link.visit, log(link, identity=None)))


def test_an_earlier_end_on_the_merits(house, clock):
    first = asked(house, AMARA, claim_for(IRIS))
    refuse_link(house, CLERK, first.id, "not-entitled")
    link = asked(house, AMARA, claim_for(IRIS))
    clock.advance(days=2)
    stopped(house, EndedBefore, lambda: enter_log(house, CLERK, link.visit, log(link)))


@pytest.mark.parametrize("move", [Move.CANCEL, Move.DENY, Move.VERIFY, Move.REFER])
def test_what_is_decided_is_decided(house, waiting, move):
    after(house, waiting, move)
    refused(house, MoveRefused, lambda: enter_log(house, CLERK, waiting.visit, log(waiting)))


def test_nothing_on_the_sheet_and_what_is_not_there(house, waiting):
    other = asked(house, OTHER, claim_for(TEO))
    refused(house, BadInput, lambda: enter_log(house, CLERK, waiting.visit, log(identity=None)))
    refused(house, NotThere, lambda: enter_log(house, CLERK, VisitId("x"), log(waiting)))
    refused(house, NotThere, lambda: enter_log(house, CLERK, waiting.visit, log(other)))
    refused(
        house,
        NotThere,
        lambda: enter_log(house, CLERK, waiting.visit, log(verified={LinkId("x"): "birth-certificate"})),
    )


def test_no_audit_no_change(house, lapsed, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("idp_bridge.storage.audit.SqlAudit.append", full)
    refused(house, OSError, lambda: enter_log(house, CLERK, lapsed.visit, log(lapsed)))


def test_the_mark_stays_when_a_second_look_is_taken(house, waiting):
    """A normal verification leaves no mark, and one from paper keeps it through a later change."""
    enter_log(house, CLERK, waiting.visit, log(waiting))
    held = after(house, link_of(house, waiting), Move.SUSPEND)
    assert after(house, held, Move.RESUME).paper_seen_at == AT_UTC
    plain = asked(house, OTHER, claim_for(TEO))
    record_identity(house, CLERK, plain.visit, LAKESIDE, "passport")
    done = verify_link(house, CLERK, plain.id, "school-record")
    assert (done.paper_seen_at, done.paper_seen_by) == (None, None)
    assert proof_of(house, OTHER).entered_by is None
