"""Mails: noted with the change, sent once, never about what only some may know."""

from __future__ import annotations

from datetime import date

import pytest

from idp_bridge.domain.events import Actor, ActorKind
from idp_bridge.domain.link import Move, moved
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.services.expiring import lapse_visits
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.linking import cancel_request, leave_link, request_link
from idp_bridge.services.notifying import remind, send_due, tell
from idp_bridge.services.reading import slip_of
from idp_bridge.services.refusing import refuse_link, revoke_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, MATEO, OTHER, TEO, staff
from tests.services.test_linking import CLAIM, MISS, _parents, mine, settle  # noqa: F401  (autouse fixture)
from tests.web.families import claim_for


def sent(house) -> list[tuple[str, NoticeKind]]:
    send_due(house, house.clock.now())
    return [(letter.to, letter.kind) for letter in house.mail.letters]


AMARAS, BOS = "amara@mail.example", "bo@mail.example"


@pytest.mark.parametrize("claim", [CLAIM, MISS])
def test_hit_and_miss_are_written_to_alike(house, claim):
    request_link(house, AMARA, claim)
    assert sent(house) == [(AMARAS, NoticeKind.REQUEST_RECEIVED)]
    (letter,) = house.mail.letters
    assert (letter.code, letter.visit_by) == (slip_of(house, AMARA).code, date(2026, 12, 8))
    assert (letter.school, letter.reason) == ("Lakeside Elementary", "")


def test_each_mail_goes_once(house):
    request_link(house, AMARA, CLAIM)
    sent(house)
    settle(house)
    assert sent(house) == sent(house)
    assert [kind for _, kind in sent(house)] == [NoticeKind.REQUEST_RECEIVED, NoticeKind.VERIFIED]


def test_a_mail_that_is_not_true_any_more_is_not_sent(house):
    settle(house)  # while the mail server was slow
    assert sent(house) == [(AMARAS, NoticeKind.VERIFIED)]
    leave_link(house, OTHER, settle(house, OTHER).id)
    assert [one for one in sent(house) if one[0] == BOS] == [(BOS, NoticeKind.ENDED)]


def test_requests_sent_together_are_one_mail_with_every_school(house):
    for student in (IRIS, TEO, MATEO):
        request_link(house, AMARA, claim_for(student))
    assert sent(house) == [(AMARAS, NoticeKind.REQUEST_RECEIVED)]
    (letter,) = house.mail.letters
    assert sorted(letter.schools) == ["Heron Middle School", "Lakeside Elementary"]


def test_a_child_added_later_is_told_of(house, clock):
    request_link(house, AMARA, claim_for(IRIS))
    clock.advance(days=1)
    request_link(house, AMARA, claim_for(TEO))
    assert sent(house) == [(AMARAS, NoticeKind.REQUEST_RECEIVED)] * 2


def test_no_mail_names_a_child_or_tells_the_whole_number(house, clock):
    visit = request_link(house, AMARA, CLAIM)
    sent(house)
    clock.advance(minutes=1)
    request_link(house, AMARA, claim_for(TEO))
    newest, oldest = mine(house)
    refuse_link(house, "jo.hathaway", newest.id, "not-the-student")
    record_identity(house, "jo.hathaway", visit, IRIS.school, "passport")
    verify_link(house, "jo.hathaway", oldest.id, "school-record")
    sent(house)
    leave_link(house, AMARA, oldest.id)
    sent(house)
    assert len(house.mail.letters) == 4
    for letter in house.mail.letters:
        said = repr(letter)
        assert not any(word in said for word in ("Iris", "Teo", IRIS.number, TEO.number, "2016", "2018"))


def test_the_other_guardian_hears_that_and_nothing_else(house):
    settle(house)
    sent(house)
    house.mail.letters.clear()
    settle(house, OTHER)
    assert (AMARAS, NoticeKind.ANOTHER_GUARDIAN) in sent(house)
    assert (BOS, NoticeKind.ANOTHER_GUARDIAN) not in sent(house)
    letter = next(one for one in house.mail.letters if one.kind is NoticeKind.ANOTHER_GUARDIAN)
    assert (letter.code, letter.reason, letter.visit_by, letter.ending) == ("", "", None, "")


