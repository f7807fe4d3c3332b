"""The identification seen again: it renews the proof, and a date of birth on it binds and frees."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.birth_date import birth_date_hash
from idp_bridge.domain.errors import (
    ConflictOfInterest,
    IdentityMissing,
    MoveRefused,
    NoDuty,
    OneRefused,
    Restricted,
)
from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import LinkState
from idp_bridge.services.journals import AuditQuery
from idp_bridge.services.linking import request_link
from idp_bridge.services.moving import move_links
from idp_bridge.services.paper import Log, enter_log
from idp_bridge.services.restricting import place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, SCHOOLS
from tests.services.test_moving import NEW
from tests.services.test_restricting import ORDER, _principals  # noqa: F401  (autouse fixture)
from tests.services.test_verifying import audited, refused, save_parent
from tests.web.families import asked, claim_for, links_of

CLERK, OFFICE, ELSEWHERE = "jo.hathaway", "dee.collins", "sam.okafor"
BORN, TYPED = date(1985, 4, 12), date(1985, 4, 21)
ALARM = "alarm:restriction-namesake"


@pytest.fixture(autouse=True)
def _parents(house):
    save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
    save_parent(house, NEW, "amara.new@mail.example", "Amara", "Quintero-Bell")


def prove(house, link, born=None, *, kind="passport", uid=CLERK, again=False):
    return record_identity(house, uid, link.visit, SCHOOLS[0].code, kind, born, again=again)


def events(house, name: str) -> list:
    with house.store.reading() as rows:
        ids = [row.event for row in rows.audit.search(_named(name), 99)]
    return ids[::-1]


def _named(name: str):
    return AuditQuery(name=name)


class TestSeenAgain:
    def test_it_renews_all_the_proof_says(self, house, clock):
        link = asked(house, AMARA, claim_for(IRIS))
        first = prove(house, link, BORN)
        clock.advance(days=1)
        second = prove(house, link, TYPED, kind="driver-license", uid=OFFICE, again=True)
        assert (second.kind, second.staff, second.at) == ("driver-license", f"entry-{OFFICE}", clock.now())
        assert second.birth_date_hash == birth_date_hash(house.rules.code_key, TYPED)
        with house.store.reading() as rows:
            assert rows.proofs.get(AMARA) == second != first
        said = events(house, "identity:proven")
        assert [(one.actor.id, one.fields) for one in said] == [
            (f"entry-{CLERK}", {"kind": "passport"}),
            (f"entry-{OFFICE}", {"kind": "driver-license"}),
        ]

    def test_only_where_it_is_meant(self, house, clock):
        link = asked(house, AMARA, claim_for(IRIS))
        first = prove(house, link, BORN)
        clock.advance(days=1)
        assert prove(house, link, kind="driver-license") == first
        assert len(events(house, "identity:proven")) == 1

    def test_without_a_date_the_known_one_stays(self, house):
        link = asked(house, AMARA, claim_for(IRIS))
        first = prove(house, link, BORN)
        assert prove(house, link, again=True).birth_date_hash == first.birth_date_hash is not None

    def test_a_finished_visit_no_duty_and_the_own_account(self, house):
        link = asked(house, AMARA, claim_for(IRIS))
        prove(house, link)
        refused(house, NoDuty, lambda: prove(house, link, uid=ELSEWHERE, again=True))
        save_parent(house, AMARA, "amara@mail.example", *house.directory.staff(CLERK).name.split(" ", 1))
        with pytest.raises(ConflictOfInterest):
            prove(house, link, again=True)
        save_parent(house, AMARA, "amara@mail.example", "Amara", "Quintero-Bell")
        verify_link(house, CLERK, link.id, "school-record")
        refused(house, MoveRefused, lambda: prove(house, link, again=True))

    def test_then_the_links_of_a_lost_mailbox_move_though_the_new_account_was_proven(self, house, clock):
        old = asked(house, AMARA, claim_for(IRIS))
        prove(house, old)
        verify_link(house, CLERK, old.id, "school-record")
        first = asked(house, NEW, claim_for(IRIS))
        prove(house, first)
        clock.advance(days=20)
        later = request_link(house, NEW, claim_for(IRIS))
        refused(house, IdentityMissing, lambda: move_links(house, CLERK, later, AMARA))
        record_identity(house, CLERK, later, SCHOOLS[0].code, "passport", again=True)
        move_links(house, CLERK, later, AMARA)
        assert LinkState.VERIFIED in {one.state for one in links_of(house, NEW)}


class TestTheDateOfBirth:
    @pytest.fixture
    def order(self, house):
        return place(house, "ana.ruiz", replace(ORDER, birth_date=BORN))

    def test_setting_a_namesake_free_is_an_alarm_with_ids_only(self, house, order):
        link = asked(house, AMARA, claim_for(IRIS))
        prove(house, link, TYPED)
        (alarm,) = events(house, ALARM)
        assert alarm.actor == Actor(ActorKind.STAFF, f"entry-{CLERK}")
        assert (alarm.parent, alarm.student, alarm.school) == (AMARA, IRIS.id, IRIS.school)
        assert alarm.fields == {"restriction": order.id}

    @pytest.mark.parametrize("born", [None, BORN])
    def test_who_is_not_set_free_is_none(self, house, order, born):
        prove(house, asked(house, AMARA, claim_for(IRIS)), born)
        assert events(house, ALARM) == []

    def test_nor_is_a_restriction_on_messages_alone(self, house):
        place(house, "ana.ruiz", replace(ORDER, birth_date=BORN, access=False, messages=True))
        prove(house, asked(house, AMARA, claim_for(IRIS)), TYPED)
        assert events(house, ALARM) == []

    def test_the_right_date_seen_again_holds_the_link_at_once(self, house, order):
        link = asked(house, AMARA, claim_for(IRIS))
        prove(house, link, TYPED)
        verify_link(house, CLERK, link.id, "school-record")
        again = asked(house, AMARA, claim_for(IRIS))
        house.wakeup.woken.clear()
        prove(house, again, BORN, again=True)
        states = {one.id: one.state for one in links_of(house, AMARA)}
        assert states[link.id] is LinkState.SUSPENDED
        assert house.wakeup.woken == [AMARA]

    def test_a_paper_sheet_says_it_too(self, house, clock, order):
        link = asked(house, AMARA, claim_for(IRIS))
        clock.advance(hours=3)
        seen_at = clock.now().astimezone(house.rules.zone).replace(tzinfo=None)
        sheet = Log(seen_at, CLERK, SCHOOLS[0].code, "passport", None, {link.id: "school-record"})
        with pytest.raises(OneRefused) as stop:
            enter_log(house, CLERK, link.visit, sheet)
        assert isinstance(stop.value.why, Restricted)
        assert audited(house).count("identity:proven") == 0
        enter_log(house, CLERK, link.visit, replace(sheet, born=TYPED))
        assert links_of(house, AMARA)[0].state is LinkState.VERIFIED
        assert len(events(house, ALARM)) == 1
