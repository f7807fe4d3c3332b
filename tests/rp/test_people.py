"""Reads who signed in; a claim counts only from the realm that may say it."""

from __future__ import annotations

import pytest

from idp_bridge.rp.links import Reason
from idp_bridge.rp.people import SchoolRole, district_issuer, parents_issuer, read_person, read_school_roles
from idp_bridge.testing.people import employee, parent, student

PARENTS, DISTRICT = parents_issuer("http://p"), district_issuer("http://d")


def claims_of(account, issuer):
    return {"iss": issuer.url, "sub": account.sub, **account.claims}


def test_a_parent_has_links_and_nothing_else():
    account = parent(["46554860"])
    account.claims |= {"school_roles": ["0552:office"], "student_number": "46554860"}
    person = read_person(PARENTS, claims_of(account, PARENTS))
    assert (person.population, person.links.reason) == ("parent", Reason.LINKED)
    assert (person.school_roles, person.student_number) == ((), None)


def test_an_employee_has_duties_and_nothing_else():
    account = employee(["0610:office", "0552:office", "0552:principal"])
    account.claims |= {"student_links": parent(["46554860"]).claims["student_links"], "student_number": "1"}
    person = read_person(DISTRICT, claims_of(account, DISTRICT))
    assert person.school_roles[0] == SchoolRole("0552", "office")
    assert person.schools() == {"0552", "0610"}
    assert (person.links.reason, person.student_number) == (Reason.ABSENT, None)


def test_a_student_has_a_number_and_nothing_else():
    account = student("46554860")
    account.claims |= {"school_roles": ["0552:office"]}
    person = read_person(DISTRICT, claims_of(account, DISTRICT))
    assert (person.student_number, person.school_roles) == ("46554860", ())


@pytest.mark.parametrize("said", ["employee", "student", "admin", "", None, ["parent"], {"parent": 1}])
def test_a_realm_cannot_say_what_is_not_its_to_say(said):
    account = parent(["46554860"])
    account.claims |= {"population": said, "school_roles": ["0552:office"], "student_number": "46554860"}
    person = read_person(PARENTS, claims_of(account, PARENTS))
    assert person.population is None
    assert (person.school_roles, person.student_number, person.links.all) == ((), None, ())


def test_the_district_realm_cannot_make_parents():
    account = parent(["46554860"])
    person = read_person(DISTRICT, claims_of(account, DISTRICT))
    assert (person.population, person.links.reason) == (None, Reason.ABSENT)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "0552:office",
        5,
        {"0552": "office"},
        [1, None, "0552", ":office", "0552:", "0552:office\n", "a:b:c"],
    ],
)
def test_broken_duties_grant_nothing(value):
    assert read_school_roles({"school_roles": value}) == ()


def test_a_good_duty_among_broken_ones_counts_once():
    assert read_school_roles({"school_roles": ["0552:office", 7, "0552:office"]}) == (
        SchoolRole("0552", "office"),
    )
