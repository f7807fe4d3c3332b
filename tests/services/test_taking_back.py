"""The mail that a decision was taken back: to whom the decision's mail went or may have gone, once each."""

from __future__ import annotations

from datetime import date

import pytest

from idp_bridge.domain.errors import TooLate
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.domain.people import Parent, SchoolCode
from idp_bridge.services import notifying
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.linking import cancel_request
from idp_bridge.services.notifying import LEASE, send_due
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.undoing import undo_decision
from idp_bridge.services.verifying import record_identity, verify_link
from tests.conftest import AMARA, IRIS, NOW, OTHER
from tests.web.families import asked, claim_for, confirmed

CLERK, LAKESIDE = "jo.hathaway", SchoolCode("0552")
AMARAS, BOS = "amara@mail.example", "bo@mail.example"
REFUSED, VERIFIED, TAKEN_BACK = NoticeKind.REFUSED, NoticeKind.VERIFIED, NoticeKind.TAKEN_BACK
ANOTHER = NoticeKind.ANOTHER_GUARDIAN


class Killed(Exception):
    """The worker is gone."""


@pytest.fixture(autouse=True)
def _people(house):
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, AMARAS, "Amara", "Quintero-Bell", "en", NOW))
        rows.parents.save(Parent(OTHER, BOS, "Bo", "Li", "en", NOW))


@pytest.fixture
def waiting(house):
    """Iris's mother waits, her identity is recorded, her first mails are out."""
    link = asked(house, AMARA, claim_for(IRIS))
    record_identity(house, CLERK, link.visit, LAKESIDE, "passport")
    sent(house)
    house.mail.letters.clear()
    return link


@pytest.fixture
def father(house):
    """The other guardian is linked and knows it."""
    link = confirmed(house, asked(house, OTHER, claim_for(IRIS)), IRIS)
    sent(house)
    house.mail.letters.clear()
    return link


def sent(house) -> list[tuple[str, NoticeKind]]:
    """Send what is due and return all that ever went."""
    send_due(house, house.clock.now())
    return [(letter.to, letter.kind) for letter in house.mail.letters]


def refused(house, link) -> None:
    refuse_link(house, CLERK, link.id, "not-the-student")


def verified(house, link) -> None:
    verify_link(house, CLERK, link.id, "school-record")


def undone(house, link) -> None:
    house.clock.advance(seconds=1)
    undo_decision(house, CLERK, link.id)


@pytest.mark.parametrize(("decide", "kind"), [(refused, REFUSED), (verified, VERIFIED)])
def test_whom_the_decision_was_told_hears_that_it_is_taken_back(house, waiting, decide, kind):
    decide(house, waiting)
    assert sent(house) == [(AMARAS, kind)]
    undone(house, waiting)
    assert sent(house) == [(AMARAS, kind), (AMARAS, TAKEN_BACK)]
    house.clock.advance(hours=1)
    assert len(sent(house)) == 2
    letter = house.mail.letters[-1]
    assert (letter.school, letter.ending, letter.day) == ("Lakeside Elementary", "4860", date(2026, 12, 8))
    assert (letter.reason, letter.code) == ("", "")


def test_whom_it_was_not_told_hears_nothing(house, waiting):
    refused(house, waiting)
    undone(house, waiting)
    assert sent(house) == []


def test_nor_where_the_mail_server_never_took_it(house, waiting):
    house.mail.fail(Unreachable("mail"))
    refused(house, waiting)
    sent(house)
    undone(house, waiting)
    house.mail.mend()
    house.clock.advance(hours=1)
    assert sent(house) == []


def test_the_other_guardian_hears_of_it_and_learns_nothing_else(house, waiting, father):
    verified(house, waiting)
    sent(house)
    undone(house, waiting)
    assert sorted(sent(house)[2:]) == [(AMARAS, TAKEN_BACK), (BOS, TAKEN_BACK)]
    letter = next(one for one in house.mail.letters if (one.to, one.kind) == (BOS, TAKEN_BACK))
    assert (letter.reason, letter.ending, letter.day) == ("another-guardian", "", None)


def test_the_other_guardian_hears_it_also_where_the_request_is_refused_meanwhile(house, waiting, father):
    verified(house, waiting)
    sent(house)
    undone(house, waiting)
    refused(house, waiting)
    told = sent(house)[2:]
    assert sorted(told) == [(AMARAS, REFUSED), (BOS, TAKEN_BACK)]


