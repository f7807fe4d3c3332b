"""Visit codes: derived, readable however they are typed, stored only as a keyed hash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp_bridge.domain.errors import CodeUnknown
from idp_bridge.domain.link import VisitId
from idp_bridge.domain.visit_code import ALPHABET, fingerprint, make, read

KEY = b"k" * 32


def test_the_alphabet_has_no_vowel_and_no_digit():
    assert len(set(ALPHABET)) == 20
    assert not set(ALPHABET) & set("AEIOUY0123456789")


@given(st.text(min_size=1, max_size=40), st.integers(0, 5))
def test_a_code_reads_back_and_is_stable(visit, turn):
    code = make(KEY, VisitId(visit), turn)
    assert read(code) == code == make(KEY, VisitId(visit), turn)
    assert len(code) == 9
    assert code[4] == "-"


@pytest.mark.parametrize("typed", ["krtv-mhbd", " KRTV MHBD ", "krtvmhbd", "K R T V-M H B D", "krtv–mhbd"])
def test_how_it_is_typed_does_not_matter(typed):
    assert read(typed) == "KRTV-MHBD"


@pytest.mark.parametrize("typed", ["", "KRTV-MHB", "KRTV-MHBDD", "KRTA-MHBD", "KRT4-MHBD", "КRTV-MHBD", "\0"])
def test_what_cannot_be_a_code_is_unknown(typed):
    with pytest.raises(CodeUnknown):
        read(typed)


def test_the_key_decides_code_and_fingerprint():
    other = b"o" * 32
    assert make(KEY, VisitId("v")) != make(other, VisitId("v"))
    assert make(KEY, VisitId("v")) != make(KEY, VisitId("v"), 1)
    assert fingerprint(KEY, "KRTV-MHBD") != fingerprint(other, "KRTV-MHBD")
    assert "KRTV" not in fingerprint(KEY, "KRTV-MHBD")


def test_codes_spread_over_the_whole_alphabet():
    letters = "".join(make(KEY, VisitId(str(n))).replace("-", "") for n in range(2000))
    shares = [letters.count(letter) / len(letters) for letter in ALPHABET]
    assert max(shares) < 0.06
    assert min(shares) > 0.04
