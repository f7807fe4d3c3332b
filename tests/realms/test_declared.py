"""Placeholders of realm files: filled in safely, and refused with file and key when something is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp_bridge.outside.realms.declared import DeclarationError, fill, load, load_folder, missing

from .sample import REALM_CONFIG, VALUES


@given(st.text())
def test_any_value_stays_one_json_text(value: str) -> None:
    content = {"clients": [{"secret": "a-${SECRET}-b"}]}
    assert fill(content, {"SECRET": value})["clients"][0]["secret"] == f"a-{value}-b"
    assert json.loads(json.dumps(fill(content, {"SECRET": value})))


def test_a_value_is_not_read_for_placeholders_again() -> None:
    assert fill("${A}", {"A": "${B}", "B": "no"}) == "${B}"


@pytest.mark.parametrize("text", ["${username}", "${role_manage-account}", "$BRIDGE_URL", "${}"])
def test_what_is_not_ours_stays(text: str) -> None:
    assert fill(text, VALUES) == text
    assert not list(missing(text, {}))


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("${PORT:25}", {}, "25"),
        ("${PORT:25}", {"PORT": "587"}, "587"),
        ("${PORT:25}", {"PORT": ""}, "25"),
        ("${PORT:}", {}, ""),
        ("${URL}/callback?a=${PORT:1}", {"URL": "http://x:1"}, "http://x:1/callback?a=1"),
    ],
)
def test_a_default_stands_in(text: str, values: dict[str, str], filled: str) -> None:
    assert not list(missing(text, values))
    assert fill(text, values) == filled


@pytest.mark.parametrize("values", [{}, {"BRIDGE_URL": ""}])
def test_a_missing_value_is_named_with_file_and_key(tmp_path: Path, values: dict[str, str]) -> None:
    file = tmp_path / "parents.json"
    file.write_text('{"realm":"parents","clients":[{"clientId":"idp-bridge","baseUrl":"${BRIDGE_URL}/"}]}')
    with pytest.raises(DeclarationError) as refused:
        load(file, values)
    assert refused.value.problems == (f"{file}: clients[idp-bridge].baseUrl: ${{BRIDGE_URL}} is not set",)


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "parents.json").write_text('{"realm":"parents","displayName":"${ONE}","loginTheme":"${TWO}"}')
    (tmp_path / "district.json").write_text('{"realm":"elsewhere"}')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DeclarationError) as refused:
        load_folder(tmp_path, {})
    told = "\n".join(refused.value.problems)
    for words in ("${ONE} is not set", "${TWO} is not set", "broken.json: is not JSON", "one JSON object"):
        assert words in told
    assert "district.json: realm: must be 'district'" in told


@pytest.mark.parametrize("only", [None, "parents"])
def test_a_folder_without_the_file_is_refused(tmp_path: Path, only: str | None) -> None:
    with pytest.raises(DeclarationError, match="no realm file"):
        load_folder(tmp_path, {}, only)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="cannot be read"):
        load(tmp_path / "parents.json", {})


def test_the_shipped_files_load_parents_first_and_keep_their_secrets_apart() -> None:
    parents, district = load_folder(REALM_CONFIG, VALUES)
    assert (parents.name, district.name) == ("parents", "district")
    assert VALUES["ONEVIEW_CLIENT_SECRET"] in parents.secrets
    assert VALUES["LDAP_BIND_PASSWORD"] in district.secrets
    assert VALUES["BRIDGE_URL"] not in parents.secrets
    assert [realm.name for realm in load_folder(REALM_CONFIG, VALUES, "district")] == ["district"]


@pytest.mark.parametrize("name", sorted(VALUES))
def test_every_placeholder_is_used_and_required(name: str) -> None:
    with pytest.raises(DeclarationError, match=rf"\$\{{{name}\}} is not set"):
        load_folder(REALM_CONFIG, {key: value for key, value in VALUES.items() if key != name})
