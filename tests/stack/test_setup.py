"""Set-up: a second run is quick and changes nothing; what is wrong is said clearly."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tools.stack.places import ROOT, cache

SCRIPT = ROOT / "tools" / "setup.sh"
SECOND_RUN_S = 2
"""About 50 ms on a quiet machine."""


@pytest.fixture
def tree(tmp_path) -> Path:
    """A tree that was set up already, as far as set-up can see."""
    tree = tmp_path / "tree"
    (tree / "tools").mkdir(parents=True)
    for name in ("setup.sh", "versions.env"):
        shutil.copy(ROOT / "tools" / name, tree / "tools" / name)
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tree / name)
    (tree / ".venv").mkdir()
    stamp = "cat requirements.lock pyproject.toml | sha256sum; python3 --version; pwd"
    said = subprocess.run(["bash", "-c", stamp], cwd=tree, capture_output=True, text=True, check=True).stdout
    (tree / ".venv" / ".idp-bridge-stamp").write_text(said.rstrip("\n"))
    return tree


def run(tree: Path, kept: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "tools/setup.sh"], cwd=tree, env={**os.environ, "IDP_BRIDGE_CACHE": str(kept), **env},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def stand_in(folder: Path, name: str, script: str) -> None:
    """Put a program called `name` before the real one."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_second_run_is_quick_and_silent(tree):
    begun = time.monotonic()
    done = run(tree, cache())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - begun < SECOND_RUN_S


def test_a_file_that_is_not_the_one_named_is_thrown_away(tree, tmp_path):
    downloads = tmp_path / "cache" / "downloads"
    downloads.mkdir(parents=True)
    version = re.search(r"KEYCLOAK_VERSION=(\S+)", (tree / "tools" / "versions.env").read_text())
    assert version
    cut_off = downloads / f"keycloak-quarkus-dist-{version[1]}.tar.gz"
    cut_off.write_bytes(b"half of it")
    done = run(tree, tmp_path / "cache")
    assert done.returncode == 1
    assert "thrown away, run again" in done.stderr
    assert not cut_off.exists()


def test_an_interrupted_fetch_leaves_no_file_that_looks_whole(tree, tmp_path):
    stand_in(tmp_path / "bin", "mvn", 'for last; do :; done; echo half >"${last#*=}/half"; exit 1')
    done = run(tree, tmp_path / "cache", PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert done.returncode != 0
    assert list((tmp_path / "cache" / "downloads").glob("*")) == []
    run(tree, tmp_path / "cache", PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert len(list((tmp_path / "cache").glob("building.*"))) == 1


def test_an_old_java_is_told(tree, tmp_path):
    stand_in(tmp_path / "bin", "java", "echo 'openjdk version \"11.0.2\"' >&2")
    done = run(tree, tmp_path / "cache", PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "Keycloak needs Java 17 or later" in done.stderr


def test_without_root_or_sudo_it_says_what_it_would_install(tree, tmp_path):
    """`id` says we are nobody, and only the few programs linked here can be found."""
    folder = tmp_path / "bin"
    stand_in(folder, "id", "echo 65534")
    for name in ("bash", "cat", "dirname", "flock", "mkdir", "rm", "sort", "python3", "tee", "env"):
        (folder / name).symlink_to(str(shutil.which(name)))
    done = run(tree, tmp_path / "cache", PATH=str(folder))
    assert done.returncode == 1
    assert re.search(r"setup: installing with apt: .*\bmaven\b", done.stderr)
    assert "needs root or sudo" in done.stderr


def test_two_at_once_take_turns(tree, tmp_path):
    (tmp_path / "cache").mkdir()
    with subprocess.Popen(["flock", str(tmp_path / "cache" / "lock"), "sleep", "1"]):
        time.sleep(0.2)
        begun = time.monotonic()
        stand_in(tmp_path / "bin", "java", "echo 'openjdk version \"11.0.2\"' >&2")
        run(tree, tmp_path / "cache", PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        assert time.monotonic() - begun > 0.5


def test_no_registry_is_named_in_the_lock():
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_every_locked_version_has_a_hash():
    entries = re.split(r"^(?=\S)", (ROOT / "requirements.lock").read_text(), flags=re.M)
    pinned = [entry for entry in entries if "==" in entry.split("\n")[0]]
    assert pinned
    assert all("--hash=sha256:" in entry for entry in pinned)
