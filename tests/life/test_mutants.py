"""The faults that the walk must see still name their places in the product; `mutants.py` walks with them."""

from __future__ import annotations

import pytest

from tests.life.mutants import MUTANTS, text_of


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_each_fault_has_its_place(mutant):
    compile(text_of(mutant), mutant.file, "exec")


def test_each_fault_has_a_name_of_its_own():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
