"""Renders every part and both skeletons, and keeps their texts translatable."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.look.sample import DESK_PAGES, PAGES, WEB, sample_app

PARTS = sorted((WEB / "templates" / "parts").glob("*.html"))
OURS = [*PARTS, WEB / "templates" / "layout.html", WEB / "templates" / "layout_desk.html"]
SAMPLES = Path(__file__).parent / "templates"
VOID = {"area", "br", "hr", "img", "input", "link", "meta", "col", "wbr"}


class Outline(HTMLParser):
    """Collects ids, references to ids and tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.wanted: set[str] = set()
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if values.get("id") else []
        for name in ("for", "aria-describedby", "aria-labelledby"):
            self.wanted |= set((values.get(name) or "").split())
        if re.fullmatch(r"#[\w-]{3,}", values.get("href") or ""):
            self.wanted.add(values["href"][1:])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


@pytest.fixture(scope="module")
def client():
    return sample_app().test_client()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_page_is_whole(client, name, language):
    answer = client.get(f"/{name}?lang={language}")
    outline = Outline()
    outline.feed(answer.text)
    assert answer.status_code == 200
    assert not outline.faults
    assert not outline.open
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.wanted <= set(outline.ids)
    assert len(re.findall(r"<h1[ >]", answer.text)) == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_carries_the_help_line_and_no_script_or_inline_style(client, name):
    text = client.get(f"/{name}").text
    assert 'href="tel:321-555-0142"' in text
    assert "<script" not in text
    assert not re.search(r'\sstyle="|\son\w+="', text)


@pytest.mark.parametrize("name", DESK_PAGES)
def test_a_desk_page_says_where_it_is(client, name):
    text = client.get(f"/{name}").text
    assert '<body class="desk">' in text
    assert re.search(r'<a href="#" aria-current="page">Visits</a>', text)


def test_an_arabic_page_runs_from_right_to_left(client):
    assert '<html lang="ar" dir="rtl">' in client.get("/start?lang=ar").text


def test_a_field_that_is_wrong_is_tied_to_its_error(client):
    text = client.get("/wrong").text
    assert re.search(r'<div class="summary"[^>]*tabindex="-1" autofocus>', text)
    assert '<a href="#number">Enter all 8 digits of the student number</a>' in text
    assert '<a href="#birth_date-month">Enter the month</a>' in text
    assert '<a href="#relationship-0">' in text
    assert re.search(r'<input[^>]*aria-describedby="number-hint number-error"[^>]*aria-invalid="true"', text)


def test_nothing_is_chosen_for_the_parent(client):
    assert "checked" not in client.get("/child").text


def test_a_step_says_in_words_where_the_parent_is(client):
    text = client.get("/child").text
    assert "Step 4 of 5: Your child" in text
    assert text.count('aria-current="step"') == 1
    assert text.count('class="done"') == 3


@pytest.mark.parametrize("part", PARTS, ids=lambda path: path.name)
def test_every_macro_is_on_a_sample_page(part):
    samples = " ".join(path.read_text(encoding="utf-8") for path in SAMPLES.glob("*.html"))
    used = samples + " ".join(path.read_text(encoding="utf-8") for path in OURS)
    macros = re.findall(r"{% macro ([a-z]\w*)\(", part.read_text(encoding="utf-8"))
    assert macros
    assert not [name for name in macros if not re.search(rf"\b{name}\(", used.replace(f"macro {name}(", ""))]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_words_are_written_past_the_translators(path):
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<style>.*?</style>", "", text, flags=re.S)
    bare = re.sub(r"<[^>]*>", " ", text)
    assert not re.findall(r"[A-Za-z]{2,}", bare)
    assert not re.findall(r'(?:aria-label|title|placeholder|alt)="[^"{]*[A-Za-z]{2,}', text)
