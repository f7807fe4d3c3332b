"""A lost mailbox: the links go to the new account, whole and once; nobody finds a stranger's account."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from idp_bridge.domain.errors import (
    CodeLapsed,
    ConflictOfInterest,
    DistrictAddress,
    EndedBefore,
    IdentityMissing,
    MoveRefused,
    NoDuty,
    NotThere,
    Restricted,
    SignInAgain,
)
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import DISPUTE, LinkState, Move, VisitId
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.domain.people import GuardianHint, ParentId
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.moving import earlier_accounts, move_links
from idp_bridge.services.refusing import revoke_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.services.wanting import wanted_for
from tests.conftest import AMARA, IRIS, MATEO, OTHER, TEO, staff
from tests.services.test_verifying import CLERK, DISTRICT, ELSEWHERE, LAKESIDE, audited, refused, save_parent
from tests.web.families import after, asked, claim_for, links_of

NEW = ParentId("33333333-3333-4333-8333-333333333333")


@pytest.fixture(autouse=True)
def _parents(house):
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
    save_parent(house, NEW, "amara.new@mail.example", "Amara", "Quintero")
    save_parent(house, OTHER, "bo@mail.example", "Bo", "Li")


@pytest.fixture
def old(house):
    """Amara's first account: linked to Iris at Lakeside and to Mateo at the middle school."""
    return {student.id: verified(house, AMARA, student) for student in (IRIS, MATEO)}


@pytest.fixture
def visit(house, clock, old) -> VisitId:
    """Two days later the new account asks for Iris, and a clerk has seen the photo ID."""
    clock.advance(days=2)
    link = asked(house, NEW, claim_for(IRIS))
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    house.wakeup.woken.clear()
    return link.visit


def verified(house, parent, student, uid=DISTRICT):
    link = asked(house, parent, claim_for(student))
    record_identity(house, uid, link.visit, student.school, "passport")
    return verify_link(house, uid, link.id, "school-record")


def found(house, visit, uid=CLERK) -> list[tuple[str, list[str], int]]:
    return [
        (one.parent.id, [student.id for student in one.students], one.elsewhere)
        for one in earlier_accounts(house, house.directory.staff(uid), visit)
    ]


def notices(house) -> list[tuple[str, str]]:
    with house.store.transaction() as rows:
        now = house.clock.now()
        return sorted((one.kind, one.parent) for one in rows.notices.take(now, now + timedelta(1), 99))


def events(house, link) -> list:
    with house.store.reading() as rows:
        return list(rows.audit.of_link(link.id))


def test_every_link_goes_over_as_it_was(house, clock, old, visit):
    clock.advance(minutes=5)
    before, _sent = len(audited(house)), notices(house)
    done = {link.student: link for link in move_links(house, CLERK, visit, AMARA)}
    assert set(done) == {IRIS.id, MATEO.id}
    for student, link in done.items():
        was = old[student]
        kept = (
            "claimed",
            "student",
            "state",
            "purposes",
            "evidence",
            "verified_at",
            "verified_school",
            "expires_at",
        )
        assert [getattr(link, name) for name in kept] == [getattr(was, name) for name in kept]
        assert (link.parent, link.visit, link.changed_at) == (NEW, visit, clock.now())
    assert {(link.state, link.reason) for link in links_of(house, AMARA)} == {(LinkState.ENDED, "merged")}
    assert sorted((link.state, link.student) for link in links_of(house, NEW)) == [
        (LinkState.CANCELLED, IRIS.id),
        (LinkState.VERIFIED, IRIS.id),
        (LinkState.VERIFIED, MATEO.id),
    ]
    assert sorted(audited(house)[before:]) == [
        "link:cancelled", "link:merged", "link:merged", "link:moved", "link:moved",
    ]  # fmt: skip
    assert notices(house) == sorted((NoticeKind.MOVED, parent) for parent in (AMARA, NEW))  # one mail each
    assert house.wakeup.woken == [AMARA, NEW]


