"""Staff decide: each duty, each refusal; one audit event a change, and nothing changed by a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial

import pytest
import sqlalchemy as sa

from idp_bridge.domain.errors import (
    BadInput,
    CodeLapsed,
    CodeUnknown,
    CodeUsed,
    ConflictOfInterest,
    DistrictAddress,
    EvidenceRefused,
    IdentityMissing,
    MoveRefused,
    NoDuty,
    NotInRoster,
    NotThere,
    Refusal,
    Restricted,
)
from idp_bridge.domain.evidence import IdentityKind
from idp_bridge.domain.link import LinkId, LinkState, Move, VisitId
from idp_bridge.domain.people import (
    GuardianHint,
    Parent,
    ParentId,
    Purpose,
    Relationship,
    SchoolCode,
)
from idp_bridge.domain.reasons import DENIAL_REASONS
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.domain.visit_code import make
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import find_visit, record_identity, verify_link
from idp_bridge.storage import journals, tables
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO, staff
from tests.web.families import after, asked, claim, claim_for, links_of

CLERK, ELSEWHERE, DISTRICT = "jo.hathaway", "sam.okafor", "dee.collins"
LAKESIDE, MIDDLE = SchoolCode("0552"), SchoolCode("0610")


@pytest.fixture(autouse=True)
def _parents(house):
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
    save_parent(house, OTHER, "bo@mail.example", "Bo", "Li")


def save_parent(house, parent: ParentId, email: str, given: str, family: str) -> None:
    with house.store.transaction() as rows:
        rows.parents.save(Parent(parent, email, given, family, "en", NOW))


@pytest.fixture
def waiting(house):
    """Iris's mother waits for her visit; nobody has seen her identification yet."""
    return asked(house, AMARA, claim_for(IRIS))


@pytest.fixture
def proven(house, waiting):
    """The same after the identity was recorded; the wake-ups so far are forgotten."""
    record_identity(house, CLERK, waiting.visit, LAKESIDE, "passport")
    house.wakeup.woken.clear()
    return waiting


def everything(house, *, audit: bool = True) -> dict[str, list[object]]:
    """Return every row of every table."""
    with house.store.connection(write=False) as connection:
        return {
            table.name: connection.execute(sa.select(table).order_by(*table.primary_key)).all()
            for table in tables.metadata.sorted_tables
            if audit or table.name not in ("audit", "limit_counter")  # a wrong code counts as a try
        }


def audited(house) -> list[str]:
    with house.store.connection(write=False) as connection:
        return list(
            connection.execute(sa.select(journals.audit.c.name).order_by(journals.audit.c.number)).scalars()
        )


def code_of(house, link) -> str:
    return make(house.rules.code_key, link.visit)


def state(house, link) -> LinkState:
    return next(one.state for one in links_of(house, link.parent) if one.id == link.id)


def refused(house, kind: type[Exception], act: Callable[[], object], *written: str) -> None:
    """Assert that `act` raises exactly `kind`, changes no row, wakes nobody, and audits only `written`."""
    rows, events, woken = everything(house, audit=False), audited(house), list(house.wakeup.woken)
    with pytest.raises(kind) as caught:
        act()
    assert caught.type is kind
    assert everything(house, audit=False) == rows
    assert audited(house) == [*events, *written]
    assert house.wakeup.woken == woken


# --- finding a visit -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write", [str, str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "]
)
def test_a_code_is_read_however_it_was_typed(house, waiting, write):
    assert find_visit(house, CLERK, write(code_of(house, waiting))) == waiting.visit


@pytest.mark.parametrize("uid", [CLERK, ELSEWHERE, DISTRICT])
def test_any_school_finds_a_visit(house, waiting, uid):
    """Identity may be recorded anywhere; what is decided where is said on the visit's page."""
    assert find_visit(house, uid, code_of(house, waiting)) == waiting.visit


@pytest.mark.parametrize(
    "typed", ["", "BCDF", "AEIO-UAEI", "1234-5678", "BCDF-GHJK-L", "BCDF-GHJK", "%%%%", "БBCDFGHJ"]
)
def test_a_code_of_no_visit(house, waiting, typed):
    refused(house, CodeUnknown, lambda: find_visit(house, CLERK, typed))


