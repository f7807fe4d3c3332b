"""How each command ends: 0 done, 1 no, 2 usage, 3 nobody answers; in words, without traceback or secret."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from idp_bridge.domain.link import LinkState
from idp_bridge.domain.people import Parent
from idp_bridge.storage import schema
from idp_bridge.storage.store import SqlStore
from tests.cli.conftest import CLOSED, HIDDEN, SECRETS
from tests.conftest import AMARA, IRIS, NOW
from tests.realms.sample import REALM_CONFIG, VALUES
from tests.roster.bundles import FILES_12, replaced, write_folder, write_zip
from tests.web.families import asked, claim_for, confirmed, links_of

ROOT = Path(__file__).parents[2]
HEAD = ScriptDirectory(str(Path(schema.__file__).parent / "migrations")).get_current_head()
NEEDS_A_HOUSE = (
    ("audit", "verify"),
    ("audit", "export", "--student", "46554860"),
    ("jobs", "lapse-visits"),
    ("links", "revoke", "x", "--reason", "parent-asked"),
    ("roster", "import", "."),
    ("worker",),
)


@pytest.fixture
def link(house):
    """A verified link of Iris's mother."""
    with house.store.transaction() as rows:
        rows.parents.save(Parent(AMARA, "amara@mail.example", "Amara", "Quintero", "en", NOW))
    return confirmed(house, asked(house, AMARA, claim_for(IRIS)), IRIS)


def at(environment, url: str) -> dict[str, str]:
    return {**environment, "IDP_BRIDGE_DATABASE__URL": url}


# --- db ------------------------------------------------------------------------------------------


def test_db_from_nothing_to_ready(run, environment, tmp_path):
    env = at(environment, f"sqlite:///{tmp_path}/new/folder/bridge.db")
    first = run("db", "check", env=env)
    assert (first.exit_code, first.stderr) == (
        1, f"The database is at schema none, {HEAD} is needed: run idp-bridge db upgrade\n",
    )  # fmt: skip
    assert run("db", "upgrade", env=env).output == f"schema none -> {HEAD}\n"
    assert run("db", "upgrade", env=env).output == f"schema {HEAD}\n"
    assert (run("db", "check", env=env).exit_code, run("db", "check", env=env).output) == (
        0,
        f"schema {HEAD}\n",
    )


def test_db_of_an_older_version_is_1(run, store):
    schema.downgrade(store, "0001")
    assert run("db", "check").exit_code == 1
    assert run("db", "upgrade").output == f"schema 0001 -> {HEAD}\n"


def test_db_of_a_newer_version_is_1_and_left_alone(run, store):
    with store.connection(write=True) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    said = run("db", "upgrade")
    assert (said.exit_code, said.stderr) == (
        1, "The database is at schema 9999, which this version does not know: it is newer.\n",
    )  # fmt: skip
    assert schema.current(store)[0] == "9999"


@pytest.mark.parametrize("command", [("db", "upgrade"), ("db", "check"), *NEEDS_A_HOUSE], ids=" ".join)
def test_a_database_that_does_not_answer_is_3(run, environment, command):
    env = at(environment, f"postgresql+psycopg://bridge:{HIDDEN}x@127.0.0.1:{CLOSED}/bridge")
    said = run(*command, env=env)
    assert said.exit_code == 3
    assert said.stderr.startswith("The database does not answer: ")
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize("url", [f"{HIDDEN}x", f"oracle://u:{HIDDEN}x@h/d", "sqlite:////proc/none/b.db"])
def test_an_address_of_no_database_is_2(run, environment, url):
    said = run("db", "check", env=at(environment, url))
    assert (said.exit_code, said.stderr) == (
        2, "IDP_BRIDGE_DATABASE__URL: names no database that can be opened here\n",
    )  # fmt: skip


@pytest.mark.parametrize("command", NEEDS_A_HOUSE, ids=" ".join)
def test_without_tables_each_command_says_what_to_run(run, environment, tmp_path, command):
    said = run(*command, env=at(environment, f"sqlite:///{tmp_path}/empty.db"))
    assert said.exit_code == 1
    assert "run idp-bridge db upgrade" in said.stderr


