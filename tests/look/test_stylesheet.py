"""Keeps the stylesheet small, self-contained, mirrored and readable in every tint."""

from __future__ import annotations

import re
from itertools import product

import pytest

from tests.look.colour import Colour, contrast, mix
from tests.look.sample import WEB

CSS = (WEB / "static" / "site.css").read_text(encoding="utf-8")
BRAND = (WEB / "static" / "brand.css").read_text(encoding="utf-8")
TOKEN = re.compile(r"--([\w-]+):\s*([^;}]+)")
DARK_START = CSS.index("@media (prefers-color-scheme:dark)")
LIGHT = dict(TOKEN.findall(CSS[:DARK_START]))
DARK = LIGHT | dict(TOKEN.findall(CSS[DARK_START : CSS.index("/* Elements */")]))
INKS = [
    ("text", "bg"), ("text", "surface"), ("text", "sunk"), ("text", "paper"), ("text", "accent-soft"),
    ("text", "bad-bg"), ("muted", "bg"), ("muted", "surface"), ("muted", "sunk"), ("muted", "bad-bg"),
    ("muted", "accent-soft"), ("muted", "paper"), ("accent", "bg"), ("accent", "surface"),
    ("accent", "sunk"), ("on-accent", "accent"), ("on-band", "band"),
    ("wait", "wait-bg"), ("ok", "ok-bg"), ("bad", "bad-bg"), ("off", "off-bg"),
    ("wait", "surface"), ("ok", "surface"), ("bad", "surface"), ("off", "surface"),
]  # fmt: skip
EDGES = [("edge", "surface"), ("edge", "bg"), ("bad", "bad-bg"), ("focus", "bg"), ("focus", "surface")]


def colour(tokens: dict[str, str], name: str) -> Colour:
    """The colour behind a token, through var() and color-mix()."""
    return resolve(tokens, tokens[name].strip())


def resolve(tokens: dict[str, str], value: str) -> Colour:
    if match := re.fullmatch(r"var\(--([\w-]+)\)", value):
        return colour(tokens, match[1])
    if match := re.fullmatch(r"color-mix\(in srgb,(.+?) (\d+)%,(.+)\)", value):
        return mix(resolve(tokens, match[1]), int(match[2]) / 100, resolve(tokens, match[3]))
    return Colour.parse(value)


def test_it_is_at_most_25_kilobytes():
    assert len(CSS.encode()) <= 25_000


@pytest.mark.parametrize(("mode", "pair"), list(product(("light", "dark"), INKS)))
def test_every_ink_is_readable_on_its_ground(mode, pair):
    tokens = {"light": LIGHT, "dark": DARK}[mode]
    assert contrast(colour(tokens, pair[0]), colour(tokens, pair[1])) >= 4.5


@pytest.mark.parametrize(("mode", "pair"), list(product(("light", "dark"), EDGES)))
def test_every_edge_that_means_something_is_visible(mode, pair):
    tokens = {"light": LIGHT, "dark": DARK}[mode]
    assert contrast(colour(tokens, pair[0]), colour(tokens, pair[1])) >= 3


def test_the_formula_agrees_with_known_contrasts():
    assert contrast(Colour.parse("#000"), Colour.parse("#fff")) == pytest.approx(21)
    assert contrast(Colour.parse("#767676"), Colour.parse("#fff")) == pytest.approx(4.54, abs=0.01)


def test_every_token_that_is_used_exists():
    local = {"i", "dot"}
    assert set(re.findall(r"var\(--([\w-]+)", CSS)) <= set(LIGHT) | local


def test_nothing_is_loaded_from_elsewhere():
    addresses = [a for a in re.findall(r"url\(([^)]{0,40})", CSS) if not a.startswith('"data:')]
    assert not addresses
    assert "@import" not in CSS + BRAND


def test_lines_run_in_the_direction_of_the_page():
    body = re.sub(r'url\("data:[^"]*"\)', "", CSS)
    physical = re.findall(
        r"(?:margin|padding|border)-(?:left|right)|text-align:(?:left|right)|[;{](?:left|right):", body
    )
    assert not physical


def test_a_district_sets_three_colours_and_nothing_else_is_needed():
    assert set(dict(TOKEN.findall(BRAND))) == {"brand", "brand-on", "brand-night"}
