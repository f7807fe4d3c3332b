"""What the code promises about itself: docstrings, documented settings, events and commands."""

from __future__ import annotations

import ast
from pathlib import Path

import click
import pytest

from idp_bridge.cli import main
from idp_bridge.domain.events import EVENTS, OPTIONAL
from idp_bridge.settings import Settings

ROOT = Path(__file__).parents[2]
MODULES = [path for path in (ROOT / "idp_bridge").rglob("*.py") if "versions" not in path.parts]
FORBIDDEN = {"utils", "helpers", "common", "core", "manager"}
LONGEST = 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
class TestModule:
    def test_opens_with_one_line_that_says_what_it_owns(self, path):
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring
        first = docstring.split("\n\n")[0].replace("\n", " ")
        assert first[0].isupper()
        assert first.endswith(".")

    def test_is_short_and_well_named(self, path):
        code = [
            line
            for line in path.read_text().splitlines()
            if line.strip() and not line.strip().startswith("#")
        ]
        assert len(code) <= LONGEST + _docstring_lines(path)
        assert path.stem not in FORBIDDEN

    def test_asks_no_clock_of_its_own(self, path):
        if path.name == "app.py":
            return
        calls = {
            node.func.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if isinstance(node.func.value, ast.Name) and node.func.value.id in ("datetime", "date")
        }
        assert not calls & {"now", "utcnow", "today"}


def _docstring_lines(path: Path) -> int:
    tree = ast.parse(path.read_text())
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
    return sum(len((ast.get_docstring(node) or "").splitlines()) for node in nodes)


def test_functions_are_short():
    lengths = sorted(
        node.end_lineno - node.lineno + 1 - len((ast.get_docstring(node) or "").splitlines())
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    )
    assert lengths[len(lengths) // 2] <= 10
    assert lengths[int(len(lengths) * 0.9)] <= 30


def _variables(model, prefix: str) -> list[str]:
    names = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if hasattr(inner, "model_fields"):
            names += _variables(inner, f"{prefix}{name.upper()}__")
        else:
            names.append(f"{prefix}{name.upper()}")
    return names


@pytest.mark.parametrize("variable", _variables(Settings, "IDP_BRIDGE_"))
def test_every_setting_is_documented(variable):
    assert f"`{variable}`" in (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_documented_with_its_fields(event):
    (line,) = [row for row in (ROOT / "docs" / "audit.md").read_text().splitlines() if f"`{event}`" in row]
    for field in EVENTS[event] | OPTIONAL.get(event, frozenset()):
        assert f"`{field}`" in line


def _commands(group: click.Group, path: str = "idp-bridge") -> list[tuple[str, click.Command]]:
    found = []
    for name, command in group.commands.items():
        full = f"{path} {name}"
        found += _commands(command, full) if isinstance(command, click.Group) else [(full, command)]
    return found


@pytest.mark.parametrize(("path", "command"), _commands(main), ids=[path for path, _ in _commands(main)])
def test_every_command_is_documented_and_explains_itself(path, command):
    assert f"`{path}" in (ROOT / "docs" / "commands.md").read_text()
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts}"
