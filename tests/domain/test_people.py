"""Student numbers as people type them, and addresses that belong to the district."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from idp_bridge.domain.people import (
    eighteenth_birthday,
    in_district_domain,
    latest_birth_date_of_age,
    read_student_number,
)

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


@pytest.mark.parametrize("year", [2026, 2028])
def test_the_latest_birth_date_of_age_agrees_with_the_birthday_on_every_day(year):
    for number in range(366):
        today = date(year, 1, 1) + timedelta(days=number)
        latest = latest_birth_date_of_age(today)
        assert eighteenth_birthday(latest) <= today < eighteenth_birthday(latest + timedelta(days=1))
