"""Keeps the Keycloak themes whole: both languages, our words, files that exist, pieces the release knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.look.sample import WEB

THEMES = Path(__file__).parents[2] / "keycloak-theme"
FOLDERS = sorted({path.parent for path in THEMES.rglob("messages_*.properties")})
BUNDLES = sorted(THEMES.rglob("messages_*.properties"))
# What a parent can meet between "Make a parent account" and a working sign-in, and on the way back in.
PARENTS_PATH = (Path(__file__).parent / "parents_path.txt").read_text(encoding="utf-8").split()


def messages(path: Path) -> dict[str, str]:
    """Keys and texts of one message file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line.strip() and not line.startswith("#")]
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key stands twice in {path}"
    return dict(pairs)


def properties(theme: str, kind: str) -> dict[str, str]:
    return messages(THEMES / theme / kind / "theme.properties")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(THEMES)))
def test_english_and_spanish_have_the_same_keys(folder):
    english, spanish = (set(messages(folder / f"messages_{code}.properties")) for code in ("en", "es"))
    assert english == spanish


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(THEMES)))
def test_a_translation_keeps_every_placeholder(folder):
    english = messages(folder / "messages_en.properties")
    spanish = messages(folder / "messages_es.properties")
    assert {k: set(re.findall(r"\{\d", v)) for k, v in english.items()} == {
        k: set(re.findall(r"\{\d", v)) for k, v in spanish.items()
    }


@pytest.mark.parametrize("code", ["en", "es"])
def test_every_text_on_a_parents_path_is_ours(code):
    ours = messages(THEMES / f"parents/login/messages/messages_{code}.properties")
    assert not [key for key in PARENTS_PATH if not ours.get(key)]


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: str(path.relative_to(THEMES)))
def test_the_words_say_what_to_do_and_never_blame(path):
    forbidden = re.compile(r"\b(invalid|failed|failure|unauthori[sz]ed|illegal|inválid|fallid|fracas)", re.I)
    assert not {key: text for key, text in messages(path).items() if forbidden.search(text)}


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: str(path.relative_to(THEMES)))
def test_no_straight_apostrophe_hides_a_placeholder(path):
    # In Java's MessageFormat one ' quotes the rest of the text, and {0} would be shown as it stands.
    assert not {key for key, text in messages(path).items() if "'" in text}


def test_an_address_that_is_taken_leads_to_forgot_password():
    for code in ("en", "es"):
        ours = messages(THEMES / f"parents/login/messages/messages_{code}.properties")
        assert ours["doForgotPassword"] in ours["emailExistsMessage"]


def test_files_that_a_theme_names_exist():
    named = properties("parents", "login")
    for style in named["styles"].split():
        assert (WEB / "static" / Path(style).name).is_file(), style
    for script in named["scripts"].split():
        assert (THEMES / "parents/login/resources" / script).is_file(), script
    assert named["parent"] == "keycloak.v2"
    assert not named["stylesCommon"]


def test_the_stylesheet_is_not_kept_twice():
    assert not list(THEMES.rglob("*.css"))


@pytest.mark.parametrize("kind", ["login", "email"])
def test_the_district_theme_stands_on_the_parents_theme(kind):
    assert properties("district", kind) == {"parent": "parents"}


def test_every_class_of_the_theme_has_a_style():
    css = (WEB / "static" / "site.css").read_text(encoding="utf-8")
    plain = {"form", "input"}  # named for a reader of the page's source; bare elements are styled
    named = properties("parents", "login")
    classes = {name for key, value in named.items() if key.startswith("kc") for name in value.split()}
    assert not [name for name in classes - plain if f".{name}" not in css]


def test_only_two_small_templates_are_replaced():
    # Every template more is one more thing that a new Keycloak can break.
    templates = sorted(path.name for path in (THEMES / "parents/login").glob("*.ftl"))
    assert templates == ["footer.ftl", "password-commons.ftl"]
    assert not list((THEMES / "district").rglob("*.ftl"))


def test_a_new_password_ends_the_other_sessions():
    text = (THEMES / "parents/login/password-commons.ftl").read_text(encoding="utf-8")
    assert '<input type="hidden" name="logout-sessions" value="on">' in text


def test_the_footer_asks_only_for_keys_that_exist():
    text = (THEMES / "parents/login/footer.ftl").read_text(encoding="utf-8")
    ours = messages(THEMES / "parents/login/messages/messages_en.properties")
    asked = set(re.findall(r'msg\("(\w+)"[,)]', text)) | {f"step{n}" for n in range(1, 6)}
    assert asked <= set(ours)