def test_the_code_of_another_bridge_is_unknown(house, waiting):
    refused(house, CodeUnknown, lambda: find_visit(house, CLERK, make(b"x" * 32, waiting.visit)))


def test_a_visit_whose_last_day_is_over_before_and_after_the_timer(house, waiting, clock):
    clock.advance(days=14)
    assert find_visit(house, CLERK, code_of(house, waiting)) == waiting.visit  # the last day counts
    clock.advance(days=1)
    refused(house, CodeLapsed, lambda: find_visit(house, CLERK, code_of(house, waiting)))
    lapse_visits(house, clock.now())
    refused(house, CodeLapsed, lambda: find_visit(house, CLERK, code_of(house, waiting)))


def test_a_visit_in_which_all_is_decided_is_used_also_later(house, proven, clock):
    verify_link(house, CLERK, proven.id, "school-record")
    refused(house, CodeUsed, lambda: find_visit(house, CLERK, code_of(house, proven)))
    clock.advance(days=30)
    refused(house, CodeUsed, lambda: find_visit(house, CLERK, code_of(house, proven)))


# --- who may -------------------------------------------------------------------------------------


def each_act(house, link) -> dict[str, Callable[[str], object]]:
    return {
        "find": lambda uid: find_visit(house, uid, code_of(house, link)),
        "identity": lambda uid: record_identity(house, uid, link.visit, LAKESIDE, "passport"),
        "verify": lambda uid: verify_link(house, uid, link.id, "school-record"),
        "refuse": lambda uid: refuse_link(house, uid, link.id, "not-the-student"),
    }


@pytest.mark.parametrize("act", ["find", "identity", "verify", "refuse"])
@pytest.mark.parametrize("uid", ["tess.moore", "ira.novak", "nobody.known", "", "*"])
def test_without_a_duty_nothing(house, proven, uid, act):
    refused(house, NoDuty, lambda: each_act(house, proven)[act](uid))


@pytest.mark.parametrize("act", ["identity", "verify", "refuse"])
def test_a_clerk_of_another_school_decides_nothing_here(house, proven, act):
    refused(house, NoDuty, lambda: each_act(house, proven)[act](ELSEWHERE))


@pytest.mark.parametrize("act", ["find", "identity", "verify", "refuse"])
def test_a_clerk_taken_out_of_the_group_a_moment_ago(house, proven, act):
    house.directory.set_roles(CLERK)
    refused(house, NoDuty, lambda: each_act(house, proven)[act](CLERK))


@pytest.mark.parametrize("act", ["find", "identity", "verify", "refuse"])
def test_an_employee_who_was_locked(house, proven, act):
    house.directory.locked.add(CLERK)
    refused(house, NoDuty, lambda: each_act(house, proven)[act](CLERK))


@pytest.mark.parametrize("act", ["find", "identity", "verify", "refuse"])
def test_ldap_down_changes_nothing(house, proven, act):
    house.directory.down = True
    refused(house, Unreachable, lambda: each_act(house, proven)[act](CLERK))
    house.directory.down = False
    assert each_act(house, proven)[act](CLERK)


@pytest.mark.parametrize(
    ("uid", "roles"),
    [
        (CLERK, ["0552:office"]),
        (CLERK, ["0552:principal"]),
        (CLERK, ["9001:district-office"]),
        (CLERK, ["0610:office", "0552:office"]),
    ],
)
def test_each_duty_that_suffices(house, proven, uid, roles):
    house.directory.set_roles(uid, *roles)
    assert verify_link(house, uid, proven.id, "school-record").state is LinkState.VERIFIED


def test_a_student_claimed_at_the_wrong_school_is_decided_at_their_own(house):
    link = asked(house, AMARA, replace(claim_for(MATEO), school=LAKESIDE))
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    for act in (
        lambda: verify_link(house, CLERK, link.id, "school-record"),
        lambda: refuse_link(house, CLERK, link.id, "not-the-student"),
    ):
        refused(house, NoDuty, act)
    assert verify_link(house, ELSEWHERE, link.id, "school-record").verified_school == MIDDLE


