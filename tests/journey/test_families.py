"""Families as they come: parents who live apart, seven children at four schools, a child without a school."""

from __future__ import annotations

import re

import pytest

from tests.journey.conftest import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]

CLERK_AT = {"0552": "jo.hathaway", "0610": "sam.okafor", "0731": "lee.brandt", "9001": "dee.collins"}


def settle(walk, code: str, school: str) -> None:
    """Let the clerk of `school` verify what is theirs in this visit."""
    walk.settle(CLERK_AT[school], PASSWORD, code)


def test_two_parents_who_live_apart(walk, student, newcomer, mails):
    """Neither waits for the other, neither learns anything of the other."""
    luca = student("Luca Rossi")
    carla, enzo = newcomer("Carla", "Rossi"), newcomer("Enzo", "Rossi")
    for parent in (carla, enzo):
        walk.register(parent)
    codes = {parent.email: walk.ask(parent, luca) for parent in (carla, enzo)}
    assert len(set(codes.values())) == 2
    settle(walk, codes[carla.email], luca["school"])
    walk.linked(carla, {luca["student_number"]})
    walk.linked(enzo, set())
    settle(walk, codes[enzo.email], luca["school"])
    both = [walk.linked(parent, {luca["student_number"]})["student_links"] for parent in (carla, enzo)]
    assert both[0]["links"] == both[1]["links"]  # equal rights (34 CFR 99.4)

    told = mails(carla.email, "Another guardian was linked")
    assert "Your own link has not changed" in told["text"]
    for word in ("Enzo", "Rossi", enzo.email, "Luca", luca["student_number"], luca["birth_date"]):
        assert word not in told["text"] + told["html"]
    for parent, other in ((carla, enzo), (enzo, carla)):
        page = walk.window(parent.email)
        page.goto(f"{walk.stack.bridge_url}/children")
        shown = page.content()
        assert "Luca Rossi" in shown
        for word in (other.given_name, other.email, codes[other.email]):
            assert word not in shown


def test_seven_children_at_four_schools_in_one_sitting(walk, student, newcomer):
    """One visit and one code; each school settles its own children, and the parent is never asked twice."""
    names = (
        "Sofia Marchetti-Cole", "June Farrow", "Elio Marchetti-Cole", "Hana Nakagawa-Fitzsimmons",
        "Luca Rossi", "Wren Farrow", "Paco Delgado",
    )  # fmt: skip
    children, parent = [student(name) for name in names], newcomer("Idris", "Marchetti-Farrow")
    schools = list(dict.fromkeys(child["school"] for child in children))
    assert sorted(schools) == ["0552", "0610", "0731", "9001"]
    walk.register(parent)
    (code,) = {walk.ask(parent, child) for child in children}
    page = walk.window(parent.email)
    page.goto(f"{walk.stack.bridge_url}/visit/slip")
    slip = page.inner_text("main")
    for school in ("Lakeside Elementary", "Heron Middle School", "Heron High School", "District Office"):
        assert school in slip
    for child in children:
        assert child["name"] not in slip  # no name before proof
    settled: set[str] = set()
    for school in schools:
        settle(walk, code, school)
        settled |= {child["student_number"] for child in children if child["school"] == school}
        links = walk.linked(parent, settled)["student_links"]["links"]
        assert {link["org"] for link in links} == set(schools[: schools.index(school) + 1])
    page.goto(f"{walk.stack.bridge_url}/children")
    for name in names:
        assert name in page.inner_text("main")


def test_a_child_without_a_school_at_the_district_office(walk, student, newcomer):
    """Freja is in no school yet: the district office is hers, and no school's clerk may decide."""
    freja, parent = student("Freja Sorensen"), newcomer("Mads", "Sorensen")
    assert (freja["school"], freja["grade"]) == ("9001", "PK")
    walk.register(parent)
    code = walk.ask(parent, freja)
    page = walk.sign_in("district", CLERK_AT["0552"], PASSWORD)
    page.goto(f"{walk.stack.bridge_url}/desk")
    page.fill("#code", code)
    page.press("#code", "Enter")
    page.wait_for_url(re.compile("/desk/visits/"))
    assert "Freja" not in page.inner_text("main")  # not hers to see
    assert page.locator("[formaction$='/verify'], [name$='-evidence']").count() == 0
    settle(walk, code, "9001")
    (link,) = walk.linked(parent, {freja["student_number"]})["student_links"]["links"]
    assert link["org"] == "9001"
