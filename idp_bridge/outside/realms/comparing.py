"""Compare what is declared with what a server holds, declared keys only; never talks to Keycloak.

Keycloak gives back more than it was given and writes some of it differently. What is not a difference:
order in lists of words, `true` and `"true"`, `"uid"` and `["uid"]`, empty and absent, JSON inside
attributes written with other spaces, `notEmail` and `notEmail(undefined)`, lists joined by `##`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MASKED = "**********"
"""What Keycloak shows instead of a secret it will not tell."""

SECRET_KEYS = frozenset({"secret", "bindCredential", "password", "jwks.string"})
NAMES = ("clientId", "alias", "username", "name")
MAPPERS = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
STORAGE = "org.keycloak.storage.UserStorageProvider"

EXACT = frozenset(
    {
        ("userProfile",),
        ("userProfile", "attributes"),
        ("userProfile", "attributes", "*", "validations"),
        ("userProfile", "groups"),
        ("groups", "*", "attributes"),
        ("groups", "*", "clientRoles"),
        ("defaultRole", "composites", "client"),
        ("clientScopes", "*", "protocolMappers"),
        ("clients", "*", "protocolMappers"),
        ("clients", "*", "scopeMappings"),
        ("clients", "*", "serviceAccount", "clientRoles"),
        ("components", STORAGE, "*", "subComponents", MAPPERS),
        ("adminPermissions", "policies"),
        ("adminPermissions", "permissions"),
        ("workflows",),
        ("workflows", "*", "steps"),
        ("workflows", "*", "steps", "*", "with"),
        ("strayMappers",),
    }
)
"""Where one thing more than declared opens a door: here an extra member is a difference too."""

ORDERED = frozenset({("userProfile", "attributes")})
"""Where the order is what a person sees."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the server is not as declared; None stands for "not there"."""

    path: str
    declared: object
    found: object

    @property
    def hidden(self) -> bool:
        """Tell whether the server keeps the value to itself, so that nobody can say if it differs."""
        return self.found in (MASKED, [MASKED])

    def shown(self, secrets: frozenset[str] = frozenset(), longest: int = 160) -> str:
        """Return one line for people, without any secret."""
        secret = self.path.rsplit(".", 1)[-1] in SECRET_KEYS
        declared, found = (_words(value, secret, secrets, longest) for value in (self.declared, self.found))
        return f"{self.path}: declared {declared}, found {found}"


@dataclass(frozen=True, slots=True)
class _Place:
    keys: tuple[str, ...] = ()
    path: str = ""

    def key(self, name: str) -> _Place:
        return _Place((*self.keys, name), f"{self.path}.{name}" if self.path else name)

    def member(self, name: str) -> _Place:
        return _Place((*self.keys, "*"), f"{self.path}[{name}]")


def differences(declared: object, found: object, *keys: str) -> tuple[Difference, ...]:
    """Return every place where `found` does not hold what `declared` says.

    `keys` says where in a realm file `declared` stands, for what is compared exactly there; `*` is any
    member of a list.
    """
    place = _Place()
    for key in keys:
        place = place.key(key)
    return tuple(_compare(declared, found, place))


def differs(declared: object, found: object, *keys: str) -> bool:
    """Tell whether anything readable differs; a masked secret never counts."""
    return any(not difference.hidden for difference in differences(declared, found, *keys))


def named(items: object) -> dict[str, Any]:
    """Return a list of objects by their names (`clientId`, `alias`, `username` or `name`)."""
    members = items if isinstance(items, list) else []
    return {_name(item, number): item for number, item in enumerate(members)}


def _compare(declared: object, found: object, place: _Place) -> Iterator[Difference]:
    if isinstance(declared, dict):
        yield from _compare_maps(declared, found if isinstance(found, dict) else {}, place)
    elif isinstance(declared, list) and _objects(declared, found):
        yield from _compare_members(declared, found, place)
    elif isinstance(declared, list):
        if _words_of(declared) != _words_of(found if isinstance(found, list) else [found]):
            yield Difference(place.path, declared, found)
    elif _empty(declared) and _single(found) == MASKED:
        return  # it masks an empty secret too
    elif _plain(declared, place.keys) != _plain(_single(found), place.keys):
        yield Difference(place.path, declared, found)


def _compare_maps(declared: dict[str, Any], found: dict[str, Any], place: _Place) -> Iterator[Difference]:
    for key, value in declared.items():
        yield from _compare(value, found.get(key), place.key(key))
    if place.keys in EXACT:
        for key in sorted(found.keys() - declared.keys()):
            if not _empty(found[key]):
                yield Difference(place.key(key).path, None, found[key])


def _compare_members(declared: list[Any], found: object, place: _Place) -> Iterator[Difference]:
    wanted, there = named(declared), named(found)
    for name, item in wanted.items():
        if name in there:
            yield from _compare(item, there[name], place.member(name))
        else:
            yield Difference(place.member(name).path, item, None)
    if place.keys in EXACT:
        for name in sorted(there.keys() - wanted.keys()):
            yield Difference(place.member(name).path, None, there[name])
    if place.keys in ORDERED and (order := [n for n in there if n in wanted]) != [
        n for n in wanted if n in there
    ]:
        yield Difference(f"{place.path} order", list(wanted), order)


def _objects(declared: list[Any], found: object) -> bool:
    items = [*declared, *(found if isinstance(found, list) else [])]
    return any(isinstance(item, dict) for item in items)


def _name(item: object, number: int) -> str:
    if isinstance(item, dict):
        for key in NAMES:
            if item.get(key):
                return str(item[key])
    return str(number)


def _words_of(items: list[Any]) -> frozenset[str]:
    return frozenset(_text(item) for item in items) - {""}


def _single(found: object) -> object:
    if isinstance(found, list) and len(found) <= 1:
        return found[0] if found else None
    return found


def _plain(value: object, keys: tuple[str, ...]) -> object:
    text = _text(value)
    if keys[-1:] == ("passwordPolicy",):
        return frozenset(rule.strip().removesuffix("(undefined)") for rule in text.split(" and "))
    if "##" in text:
        return frozenset(text.split("##"))
    if keys[-2:-1] in (("attributes",), ("config",)) and text[:1] in ("{", "["):
        return _canonical(text)
    return text


def _canonical(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def _text(value: object) -> str:
    if value is None or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _empty(value: object) -> bool:
    return value is None or value == "" or value == [] or value == {}


def _words(value: object, secret: bool, secrets: frozenset[str], longest: int) -> str:
    if value is None:
        return "nothing"
    if secret:
        return MASKED
    text = json.dumps(_without_secrets(value), ensure_ascii=False)
    for hidden in secrets:
        text = text.replace(json.dumps(hidden, ensure_ascii=False)[1:-1], MASKED)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: MASKED if k in SECRET_KEYS and v else _without_secrets(v) for k, v in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value