def test_who_is_on_hold_does_not_even_hear_of_another_guardian(house):
    link = settle(house)
    settle(house, OTHER)
    with house.store.transaction() as rows:
        rows.links.save(moved(link, Move.SUSPEND, house.clock.now()))
    assert [one for one in sent(house) if one[0] == AMARAS] == []


def test_refused_revoked_left_and_lapsed_are_told_with_their_reason(house, clock):
    visit = request_link(house, AMARA, CLAIM)
    refuse_link(house, "jo.hathaway", mine(house)[0].id, "relationship-not-shown")
    assert visit
    revoke_link(house, Actor(ActorKind.OPERATOR, "cli"), settle(house).id, "court-order")
    leave_link(house, OTHER, settle(house, OTHER).id)
    request_link(house, AMARA, MISS)
    clock.advance(days=15)
    lapse_visits(house, clock.now())
    told = {(to, kind) for to, kind in sent(house)}
    assert {(AMARAS, NoticeKind.REFUSED), (AMARAS, NoticeKind.ENDED), (BOS, NoticeKind.ENDED)} <= told
    assert (AMARAS, NoticeKind.LAPSED) in told
    reasons = {letter.kind: letter.reason for letter in house.mail.letters if letter.to == AMARAS}
    assert reasons[NoticeKind.REFUSED] == "relationship-not-shown"


def test_a_restriction_writes_no_mail(house):
    settle(house)
    sent(house)
    before = len(house.mail.letters)
    house.directory.people["ana.ruiz"] = staff("ana.ruiz", "0552:principal")
    place(
        house,
        "ana.ruiz",
        Order(IRIS.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1)),
    )
    sent(house)
    assert len(house.mail.letters) == before


def test_a_reminder_goes_once_three_days_before_and_not_for_a_settled_request(house, clock):
    request_link(house, AMARA, CLAIM)
    request_link(house, AMARA, claim_for(TEO))
    clock.advance(days=10)
    assert remind(house, clock.now()) == 0
    clock.advance(days=1)
    assert remind(house, clock.now(), dry_run=True) == 1
    assert [remind(house, clock.now()), remind(house, clock.now())] == [1, 0]
    assert sent(house).count((AMARAS, NoticeKind.VISIT_REMINDER)) == 1
    clock.advance(days=3)  # the last day
    assert [remind(house, clock.now()), remind(house, clock.now())] == [1, 0]
    assert sent(house).count((AMARAS, NoticeKind.VISIT_REMINDER)) == 2
    request_link(house, OTHER, CLAIM)
    clock.advance(days=12)
    assert remind(house, clock.now()) == 1
    cancel_request(house, OTHER, mine(house, OTHER)[0].id)
    assert (BOS, NoticeKind.VISIT_REMINDER) not in sent(house)


def test_a_mail_server_that_is_down_loses_nothing(house, clock):
    request_link(house, AMARA, CLAIM)
    house.mail.fail(Unreachable("mail"))
    assert send_due(house, clock.now()) == 1
    assert send_due(house, clock.now()) == 0  # it waits
    house.mail.mend()
    clock.advance(seconds=31)
    assert sent(house) == [(AMARAS, NoticeKind.REQUEST_RECEIVED)]


def test_a_crash_between_sending_and_marking_sends_the_same_message_id(house, clock, monkeypatch):
    request_link(house, AMARA, CLAIM)
    monkeypatch.setattr(type(house.mail), "send", _sent_then_crash)
    with pytest.raises(RuntimeError):
        send_due(house, clock.now())
    monkeypatch.undo()
    assert sent(house) == [(AMARAS, NoticeKind.REQUEST_RECEIVED)]  # leased: nobody else sends it now
    clock.advance(minutes=3)
    sent(house)
    assert len({letter.id for letter in house.mail.letters}) == 1


def _sent_then_crash(self, letter):
    self.letters.append(letter)
    raise RuntimeError("killed")


def test_nothing_is_noted_for_what_was_rolled_back(house):
    link = settle(house)
    with pytest.raises(RuntimeError):
        _told_and_rolled_back(house, moved(link, Move.LEAVE, house.clock.now()))
    assert (AMARAS, NoticeKind.ENDED) not in sent(house)


def _told_and_rolled_back(house, link):
    with house.store.transaction() as rows:
        tell(rows, link, house.clock.now())
        raise RuntimeError("rolled back")
