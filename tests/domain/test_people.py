"""Student numbers as people type them, and addresses that belong to the district."""

from __future__ import annotations

import pytest

from idp_bridge.domain.people import in_district_domain, read_student_number

DOMAINS = ("district.example",)


@pytest.mark.parametrize(
    "typed", ["46554860", " 4655 4860 ", "4655-4860", "46 55 48 60", "4655\u00a04860", "4655–4860"]
)
def test_spaces_and_dashes_do_not_matter(typed):
    assert read_student_number(typed) == "46554860"


@pytest.mark.parametrize(
    "typed", ["", "4655486", "465548601", "4655486O", "A4655486", "٤٦٥٥٤٨٦٠", "4655_4860"]
)
def test_anything_else_is_no_number(typed):
    assert read_student_number(typed) is None


@pytest.mark.parametrize(
    "email",
    [
        "x@district.example",
        "X@DISTRICT.EXAMPLE",
        "x@mail.district.example",
        "x@district.example.",
        "x@district。example",
        "x@district.example\u200b",
        "x@ｄistrict.example",
        '"a@b"@district.example',
        "",
    ],
)
def test_what_may_reach_the_district_counts_as_inside(email):
    assert in_district_domain(email, DOMAINS)


@pytest.mark.parametrize("email", ["x@notdistrict.example", "x@district.example.com", "o'brien@mail.example"])
def test_other_addresses_are_outside(email):
    assert not in_district_domain(email, DOMAINS)