def test_db_works_on_postgresql_too(run, environment, postgres):
    env = at(environment, postgres.renewed())
    assert run("db", "check", env=env).output == f"schema {HEAD}\n"
    assert run("audit", "verify", env=env).output == "The audit is whole.\n"


def test_an_account_that_may_make_no_table_is_told_so(run, environment, postgres):
    with postgres.copied("template1") as url:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("DROP ROLE IF EXISTS reader")
            connection.exec_driver_sql("CREATE ROLE reader LOGIN")
        as_reader = sa.make_url(url).set(username="reader").render_as_string(hide_password=False)
        said = run("db", "upgrade", env=at(environment, as_reader))
        engine.dispose()
    assert (said.exit_code, said.stderr) == (
        1,
        "The database says no to the account in IDP_BRIDGE_DATABASE__URL: "
        "permission denied for schema public\n",
    )


# --- roster --------------------------------------------------------------------------------------


def test_roster_import_says_what_changed_and_then_nothing(run, tmp_path):
    bundle = str(write_zip(tmp_path / "b.zip", FILES_12))
    changes = "2 schools, 2 students, 2 students' guardians; 3 withdrawn.\n"
    assert run("roster", "import", bundle, "--dry-run").output == f"Would change: {changes}"
    assert run("roster", "import", bundle).output == f"Changed: {changes}"
    again = run("roster", "import", bundle)
    assert again.output == "Changed: 0 schools, 0 students, 0 students' guardians; 0 withdrawn.\n"
    assert again.exit_code == 0


def test_roster_import_of_a_faulty_bundle_is_1_with_every_fault(run, house, tmp_path):
    files = replaced(FILES_12, "users.csv", "46127790", "4612")
    files = replaced(files, "demographics.csv", "2016-03-09", "March")
    said = run("roster", "import", str(write_folder(tmp_path / "b", files)))
    assert said.exit_code == 1
    first, *faults = said.stderr.splitlines()
    assert first == "The roster was not imported:"
    assert "  demographics.csv line 2: birthDate 'March' is no date like 2016-03-09" in faults
    assert any(fault.startswith("  users.csv line 3: identifier '4612'") for fault in faults)
    with house.store.reading() as rows:
        assert rows.students.get(IRIS.id) == IRIS


def test_roster_import_of_nothing_is_2(run, tmp_path):
    assert run("roster", "import", str(tmp_path / "none")).exit_code == 2
    assert run("roster", "import").exit_code == 2


def test_roster_sample_needs_no_settings_and_shows_no_password(run, tmp_path):
    said = run("roster", "sample", str(tmp_path / "s"), "--bridge-password", f"{HIDDEN}b", env={})
    assert (said.exit_code, said.output) == (0, f"60 students, 11 employees in {tmp_path}/s\n")
    assert f"{HIDDEN}b" in (tmp_path / "s" / "district.ldif").read_text()


def test_roster_sample_where_nothing_can_be_written_is_1(run, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "oneroster").write_text("in the way")
    said = run("roster", "sample", str(tmp_path / "s"), env={})
    assert said.exit_code == 1
    assert said.stderr == f"{tmp_path}/s/oneroster cannot be written: File exists\n"


# --- links, audit, jobs --------------------------------------------------------------------------


def test_links_revoke_ends_it_once(run, house, link):
    said = run("links", "revoke", link.id, "--reason", "parent-asked", "--operator", "case-7")
    assert (said.exit_code, said.output) == (
        0, f"Link {link.id} is revoked. The worker ends the parent's sessions.\n",
    )  # fmt: skip
    assert [one.state for one in links_of(house, AMARA)] == [LinkState.ENDED]
    with house.store.reading() as rows:
        last = rows.audit.of_link(link.id)[-1]
    assert (last.name, last.actor.kind, last.actor.id) == ("link:revoked", "operator", "case-7")
    again = run("links", "revoke", link.id, "--reason", "parent-asked")
    assert (again.exit_code, again.stderr) == (
        1, f"Link {link.id} is not verified now, so there is nothing to revoke.\n",
    )  # fmt: skip


