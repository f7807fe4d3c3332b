"""Each check on an installation that is as it must be, and on one that is not."""

from __future__ import annotations

import smtplib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import idp_bridge.doctor
from idp_bridge.doctor import database_current, ldap_certificate, mail_taken, realm_as_declared, worker_alive
from idp_bridge.doctor.checks import CHECKS
from idp_bridge.doctor.examining import Check, Health, Installation, examine, holds
from idp_bridge.outside.realms.server import AdminServer
from idp_bridge.settings import Settings
from idp_bridge.storage import schema
from tests.cli.conftest import environment  # noqa: F401  (fixture)
from tests.conftest import NOW
from tests.storage.test_migrations import lived_in  # noqa: F401  (fixture)


@pytest.fixture
def here(environment, store, monkeypatch) -> Installation:  # noqa: F811
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Installation(Settings(), store, NOW)


def test_every_file_of_a_check_is_in_the_list_and_named_as_its_rule():
    files = {path.stem for path in Path(idp_bridge.doctor.__file__).parent.glob("*.py")}
    assert files - {"__init__", "checks", "examining", "service_account"} == {check.name for check in CHECKS}
    told = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    assert all(f"`{check.name}`" in told for check in CHECKS)


def test_what_was_not_given_is_named(here):
    nobody = replace(here, realm_files=Path("realm-config"))
    no_files = replace(here, administrator=AdminServer("http://localhost:9", "admin", "secret"))
    said = [realm_as_declared.look(one) for one in (nobody, no_files)]
    assert [finding.health for finding in said] == [Health.UNKNOWN] * 2
    assert [finding.what for finding in said] == [
        "no administrator was given",
        "no realm files were given",
    ]


def test_a_check_that_breaks_does_not_hide_the_others(here):
    def burst(_here):
        raise RuntimeError("a secret")

    found = examine(here, [Check("a", "A", burst), Check("b", "B", lambda _here: holds("fine"))])
    assert [finding.health for _check, finding in found] == [Health.UNKNOWN, Health.HOLDS]
    assert "secret" not in found[0][1].what + found[0][1].todo


def test_where_nothing_answers_every_check_says_what_to_do(here):
    for check, finding in examine(here, CHECKS):
        if finding.health is not Health.HOLDS:
            assert finding.todo.endswith("."), check.name


class TestDatabase:
    def test_is_current(self, here):
        assert database_current.look(here).health is Health.HOLDS

    def test_an_older_schema(self, here):
        schema.downgrade(here.store, "0003")
        found = database_current.look(here)
        assert (found.health, found.todo) == (Health.BROKEN, "Run idp-bridge db upgrade.")

    def test_an_audit_without_its_guard(self, here, lived_in):  # noqa: F811
        assert database_current.look(here).health is Health.HOLDS
        with lived_in.connection(write=True) as connection:
            names = connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
            )
            for name in list(names.scalars()):
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        found = database_current.look(here)
        assert (found.health, found.what) == (Health.BROKEN, "audit rows can be deleted")
        with lived_in.connection(write=False) as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM audit")).scalar_one() > 0


class TestWorker:
    def test_none_ever_ran(self, here):
        assert worker_alive.look(here).health is Health.BROKEN

    @pytest.mark.parametrize(("seconds", "health"), [(60, Health.HOLDS), (600, Health.BROKEN)])
    def test_how_long_it_is_silent(self, here, seconds, health):
        with here.store.transaction() as rows:
            rows.workers.beat("here:1", NOW - timedelta(seconds=seconds))
            rows.workers.beat("here:2", NOW - timedelta(seconds=seconds + 5))
        assert worker_alive.look(here).health is health

    def test_a_worker_silent_for_a_day_is_forgotten(self, here):
        with here.store.transaction() as rows:
            rows.workers.beat("here:1", NOW - timedelta(days=2))
            rows.workers.beat("here:2", NOW)
        with here.store.connection(write=False) as connection:
            assert connection.exec_driver_sql("SELECT name FROM worker").scalars().all() == ["here:2"]


def test_ldap_without_tls_is_broken(here):
    directory = here.settings.directory.model_copy(update={"urls": ("ldap://ldap.district.example",)})
    found = ldap_certificate.look(
        replace(here, settings=here.settings.model_copy(update={"directory": directory}))
    )
    assert (found.health, found.what) == (Health.BROKEN, "ldap.district.example is asked without TLS")


@pytest.mark.parametrize(
    ("fault", "health"),
    [(smtplib.SMTPAuthenticationError(535, b""), Health.BROKEN), (ConnectionRefusedError(), Health.UNKNOWN)],
)
def test_a_mail_server_that_does_not_take_us(here, monkeypatch, fault, health):
    def refuse(_settings):
        raise fault

    monkeypatch.setattr(mail_taken, "opened", refuse)
    assert mail_taken.look(here).health is health
