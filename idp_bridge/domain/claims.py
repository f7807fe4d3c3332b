"""Hold the claim contract: names, shape and bytes of what tokens say; never reads a token.

The contract is design 5, version 1. Realm files, JSON Schema, `rp/` and tests are checked against CLAIMS.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from idp_bridge.domain.link import Link
from idp_bridge.domain.people import Relationship, Student

VERSION = 1
MAX_LENGTH = 8192
"""Characters Keycloak stores for the attribute, declared in the user profile of `parents`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: where it comes from and who releases it."""

    name: str
    realms: tuple[str, ...]
    json_type: str
    scope: str
    """Client scope that releases it."""
    attribute: str
    """Keycloak user attribute behind it; empty where a group membership is."""


CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        Claim("student_links", ("parents",), "JSON", "student_links", "student_links"),
        Claim("population", ("parents", "district"), "String", "population", "population"),
        Claim("student_number", ("district",), "String", "district", "student_number"),
        Claim("school_roles", ("district",), "String", "district", ""),
        Claim("directory_id", ("district",), "String", "district", "LDAP_ID"),
    )
}

ATTRIBUTE = CLAIMS["student_links"].attribute

ROLE: dict[Relationship, str] = {
    Relationship.PARENT: "parent",
    Relationship.STEP_PARENT: "parent",
    Relationship.LEGAL_GUARDIAN: "guardian",
    Relationship.FOSTER_PARENT: "guardian",
    Relationship.CASEWORKER: "guardian",
    Relationship.SURROGATE: "guardian",
    Relationship.CAREGIVER: "relative",
}
"""Our relationships in OneRoster's three words."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A link that may appear in a token, with the student it is for."""

    link: Link
    student: Student


def student_links(rev: int, asof: datetime | None, shown: Iterable[Shown]) -> str:
    """Return the attribute's value: compact one-line JSON, sorted by `id`, at most MAX_LENGTH characters.

    `asof` is when `rev` was raised, so that unchanged input gives unchanged bytes. Links that do not fit
    are left out from the end and `"more":true` says so: the app then asks the API.
    """
    entries = sorted((_entry(one) for one in shown), key=lambda entry: str(entry["id"]))
    seconds = int(asof.timestamp()) if asof else 0
    value: dict[str, object] = {"v": VERSION, "rev": rev, "asof": seconds, "links": entries}
    text = _dump(value)
    while len(text) > MAX_LENGTH:
        entries.pop()
        text = _dump({**value, "more": True})
    return text


def same(wanted: str, stored: tuple[str, ...]) -> bool:
    """Tell whether Keycloak holds exactly `wanted`: one value, the same bytes."""
    return stored == (wanted,)


def stored_revision(stored: tuple[str, ...]) -> int:
    """Return the highest `rev` among the `stored` values; 0 where there is none to read."""
    return max((_revision(text) for text in stored), default=0)


def stored_second(stored: tuple[str, ...]) -> int:
    """Return when the highest revision among the `stored` values was raised: its `asof`, 0 if unsaid."""
    return max(((_whole(text, "rev"), _whole(text, "asof")) for text in stored), default=(0, 0))[1]


def narrowed(stored: tuple[str, ...], wanted: str, asof: datetime) -> str:
    """Return what `wanted` and every value `stored` say, a revision above theirs; never more than any says.

    Of a link that all know: the purposes all give it and its earliest end. A value that cannot be read says
    nothing. Where `stored` is one value that says no more than `wanted`, it is returned as it is.
    """
    links = {entry["id"]: entry for entry in _listed(wanted)}
    for text in stored or ("",):
        theirs = {entry["id"]: entry for entry in _listed(text)}
        links = {id: _less(links[id], theirs[id]) for id in links.keys() & theirs.keys()}
    kept = [links[id] for id in sorted(links) if links[id]["pur"]]
    if len(stored) == 1 and _opens(kept) == _opens(_listed(stored[0])) and _whole_list(stored[0]):
        return stored[0]
    value = {"v": VERSION, "rev": stored_revision(stored) + 1, "asof": int(asof.timestamp()), "links": kept}
    return _dump(value | ({"more": True} if _read(wanted).get("more") else {}))


def _listed(text: str) -> list[dict[str, Any]]:
    """Return the links in a value, with those that no reader could use left out."""
    listed = _read(text).get("links")
    found = listed if isinstance(listed, list) else []
    return [one for one in found if isinstance(one, dict) and isinstance(one.get("id"), str)]


def _whole_list(text: str) -> bool:
    """Tell whether a value lists links at all, and none that no reader could use."""
    listed = _read(text).get("links")
    return isinstance(listed, list) and len(listed) == len(_listed(text))


def _less(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Return our entry with what both open, until the earlier end."""
    ends = [entry["exp"] for entry in (ours, theirs) if isinstance(entry.get("exp"), int)]
    given = theirs.get("pur")
    known = given if isinstance(given, list) else []
    both = {**ours, "pur": [purpose for purpose in ours["pur"] if purpose in known]}
    return {**both, "exp": min(ends)} if ends else both


def _opens(links: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return what links open, to compare."""
    return sorted((one["id"], str(one.get("pur")), str(one.get("exp"))) for one in links)


def _entry(one: Shown) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": one.student.number,
        "rel": ROLE[one.link.claimed.relationship],
        "pur": sorted(one.link.purposes),
        "org": one.student.school,
    }
    if one.link.expires_at:
        entry["exp"] = int(one.link.expires_at.timestamp())
    return entry


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _revision(text: str) -> int:
    return _whole(text, "rev")


def _whole(text: str, member: str) -> int:
    """Return a member that is a whole number; 0 where there is none."""
    value = _read(text).get(member)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _read(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


EMPTY = student_links(0, None, ())
"""What the realm's workflow gives a new account: never absent, or a group's attribute would show."""
