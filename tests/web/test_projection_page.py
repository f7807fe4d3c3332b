"""The identity admin looks at projections and has the worker act; nobody else may, and no GET does it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from idp_bridge.domain.people import Parent
from idp_bridge.services.failures import Unreachable
from idp_bridge.services.projecting import Outcome, project
from idp_bridge.services.signing_out import endings
from idp_bridge.storage import journals
from idp_bridge.web.projection_wording import STEPS
from tests.conftest import AMARA, NOW, OTHER
from tests.web.pages import text

ADMIN = "ira.novak"
PAGE = "/desk/district/projection"
ACTIONS = ("now", "compare", "resolve")
AHEAD = '{"v":1,"rev":9,"asof":1,"links":[{"id":"46554860"}]}'


@pytest.fixture
def known(house):
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
    return house


@pytest.fixture
def stopped(known):
    """Amara, whose account holds revision 9 of a later time."""
    known.accounts.change(AMARA, attributes={"student_links": (AHEAD,)})
    with known.store.transaction() as rows:
        rows.projections.mark_due(AMARA, NOW, loss=False)
    assert project(known, AMARA) is Outcome.STOPPED
    return known


def row(house):
    with house.store.reading() as rows:
        return rows.projections.get(AMARA)


def resolved(house):
    query = sa.select(journals.audit).where(journals.audit.c.name == "projection:resolved")
    with house.store.connection(write=False) as connection:
        return connection.execute(query).all()


@pytest.mark.parametrize("who", ["jo.hathaway", "dee.collins", "tess.moore"])
@pytest.mark.parametrize("action", ACTIONS)
def test_nobody_without_the_duty_can_do_any_of_it(stopped, sign_in_staff, who, action):
    before = row(stopped)
    answer = sign_in_staff(who).post(f"{PAGE}/{action}", data={"parent": AMARA})
    assert answer.status_code == 403
    assert (row(stopped), resolved(stopped)) == (before, [])
    assert (stopped.wakeup.woken, stopped.wakeup.comparisons) == ([], 0)


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_happens_by_get(stopped, sign_in_staff, action):
    assert sign_in_staff(ADMIN).get(f"{PAGE}/{action}").status_code in (404, 405)
    assert row(stopped).stopped_at is not None


def test_one_account_is_given_to_the_worker_without_its_wait(known, sign_in_staff, clock):
    with known.store.transaction() as rows:
        rows.projections.mark_due(AMARA, NOW, loss=False)
    known.accounts.fail("get", Unreachable("keycloak"))
    project(known, AMARA)
    known.accounts.mend()
    answer = sign_in_staff(ADMIN).post(f"{PAGE}/now", data={"parent": AMARA}, follow_redirects=True)
    assert "The worker looks at this account now." in text(answer.text)
    assert known.wakeup.woken == [AMARA]
    assert project(known, AMARA) is Outcome.WRITTEN


def test_an_account_nobody_knows_is_not_found(known, sign_in_staff):
    for odd in (OTHER, "", "x" * 5000, "\x00"):
        assert sign_in_staff(ADMIN).post(f"{PAGE}/now", data={"parent": odd}).status_code == 404
        assert sign_in_staff(ADMIN).post(f"{PAGE}/resolve", data={"parent": odd}).status_code == 404
    assert known.wakeup.woken == []


def test_comparing_is_the_workers_and_the_page_does_not_wait(known, sign_in_staff):
    answer = sign_in_staff(ADMIN).post(f"{PAGE}/compare", follow_redirects=True)
    assert "The worker compares all accounts." in text(answer.text)
    assert known.wakeup.comparisons == 1
    assert known.accounts.calls == []


def test_both_sides_of_a_stopped_account_are_shown_by_number_alone(stopped, sign_in_staff):
    page = text(sign_in_staff(ADMIN).get(f"{PAGE}?parent={AMARA}").text)
    assert "Revision 0: no student" in page
    assert "Revision 9: 46554860" in page
    assert "Go on with ours" in page
    assert "Project now" not in page
    assert "mail.example" not in page


def test_going_on_with_ours_is_recorded_and_goes_out_above_theirs(stopped, sign_in_staff):
    client = sign_in_staff(ADMIN)
    answer = client.post(f"{PAGE}/resolve", data={"parent": AMARA}, follow_redirects=True)
    assert "Our side goes out as revision 10." in text(answer.text)
    (event,) = resolved(stopped)
    assert (event.actor_kind, event.actor, event.fields) == (
        "district", f"entry-{ADMIN}", {"kept": "ours", "ours": 0, "theirs": 9},
    )  # fmt: skip
    assert project(stopped, AMARA) is Outcome.WRITTEN
    assert '"rev":10' in stopped.accounts.stored(AMARA).attributes["student_links"][0]
    assert client.post(f"{PAGE}/resolve", data={"parent": AMARA}).status_code == 409
    assert len(resolved(stopped)) == 1


def test_while_keycloak_does_not_answer_the_page_says_so_and_nothing_is_resolved(stopped, sign_in_staff):
    stopped.accounts.fail("get", Unreachable("keycloak"))
    client = sign_in_staff(ADMIN)
    page = text(client.get(f"{PAGE}?parent={AMARA}").text)
    assert "Keycloak does not answer at the moment." in page
    assert "Go on with ours" not in page
    assert client.post(f"{PAGE}/resolve", data={"parent": AMARA}).status_code == 503
    assert (row(stopped).stopped_at is not None, resolved(stopped)) == (True, [])


@pytest.mark.parametrize("odd", ["[]", "{}", '{"links":[1]}', "no json", '{"rev":"x","links":[]}'])
def test_a_value_that_is_no_claim_is_shown_as_it_is(stopped, sign_in_staff, odd):
    stopped.accounts.put(AMARA, "student_links", (odd,))
    answer = sign_in_staff(ADMIN).get(f"{PAGE}?parent={AMARA}")
    assert answer.status_code == 200
    assert odd in text(answer.text)


@pytest.mark.parametrize(
    ("call", "waits"),
    [
        ("get", "the new value in Keycloak"),
        ("write_links", "the new value in Keycloak"),
        ("end_sessions", "the end of the sessions"),
        ("drop_offline_tokens", "the end of offline tokens"),
    ],
)
def test_the_step_of_a_removal_that_waits_is_shown(known, sign_in_staff, call, waits):
    with known.store.transaction() as rows:
        rows.projections.mark_due(AMARA, NOW, loss=True)
    known.accounts.fail(call, Unreachable("keycloak"))
    assert project(known, AMARA) is Outcome.FAILED
    for page in (PAGE, f"{PAGE}?parent={AMARA}"):
        shown = " ".join(text(sign_in_staff(ADMIN).get(page).text).split())
        assert f"Access removed {waits}" in shown
        assert "Of these, access was removed 1" in shown
    assert f"Waits for {waits}" in shown


def test_a_stopped_account_waits_for_somebody(stopped, sign_in_staff):
    assert "somebody who resolves it" in text(sign_in_staff(ADMIN).get(PAGE).text)


def test_every_step_has_words(house):
    assert {name for name, _end in endings(house)} | {"value"} == set(STEPS)
