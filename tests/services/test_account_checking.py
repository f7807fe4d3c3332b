"""Before a new link: what Keycloak says of the account now, an e-mail that changed, a district address."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from idp_bridge.domain.errors import AccountClosed, DistrictAddress, NoDuty, NotThere, SignInAgain
from idp_bridge.domain.link import LinkState
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.domain.people import ParentId, SchoolCode, StudentNumber
from idp_bridge.services.account_checking import check_account
from idp_bridge.services.comparing import compare
from idp_bridge.services.failures import Refused, Unreachable
from idp_bridge.services.following import follow
from idp_bridge.services.linking import SignedIn, arrive, request_link
from idp_bridge.services.ports import AccountEventKind
from idp_bridge.services.projecting import Outcome, project, project_most_urgent
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.storage import journals
from tests.conftest import AMARA, OTHER
from tests.services.test_linking import CLAIM, MISS, _parents, mine, settle  # noqa: F401  (autouse)
from tests.services.test_projecting import alarms

OLD, NEW = "amara@mail.example", "amara.q@mail.example"


def sign_in(house, email):
    return arrive(house, SignedIn(AMARA, email, "Amara", "Quintero-Bell", "en"))


def stored(house, parent=AMARA):
    with house.store.reading() as rows:
        return rows.parents.get(parent)


def events(house):
    query = sa.select(journals.audit).where(journals.audit.c.name == "parent:email-changed")
    with house.store.connection(write=False) as connection:
        return connection.execute(query).all()


def letters_to_come(house):
    with house.store.transaction() as rows:
        now = house.clock.now()
        taken = rows.notices.take(now, now, 100)
    return [one for one in taken if one.kind is NoticeKind.EMAIL_CHANGED]


def test_an_account_that_agrees_with_its_snapshot_passes_and_nothing_is_written(house):
    before = stored(house)
    check_account(house, AMARA)
    assert stored(house) == before
    assert house.accounts.calls == ["get"]


def test_capitals_are_no_other_address(house):
    house.accounts.change(AMARA, email="Amara@Mail.example")
    check_account(house, AMARA)
    assert stored(house).email_changed_at is None


class TestAnEmailThatChanged:
    @pytest.fixture(autouse=True)
    def _changed(self, house, clock):
        clock.advance(hours=1)
        house.accounts.change(AMARA, email=NEW)

    def test_is_saved_audited_and_told_to_the_old_address_and_nothing_is_asked(self, house, clock):
        with pytest.raises(SignInAgain):
            request_link(house, AMARA, CLAIM)
        assert mine(house) == ()
        assert (stored(house).email, stored(house).email_changed_at) == (NEW, clock.now())
        (event,) = events(house)
        assert OLD not in repr(event)
        assert NEW not in repr(event)
        (notice,) = letters_to_come(house)
        assert (notice.address, notice.link, notice.parent) == (OLD, None, AMARA)

    def test_is_noted_once_and_holds_until_a_fresh_sign_in(self, house, clock):
        for _ in range(3):
            clock.advance(minutes=1)
            with pytest.raises(SignInAgain):
                request_link(house, AMARA, CLAIM)
        assert len(events(house)) == 1
        sign_in(house, NEW)
        request_link(house, AMARA, CLAIM)
        assert [link.state for link in mine(house)] == [LinkState.AWAITING_VISIT]
        assert len(letters_to_come(house)) == 1

    def test_still_holds_while_keycloak_is_down(self, house):
        with pytest.raises(SignInAgain):
            check_account(house, AMARA)
        house.accounts.fail("get", Unreachable("keycloak"))
        with pytest.raises(SignInAgain):
            check_account(house, AMARA)

    def test_is_the_same_for_a_child_that_exists_and_one_that_does_not(self, house):
        for claim in (CLAIM, MISS):
            with pytest.raises(SignInAgain):
                request_link(house, AMARA, claim)

    def test_another_parent_is_not_touched(self, house):
        with pytest.raises(SignInAgain):
            check_account(house, AMARA)
        check_account(house, OTHER)
        assert stored(house, OTHER).email_changed_at is None


def test_an_email_that_changed_between_request_and_visit_stops_the_verification(house, clock):
    visit = request_link(house, AMARA, CLAIM)
    record_identity(house, "jo.hathaway", visit, SchoolCode("0552"), "passport")
    (link,) = mine(house)
    house.accounts.change(AMARA, email=NEW)
    clock.advance(hours=1)
    with pytest.raises(SignInAgain):
        verify_link(house, "jo.hathaway", link.id, "school-record")
    assert mine(house) == (link,)
    clock.advance(minutes=1)
    sign_in(house, NEW)
    assert verify_link(house, "jo.hathaway", link.id, "school-record").state is LinkState.VERIFIED


def test_somebody_without_a_duty_does_not_even_reach_the_account(house):
    request_link(house, AMARA, CLAIM)
    house.accounts.calls.clear()
    (link,) = mine(house)
    with pytest.raises(NoDuty):
        verify_link(house, "tess.moore", link.id, "school-record")
    assert house.accounts.calls == []


def test_a_sign_in_with_another_email_tells_the_old_address_and_needs_no_second_one(house, clock):
    clock.advance(days=1)
    parent = sign_in(house, NEW)
    assert parent.signed_in_at == parent.email_changed_at == clock.now()
    assert len(events(house)) == 1
    assert [notice.address for notice in letters_to_come(house)] == [OLD]
    check_account(house, AMARA)


def test_a_sign_in_keeps_what_else_is_known_of_the_parent(house, clock):
    with house.store.transaction() as rows:
        rows.parents.raise_revision(AMARA, clock.now())
    first = stored(house)
    clock.advance(days=1)
    assert sign_in(house, OLD) == replace(first, signed_in_at=clock.now())
    assert events(house) == []
    assert letters_to_come(house) == []


def test_back_and_forth_is_told_each_time(house, clock):
    for email in (NEW, OLD, NEW):
        clock.advance(hours=1)
        sign_in(house, email)
    assert [notice.address for notice in letters_to_come(house)] == [OLD, NEW, OLD]


@pytest.mark.parametrize("failure", [Unreachable("keycloak"), Refused("keycloak", "403")])
def test_keycloak_down_never_stops_a_school(house, failure):
    house.accounts.fail("get", failure)
    request_link(house, AMARA, CLAIM)
    assert len(mine(house)) == 1


@pytest.mark.parametrize("down", [False, True])
def test_a_district_address_never_gets_a_link_however_the_account_was_made(house, down):
    with house.store.transaction() as rows:
        rows.parents.save(replace(stored(house), email="jo@schools.district.example"))
    if down:
        house.accounts.fail("get", Unreachable("keycloak"))
    with pytest.raises(DistrictAddress):
        request_link(house, AMARA, CLAIM)
    assert mine(house) == ()


def test_a_change_to_a_district_address_is_no_way_around(house, clock):
    clock.advance(hours=1)
    house.accounts.change(AMARA, email="jo@district.example")
    with pytest.raises(SignInAgain):
        check_account(house, AMARA)
    clock.advance(hours=1)
    sign_in(house, "jo@district.example")
    with pytest.raises(DistrictAddress):
        check_account(house, AMARA)


def test_an_account_that_is_gone_gets_nothing(house):
    house.accounts.remove(AMARA)
    with pytest.raises(NotThere):
        request_link(house, AMARA, replace(CLAIM, student_number=StudentNumber("46610927")))
    assert mine(house) == ()


def test_somebody_who_never_signed_in_is_not_there(house):
    house.accounts.add(ParentId("nobody"), "n@mail.example")
    with pytest.raises(NotThere):
        check_account(house, ParentId("nobody"))


class TestAnAccountThatIsSwitchedOff:
    """Disabled in Keycloak: nothing new; what is there stays, for the district may switch it on again."""

    def test_it_asks_for_no_link(self, house):
        house.accounts.change(AMARA, enabled=False)
        with pytest.raises(AccountClosed):
            request_link(house, AMARA, CLAIM)
        assert mine(house) == ()

    def test_none_of_its_links_is_verified(self, house):
        visit = request_link(house, AMARA, CLAIM)
        record_identity(house, "jo.hathaway", visit, SchoolCode("0552"), "passport")
        (link,) = mine(house)
        house.accounts.change(AMARA, enabled=False)
        with pytest.raises(AccountClosed):
            verify_link(house, "jo.hathaway", link.id, "school-record")
        assert [one.state for one in mine(house)] == [LinkState.AWAITING_VISIT]

    def test_its_links_stay_and_are_projected(self, house):
        link = settle(house)
        house.accounts.change(AMARA, enabled=False)
        assert project(house, AMARA) is Outcome.WRITTEN
        assert link.id in {one.id for one in mine(house) if one.state is LinkState.VERIFIED}
        assert not house.accounts.stored(AMARA).enabled


class TestWhatTheWorkerNotes:
    """Without waiting for the next sign-in: by an event, or by the comparison in any case."""

    @pytest.mark.parametrize("found_by", ["event", "comparison"])
    def test_an_email_that_changed_is_told_to_the_old_address_once(self, house, found_by):
        settle(house)
        project(house, AMARA)
        house.accounts.change(AMARA, email=NEW)
        house.clock.advance(seconds=5)
        for _ in range(2):
            if found_by == "event":
                house.accounts.tell(AccountEventKind.EMAIL_CHANGED, AMARA, house.clock.now())
                follow(house, house.clock.now())
            else:
                compare(house)
            project_most_urgent(house)
            house.clock.advance(seconds=5)
        assert stored(house).email == NEW
        (letter,) = letters_to_come(house)
        assert letter.address == OLD
        assert len(events(house)) == 1
        with pytest.raises(SignInAgain):
            check_account(house, AMARA)

    def test_a_district_address_is_an_alarm_and_takes_no_link(self, house):
        settle(house)
        house.accounts.change(AMARA, email="amara@district.example")
        house.clock.advance(seconds=5)
        project(house, AMARA)
        assert alarms(house) == ["alarm:district-address"]
        assert [one.state for one in mine(house)] == [LinkState.VERIFIED]
        sign_in(house, "amara@district.example")
        with pytest.raises(DistrictAddress):
            check_account(house, AMARA)

    def test_who_signed_in_while_it_was_read_knows_better(self, house, monkeypatch):
        settle(house)
        house.accounts.change(AMARA, email=NEW)
        read = house.accounts.get

        def slowly(parent):
            account = read(parent)
            sign_in(house, "newest@mail.example")
            return account

        monkeypatch.setattr(house.accounts, "get", slowly)
        project(house, AMARA)
        assert stored(house).email == "newest@mail.example"

    def test_an_email_that_did_not_change_is_not_noted(self, house):
        settle(house)
        house.accounts.change(AMARA, email=OLD.upper())
        project(house, AMARA)
        assert compare(house).differing == []
        assert (events(house), letters_to_come(house)) == ([], [])

    def test_somebody_who_never_came_has_nobody_to_tell(self, house):
        house.accounts.add(OTHER, NEW)
        compare(house)
        project_most_urgent(house)
        assert events(house) == []