def test_the_audit_names_both_links_and_where(house, old, visit):
    done = next(link for link in move_links(house, CLERK, visit, AMARA) if link.student == IRIS.id)
    merged, moved = events(house, old[IRIS.id])[-1], events(house, done)[-1]
    assert merged.fields == {"into": done.id, "before": "verified", "after": "ended"}
    assert moved.fields == {"from_link": old[IRIS.id].id, "after": "verified"}
    for event in (merged, moved):
        assert (event.actor.id, event.school) == ("entry-jo.hathaway", LAKESIDE)
    (request,) = [link for link in links_of(house, NEW) if link.state is LinkState.CANCELLED]
    assert events(house, request)[-1].fields == {
        "reason": "moved", "before": "awaiting_visit", "after": "cancelled",
    }  # fmt: skip


def test_the_old_token_is_emptied_first_and_the_new_one_filled(house, old, visit, clock):
    move_links(house, CLERK, visit, AMARA)
    now = clock.now()
    with house.store.transaction() as rows:
        assert '"links":[]' in wanted_for(rows, AMARA, now).value
        assert IRIS.number in wanted_for(rows, NEW, now).value
        assert MATEO.number in wanted_for(rows, NEW, now).value
        assert rows.projections.due(now, 9)[0] == AMARA  # a loss goes first
        leases = {one: rows.projections.take(one, now, now + timedelta(minutes=1)) for one in (AMARA, NEW)}
        assert (leases[AMARA].after_loss, leases[NEW].after_loss) == (True, False)
        assert rows.visits.get(visit).closed_at == now


def test_other_requests_of_the_visit_go_on_waiting(house, old, visit):
    teo = asked(house, NEW, claim_for(TEO))
    move_links(house, CLERK, visit, AMARA)
    with house.store.reading() as rows:
        assert rows.links.get(teo.id).state is LinkState.AWAITING_VISIT
        assert rows.visits.get(visit).closed_at is None


def test_a_link_on_hold_stays_on_hold(house, old, visit):
    after(house, old[IRIS.id], Move.SUSPEND, DISPUTE)
    done = {link.student: link for link in move_links(house, CLERK, visit, AMARA)}
    assert (done[IRIS.id].state, done[IRIS.id].reason) == (LinkState.SUSPENDED, DISPUTE)
    assert done[MATEO.id].state is LinkState.VERIFIED


def test_a_link_the_new_account_has_already_takes_the_old_one_in(house, old, visit):
    mine = verified(house, NEW, MATEO)
    done = {link.student: link for link in move_links(house, CLERK, visit, AMARA)}
    assert done[MATEO.id].id == mine.id
    assert events(house, old[MATEO.id])[-1].fields["into"] == mine.id
    assert len([link for link in links_of(house, NEW) if link.student == MATEO.id]) == 1


def test_a_hold_is_not_lost_in_a_link_the_new_account_has(house, old, visit):
    verified(house, NEW, MATEO)
    after(house, old[MATEO.id], Move.SUSPEND, DISPUTE)
    refused(house, MoveRefused, lambda: move_links(house, CLERK, visit, AMARA))


# --- who is found --------------------------------------------------------------------------------


def test_what_staff_learn_of_an_earlier_account(house, old, visit):
    assert found(house, visit) == [(AMARA, [IRIS.id], 1)]
    assert found(house, visit, DISTRICT) == [(AMARA, [IRIS.id, MATEO.id], 0)]
    assert found(house, visit, ELSEWHERE) == []  # Mateo was not asked for, and Iris is not theirs
    refused(house, NotThere, lambda: move_links(house, ELSEWHERE, visit, AMARA))


def test_a_child_in_common_is_needed(house, old, clock):
    link = asked(house, NEW, claim_for(TEO))
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    assert found(house, link.visit) == []
    refused(house, NotThere, lambda: move_links(house, CLERK, link.visit, AMARA))


def test_another_guardian_of_the_child_is_not_found(house, visit):
    verified(house, OTHER, IRIS)
    assert [one for one, *_ in found(house, visit)] == [AMARA]
    refused(house, NotThere, lambda: move_links(house, CLERK, visit, OTHER))


def test_an_account_without_a_link_that_holds_is_not_found(house, old, visit):
    for link in old.values():
        after(house, link, Move.LEAVE)
    assert found(house, visit) == []
    refused(house, NotThere, lambda: move_links(house, CLERK, visit, AMARA))


def test_a_namesake_with_another_birth_date_on_the_id_is_not_found(house, old, visit):
    with house.store.transaction() as rows:
        for parent, born in ((AMARA, "a"), (NEW, "b")):
            rows.proofs.add(replace(rows.proofs.get(parent), birth_date_hash=born))
    assert found(house, visit) == []
    refused(house, NotThere, lambda: move_links(house, CLERK, visit, AMARA))


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("uid", ["tess.moore", "ira.novak", "nobody.known"])
def test_without_the_duty(house, old, visit, uid):
    refused(house, NoDuty, lambda: move_links(house, uid, visit, AMARA))


