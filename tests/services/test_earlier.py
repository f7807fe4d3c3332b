"""What was decided before: what is curable, what must be overruled, who sees it, and twin accounts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idp_bridge.domain.errors import EndedBefore
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import ParentId, Relationship
from idp_bridge.domain.reasons import DENIAL_REASONS, REVOCATION_REASONS
from idp_bridge.services.agreeing import agree_link
from idp_bridge.services.counter import staff_member
from idp_bridge.services.desk import desk_visit
from idp_bridge.services.linking import leave_link
from idp_bridge.services.refusing import refuse_link, revoke_link
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, OTHER, SCHOOLS, TEO, staff
from tests.services.test_verifying import audited, refused, save_parent
from tests.web.families import asked, claim_for, confirmed

CLERK, PRINCIPAL, DISTRICT, ELSEWHERE = "jo.hathaway", "ana.ruiz", "dee.collins", "sam.okafor"
OPERATOR = Actor(ActorKind.OPERATOR, "cli")
CURABLE_DENIALS = [code for code, reason in DENIAL_REASONS.items() if not reason.final]
FINAL_DENIALS = [code for code, reason in DENIAL_REASONS.items() if reason.final]
CURABLE_ENDS = [code for code, reason in REVOCATION_REASONS.items() if not reason.final]
FINAL_ENDS = [code for code, reason in REVOCATION_REASONS.items() if reason.final]


@pytest.fixture(autouse=True)
def _people(house):
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
    save_parent(house, OTHER, "bo@mail.example", "Bo", "Li")
    house.directory.people[PRINCIPAL] = staff(PRINCIPAL, "0552:principal")


def ask(house, relationship=Relationship.PARENT):
    link = asked(house, AMARA, claim_for(IRIS, relationship))
    record_identity(house, CLERK, link.visit, SCHOOLS[0].code, "passport")
    return link


def denied(house, reason: str):
    return refuse_link(house, CLERK, ask(house).id, reason)


def revoked(house, reason: str):
    link = ask(house)
    return revoke_link(house, OPERATOR, confirmed(house, link, IRIS).id, reason)


def child(house, uid: str, link):
    visit = desk_visit(house, staff_member(house, uid), link.visit)
    return next(one for one in visit.children if one.link.id == link.id)


@pytest.mark.parametrize("reason", CURABLE_DENIALS)
def test_a_denial_for_what_was_missing_is_cured_by_bringing_it(house, reason):
    denied(house, reason)
    assert verify_link(house, CLERK, ask(house).id, "school-record").state is LinkState.VERIFIED
    assert "alarm:refusal-overruled" not in audited(house)


@pytest.mark.parametrize("reason", CURABLE_ENDS)
def test_an_end_that_was_no_judgement_is_no_obstacle(house, reason):
    revoked(house, reason)
    assert verify_link(house, CLERK, ask(house).id, "school-record").state is LinkState.VERIFIED


@pytest.mark.parametrize("uid", [CLERK, PRINCIPAL, DISTRICT])
@pytest.mark.parametrize("reason", FINAL_DENIALS)
def test_a_denial_on_the_merits_stands_against_everybody_who_does_not_mean_it(house, reason, uid):
    denied(house, reason)
    link = ask(house)
    refused(house, EndedBefore, lambda: verify_link(house, uid, link.id, "school-record"))


@pytest.mark.parametrize("overrule", [True, False])
@pytest.mark.parametrize("reason", FINAL_ENDS)
def test_after_a_revocation_a_clerk_brings_nothing_back(house, reason, overrule):
    revoked(house, reason)
    link = ask(house)
    verify = lambda: verify_link(house, CLERK, link.id, "school-record", overrule=overrule)  # noqa: E731
    refused(house, EndedBefore, verify)


@pytest.mark.parametrize("uid", [PRINCIPAL, DISTRICT])
@pytest.mark.parametrize(
    "turn_away", [lambda h: denied(h, "not-entitled"), lambda h: revoked(h, "court-order")]
)
def test_who_may_overrule_does_so_and_it_is_an_alarm(house, turn_away, uid):
    earlier = turn_away(house)
    link = ask(house)
    before = len(audited(house))
    done = verify_link(house, uid, link.id, "school-record", overrule=True)
    assert done.state is LinkState.VERIFIED
    assert audited(house)[before:] == ["alarm:refusal-overruled", "link:verified"]
    with house.store.reading() as rows:
        alarm, event = rows.audit.of_link(link.id)[-2:]
    assert alarm.fields == {"earlier": earlier.id}
    assert event.fields["overrules"] == earlier.id
    assert event.actor.id == f"entry-{uid}"


def test_a_principal_of_another_school_overrules_nothing(house):
    revoked(house, "court-order")
    link = ask(house)
    house.directory.set_roles(PRINCIPAL, "0610:principal", "0552:office")
    refused(
        house, EndedBefore, lambda: verify_link(house, PRINCIPAL, link.id, "school-record", overrule=True)
    )


def test_both_persons_must_be_allowed_to_overrule(house):
    denied(house, "papers-not-genuine")
    link = ask(house)
    asked_second = verify_link(house, PRINCIPAL, link.id, "court-order", overrule=True)
    assert asked_second.state is LinkState.AWAITING_SECOND
    refused(house, EndedBefore, lambda: agree_link(house, CLERK, link.id, overrule=True))
    refused(house, EndedBefore, lambda: agree_link(house, DISTRICT, link.id))
    assert agree_link(house, DISTRICT, link.id, overrule=True).state is LinkState.VERIFIED
    assert audited(house).count("alarm:refusal-overruled") == 1


def test_what_was_overruled_once_is_settled_until_it_is_revoked_again(house, clock):
    denied(house, "not-entitled")
    clock.advance(days=1)
    link = ask(house)
    verify_link(house, PRINCIPAL, link.id, "school-record", overrule=True)
    clock.advance(days=1)
    leave_link(house, AMARA, link.id)
    clock.advance(days=1)
    again = ask(house)
    assert verify_link(house, CLERK, again.id, "school-record").state is LinkState.VERIFIED
    revoke_link(house, OPERATOR, again.id, "account-misused")
    clock.advance(days=1)
    last = ask(house)
    refused(house, EndedBefore, lambda: verify_link(house, CLERK, last.id, "school-record"))


def test_another_child_and_another_parent_are_not_touched(house):
    revoked(house, "court-order")
    teo = asked(house, AMARA, claim_for(TEO))
    assert verify_link(house, CLERK, teo.id, "school-record").state is LinkState.VERIFIED
    bo = asked(house, OTHER, claim_for(IRIS))
    record_identity(house, CLERK, bo.visit, SCHOOLS[0].code, "passport")
    assert verify_link(house, CLERK, bo.id, "school-record").state is LinkState.VERIFIED


def test_an_end_is_shown_with_reason_and_day_where_there_is_a_duty_only(house):
    first = denied(house, "relationship-not-shown")
    second = revoked(house, "court-order")
    link = ask(house)
    one = child(house, CLERK, link)
    assert {(end.link, end.reason, end.final) for end in one.earlier} == {
        (first.id, "relationship-not-shown", False),
        (second.id, "court-order", True),
    }
    assert (one.ended_before, one.overrules) == (True, False)
    assert child(house, PRINCIPAL, link).overrules
    assert (child(house, ELSEWHERE, link).earlier, child(house, ELSEWHERE, link).twins) == ((), ())


# --- twins ---------------------------------------------------------------------------------------


def twins(house, link):
    return [(one.parent, one.linked, one.asks) for one in child(house, CLERK, link).twins]


@pytest.mark.parametrize(("given", "family"), [("Amara", "Quintero-Bell"), ("AMÁRA", "Quintero-Bell")])
def test_another_account_of_the_same_name_is_marked(house, given, family):
    save_parent(house, OTHER, "new@mail.example", given, family)
    other = asked(house, OTHER, claim_for(IRIS))
    link = ask(house)
    assert twins(house, link) == [(OTHER, False, True)]
    confirmed(house, other, IRIS)
    assert twins(house, link) == [(OTHER, True, False)]


def test_a_revoked_account_of_the_same_name_is_marked_too(house):
    revoked(house, "court-order")
    save_parent(house, OTHER, "new@mail.example", "Amara", "Quintero-Bell")
    link = asked(house, OTHER, claim_for(IRIS))
    assert twins(house, link) == [(AMARA, False, False)]


def test_another_guardian_is_no_twin(house):
    confirmed(house, asked(house, OTHER, claim_for(IRIS)), IRIS)
    assert twins(house, ask(house)) == []


@pytest.mark.parametrize(
    ("name", "born", "marked"),
    [("Amara Bell", "h1", True), ("Amara Bell", "h2", False), ("Bo Li", "h1", False)],
)
def test_the_same_birth_date_and_part_of_the_name_is_a_twin(house, name, born, marked):
    given, _, family = name.partition(" ")
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero Bell")
    save_parent(house, OTHER, "new@mail.example", given, family)
    asked(house, OTHER, claim_for(IRIS))
    link = ask(house)
    with house.store.transaction() as rows:
        proof = rows.proofs.get(AMARA)
        rows.proofs.add(replace(proof, birth_date_hash="h1"))
        rows.proofs.add(replace(proof, parent=ParentId(OTHER), birth_date_hash=born))
    assert bool(twins(house, link)) == marked
