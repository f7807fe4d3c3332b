"""Limits on guessing: who is refused, who never is, and one alarm a window."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from idp_bridge.domain.errors import CodeUnknown, TooManyGuesses
from idp_bridge.domain.limits import OWN_SHARE, Limits
from idp_bridge.domain.people import Parent, ParentId
from idp_bridge.domain.visit_code import make
from idp_bridge.services.desk import desk_visit
from idp_bridge.services.guessing import counted, raise_alarms, sweep_counters
from idp_bridge.services.linking import request_link
from idp_bridge.services.verifying import find_visit, record_identity, verify_link
from idp_bridge.settings import Guessing
from idp_bridge.storage import journals
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO
from tests.web.families import asked, claim, claim_for, links_of

CLERK = "jo.hathaway"
LIBRARY = "203.0.113.9"
SMALL = Limits(
    requests_per_account=3,
    requests_per_address=4,
    requests_per_number=2,
    accounts_per_number=3,
    wrong_codes=3,
    verifications_per_hour=1,
    verifications_per_day=2,
)


def known(house, *parents):
    with house.store.transaction() as rows:
        for parent in parents:
            rows.parents.save(Parent(parent, f"{parent}@mail.example", "A", f"{parent}", "en", NOW))


@pytest.fixture
def small(house):
    """A house with low limits and two parents in it."""
    known(house, AMARA, OTHER)
    return replace(house, rules=replace(house.rules, limits=SMALL))


def with_limits(house, **numbers):
    return replace(house, rules=replace(house.rules, limits=replace(house.rules.limits, **numbers)))


def ask(house, parent, number, address=""):
    return request_link(house, parent, claim(str(number)), address)


def alarms(house):
    with house.store.connection(write=False) as connection:
        query = (
            sa.select(journals.audit)
            .where(journals.audit.c.name.like("alarm:%"))
            .order_by(journals.audit.c.number)
        )
        rows = connection.execute(query).all()
    return [(row.name, row.fields) for row in rows]


@contextmanager
def _writes(house, into: list[str]):
    """Collect the statements that are sent meanwhile, without their values."""

    def note(_connection, _cursor, statement, *_rest):
        into.append(" ".join(statement.split()))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def counters(house):
    with house.store.connection(write=False) as connection:
        return {row.key: row.amount for row in connection.execute(sa.select(journals.limit_counters))}


def test_the_settings_and_the_rules_start_with_the_same_numbers():
    assert Limits(**Guessing().model_dump()) == Limits()


# --- requests that fit nobody ---------------------------------------------------------------------


def missed(house, clock, *numbers, parent=AMARA):
    for number in numbers:
        ask(house, parent, number)
        clock.advance(minutes=1)


class TestMisses:
    @pytest.fixture(autouse=True)
    def _known(self, house):
        known(house, AMARA, OTHER)

    def test_the_third_of_a_day_raises_one_alarm_and_not_while_the_parent_waits(self, house, clock):
        missed(house, clock, 46000001, 46000002)
        assert raise_alarms(house, clock.now()) == 0
        missed(house, clock, 46000003, 46000004)
        assert alarms(house) == []
        assert [raise_alarms(house, clock.now()) for _ in range(2)] == [1, 0]
        assert alarms(house) == [("alarm:unmatched-requests", {"count": 4})]
        missed(house, clock, 46000005)
        assert raise_alarms(house, clock.now()) == 0

    def test_taking_one_back_and_asking_again_does_not_hide_it(self, house, clock):
        for day in (1, 2, 3):
            request_link(house, AMARA, replace(claim_for(IRIS), birth_date=date(2016, 4, day)))
            clock.advance(minutes=1)
        assert raise_alarms(house, clock.now()) == 1

    def test_hits_and_what_was_cured_at_the_counter_are_no_misses(self, house, clock):
        missed(house, clock, 46000001, 46000002)
        for student in (IRIS, TEO, MATEO):
            request_link(house, AMARA, claim_for(student))
        assert raise_alarms(house, clock.now()) == 0

    def test_two_accounts_do_not_add_up(self, house, clock):
        missed(house, clock, 46000001, 46000002)
        missed(house, clock, 46000003, 46000004, parent=OTHER)
        assert raise_alarms(house, clock.now()) == 0

    def test_a_day_later_it_counts_anew(self, house, clock):
        missed(house, clock, 46000001, 46000002)
        clock.advance(days=1)
        missed(house, clock, 46000003)
        assert raise_alarms(house, clock.now()) == 0
        missed(house, clock, 46000004, 46000005)
        assert raise_alarms(house, clock.now()) == 1
        clock.advance(days=1, minutes=1)
        missed(house, clock, 46000006, 46000007, 46000008)
        assert raise_alarms(house, clock.now()) == 1

    def test_a_dry_run_counts_the_limit_holds_and_the_rest_comes_next(self, house, clock):
        for parent in (AMARA, OTHER):
            missed(house, clock, 46000001, 46000002, 46000003, parent=parent)
        assert raise_alarms(house, clock.now(), dry_run=True) == 2
        assert alarms(house) == []
        assert [raise_alarms(house, clock.now(), limit=1) for _ in range(3)] == [1, 1, 0]

    def test_a_hit_and_a_miss_write_the_same_rows(self, house, clock):
        """So many, and of the same tables: the third miss of a day, too."""
        written = []
        for parent, claimed in ((AMARA, claim("46000003")), (OTHER, claim_for(IRIS))):
            missed(house, clock, 46000001, 46000002, parent=parent)
            statements: list[str] = []
            with _writes(house, statements):
                request_link(house, parent, claimed)
            written.append(statements)
        assert written[0] == written[1]
        assert sum("INTO audit" in one for one in written[0]) == 1


# --- accounts --------------------------------------------------------------------------------------


def test_an_account_may_ask_so_often_and_no_more(small):
    for number in (46000001, 46000002, 46000003):
        ask(small, AMARA, number)
    before = links_of(small, AMARA)
    with pytest.raises(TooManyGuesses) as refused:
        ask(small, AMARA, 46000004)
    assert refused.value.retry_after_s == 3601
    assert links_of(small, AMARA) == before
    ask(small, OTHER, 46000004)


def test_the_limit_heals_by_itself(small, clock):
    for number in (46000001, 46000002, 46000003):
        ask(small, AMARA, number)
    clock.advance(minutes=59)
    with pytest.raises(TooManyGuesses) as refused:
        ask(small, AMARA, 46000004)
    assert refused.value.retry_after_s == 61
    clock.advance(minutes=1)
    ask(small, AMARA, 46000004)


def test_tries_that_are_refused_do_not_make_the_wait_longer(small, clock):
    for number in (46000001, 46000002, 46000003):
        ask(small, AMARA, number)
    before = {key: amount for key, amount in counters(small).items() if not key.startswith("told:")}
    for _ in range(5):
        with pytest.raises(TooManyGuesses):
            ask(small, AMARA, 46000004)
    after = {key: amount for key, amount in counters(small).items() if not key.startswith("told:")}
    assert after == before
    clock.advance(hours=1)
    ask(small, AMARA, 46000004)


def test_hits_and_misses_count_alike(small):
    ask(small, AMARA, 46000001)
    hits = counters(small)
    request_link(small, OTHER, claim_for(IRIS))
    both = counters(small)
    assert sorted(key.split(":")[0] for key in hits) == ["account", "accounts", "asked", "number"]
    assert sorted(key.split(":")[0] for key in both if key not in hits) == [
        "account",
        "accounts",
        "asked",
        "number",
    ]
    assert set(both.values()) == {1}


def test_the_alarm_comes_once_a_window(small, clock):
    for number in (46000001, 46000002, 46000003):
        ask(small, AMARA, number)
    assert alarms(small) == []
    for _ in range(3):
        with pytest.raises(TooManyGuesses):
            ask(small, AMARA, 46000004)
    assert alarms(small) == [("alarm:guessing", {"by": "account", "count": 3})]
    clock.advance(hours=1)
    for number in (46000001, 46000002, 46000003):
        ask(small, AMARA, number)
    with pytest.raises(TooManyGuesses):
        ask(small, AMARA, 46000004)
    assert len(alarms(small)) == 2


def test_several_children_are_counted_together_or_not_at_all(small):
    with counted(small, AMARA, ["1", "2"], "", NOW):
        pass
    with pytest.raises(TooManyGuesses), counted(small, AMARA, ["3", "4"], "", NOW):
        pytest.fail("the request must not be made")
    with counted(small, AMARA, ["3"], "", NOW):
        pass


def test_a_request_that_fails_is_not_counted(small):
    with pytest.raises(ZeroDivisionError), counted(small, AMARA, ["1"], LIBRARY, NOW):
        raise ZeroDivisionError
    assert counters(small) == {}


# --- addresses -------------------------------------------------------------------------------------


def test_a_family_with_seven_children_and_a_full_library_pass(house):
    families = [ParentId(f"family-{number}") for number in range(16)]
    known(house, *families)
    for turn, family in enumerate(families):
        for child in range(7):
            ask(house, family, 46000000 + 10 * turn + child, LIBRARY)
    assert all(len(links_of(house, family)) == 7 for family in families)
    assert [fields["by"] for _, fields in alarms(house)] == ["address"]


def test_strangers_at_one_address_never_keep_a_family_out(house):
    strangers = [ParentId(f"stranger-{number}") for number in range(6)]
    known(house, AMARA, *strangers)
    for stranger in strangers:
        for turn in range(20):
            try:
                ask(house, stranger, 46000000 + turn, LIBRARY)
            except TooManyGuesses:
                break
    with pytest.raises(TooManyGuesses):
        ask(house, strangers[0], 46000099, LIBRARY)
    for child in (IRIS, TEO, MATEO):
        request_link(house, AMARA, claim_for(child), LIBRARY)
    assert {link.student for link in links_of(house, AMARA)} == {IRIS.id, TEO.id, MATEO.id}


def test_an_account_beyond_its_share_waits_for_a_busy_address(house):
    busy = with_limits(house, requests_per_address=OWN_SHARE)
    known(house, AMARA)
    for child in range(OWN_SHARE):
        ask(busy, AMARA, 46000000 + child, LIBRARY)
    with pytest.raises(TooManyGuesses):
        ask(busy, AMARA, 46000099, LIBRARY)
    ask(busy, AMARA, 46000099, "198.51.100.7")


def test_without_an_address_nothing_is_counted_for_one(small):
    ask(small, AMARA, 46000001)
    assert not [key for key in counters(small) if key.startswith("address")]


def test_no_address_account_or_number_stands_in_a_key(small):
    request_link(small, AMARA, claim_for(IRIS), LIBRARY)
    for key in counters(small):
        assert LIBRARY not in key
        assert AMARA not in key
        assert IRIS.number not in key


# --- numbers ---------------------------------------------------------------------------------------


def test_a_strangers_tries_for_a_number_never_refuse_the_parent(small):
    for day in range(1, 4):
        request_link(small, OTHER, replace(claim_for(IRIS), birth_date=date(2016, 1, day)))
    request_link(small, AMARA, claim_for(IRIS))
    assert links_of(small, AMARA)[0].student == IRIS.id


@pytest.mark.parametrize("number", [IRIS.number, "46999999"])
def test_many_requests_for_a_number_raise_one_alarm(house, number):
    tried = with_limits(house, requests_per_number=2)
    known(house, OTHER)
    for day in range(1, 7):
        request_link(tried, OTHER, replace(claim(number), birth_date=date(2016, 1, day)))
    assert alarms(tried) == [("alarm:guessing", {"by": "number", "count": 3})]


def test_many_accounts_for_one_student_raise_one_alarm(small):
    strangers = [ParentId(f"stranger-{number}") for number in range(4)]
    known(small, *strangers)
    for stranger in strangers[:2]:
        for _ in range(2):
            request_link(small, stranger, claim_for(IRIS))
    named = [name for name, _ in alarms(small)]
    assert "alarm:requests-for-one-student" not in named
    for stranger in strangers[2:]:
        request_link(small, stranger, claim_for(IRIS))
    assert alarms(small).count(("alarm:requests-for-one-student", {"count": 3})) == 1
    with small.store.connection(write=False) as connection:
        query = sa.select(journals.audit.c.student).where(
            journals.audit.c.name == "alarm:requests-for-one-student"
        )
        assert connection.execute(query).scalars().all() == [IRIS.id]


def test_a_week_later_the_accounts_count_anew(small, clock):
    strangers = [ParentId(f"stranger-{number}") for number in range(3)]
    known(small, *strangers)
    for stranger in strangers:
        request_link(small, stranger, claim_for(IRIS))
        clock.advance(days=3, hours=12)
    assert "alarm:requests-for-one-student" not in [name for name, _ in alarms(small)]


def test_the_desk_marks_the_child(small, clock):
    link = asked(small, AMARA, claim_for(IRIS))
    staff = small.directory.staff(CLERK)
    assert [child.crowded for child in desk_visit(small, staff, link.visit).children] == [False]
    for day in (1, 2):
        request_link(small, OTHER, replace(claim_for(IRIS), birth_date=date(2016, 1, day)))
    assert [child.crowded for child in desk_visit(small, staff, link.visit).children] == [True]
    clock.advance(days=1)
    assert [child.crowded for child in desk_visit(small, staff, link.visit).children] == [False]


# --- codes at the desk -----------------------------------------------------------------------------


def wrong(house, times, uid=CLERK):
    for _ in range(times):
        with pytest.raises(CodeUnknown):
            find_visit(house, uid, "BCDF-GHJK")


def test_wrong_codes_of_one_employee_are_limited_and_heal(small, clock):
    link = asked(small, AMARA, claim_for(IRIS))
    right = make(small.rules.code_key, link.visit)
    wrong(small, 3)
    for code in ("BCDF-GHJK", right, right):
        with pytest.raises(TooManyGuesses):
            find_visit(small, CLERK, code)
    assert alarms(small) == [("alarm:guessing", {"by": "code", "count": 3})]
    assert find_visit(small, "sam.okafor", right) == link.visit
    clock.advance(minutes=15)
    assert find_visit(small, CLERK, right) == link.visit


def test_right_codes_and_what_is_no_code_are_not_counted(small):
    link = asked(small, AMARA, claim_for(IRIS))
    right = make(small.rules.code_key, link.visit)
    for _ in range(5):
        assert find_visit(small, CLERK, right) == link.visit
        with pytest.raises(CodeUnknown):
            find_visit(small, CLERK, "Amara")
    assert not [key for key in counters(small) if key.startswith("code")]


# --- verifications ---------------------------------------------------------------------------------


def test_one_employee_who_verifies_very_many_raises_an_alarm_each_hour_and_day(small, clock):
    many = with_limits(small, requests_per_account=20)
    links = [asked(many, AMARA, claim_for(one)) for one in (IRIS, TEO)]
    record_identity(many, CLERK, links[0].visit, IRIS.school, "passport")
    verify_link(many, CLERK, links[0].id, "birth-certificate")
    assert alarms(many) == []
    verify_link(many, CLERK, links[1].id, "birth-certificate")
    assert alarms(many) == [("alarm:verifications-by-one-person", {"count": 2})]
    third = asked(many, OTHER, claim_for(IRIS))
    record_identity(many, CLERK, third.visit, IRIS.school, "passport")
    clock.advance(hours=2)
    verify_link(many, CLERK, third.id, "birth-certificate")
    assert alarms(many)[1:] == [("alarm:verifications-by-one-person", {"count": 3})]


# --- at the same time ------------------------------------------------------------------------------


def test_the_limit_is_exact_when_many_ask_at_once(house):
    known(house, AMARA)
    tight = with_limits(house, requests_per_account=10)

    def one(number):
        try:
            ask(tight, AMARA, 46000000 + number, LIBRARY)
        except TooManyGuesses:
            return "refused"
        return "asked"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(30)))
    assert answers.count("asked") == 10
    assert len(links_of(house, AMARA)) == 10
    assert alarms(house) == [("alarm:guessing", {"by": "account", "count": 10})]


def test_the_limit_on_codes_is_exact_when_many_are_typed_at_once(small):
    def one(_):
        try:
            find_visit(small, CLERK, "BCDF-GHJK")
        except (CodeUnknown, TooManyGuesses) as refusal:
            return type(refusal)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(20)))
    assert answers.count(CodeUnknown) == 3
    assert alarms(small) == [("alarm:guessing", {"by": "code", "count": 3})]


# --- sweep -----------------------------------------------------------------------------------------


def test_the_worker_forgets_counters_that_are_over(small):
    ask(small, AMARA, 46000001, LIBRARY)
    kept = counters(small)
    assert sweep_counters(small, NOW + timedelta(hours=1), dry_run=True) == 2
    assert counters(small) == kept
    assert sweep_counters(small, NOW + timedelta(hours=1)) == 2
    assert sorted(key.split(":")[0] for key in counters(small)) == ["accounts", "asked", "number"]
    assert sweep_counters(small, NOW + timedelta(days=8)) == 3
    assert counters(small) == {}
