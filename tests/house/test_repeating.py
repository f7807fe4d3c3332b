"""Every use case a page calls is done again after a deadlock, or is listed here with the reason why not."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parents[2] / "idp_bridge" / "web"
READS = {
    "sides_of", "apps_in_use", "check_birth_date", "children_of", "desk_visit", "disclosure_line",
    "enterable",
    "earlier_accounts", "find_link", "guardian_shown", "identified", "is_open", "my_schools", "own_records",
    "read_note", "schools", "slip_of", "staff_member", "student_shown", "alarms", "search_audit",
    "check_chain", "disclosures_for", "projection", "restriction_shown", "restrictions_at", "only_school",
    "search", "queue",
}  # fmt: skip
"""Change no row."""
NOT_AGAIN = {
    "sign_out_everywhere": "ends sessions at Keycloak first; whoever asked is told, and asks again",
    "compare_all": "only wakes the worker",
    "go_on_with_ours": "calls keep_ours, which is done again",
}


def called() -> dict[str, Any]:
    """Return every function of a service that a page imports, or reaches through an imported module."""
    found = {}
    for file in WEB.glob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("idp_bridge.services"):
                for alias in node.names:
                    if node.module == "idp_bridge.services":
                        thing = import_module(f"{node.module}.{alias.name}")
                        found |= {name: getattr(thing, name) for name in used_of(tree, alias.name)}
                    else:
                        found[alias.name] = getattr(import_module(node.module), alias.name)
    return {name: thing for name, thing in found.items() if inspect.isfunction(thing)}


def used_of(tree: ast.AST, module: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


@pytest.mark.parametrize(("name", "use_case"), sorted(called().items()))
def test_is_done_again_or_says_why_not(name, use_case):
    again = getattr(use_case, "again_if_undone", False)
    assert again + (name in READS) + (name in NOT_AGAIN) == 1


def test_nothing_is_listed_that_no_page_calls():
    assert READS | set(NOT_AGAIN) <= set(called())