# --- identity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(IdentityKind))
def test_identity_is_recorded_once_with_one_event(house, waiting, kind):
    before = len(audited(house))
    proof = record_identity(house, CLERK, waiting.visit, LAKESIDE, kind)
    assert (proof.parent, proof.kind, proof.school, proof.staff) == (AMARA, kind, "0552", "entry-jo.hathaway")
    assert audited(house)[before:] == ["identity:proven"]
    rows = everything(house)
    again = record_identity(house, ELSEWHERE, waiting.visit, MIDDLE, "passport")
    assert again == proof  # once per parent, at whichever school
    assert everything(house) == rows


@pytest.mark.parametrize("kind", ["", "library-card", "PASSPORT"])
def test_identity_of_no_known_kind(house, waiting, kind):
    refused(house, BadInput, lambda: record_identity(house, CLERK, waiting.visit, LAKESIDE, kind))


def test_identity_for_no_visit_and_after_the_last_day(house, waiting, clock):
    refused(house, NotThere, lambda: record_identity(house, CLERK, VisitId("none"), LAKESIDE, "passport"))
    clock.advance(days=15)
    refused(house, CodeLapsed, lambda: record_identity(house, CLERK, waiting.visit, LAKESIDE, "passport"))


def test_identity_in_a_visit_somebody_finished_meanwhile(house, waiting):
    refuse_link(house, DISTRICT, waiting.id, "not-the-student")
    again = lambda: record_identity(house, CLERK, waiting.visit, LAKESIDE, "passport")  # noqa: E731
    refused(house, MoveRefused, again)


# --- verifying -----------------------------------------------------------------------------------


def test_verifying_changes_the_link_the_revision_and_what_is_due(house, proven, clock):
    clock.advance(minutes=3)
    before = len(audited(house))
    done = verify_link(house, CLERK, proven.id, "birth-certificate")
    assert (done.state, done.student, done.evidence) == (LinkState.VERIFIED, IRIS.id, "birth-certificate")
    assert (done.verified_at, done.verified_school) == (clock.now(), "0552")
    assert done.purposes == frozenset(Purpose)
    assert done.expires_at.isoformat() == "2034-03-09T05:00:00+00:00"  # midnight of the birthday in Florida
    assert audited(house)[before:] == ["link:verified"]
    assert house.wakeup.woken == [AMARA]
    with house.store.reading() as rows:
        assert rows.parents.get(AMARA).rev == 1
        assert rows.projections.get(AMARA).due_since == clock.now()
        (*_, event) = rows.audit.of_link(done.id)
    assert (event.actor.kind, event.actor.id, event.school) == ("district", "entry-jo.hathaway", "0552")
    assert event.fields == {"evidence": "birth-certificate", "before": "awaiting_visit", "after": "verified"}


def test_the_worker_is_woken_after_the_commit(house, proven):
    seen = []

    class Wakeup:
        def projection_due(self, parent: ParentId) -> None:
            with house.store.transaction() as rows:  # would wait in vain for a transaction still open
                seen.append((parent, rows.links.get(proven.id).state))

    verify_link(replace(house, wakeup=Wakeup()), CLERK, proven.id, "school-record")
    assert seen == [(AMARA, LinkState.VERIFIED)]


@pytest.mark.parametrize("act", ["identity", "verify", "refuse"])
def test_no_audit_no_change(house, waiting, proven, monkeypatch, act):
    link = asked(house, OTHER, claim_for(TEO)) if act == "identity" else proven
    rows, woken = everything(house), list(house.wakeup.woken)

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("idp_bridge.storage.audit.SqlAudit.append", full)
    with pytest.raises(OSError, match="disk full"):
        each_act(house, link)[act](CLERK)
    assert everything(house) == rows
    assert house.wakeup.woken == woken


def test_identity_first(house, waiting):
    refused(house, IdentityMissing, lambda: verify_link(house, CLERK, waiting.id, "school-record"))


@pytest.mark.parametrize(
    ("evidence", "kind"), [("", BadInput), ("a-promise", BadInput), ("agency-letter", EvidenceRefused)]
)
def test_evidence_that_is_none_or_not_enough(house, proven, evidence, kind):
    refused(house, kind, lambda: verify_link(house, CLERK, proven.id, evidence))