def test_links_revoke_of_no_link_is_1_and_of_no_reason_2(run):
    said = run("links", "revoke", "none", "--reason", "parent-asked")
    assert (said.exit_code, said.stderr) == (1, "There is no link none.\n")
    assert run("links", "revoke", "none").exit_code == 2
    assert run("links", "revoke", "none", "--reason", "because").exit_code == 2


def test_audit_export_prints_ids_only(run, link):
    said = run("audit", "export", "--student", IRIS.number)
    lines = [json.loads(line) for line in said.output.splitlines()]
    assert said.exit_code == 0
    assert {line["link"] for line in lines} <= {link.id}
    assert not any(word in said.output for word in ("Iris", "Amara", "mail.example", "2016"))
    assert run("audit", "export", "--student", "00000000").exit_code == 1


def test_audit_verify_names_the_first_bad_row(run, store, link):
    assert (run("audit", "verify").exit_code, run("audit", "verify").output) == (0, "The audit is whole.\n")
    with store.connection(write=True) as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_UPDATE")
        connection.exec_driver_sql("UPDATE audit SET actor = 'x' WHERE number = 1")
    said = run("audit", "verify")
    assert (said.exit_code, said.stderr) == (1, "The audit is broken at row 1.\n")


@pytest.mark.parametrize(
    "job", ["end-links", "lapse-visits", "project", "raise-alarms", "remind", "send-mails"]
)
def test_jobs_with_nothing_due(run, job):
    assert (run("jobs", job).exit_code, run("jobs", job).output) == (0, "0 done\n")
    assert run("jobs", job, "--dry-run").output == "0 due\n"
    assert run("jobs", job, "--limit", "0").exit_code == 2


# --- settings ------------------------------------------------------------------------------------


def test_all_faults_of_the_settings_at_once_are_2(run, environment):
    broken = {
        **environment,
        "IDP_BRIDGE_WEB__SECRET_KEY": f"{HIDDEN}short",
        "IDP_BRIDGE_DISTRICT__EMAIL_DOMAINS": f"{HIDDEN}no-json",
        "IDP_BRIDGE_DISTRICT__TIME_ZONE": "Florida",
        "IDP_BRIDGE_DISTRICT__VISIT_DAYS": "many",
        "IDP_BRIDGE_MAIL__PORT": "99999",
        "IDP_BRIDGE_APPS": f"{HIDDEN}no-json",
        "IDP_BRIDGE_WEB__COLOUR": f"{HIDDEN}blue",
    }
    del broken["IDP_BRIDGE_KEYCLOAK__URL"]
    said = run("db", "check", env=broken)
    assert said.exit_code == 2
    first, *faults = said.stderr.splitlines()
    assert first == "The settings cannot be used:"
    assert [fault.strip().partition(":")[0].removeprefix("IDP_BRIDGE_") for fault in faults] == [
        "WEB__SECRET_KEY", "WEB__COLOUR", "DISTRICT__EMAIL_DOMAINS", "DISTRICT__TIME_ZONE",
        "DISTRICT__VISIT_DAYS", "KEYCLOAK__URL", "MAIL__PORT", "APPS",
    ]  # fmt: skip
    assert "  IDP_BRIDGE_WEB__SECRET_KEY: needs at least 32 characters" in faults
    assert "  IDP_BRIDGE_KEYCLOAK__URL: is not set" in faults


@pytest.mark.parametrize("name", SECRETS)
def test_with_nothing_set_every_variable_that_is_needed_is_named(run, name):
    said = run("worker", env={})
    assert said.exit_code == 2
    wanted = f"  {name}: is not set" in said.stderr.splitlines()
    assert wanted == (name != "IDP_BRIDGE_MAIL__PASSWORD")  # a mail server may want none


# --- realm ---------------------------------------------------------------------------------------


