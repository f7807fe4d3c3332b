"""docker-compose.yml and Dockerfile describe the stack that tools/stack runs."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest
import yaml

from idp_bridge.outside.queue import STOP_WAIT_S
from tools.stack.keycloak import BUILD_OPTIONS
from tools.stack.places import ROOT, version
from tools.stack.ports import Ports
from tools.stack.serving import APP, OPTIONS
from tools.stack.stack import Stack

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ONE_SHOT = {"sample", "realms"}
OTHER_IN_A_CONTAINER = {
    "IDP_BRIDGE_DATABASE__URL",
    "IDP_BRIDGE_DIRECTORY__CA_FILE",
    "IDP_BRIDGE_WORKER__QUEUE_FILE",
    "ONEVIEW_STUDENTS",
    "FOCUS_STUDENTS",
    "MOBILE_STUDENTS",
}
"""Where PostgreSQL stands in for SQLite, and folders of the image for ours."""


@pytest.fixture(scope="module")
def native(tmp_path_factory) -> Stack:
    """The stack on the demo's ports, never started."""
    return Stack(tmp_path_factory.mktemp("native"), Ports())


def same_environment(contained: dict[str, str], native: dict[str, str]) -> None:
    """Same names; same values except secrets (asked for with `:?`) and what differs in a container."""
    assert set(contained) == set(native)
    for name, value in contained.items():
        if name not in OTHER_IN_A_CONTAINER and not re.fullmatch(r"\$\{\w+:\?.*\}", value):
            assert value == native[name], name


def ours(env: dict[str, str], *prefixes: str) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(prefixes)}


def test_one_version_of_keycloak():
    assert re.findall(r"^ARG KEYCLOAK_VERSION=(\S+)", DOCKERFILE, re.M) == [version("KEYCLOAK_VERSION")]
    assert "quay.io/keycloak/keycloak:${KEYCLOAK_VERSION}" in DOCKERFILE


def test_keycloak_starts_with_the_same_options(native):
    started = set(native.keycloak.program.command[1:])
    contained = {option for option in SERVICES["keycloak"]["command"] if not option.startswith("--db")}
    of_a_folder = {option for option in started | contained if option.startswith("--truststore-paths")}
    assert contained - of_a_folder == started - of_a_folder
    assert len(of_a_folder) == 2


def test_keycloak_is_built_with_the_same_options():
    [built] = re.findall(r"kc\.sh build (.+)$", DOCKERFILE, re.M)
    assert set(built.split()) - {"--db=postgres"} == set(BUILD_OPTIONS) - {"--db=dev-file"}


def test_set_up_builds_with_the_same_options():
    [built] = re.findall(r"kc\.sh\" build (.+?) >", (ROOT / "tools" / "setup.sh").read_text())
    assert set(built.split()) == set(BUILD_OPTIONS)


@pytest.mark.parametrize("service", ["bridge", "worker", "realms"])
def test_the_bridge_has_the_same_settings(native, service):
    contained = ours(SERVICES[service]["environment"], "IDP_BRIDGE_")
    same_environment(contained, ours(native.bridge_env(), "IDP_BRIDGE_"))


def test_the_realms_have_the_same_values(native):
    names = tuple(native.realm_env())
    same_environment(ours(SERVICES["realms"]["environment"], *names), native.realm_env())


@pytest.mark.parametrize("name", ["oneview", "focus", "mobile"])
def test_the_apps_have_the_same_settings(native, name):
    prefixes = ("PARENTS_", "DISTRICT_", "BRIDGE_", f"{name.upper()}_")
    same_environment(SERVICES[name]["environment"], ours(native.app_env(name), *prefixes))


def test_the_other_servers_have_the_demos_ports():
    ports = {name: str(port) for name, port in asdict(Ports()).items()}
    ldap, mail = SERVICES["ldap"]["environment"], SERVICES["mail"]["environment"]
    assert (ldap["LDAP_PORT"], ldap["LDAPS_PORT"]) == (ports["ldap"], ports["ldaps"])
    assert (mail["MAILDEV_SMTP_PORT"], mail["MAILDEV_WEB_PORT"]) == (ports["smtp"], ports["mail"])
    assert SERVICES["bridge"]["environment"]["BRIDGE_PORT"] == ports["bridge"]


def test_ldap_has_the_same_configuration():
    assert "COPY tools/stack/slapd/ /etc/district/" in DOCKERFILE
    entrypoint = (ROOT / "docker" / "ldap-entrypoint.sh").read_text()
    wanted = set(re.findall(r"@\w+@", (ROOT / "tools/stack/slapd/slapd.conf.in").read_text()))
    assert set(re.findall(r"@\w+@", entrypoint)) == wanted


def test_every_service_tells_whether_it_is_well():
    for name, service in SERVICES.items():
        check = service.get("healthcheck") or ("HEALTHCHECK" in DOCKERFILE and name == "bridge")
        assert check, name
        if name not in ONE_SHOT and name != "bridge":
            assert "test" in check, name


def test_services_wait_for_what_they_need_to_be_well():
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how == {"condition": wanted}, (name, needed)


def test_the_pages_are_served_with_the_same_options():
    options = " ".join(OPTIONS)
    (command,) = re.findall(r"exec granian .*", DOCKERFILE)
    assert set(OPTIONS) <= set(command.split())
    assert f"granian {options} {APP}" in (ROOT / "docs" / "commands.md").read_text()


def test_who_is_told_to_end_gets_the_time_it_needs():
    limit = float(OPTIONS[OPTIONS.index("--workers-kill-timeout") + 1])
    for name in ("bridge", "worker"):
        assert float(SERVICES[name]["stop_grace_period"].rstrip("s")) > max(limit, STOP_WAIT_S)


def test_every_secret_asked_for_is_made():
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    made = re.search(r"for name in (.*?); do", (ROOT / "docker" / "make-env.sh").read_text(), re.S)
    assert made
    assert set(made[1].replace("\\", " ").split()) == asked


def test_targets_and_copied_files_exist():
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets <= set(re.findall(r" AS (\w+)$", DOCKERFILE, re.M))
    for line in re.findall(r"^COPY (?!--from)(.+?) \S+$", DOCKERFILE.replace("\\\n", ""), re.M):
        for source in line.split():
            assert (ROOT / source).exists(), source


def test_the_bridge_runs_as_nobody_in_particular():
    bridge = DOCKERFILE.split(" AS bridge\n")[1]
    assert "USER idp-bridge" in bridge.split("\nFROM")[0]