def test_nobody_hears_it_once_the_link_stands_again(house, waiting, father):
    verified(house, waiting)
    sent(house)
    undone(house, waiting)
    verified(house, waiting)
    told = sent(house)[2:]
    assert sorted(told) == [(AMARAS, VERIFIED), (BOS, ANOTHER)]


def test_nor_once_the_parent_took_the_request_back(house, waiting):
    refused(house, waiting)
    sent(house)
    undone(house, waiting)
    cancel_request(house, AMARA, waiting.id)
    assert sent(house) == [(AMARAS, REFUSED)]


def test_an_undo_that_is_refused_says_nothing(house, waiting):
    refused(house, waiting)
    sent(house)
    house.clock.advance(minutes=house.rules.undo_minutes + 1)
    with pytest.raises(TooLate):
        undo_decision(house, CLERK, waiting.id)
    assert sent(house) == [(AMARAS, REFUSED)]


# --- once each, whatever crashes -----------------------------------------------------------------


def _dies_after(monkeypatch, house) -> None:
    """Let the worker send one letter and die before it marks it."""

    def send(self, letter):
        self.letters.append(letter)
        raise Killed

    monkeypatch.setattr(type(house.mail), "send", send)
    with pytest.raises(Killed):
        send_due(house, house.clock.now())
    monkeypatch.undo()


def test_a_crash_after_the_mail_went_sends_the_same_one_again(house, waiting, monkeypatch):
    refused(house, waiting)
    sent(house)
    undone(house, waiting)
    _dies_after(monkeypatch, house)
    house.clock.advance(minutes=3)
    assert sent(house) == [(AMARAS, REFUSED), (AMARAS, TAKEN_BACK), (AMARAS, TAKEN_BACK)]
    assert len({letter.id for letter in house.mail.letters}) == 2
    house.clock.advance(minutes=3)
    assert len(sent(house)) == 3


def test_a_decision_whose_mail_went_before_the_worker_died_is_corrected(house, waiting, monkeypatch):
    refused(house, waiting)
    _dies_after(monkeypatch, house)
    undone(house, waiting)
    assert sent(house) == [(AMARAS, REFUSED)]  # it is not known yet what became of it
    house.clock.advance(seconds=LEASE.total_seconds())
    assert sent(house) == [(AMARAS, REFUSED), (AMARAS, TAKEN_BACK)]
    house.clock.advance(hours=1)
    assert len(sent(house)) == 2
    with house.store.reading() as rows:
        assert [one.kind for one in rows.notices.sent_to(AMARA)][-2:] == [REFUSED, TAKEN_BACK]


def test_an_undo_while_the_mail_is_on_its_way_is_told(house, waiting, monkeypatch):
    refused(house, waiting)

    def send(self, letter):
        undone(house, waiting)
        self.letters.append(letter)

    monkeypatch.setattr(type(house.mail), "send", send)
    send_due(house, house.clock.now())
    monkeypatch.undo()
    house.clock.advance(seconds=LEASE.total_seconds())
    assert sent(house) == [(AMARAS, REFUSED), (AMARAS, TAKEN_BACK)]


def test_an_undo_before_the_worker_put_it_into_words_leaves_nothing_to_tell(house, waiting, monkeypatch):
    refused(house, waiting)
    one_by_one = notifying._send

    def late(house, notice, outbox):
        undone(house, waiting)
        return one_by_one(house, notice, outbox)

    monkeypatch.setattr(notifying, "_send", late)
    send_due(house, house.clock.now())
    monkeypatch.undo()
    house.clock.advance(hours=1)
    assert sent(house) == []
    with house.store.reading() as rows:  # and it does not stand among the mails that went
        assert REFUSED not in {one.kind for one in rows.notices.sent_to(AMARA)}


def test_of_two_undone_decisions_each_is_told_once(house, waiting):
    for decide in (refused, verified):
        decide(house, waiting)
        sent(house)
        undone(house, waiting)
        sent(house)
        house.clock.advance(seconds=1)
    assert [kind for _, kind in sent(house)] == [REFUSED, TAKEN_BACK, VERIFIED, TAKEN_BACK]
    assert len({letter.id for letter in house.mail.letters}) == 4
    house.clock.advance(days=1)
    assert len(sent(house)) == 4