def test_a_visit_or_an_account_that_is_not_there(house, old, visit):
    refused(house, NotThere, lambda: move_links(house, CLERK, VisitId("x"), AMARA))
    refused(house, NotThere, lambda: move_links(house, CLERK, visit, ParentId("x")))
    refused(house, NotThere, lambda: move_links(house, CLERK, visit, NEW))


def test_the_identity_must_be_seen_in_this_visit(house, old, clock):
    link = asked(house, NEW, claim_for(IRIS))
    refused(house, IdentityMissing, lambda: move_links(house, CLERK, link.visit, AMARA))


def test_an_older_proof_does_not_show_who_stands_there(house, old, visit, clock):
    with house.store.transaction() as rows:
        proof = rows.proofs.get(NEW)
        rows.proofs.add(replace(proof, at=rows.visits.get(visit).opened_at - timedelta(seconds=1)))
    refused(house, IdentityMissing, lambda: move_links(house, CLERK, visit, AMARA))


def test_after_the_last_day_and_in_a_finished_visit(house, old, visit, clock):
    clock.advance(days=15)
    refused(house, CodeLapsed, lambda: move_links(house, CLERK, visit, AMARA))
    clock.advance(days=-15)
    move_links(house, CLERK, visit, AMARA)
    refused(house, MoveRefused, lambda: move_links(house, CLERK, visit, AMARA))


def test_an_e_mail_that_changed_needs_a_fresh_sign_in(house, old, visit, clock):
    with house.store.transaction() as rows:
        rows.parents.save(replace(rows.parents.get(NEW), email_changed_at=clock.now()))
    refused(house, SignInAgain, lambda: move_links(house, CLERK, visit, AMARA))


def test_a_district_address(house, old, visit):
    save_parent(house, NEW, "amara@district.example", "Amara", "Quintero")
    refused(house, DistrictAddress, lambda: move_links(house, CLERK, visit, AMARA))


@pytest.mark.parametrize("access", [True, False])
@pytest.mark.parametrize("name", ["Amara Quintero-Bell", "Amara Quintero"])
@pytest.mark.parametrize("student", [IRIS, MATEO])
def test_a_restriction_against_either_account_is_the_principals(house, old, visit, access, name, student):
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", f"{student.school}:principal")
    given, _, family = name.partition(" ")
    limits = Order(student.number, given, family, access, True, "court-order", date(2027, 6, 1))
    place(house, "ana.ruiz", limits)
    refused(house, Restricted, lambda: move_links(house, CLERK, visit, AMARA), "verification:refused")


def test_a_revocation_of_the_new_account_is_not_walked_around(house, old, visit):
    mine = verified(house, NEW, MATEO)
    revoke_link(house, Actor(ActorKind.OPERATOR, "cli"), mine.id, "account-misused")
    refused(house, EndedBefore, lambda: move_links(house, CLERK, visit, AMARA))


@pytest.mark.parametrize("which", ["new account", "child elsewhere"])
def test_ones_own_case_is_audited(house, old, visit, which):
    if which == "new account":
        for parent in (AMARA, NEW):
            save_parent(house, parent, f"{parent}@mail.example", "Jo", "Hathaway")
    else:
        hint = GuardianHint(MATEO.id, "g-jo", "Jo", "Hathaway", "parent")
        with house.store.transaction() as rows:
            rows.roster.write(RosterChanges(hints={MATEO.id: (hint,)}))
    refused(house, ConflictOfInterest, lambda: move_links(house, CLERK, visit, AMARA), "verification:refused")


def test_no_audit_no_change(house, old, visit, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("idp_bridge.storage.audit.SqlAudit.append", full)
        refused(house, OSError, lambda: move_links(house, CLERK, visit, AMARA))
    assert move_links(house, CLERK, visit, AMARA)


def test_moved_links_cannot_be_moved_twice(house, old, visit):
    teo = asked(house, NEW, claim_for(TEO))
    move_links(house, CLERK, visit, AMARA)
    refused(house, NotThere, lambda: move_links(house, CLERK, teo.visit, AMARA))
