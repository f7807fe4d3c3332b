"""At 18 the records are the student's own: who had access, allow again, stop; nobody younger, no other's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from idp_bridge.domain.errors import BadInput, DistrictAddress, MoveRefused, NotThere, Restricted, SignInAgain
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import CONSENT, LinkId, LinkState, Move, end_of_childhood, moved
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.domain.people import Purpose, StudentNumber
from idp_bridge.services.auditing import first_bad_row
from idp_bridge.services.expiring import end_links, lapse_visits
from idp_bridge.services.granting import Owner, grant, own_records, withdraw
from idp_bridge.services.leaving import delete_account
from idp_bridge.services.notifying import send_due, warn_ends
from idp_bridge.services.refusing import revoke_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.vanishing import vanished
from idp_bridge.services.wanting import wanted_for
from idp_bridge.storage import journals, tables
from tests.conftest import AMARA, IRIS, OTHER, TEO, staff
from tests.services.test_linking import _parents, mine  # noqa: F401  (autouse fixture)
from tests.web.families import after, asked, claim_for, confirmed

ME = Owner(IRIS.number, "sub-iris")
TWO = frozenset({Purpose.RECORDS, Purpose.MESSAGES})


@pytest.fixture
def link(house):
    """Amara's link to Iris, verified while Iris is a child."""
    return confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)


@pytest.fixture
def of_age(house, clock, link):
    """The same link after Iris' 18th birthday."""
    clock.at = end_of_childhood(IRIS.birth_date, house.rules.zone)
    lapse_visits(house, clock.now())
    end_links(house, clock.now())
    send_due(house, clock.now())
    house.mail.letters.clear()
    return link


def claim_of(house, parent=AMARA):
    with house.store.reading() as rows:
        return wanted_for(rows, parent, house.clock.now()).value


def audited(house, link_id):
    with house.store.reading() as rows:
        return rows.audit.of_link(link_id)


def gone(house, parent):
    """Let the worker have found that Keycloak no longer has the account."""
    with house.store.transaction() as rows:
        assert vanished(rows, parent, house.clock.now())


def state_of_everything(house):
    """Return all rows that a refusal must leave as they are."""
    with house.store.connection(write=False) as connection:
        return [
            connection.exec_driver_sql(f"SELECT * FROM {table.name} ORDER BY 1").all()
            for table in (tables.links, journals.audit, journals.projections, journals.notices)
        ]


class TestOwnRecords:
    def test_before_18_only_the_day_is_told(self, house, clock, link):
        clock.at = end_of_childhood(IRIS.birth_date, house.rules.zone) - timedelta(seconds=1)
        found = own_records(house, IRIS.number)
        assert (found.birthday, found.of_age, found.access) == (date(2034, 3, 9), False, ())

    def test_from_the_first_second_of_18_on_who_had_access_is_shown(self, house, clock, of_age):
        (one,) = own_records(house, IRIS.number).access
        assert (one.parent.name, one.school.name) == ("Amara Quintero-Bell", "Lakeside Elementary")
        assert (one.since, one.until) == (of_age.verified_at, clock.now())
        assert (one.can_allow, one.can_stop) == (True, False)

    def test_a_link_whose_end_the_clock_has_not_booked_yet_counts_as_ended(self, house, clock, link):
        clock.at = link.expires_at
        (one,) = own_records(house, IRIS.number).access
        assert (one.until, one.can_allow, one.can_stop) == (clock.now(), False, False)

    def test_who_was_only_asked_for_or_refused_never_had_access(self, house, clock, of_age):
        after(house, asked(house, OTHER, claim_for(IRIS)), Move.DENY, "identity-not-shown")
        assert [one.parent.id for one in own_records(house, IRIS.number).access] == [AMARA]

    def test_each_parent_is_one_line_with_the_newest_link(self, house, clock, of_age):
        clock.advance(days=1)
        new = grant(house, ME, of_age.id, TWO)
        (one,) = own_records(house, IRIS.number).access
        assert (one.link.id, one.until, one.since) == (new.id, None, of_age.verified_at)
        assert (one.can_allow, one.can_stop) == (False, True)

    def test_an_unknown_number_is_not_there(self, house):
        for number in ("", "46999999"):
            with pytest.raises(NotThere):
                own_records(house, StudentNumber(number))

    def test_a_parent_who_deleted_the_account_is_not_shown(self, house, clock, of_age):
        delete_account(house, AMARA)
        assert own_records(house, IRIS.number).access == ()

    def test_a_parent_whose_account_is_gone_is_shown_and_cannot_be_allowed(self, house, clock, of_age):
        gone(house, AMARA)
        (one,) = own_records(house, IRIS.number).access
        assert (one.parent.name, one.can_allow) == ("Amara Quintero-Bell", False)


