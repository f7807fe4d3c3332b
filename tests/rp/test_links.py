"""Reads good, empty and broken claims; a fault must never open anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp_bridge.domain.claims import CLAIMS, EMPTY, VERSION
from idp_bridge.rp import links as rp_links
from idp_bridge.rp.links import Reason, RevisionsInMemory, StudentLinks, read_student_links

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
SOON = int(NOW.timestamp()) + 60
LINK = {"id": "46554860", "rel": "parent", "pur": ["messages", "records"], "org": "0552", "exp": SOON}
CLAIM = {"v": 1, "rev": 184, "asof": 1795468790, "links": [LINK]}


def read(value, revisions=None) -> StudentLinks:
    claims = {"iss": "http://issuer", "sub": "parent-1", "student_links": value}
    return read_student_links(claims, revisions)


def without(entry: dict, name: str) -> dict:
    return {key: value for key, value in entry.items() if key != name}


def test_a_good_claim_says_who_may_do_what():
    links = read(CLAIM)
    assert (links.reason, links.revision, links.more) == (Reason.LINKED, 184, False)
    assert links.may("46554860", "records", NOW)
    assert not links.may("46554860", "choice", NOW)
    assert not links.may("46554861", "records", NOW)
    assert not links.may("", "records", NOW)


def test_the_example_of_the_design_and_unknown_members_are_read():
    links = read(
        {**CLAIM, "more": True, "later": {}, "links": [{**LINK, "note": "x", "pur": ["unheard-of"]}]}
    )
    assert links.more
    assert links.reason is Reason.LINKED
    assert links.may("46554860", "unheard-of", NOW)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"v": 1, "rev": 7, "asof": 1, "links": []}, Reason.EMPTY),
        (json.loads(EMPTY), Reason.NEVER_PROJECTED),
    ],
)
def test_no_links_says_why(value, reason):
    links = read(value)
    assert links.reason is reason
    assert links.live(NOW) == ()


def test_an_absent_claim_means_the_app_has_no_scope():
    assert read_student_links({"iss": "i", "sub": "s"}).reason is Reason.ABSENT


def test_a_link_ends_with_its_time_however_fresh_the_token():
    links = read(CLAIM)
    assert links.may("46554860", "records", NOW + timedelta(seconds=59))
    assert not links.may("46554860", "records", NOW + timedelta(seconds=60))
    assert links.live(NOW + timedelta(seconds=60)) == ()


def test_a_link_without_an_end_holds():
    links = read({**CLAIM, "links": [without(LINK, "exp")]})
    assert links.may("46554860", "records", NOW + timedelta(days=9999))


def test_a_time_without_a_zone_is_a_programming_error():
    with pytest.raises(ValueError, match="zone"):
        read(CLAIM).may("46554860", "records", NOW.replace(tzinfo=None))


BROKEN = {
    "null": None,
    "text": json.dumps(CLAIM),
    "list": [CLAIM],
    "number": 1,
    "true": True,
    "empty object": {},
    "no v": without(CLAIM, "v"),
    "v as text": {**CLAIM, "v": "1"},
    "v true": {**CLAIM, "v": True},
    "v as 1.0": {**CLAIM, "v": 1.0},
    "no rev": without(CLAIM, "rev"),
    "rev negative": {**CLAIM, "rev": -1},
    "rev as text": {**CLAIM, "rev": "184"},
    "rev true": {**CLAIM, "rev": True},
    "rev a fraction": {**CLAIM, "rev": 1.5},
    "no asof": without(CLAIM, "asof"),
    "asof as text": {**CLAIM, "asof": "now"},
    "no links": without(CLAIM, "links"),
    "links null": {**CLAIM, "links": None},
    "links an object": {**CLAIM, "links": LINK},
    "links text": {**CLAIM, "links": "46554860"},
    "more not boolean": {**CLAIM, "more": "yes"},
    "link is text": {**CLAIM, "links": ["46554860"]},
    "link is null": {**CLAIM, "links": [LINK, None]},
    "the same student twice": {**CLAIM, "links": [LINK, LINK]},
    **{
        f"link without {name}": {**CLAIM, "links": [without(LINK, name)]}
        for name in ("id", "rel", "pur", "org")
    },
    "id a number": {**CLAIM, "links": [{**LINK, "id": 46554860}]},
    "id empty": {**CLAIM, "links": [{**LINK, "id": ""}]},
    "id with a path": {**CLAIM, "links": [{**LINK, "id": "../46554860"}]},
    "id with a line end": {**CLAIM, "links": [{**LINK, "id": "46554860\n"}]},
    "rel unknown": {**CLAIM, "links": [{**LINK, "rel": "owner"}]},
    "rel a list": {**CLAIM, "links": [{**LINK, "rel": ["parent"]}]},
    "pur text": {**CLAIM, "links": [{**LINK, "pur": "records"}]},
    "pur of numbers": {**CLAIM, "links": [{**LINK, "pur": [1]}]},
    "pur of lists": {**CLAIM, "links": [{**LINK, "pur": [["records"]]}]},
    "org a number": {**CLAIM, "links": [{**LINK, "org": 552}]},
    "exp null": {**CLAIM, "links": [{**LINK, "exp": None}]},
    "exp text": {**CLAIM, "links": [{**LINK, "exp": str(SOON)}]},
    "exp in milliseconds": {**CLAIM, "links": [{**LINK, "exp": SOON * 1000}]},
    "exp infinite": {**CLAIM, "links": [{**LINK, "exp": float("inf")}]},
    "exp true": {**CLAIM, "links": [{**LINK, "exp": True}]},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_claim_is_refused_as_a_whole(name):
    links = read(BROKEN[name])
    assert links.reason is Reason.MALFORMED
    assert links.all == ()
    assert not links.may("46554860", "records", NOW)


def test_one_broken_link_takes_the_good_ones_with_it():
    assert read({**CLAIM, "links": [LINK, {**LINK, "id": 5}]}).all == ()


@pytest.mark.parametrize("version", [0, 2, 99])
def test_an_unknown_version_is_refused(version):
    links = read({**CLAIM, "v": version})
    assert links.reason is Reason.UNKNOWN_VERSION
    assert not links.may("46554860", "records", NOW)


def test_a_revision_going_down_is_refused_for_that_account_only():
    seen = RevisionsInMemory()
    assert read(CLAIM, seen).reason is Reason.LINKED
    assert read(CLAIM, seen).reason is Reason.LINKED
    older = read({**CLAIM, "rev": 183}, seen)
    assert (older.reason, older.all) == (Reason.STALE, ())
    other = {"iss": "http://issuer", "sub": "parent-2", "student_links": {**CLAIM, "rev": 1}}
    assert read_student_links(other, seen).reason is Reason.LINKED
    same_sub_elsewhere = {**other, "iss": "http://elsewhere", "sub": "parent-1"}
    assert read_student_links(same_sub_elsewhere, seen).reason is Reason.LINKED


def test_a_broken_claim_leaves_the_memory_as_it_was():
    seen = RevisionsInMemory()
    read({**CLAIM, "rev": 999, "links": "no"}, seen)
    assert read(CLAIM, seen).reason is Reason.LINKED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(JSON)
def test_no_value_whatever_raises_or_opens_anything(value):
    links = read(value)
    assert not links.may("46554860", "records", NOW)


@given(st.sampled_from(sorted(CLAIM)), JSON)
def test_no_single_change_of_a_member_raises(name, value):
    read({**CLAIM, name: value}).may("46554860", "records", NOW)


def test_names_and_version_are_those_of_the_contract():
    assert rp_links.CLAIM in CLAIMS
    assert CLAIMS[rp_links.CLAIM].realms == ("parents",)
    assert rp_links.VERSION == VERSION
    read_by_rp = {"student_links", "population", "student_number", "school_roles"}
    assert read_by_rp <= set(CLAIMS)


def test_the_schema_says_what_the_reader_does():
    schema = json.loads(Path("docs/claims/student_links.schema.json").read_text())
    assert schema["properties"]["v"] == {"const": VERSION}
    assert set(schema["required"]) == {"v", "rev", "asof", "links"}
    link = schema["properties"]["links"]["items"]
    assert set(link["properties"]["rel"]["enum"]) == rp_links.RELATIONS
    assert set(link["required"]) == {"id", "rel", "pur", "org"}
    assert link["properties"]["id"]["pattern"] == f"^{rp_links._STUDENT.pattern}$"
    assert link["properties"]["org"]["pattern"] == f"^{rp_links._SCHOOL.pattern}$"
    assert link["properties"]["pur"]["items"]["pattern"] == f"^{rp_links._WORD.pattern}$"
    assert link["properties"]["exp"]["maximum"] == rp_links.MAX_SECONDS
