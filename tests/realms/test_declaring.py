"""The use cases plan and apply, against a server made of a dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from idp_bridge.services.declaring import apply, plan
from idp_bridge.services.failures import Mismatch


@dataclass
class Wanted:
    name: str
    value: str


@dataclass
class Server:
    """A server that can be told not to listen."""

    held: dict[str, str]
    deaf: bool = False
    brought: list[str] = field(default_factory=list)

    def compare(self, declared: Wanted) -> tuple[tuple[str, ...], tuple[str, ...]]:
        same = self.held.get(declared.name) == declared.value
        return (() if same else (f"value: declared {declared.value}",)), ("password",)

    def bring(self, declared: Wanted, *, rewrite_secrets: bool = False) -> tuple[str, ...]:
        self.brought.append(declared.name)
        if not self.deaf:
            self.held[declared.name] = declared.value
        return ("value: written",)


WANTED = [Wanted("parents", "new"), Wanted("district", "same")]


def test_plan_reports_each_realm_and_touches_nothing() -> None:
    server = Server({"parents": "old", "district": "same"})
    parents, district = plan(server, WANTED)
    assert (parents.realm, parents.differences, parents.unreadable) == (
        "parents",
        ("value: declared new",),
        ("password",),
    )
    assert (district.differences, district.changes) == ((), ())
    assert server.brought == []


def test_apply_brings_only_what_differs_and_twice_changes_nothing() -> None:
    server = Server({"parents": "old", "district": "same"})
    parents, district = apply(server, WANTED)
    assert (parents.differences, parents.changes) == (("value: declared new",), ("value: written",))
    assert district.changes == ()
    assert [one.changes for one in apply(server, WANTED)] == [(), ()]
    assert server.brought == ["parents"]


def test_secrets_are_written_again_only_when_asked() -> None:
    server = Server({"parents": "new", "district": "same"})
    assert [one.changes for one in apply(server, WANTED, rewrite_secrets=True)] == [("value: written",)] * 2


def test_a_server_that_says_yes_and_does_not_is_a_mismatch() -> None:
    with pytest.raises(Mismatch, match="value: declared new"):
        apply(Server({}, deaf=True), WANTED)