class TestGrant:
    def test_the_parent_gets_a_new_link_for_what_was_chosen_and_nothing_else(self, house, clock, of_age):
        assert '"links":[]' in claim_of(house)
        new = grant(house, ME, of_age.id, TWO)
        assert (new.state, new.student, new.parent) == (LinkState.VERIFIED, IRIS.id, AMARA)
        assert (new.purposes, new.evidence, new.expires_at) == (TWO, CONSENT, None)
        assert (new.claimed, new.visit, new.verified_school) == (of_age.claimed, of_age.visit, IRIS.school)
        assert '"pur":["messages","records"],"org":"0552"}' in claim_of(house)
        assert {one.state for one in mine(house)} == {LinkState.ENDED, LinkState.VERIFIED}

    def test_it_is_one_event_by_the_student_and_the_token_follows(self, house, clock, of_age):
        with house.store.reading() as rows:
            rev = rows.parents.get(AMARA).rev
        new = grant(house, ME, of_age.id, TWO)
        (event,) = audited(house, new.id)
        assert (event.name, event.actor) == ("link:granted", Actor(ActorKind.STUDENT, "sub-iris"))
        assert event.fields == {
            "from_link": of_age.id,
            "purposes": ["messages", "records"],
            "after": "verified",
        }
        assert house.wakeup.woken[-1] == AMARA
        with house.store.reading() as rows:
            assert rows.parents.get(AMARA).rev == rev + 1
            assert rows.projections.get(AMARA).due_since is not None
        assert first_bad_row(house) is None

    def test_the_parent_is_told_and_nobody_else(self, house, clock, of_age):
        confirmed(house, asked(house, OTHER, claim_for(TEO)), TEO)
        grant(house, ME, of_age.id, TWO)
        send_due(house, clock.now())
        told = [(one.to, one.kind, one.reason) for one in house.mail.letters if one.reason == CONSENT]
        assert told == [("amara@mail.example", NoticeKind.VERIFIED, CONSENT)]
        assert NoticeKind.ANOTHER_GUARDIAN not in {one.kind for one in house.mail.letters}

    def test_it_has_no_end_and_no_clock_ends_it(self, house, clock, of_age):
        new = grant(house, ME, of_age.id, TWO)
        clock.advance(days=3650)
        assert (end_links(house, clock.now()), warn_ends(house, clock.now())) == (0, 0)
        assert IRIS.number in claim_of(house)
        assert new in mine(house)

    def test_nothing_chosen_changes_nothing(self, house, of_age):
        before = state_of_everything(house)
        with pytest.raises(BadInput) as refusal:
            grant(house, ME, of_age.id, ())
        assert refusal.value.fields == {"purposes": "choose"}
        assert state_of_everything(house) == before

    def test_twice_is_once(self, house, of_age):
        new = grant(house, ME, of_age.id, TWO)
        for id in (of_age.id, new.id):
            with pytest.raises(MoveRefused):
                grant(house, ME, id, TWO)
        assert len(mine(house)) == 2

    def test_a_child_an_unknown_link_and_another_students_link_are_not_there(self, house, clock, link):
        teos = confirmed(house, asked(house, OTHER, claim_for(TEO)), TEO)
        before = state_of_everything(house)
        for owner, id in ((ME, link.id), (ME, LinkId("none")), (ME, teos.id)):
            with pytest.raises(NotThere):
                grant(house, owner, id, TWO)
        clock.at = end_of_childhood(IRIS.birth_date, house.rules.zone)
        for owner, id in ((ME, teos.id), (ME, LinkId("none")), (replace(ME, number=TEO.number), link.id)):
            with pytest.raises(NotThere):
                grant(house, owner, id, TWO)
        assert state_of_everything(house) == before

    def test_an_account_that_is_gone_gets_nothing(self, house, of_age):
        gone(house, AMARA)
        with pytest.raises(NotThere):
            grant(house, ME, of_age.id, TWO)

    def test_a_request_that_was_never_verified_is_not_there(self, house, clock, of_age):
        denied = after(house, asked(house, OTHER, claim_for(IRIS)), Move.DENY, "not-the-student")
        with pytest.raises(NotThere):
            grant(house, ME, denied.id, TWO)

    def test_what_staff_revoked_stays_ended(self, house, clock, of_age):
        new = grant(house, ME, of_age.id, TWO)
        revoke_link(house, Actor(ActorKind.OPERATOR, "cli"), new.id, "court-order")
        before = state_of_everything(house)
        for id in (of_age.id, new.id):
            with pytest.raises(MoveRefused):
                grant(house, ME, id, TWO)
        assert state_of_everything(house) == before
        assert [one.can_allow for one in own_records(house, IRIS.number).access] == [False]

    @pytest.mark.parametrize("move", [Move.LEAVE, Move.EXPIRE, Move.WITHDRAW])
    def test_what_ended_before_18_without_a_decision_of_staff_can_be_allowed(self, house, clock, link, move):
        after(house, link, move)
        clock.at = end_of_childhood(IRIS.birth_date, house.rules.zone)
        assert [one.can_allow for one in own_records(house, IRIS.number).access] == [True]
        assert grant(house, ME, link.id, TWO).purposes == TWO

    @pytest.mark.parametrize("move", [Move.REVOKE, Move.MERGE])
    def test_what_staff_ended_before_18_cannot(self, house, clock, link, move):
        after(house, link, move)
        clock.at = end_of_childhood(IRIS.birth_date, house.rules.zone)
        assert [one.can_allow for one in own_records(house, IRIS.number).access] == [False]
        with pytest.raises(MoveRefused):
            grant(house, ME, link.id, TWO)

    def test_a_restriction_outranks_the_student(self, house, clock, of_age):
        house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
        order = Order(IRIS.number, "Amara", "Quintero-Bell", True, False, "court-order", date(2035, 6, 1))
        place(house, "ana.ruiz", order)
        before = state_of_everything(house)
        with pytest.raises(Restricted):
            grant(house, ME, of_age.id, TWO)
        assert state_of_everything(house) == before

    def test_a_restriction_placed_later_takes_the_grant_away(self, house, clock, of_age):
        grant(house, ME, of_age.id, TWO)
        house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
        order = Order(IRIS.number, "Amara", "Quintero-Bell", True, False, "court-order", date(2035, 6, 1))
        place(house, "ana.ruiz", order)
        assert '"links":[]' in claim_of(house)
        (one,) = own_records(house, IRIS.number).access
        assert (one.can_allow, one.can_stop) == (False, False)

    @pytest.mark.parametrize(
        ("email", "refusal"), [("new@mail.example", SignInAgain), ("amara@district.example", SignInAgain)]
    )
    def test_the_parents_account_is_looked_at_first(self, house, of_age, email, refusal):
        house.accounts.change(AMARA, email=email)
        with pytest.raises(refusal):
            grant(house, ME, of_age.id, TWO)
        assert len(mine(house)) == 1

    def test_a_district_address_gets_nothing(self, house, of_age):
        with house.store.transaction() as rows:
            rows.parents.save(replace(rows.parents.get(AMARA), email="jo@district.example"))
        with pytest.raises(DistrictAddress):
            grant(house, ME, of_age.id, TWO)
        assert len(mine(house)) == 1


