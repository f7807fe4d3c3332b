"""The help of every command: a list that is complete, sentences, and a line for every option."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from idp_bridge import __version__
from idp_bridge.cli import main

COMMANDS = """\
audit export
audit verify
db check
db upgrade
doctor
jobs end-links
jobs end-withdrawn
jobs lapse-visits
jobs project
jobs raise-alarms
jobs remind
jobs send-mails
jobs warn-ends
links revoke
project compare
project now
project resolve
project status
project unverified
realm apply
realm plan
roster import
roster sample
worker"""


def commands(group: click.Group = main, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


EVERY = dict(commands())


def said(*arguments: str) -> str:
    result = CliRunner().invoke(main, [*arguments, "--help"], terminal_width=80)
    assert result.exit_code == 0
    return result.output


def test_these_are_the_commands():
    assert "\n".join(EVERY) == COMMANDS


def test_the_first_page_names_every_group_with_its_whole_sentence():
    page, width = said(), 2 + max(map(len, main.commands))
    for name, command in main.commands.items():
        assert f"  {name:<{width}}{command.get_short_help_str(200)}" in page
    assert "..." not in page.partition("Commands:")[2]


@pytest.mark.parametrize("name", EVERY)
def test_each_command_says_what_it_does_in_sentences(name):
    page = said(*name.split())
    text = EVERY[name].help or ""
    assert text.strip().endswith(".")
    assert text[0].isupper()
    assert page.startswith("Usage: main " + name)
    assert max(map(len, page.splitlines())) <= 100


@pytest.mark.parametrize("name", EVERY)
def test_each_option_is_explained(name):
    for option in EVERY[name].params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.endswith("."), option.help


@pytest.mark.parametrize(
    "page", [("db",), ("roster",), ("links",), ("audit",), ("jobs",), ("realm",), ("project",)], ids=" ".join
)
def test_a_group_lists_its_commands(page):
    group = main.commands[page[0]]
    assert isinstance(group, click.Group)
    assert all(f"\n  {name}" in said(*page) for name in group.commands)


def test_exit_codes_are_in_the_help_of_what_compares():
    for name in ("plan", "apply"):
        assert "Exit codes: 0" in said("realm", name)


def test_the_version():
    assert CliRunner().invoke(main, ["--version"]).output == f"idp-bridge, version {__version__}\n"
