"""Keycloak's home: its own data and themes, the distribution shared and untouched, a kept database."""

from __future__ import annotations

import json
import re
import urllib.error

import pytest

from tools.stack import keycloak_seed
from tools.stack.keycloak import KeycloakServer, assemble_themes
from tools.stack.keycloak_seed import DATA, PASSWORD_FILE, change_password, plant
from tools.stack.places import ROOT, STYLESHEETS, distribution, version


@pytest.fixture
def kept(tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "keycloakdb.mv.db").write_text("a database")
    (folder / PASSWORD_FILE).write_text("of the kept one")
    monkeypatch.setattr(keycloak_seed, "seed", lambda: folder)
    return folder


def test_the_environment_is_an_allow_list(tmp_path, monkeypatch):
    monkeypatch.setenv("username", "HACKED")
    server = KeycloakServer(tmp_path / "keycloak", 1, 2, admin_password="secret")
    server.program.command = ["/usr/bin/env"]
    server.start()
    server.program.wait_ready(lambda: not server.program.running, 5)
    assert "HACKED" not in server.program.last_lines()
    assert "KC_BOOTSTRAP_ADMIN_PASSWORD=secret" in server.program.last_lines()


def test_nothing_listens_outside_loopback(tmp_path):
    command = KeycloakServer(tmp_path, 1, 2).program.command
    for option in ("--cache=local", "--http-host=127.0.0.1", "--http-management-host=127.0.0.1"):
        assert option in command


def test_themes_have_the_stylesheet_they_share_with_the_pages(tmp_path):
    assemble_themes(tmp_path / "themes")
    assemble_themes(tmp_path / "themes")
    for properties in (ROOT / "keycloak-theme").glob("*/login/theme.properties"):
        styles = re.findall(r"css/\S+\.css", properties.read_text())
        theme = tmp_path / "themes" / properties.parent.parent.name / "login" / "resources"
        for sheet in styles:
            assert (theme / sheet).read_text() == (STYLESHEETS / sheet.removeprefix("css/")).read_text()


def test_the_lists_the_realms_name_are_there():
    lists = {path.name for path in (ROOT / "realm-config" / "password-blacklists").iterdir()}
    for name in ("parents", "district"):
        policy = json.loads((ROOT / "realm-config" / f"{name}.json").read_text()).get("passwordPolicy", "")
        assert set(re.findall(r"passwordBlacklist\(([^)]*)\)", policy)) <= lists


def test_a_new_server_begins_with_the_kept_database(tmp_path, kept):
    plant(tmp_path)
    assert (tmp_path / DATA / "keycloakdb.mv.db").read_text() == "a database"


def test_a_server_with_data_keeps_it(tmp_path, kept):
    (tmp_path / DATA).mkdir(parents=True)
    (tmp_path / DATA / "keycloakdb.mv.db").write_text("mine")
    plant(tmp_path)
    assert (tmp_path / DATA / "keycloakdb.mv.db").read_text() == "mine"


def test_without_a_kept_database_the_server_makes_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(keycloak_seed, "seed", lambda: tmp_path / "nothing")
    plant(tmp_path)
    assert not (tmp_path / DATA).exists()


@pytest.mark.live
def test_the_running_server_has_a_password_of_its_own(stack):
    home = stack.keycloak.folder
    assert not (home / DATA / PASSWORD_FILE).exists()
    kept = (keycloak_seed.seed() / PASSWORD_FILE).read_text()
    with pytest.raises(urllib.error.HTTPError):
        change_password(stack.keycloak.url, stack.keycloak.admin_user, kept, "x")


@pytest.mark.live
def test_the_running_server_shares_the_code_of_the_distribution(stack):
    home = stack.keycloak.folder
    assert (home / "lib").resolve() == distribution() / "lib"
    assert not (distribution() / "data" / "h2").exists()
    assert version("KEYCLOAK_VERSION") in (home / "lib").resolve().parent.name