class TestWithdraw:
    def test_the_access_ends_at_once_and_is_told(self, house, clock, of_age):
        new = grant(house, ME, of_age.id, TWO)
        clock.advance(days=1)
        done = withdraw(house, ME, new.id)
        assert (done.state, done.reason) == (LinkState.ENDED, "consent_withdrawn")
        assert '"links":[]' in claim_of(house)
        assert audited(house, new.id)[-1].name == "link:grant-withdrawn"
        assert audited(house, new.id)[-1].actor.kind is ActorKind.STUDENT
        with house.store.transaction() as rows:
            assert rows.projections.take(AMARA, clock.now(), clock.now()).after_loss
        send_due(house, clock.now())
        assert (house.mail.letters[-1].kind, house.mail.letters[-1].reason) == (
            NoticeKind.ENDED,
            "consent_withdrawn",
        )

    def test_and_can_be_allowed_again(self, house, clock, of_age):
        new = grant(house, ME, of_age.id, TWO)
        withdraw(house, ME, new.id)
        clock.advance(seconds=1)
        third = grant(house, ME, new.id, {Purpose.TRANSPORT})
        assert third.purposes == {Purpose.TRANSPORT}
        assert len(mine(house)) == 3

    def test_twice_is_refused_and_a_parents_own_old_link_is_not_there(self, house, of_age):
        new = grant(house, ME, of_age.id, TWO)
        withdraw(house, ME, new.id)
        before = state_of_everything(house)
        with pytest.raises(MoveRefused):
            withdraw(house, ME, new.id)
        with pytest.raises(NotThere):
            withdraw(house, ME, of_age.id)
        with pytest.raises(NotThere):
            withdraw(house, replace(ME, number=TEO.number), new.id)
        assert state_of_everything(house) == before

    def test_a_link_on_hold_can_be_stopped_too(self, house, clock, of_age):
        new = grant(house, ME, of_age.id, TWO)
        with house.store.transaction() as rows:
            rows.links.save(moved(new, Move.SUSPEND, clock.now()))
        assert withdraw(house, ME, new.id).state is LinkState.ENDED