@pytest.mark.parametrize(
    ("relationship", "enough", "not_enough", "until"),
    [
        (Relationship.FOSTER_PARENT, "placement-letter", "school-record", None),
        (Relationship.STEP_PARENT, "marriage-certificate", "court-order", None),
        (Relationship.CASEWORKER, "agency-letter", "birth-certificate", date(2027, 6, 30)),
    ],
)
def test_each_relationship_has_its_own_evidence(house, relationship, enough, not_enough, until):
    link = asked(house, AMARA, claim_for(IRIS, relationship))
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    refused(house, EvidenceRefused, lambda: verify_link(house, CLERK, link.id, not_enough))
    assert verify_link(house, CLERK, link.id, enough, until).state is LinkState.VERIFIED


@pytest.mark.parametrize("claimed", [claim("46999999"), claim(IRIS.number, date(2016, 3, 10))])
def test_a_claim_that_fits_nobody_cannot_be_verified(house, claimed):
    link = asked(house, AMARA, claimed)
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    refused(house, NotInRoster, lambda: verify_link(house, CLERK, link.id, "school-record"))


@pytest.mark.parametrize("change", [{"enrolled": False}, {"birth_date": date(2016, 9, 3)}])
def test_a_student_who_changed_in_the_roster_meanwhile(house, proven, change):
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, **change),)))
    refused(house, NotInRoster, lambda: verify_link(house, CLERK, proven.id, "school-record"))


def test_a_link_that_is_not_there(house):
    for act in (
        lambda: verify_link(house, CLERK, LinkId("none"), "school-record"),
        lambda: refuse_link(house, CLERK, LinkId("none"), "not-the-student"),
    ):
        refused(house, NotThere, act)


def test_an_account_that_took_a_district_address_meanwhile(house, proven):
    save_parent(house, AMARA, "amara@district.example", "Amara", "Quintero-Bell")
    refused(house, DistrictAddress, lambda: verify_link(house, CLERK, proven.id, "school-record"))


def test_after_the_last_day_nothing_is_verified_though_the_timer_has_not_come(house, proven, clock):
    clock.advance(days=15)
    refused(house, CodeLapsed, lambda: verify_link(house, CLERK, proven.id, "school-record"))


def test_under_a_restriction_nothing_is_verified_and_the_try_is_audited(house, proven):
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    limits = Order(IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1))
    place(house, "ana.ruiz", limits)
    verify = lambda: verify_link(house, CLERK, proven.id, "school-record")  # noqa: E731
    refused(house, Restricted, verify, "verification:refused")


# --- refusing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", DENIAL_REASONS)
def test_refusing_needs_no_identity_and_wakes_nobody(house, waiting, reason):
    before = len(audited(house))
    done = refuse_link(house, CLERK, waiting.id, reason)
    assert (done.state, done.reason) == (LinkState.DENIED, reason)
    assert audited(house)[before:] == ["link:denied"]
    assert house.wakeup.woken == []


@pytest.mark.parametrize("reason", ["", "custody", "because"])
def test_refusing_for_no_listed_reason(house, waiting, reason):
    refused(house, BadInput, lambda: refuse_link(house, CLERK, waiting.id, reason))


def test_a_request_that_fits_nobody_is_refused_where_it_was_claimed(house):
    link = asked(house, AMARA, claim("46999999"))
    assert refuse_link(house, CLERK, link.id, "not-the-student").state is LinkState.DENIED


def test_the_visit_closes_with_the_last_decision(house, proven, clock):
    clock.advance(seconds=1)
    second = asked(house, AMARA, claim_for(TEO))
    verify_link(house, CLERK, proven.id, "school-record")
    assert find_visit(house, CLERK, code_of(house, proven)) == proven.visit
    refuse_link(house, CLERK, second.id, "relationship-not-shown")
    with house.store.reading() as rows:
        assert rows.visits.get(proven.visit).closed_at == clock.now()


# --- decided already -----------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["verify", "refuse"])
@pytest.mark.parametrize("move", [Move.VERIFY, Move.DENY, Move.CANCEL, Move.LAPSE])
def test_what_is_decided_is_not_decided_again(house, proven, act, move):
    if move is Move.VERIFY:
        verify_link(house, CLERK, proven.id, "school-record")
    else:
        after(house, proven, move)
    refused(house, MoveRefused, lambda: each_act(house, proven)[act](CLERK))