@pytest.fixture
def keycloak() -> dict[str, str]:
    """What `realm` needs of the environment; nobody answers there."""
    return {
        **VALUES,
        "KEYCLOAK_ADMIN_URL": f"http://127.0.0.1:{CLOSED}",
        "KEYCLOAK_ADMIN_USER": "admin",
        "KEYCLOAK_ADMIN_PASSWORD": f"{HIDDEN}admin",
    }


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_realm_with_no_keycloak_is_3(run, keycloak, verb):
    said = run("realm", verb, "--config", str(REALM_CONFIG), env=keycloak)
    assert said.exit_code == 3
    assert said.stderr.startswith("Keycloak does not answer: ")
    assert len(said.stderr.splitlines()) == 1


def test_realm_with_a_server_that_takes_the_call_and_hangs_up_is_3(run, keycloak):
    door = socket.create_server(("127.0.0.1", 0))
    env = {**keycloak, "KEYCLOAK_ADMIN_URL": f"http://127.0.0.1:{door.getsockname()[1]}"}

    def hang_up() -> None:
        with door:
            door.settimeout(20)
            door.accept()[0].close()

    server = threading.Thread(target=hang_up)
    server.start()
    said = run("realm", "plan", "--config", str(REALM_CONFIG), env=env)
    server.join()
    assert said.exit_code == 3


def test_realm_without_a_value_is_2_with_file_and_key(run, keycloak):
    env = {name: value for name, value in keycloak.items() if name not in ("FOCUS_URL", "LDAP_BIND_PASSWORD")}
    said = run("realm", "plan", "--config", str(REALM_CONFIG), env=env)
    assert said.exit_code == 2
    first, *lines = said.stderr.splitlines()
    assert first == "The realm files cannot be used:"
    text = "\n".join(lines)
    assert "district.json" in text
    assert "parents.json" in text
    assert any("bindCredential" in line and "LDAP_BIND_PASSWORD" in line for line in lines)
    assert any("clients[focus].baseUrl" in line and "FOCUS_URL" in line for line in lines)
    assert not any(value in text for value in VALUES.values() if "secret" in value)


@pytest.mark.parametrize("gone", ["KEYCLOAK_ADMIN_URL", "KEYCLOAK_ADMIN_USER", "KEYCLOAK_ADMIN_PASSWORD"])
def test_realm_without_an_administrator_is_2_and_names_the_variable(run, keycloak, gone):
    env = {name: value for name, value in keycloak.items() if name != gone}
    said = run("realm", "plan", "--config", str(REALM_CONFIG), env=env)
    assert said.exit_code == 2
    assert gone in said.stderr


def test_realm_of_another_name_or_folder_is_2(run, keycloak, tmp_path):
    said = run("realm", "plan", "--config", str(REALM_CONFIG), "--realm", "staff", env=keycloak)
    assert (said.exit_code, "no realm file staff.json here" in said.stderr) == (2, True)
    assert run("realm", "plan", "--config", str(tmp_path / "none"), env=keycloak).exit_code == 2


# --- as a program --------------------------------------------------------------------------------


def test_as_a_program_of_its_own(environment, tmp_path):
    def program(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": "/usr/bin:/bin", **environment, **more}
        command = [sys.executable, "-m", "idp_bridge", *arguments]
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)

    done = program("db", "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"schema {HEAD}\n", "")
    url = f"postgresql+psycopg://bridge:{HIDDEN}x@127.0.0.1:{CLOSED}/bridge"
    down = program("audit", "verify", IDP_BRIDGE_DATABASE__URL=url)
    assert (down.returncode, down.stdout) == (3, "")
    assert "Traceback" not in down.stderr
    assert HIDDEN not in down.stderr
    wrong = program("db", "check", IDP_BRIDGE_APPS=f"{HIDDEN}no-json")
    assert (wrong.returncode, HIDDEN in wrong.stderr, "Traceback" in wrong.stderr) == (2, False, False)


def test_the_tables_of_another_program_are_left_alone(run, environment, tmp_path):
    """`db upgrade` on a database somebody else uses adds our tables beside theirs and drops nothing."""
    store = SqlStore(f"sqlite:///{tmp_path}/other.db")
    with store.connection(write=True) as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id integer)")
    assert run("db", "upgrade", env=at(environment, f"sqlite:///{tmp_path}/other.db")).exit_code == 0
    with store.connection(write=False) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM theirs").scalar_one() == 0
    store.close()
