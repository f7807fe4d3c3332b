"""Audit events carry their declared fields and nothing else, and chain by hash."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idp_bridge.domain.events import EVENTS, FIRST_HASH, Actor, ActorKind, Event, chained
from tests.conftest import NOW

WHO = Actor(ActorKind.STAFF, "entry-1")


def test_a_missing_or_extra_field_is_a_fault():
    Event("identity:proven", NOW, WHO, fields={"kind": "passport"})
    with pytest.raises(ValueError, match="identity:proven"):
        Event("identity:proven", NOW, WHO)
    with pytest.raises(ValueError, match="identity:proven"):
        Event("identity:proven", NOW, WHO, fields={"kind": "passport", "number": "X1"})
    with pytest.raises(KeyError):
        Event("link:forgotten", NOW, WHO)


def test_names_say_what_they_are_about():
    assert all(name.count(":") == 1 for name in EVENTS)


def test_every_part_of_an_event_changes_the_hash():
    event = Event("identity:proven", NOW, WHO, "p", "s", "l", "0552", {"kind": "passport"})
    base = chained(FIRST_HASH, event)
    others = [
        replace(event, actor=Actor(ActorKind.PARENT, "entry-1")),
        replace(event, actor=Actor(ActorKind.STAFF, "entry-2")),
        replace(event, parent="q"),
        replace(event, student="t"),
        replace(event, link="m"),
        replace(event, school="0610"),
        replace(event, fields={"kind": "consular-id"}),
    ]
    hashes = {chained(FIRST_HASH, other) for other in others} | {chained("1" * 64, event), base}
    assert len(hashes) == len(others) + 2
