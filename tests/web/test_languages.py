"""Every page in every language: words, dates, direction, and a choice that stays."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from flask_babel import force_locale

from idp_bridge.domain.link import Move
from idp_bridge.web import languages
from tests.conftest import AMARA, IRIS, MATEO, TEO
from tests.web.families import after, asked, claim_for, confirmed
from tests.web.pages import ANSWERS, fill_in, text

FOLDER = Path(languages.__file__).parent / "translations"
ROOT = Path(languages.__file__).parents[2]
OTHERS = [code for code in languages.LANGUAGES if code != "en"]
PATHS = (
    "/children",
    *(f"/children/add/{question}" for question in ANSWERS),
    "/children/add/check",
    "/visit",
    "/visit/slip",
    "/nothing-here",
)
SAME_WORD = {"Heron County Schools", "Menú", "English", "OneView"}


@pytest.fixture
def family(sign_in_parent, house):
    """A parent with a waiting, a linked and a refused child, and a form filled in."""
    client = sign_in_parent()
    asked(house, AMARA, claim_for(IRIS))
    confirmed(house, asked(house, AMARA, claim_for(MATEO)), MATEO)
    after(house, asked(house, AMARA, claim_for(TEO)), Move.DENY, "identity-not-shown")
    fill_in(client, ANSWERS)
    return client


def _lines(client, path: str, code: str) -> set[str]:
    client.set_cookie("language", code)
    page = client.get(path)
    assert f'<html lang="{code}" dir="ltr">' in page.text
    return set(text(page.text).split("\n"))


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("path", PATHS)
def test_no_english_is_left_on_a_page(family, house, store, path, code):
    with store.reading() as rows:
        data = {
            word for school in rows.schools.all() for word in (school.name, *school.address.split(", ", 1))
        }
    left = _lines(family, path, "en") & _lines(family, path, code)
    sentences = {line for line in left if " " in line and any(ch.isalpha() for ch in line)}
    names = {"Heron County Schools", "Mateo Quintero-Bell", "amara@mail.example"}
    assert {line for line in sentences if line not in data and line not in names} == set()


@pytest.mark.parametrize("code", OTHERS)
def test_the_start_and_who_pages_have_no_english_left(client, code):
    for path in ("/", "/start?app=oneview"):
        left = _lines(client, path, "en") & _lines(client, path, code)
        assert {
            line for line in left if " " in line and line != "Heron County Schools" and "555" not in line
        } == set()


def test_dates_are_in_words_of_the_language(family):
    family.set_cookie("language", "es")
    assert "martes, 8 de diciembre" in text(family.get("/children").text)
    assert "9 de marzo de 2016" in text(family.get("/visit/slip").text)


def test_errors_are_in_the_language(family):
    family.set_cookie("language", "es")
    answer = family.post("/children/add/number", data={"number": "abc"})
    assert "El número de estudiante solo tiene cifras, sin letras" in answer.text


def test_the_browsers_wish_counts_until_somebody_chooses(client):
    spanish = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}
    assert 'lang="es"' in client.get("/", headers=spanish).text[:200]
    client.get("/language/en")
    assert '<html lang="en"' in client.get("/", headers=spanish).text


def test_a_choice_leads_back_to_the_page_and_lasts(client):
    answer = client.get("/language/es?next=/start?app%3Doneview")
    assert answer.location == "/start?app=oneview"
    assert "Max-Age=31536000" in answer.headers["Set-Cookie"]


def test_an_unknown_language_and_a_foreign_page_are_not_taken(client):
    answer = client.get("/language/xx?next=//evil.example")
    assert answer.location == "/"
    assert "Set-Cookie" not in answer.headers


def test_a_callbacks_address_is_not_kept_in_the_language_links(client):
    page = client.get("/signin/parents/callback?error=access_denied&state=abc").text
    assert "state%3Dabc" not in page
    assert 'href="/language/es?next=/"' in page


@pytest.mark.parametrize("code", OTHERS)
def test_the_catalogue_is_whole(code):
    with (FOLDER / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    missing = [message.id for message in catalogue if message.id and not message.string]
    fuzzy = [message.id for message in catalogue if message.id and message.fuzzy]
    faults = [(message.id, fault) for message, found in catalogue.check() for fault in found]
    assert (missing, fuzzy, faults) == ([], [], [])


@pytest.mark.parametrize("code", OTHERS)
def test_the_catalogue_holds_exactly_what_code_and_templates_say(code):
    method_map, options_map = parse_mapping_cfg(StringIO((ROOT / "babel.cfg").read_text()))
    found = extract_from_dir(ROOT, method_map, options_map, {**DEFAULT_KEYWORDS, "_l": None})
    said = {message for _file, _line, message, _comments, _context in found}
    with (FOLDER / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        known = {message.id for message in read_po(file, locale=code) if message.id}
    assert (said - known, known - said) == (set(), set())


def test_days_near_have_no_year_and_days_far_do(web, clock):
    near, far = date(2026, 12, 8), date(2030, 1, 2)
    with web.test_request_context():
        with force_locale("en"):
            assert languages.day(near) == "Tuesday, December 8"
            assert languages.plain_day(far) == "January 2, 2030"
        with force_locale("es"):
            assert languages.day(near) == "martes, 8 de diciembre"
            assert languages.plain_day(far) == "2 de enero de 2030"