def test_what_is_decided_stays_decided_when_the_student_left(house, proven):
    verify_link(house, CLERK, proven.id, "school-record")
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(replace(IRIS, enrolled=False),)))
    refused(house, MoveRefused, lambda: verify_link(house, CLERK, proven.id, "school-record"))


def test_two_clerks_at_the_same_moment_make_one_decision(house, proven):
    before, start, ends = len(audited(house)), threading.Barrier(4), []

    def decide(act: Callable[[], object]) -> None:
        start.wait()
        with suppress(Refusal):
            ends.append(act())

    acts = each_act(house, proven)
    threads = [
        threading.Thread(target=decide, args=(partial(acts[name], uid),))
        for name in ("verify", "refuse")
        for uid in (CLERK, DISTRICT)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 1
    assert len(audited(house)) == before + 1
    assert state(house, proven) is ends[0].state


# --- one's own case ------------------------------------------------------------------------------


OWN_ACCOUNTS = [
    ("jo@elsewhere.example", "Jo", "Hathaway"),
    ("jh@mail.example", "Jó", "HATHAWAY"),
    ("jh@mail.example", "Jo Maria", "Hathaway-Smith"),
    ("jo.hathaway@mail.example", "Joanna", "Smith"),
    ("jo.hathaway+school@mail.example", "J", "H"),
]


@pytest.mark.parametrize(("email", "given", "family"), OWN_ACCOUNTS)
@pytest.mark.parametrize("act", ["identity", "verify", "refuse"])
def test_nobody_decides_about_their_own_account(house, email, given, family, act):
    save_parent(house, AMARA, email, given, family)
    link = asked(house, AMARA, claim_for(IRIS))
    if act != "identity":
        record_identity(house, DISTRICT, link.visit, LAKESIDE, "passport")
    refused(house, ConflictOfInterest, lambda: each_act(house, link)[act](CLERK), "verification:refused")
    with house.store.reading() as rows:
        assert rows.audit.first_bad() is None


@pytest.mark.parametrize("act", ["identity", "verify", "refuse"])
def test_nobody_decides_who_is_a_parent_of_their_own_child(house, act):
    """Neither for nor against the other parent: both are equal (34 CFR 99.4)."""
    with house.store.transaction() as rows:
        own = GuardianHint(IRIS.id, "g-jo", "Jo", "Hathaway", "parent")
        rows.roster.write(RosterChanges(hints={IRIS.id: (own,)}))
    link = asked(house, OTHER, claim_for(IRIS))
    if act != "identity":
        record_identity(house, DISTRICT, link.visit, LAKESIDE, "passport")
    refused(house, ConflictOfInterest, lambda: each_act(house, link)[act](CLERK), "verification:refused")
    if act == "verify":  # a colleague does
        assert verify_link(house, DISTRICT, link.id, "school-record").state is LinkState.VERIFIED


def test_a_child_linked_to_the_clerk_s_own_account_is_theirs_too(house):
    save_parent(house, AMARA, "jh@mail.example", "Jo", "Hathaway")
    mine = asked(house, AMARA, claim_for(IRIS))
    record_identity(house, DISTRICT, mine.visit, LAKESIDE, "passport")
    verify_link(house, DISTRICT, mine.id, "birth-certificate")
    link = asked(house, OTHER, claim_for(IRIS))
    record_identity(house, DISTRICT, link.visit, LAKESIDE, "passport")
    verify = lambda: verify_link(house, CLERK, link.id, "school-record")  # noqa: E731
    refused(house, ConflictOfInterest, verify, "verification:refused")


def test_the_audit_holds_ids_only(house, proven):
    verify_link(house, CLERK, proven.id, "school-record")
    with house.store.connection(write=False) as connection:
        text = str(connection.execute(sa.select(journals.audit)).all())
    code = code_of(house, proven)
    for private in (
        "Amara",
        "Quintero",
        "Iris",
        "mail.example",
        "2016-03-09",
        "2016, 3, 9",
        code,
        code.replace("-", ""),
        "46554860",
    ):
        assert private not in text
