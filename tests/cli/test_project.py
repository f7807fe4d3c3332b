"""What operators see of projections, and how each command of `project` ends."""

from __future__ import annotations

import json

import pytest

from idp_bridge.domain.people import Parent
from idp_bridge.services.journals import Seen
from tests.conftest import AMARA, NOW

UNREACHABLE = 3


@pytest.fixture
def behind(house):
    """Amara's token is behind since NOW."""
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
        rows.projections.mark_due(AMARA, NOW, loss=True)
    return house


@pytest.fixture
def stopped(behind):
    """Keycloak holds a higher revision of hers."""
    with behind.store.transaction() as rows:
        lease = rows.projections.take(AMARA, NOW, NOW)
        rows.projections.stop(lease, "holds rev 9, ours is 1", NOW, Seen(9, "f" * 64))
    return behind


def test_nothing_behind(run, house):
    result = run("project", "status")
    assert (result.exit_code, result.stdout) == (
        0, "0 due (0 of them losses), 0 failing, 0 stopped; the oldest is due for 0 s\n",
    )  # fmt: skip


def test_who_is_behind_since_when_and_at_which_step(run, behind):
    result = run("project", "status")
    assert result.exit_code == 0
    assert f"{AMARA}  due, a loss, step value since 2026-11-24 15:00:00Z" in result.stdout
    assert "1 due (1 of them losses)" in result.stdout
    assert "amara@" not in result.stdout


def test_one_that_was_stopped_is_an_exit_code(run, stopped):
    result = run("project", "status")
    assert result.exit_code == 1
    assert f"{AMARA}  stopped since 2026-11-24 15:00:00Z  holds rev 9, ours is 1" in result.stdout
    assert "project resolve" in result.stderr


def test_status_as_json(run, stopped):
    told = json.loads(run("project", "status", "--json").stdout)
    assert (told["due"], told["losses"], told["stopped"]) == (1, 0, 1)  # what was lost left Keycloak
    (row,) = told["behind"]
    assert (row["parent"], row["seen_rev"], row["stopped_at"]) == (AMARA, 9, NOW.isoformat())


def test_now_says_that_keycloak_does_not_answer(run, behind):
    result = run("project", "now", AMARA)
    assert (result.exit_code, result.stdout) == (1, "will be tried again\n")
    assert run("project", "now").stdout == "0 were due\n"  # it waits for its next try


def test_now_for_somebody_who_is_not_due(run, behind):
    with behind.store.transaction() as rows:
        lease = rows.projections.take(AMARA, NOW, NOW)
        rows.projections.done(lease, 1, NOW, Seen(1, "h"))
    assert run("project", "now", AMARA).stdout.startswith("not due")


@pytest.mark.parametrize("arguments", [("compare",), ("compare", "--dry-run"), ("resolve", AMARA)])
def test_what_asks_keycloak_says_that_it_is_down(run, stopped, arguments):
    result = run("project", *arguments)
    assert result.exit_code == UNREACHABLE
    assert result.stderr.startswith("Keycloak does not answer: ")


def test_resolve_wants_a_parent_or_all(run, house):
    assert run("project", "resolve").exit_code == 2
    assert run("project", "resolve", "--all", "--keep-ours").output == ""
    result = run("project", "resolve", "nobody")
    assert (result.exit_code, result.stderr) == (1, "There is no parent nobody.\n")


def test_accounts_nobody_verified_cannot_be_listed_while_keycloak_is_away(run, house):
    result = run("project", "unverified")
    assert (result.exit_code, result.stdout) == (UNREACHABLE, "")
    assert run("project", "unverified", "--days", "0").exit_code == 2
