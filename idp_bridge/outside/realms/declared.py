"""Read a realm file and put the environment's values into its placeholders; never talks to Keycloak."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::([^}]*))?\}")
"""`${NAME}` or `${NAME:what to use without it}`. Lower case names such as `${username}` are Keycloak's."""

SECRET_NAME = re.compile(r"SECRET|PASSWORD")
SHORTEST_SECRET = 4
"""A shorter secret is not masked inside longer texts: it would hide half of every line."""


class DeclarationError(ValueError):
    """A realm file cannot be used as it is; `problems` has one line for each place, with file and key."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class DeclaredRealm:
    """What one file says a realm must be, with every placeholder filled in."""

    name: str
    file: Path
    content: dict[str, Any]
    secrets: frozenset[str]
    """Values that no output may show."""


def load_folder(
    folder: Path, values: Mapping[str, str], only: str | None = None
) -> tuple[DeclaredRealm, ...]:
    """Read every `*.json` of `folder`, or the one that declares realm `only`; sorted, `parents` first.

    Raises DeclarationError that lists every fault of every file at once.
    """
    files = sorted(folder.glob("*.json"), key=lambda file: (file.stem != "parents", file.stem))
    wanted = [file for file in files if only is None or file.stem == only]
    if not wanted:
        raise DeclarationError([f"{folder}: no realm file{f' {only}.json' if only else ''} here"])
    realms: list[DeclaredRealm] = []
    problems: list[str] = []
    for file in wanted:
        try:
            realms.append(load(file, values))
        except DeclarationError as error:
            problems.extend(error.problems)
    if problems:
        raise DeclarationError(problems)
    return tuple(realms)


def load(file: Path, values: Mapping[str, str]) -> DeclaredRealm:
    """Read one realm file; `values` is the environment. Raises DeclarationError."""
    raw = _parse(file)
    problems = [f"{file}: {line}" for line in _unset(raw, values)]
    if raw.get("realm") != file.stem:
        problems.append(f"{file}: realm: must be {file.stem!r}, as the file is named")
    if problems:
        raise DeclarationError(problems)
    return DeclaredRealm(file.stem, file, fill(raw, values), _secrets(raw, values))


def missing(content: object, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (key, placeholder) for each placeholder that has neither a value nor a default."""
    for key, text in _texts(content):
        for found in PLACEHOLDER.finditer(text):
            if not values.get(found[1]) and found[2] is None:
                yield key, found[1]


def fill(content: Any, values: Mapping[str, str]) -> Any:
    """Return `content` with placeholders replaced inside its texts, so a value can never break the JSON."""
    if isinstance(content, str):
        return PLACEHOLDER.sub(lambda found: values.get(found[1]) or found[2] or "", content)
    if isinstance(content, list):
        return [fill(item, values) for item in content]
    if isinstance(content, dict):
        return {key: fill(item, values) for key, item in content.items()}
    return content


def _unset(content: object, values: Mapping[str, str]) -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for key, name in missing(content, values):
        places.setdefault(name, []).append(key)
    for name, keys in places.items():
        more = f" (nor for {len(keys) - 1} more)" if len(keys) > 1 else ""
        yield f"{keys[0]}: ${{{name}}} is not set{more}"


def _parse(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeclarationError([f"{file}: cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise DeclarationError([f"{file}: is not JSON: {error}"]) from error
    if not isinstance(content, dict):
        raise DeclarationError([f"{file}: must be one JSON object"])
    return content


def _texts(content: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield key, content
    elif isinstance(content, list):
        for number, item in enumerate(content):
            yield from _texts(item, f"{key}[{_label(item, number)}]")
    elif isinstance(content, dict):
        for name, item in content.items():
            yield from _texts(item, f"{key}.{name}" if key else name)


def _label(item: object, number: int) -> str:
    named = item if isinstance(item, dict) else {}
    return str(named.get("clientId") or named.get("alias") or named.get("name") or number)


def _secrets(content: object, values: Mapping[str, str]) -> frozenset[str]:
    names = {found[1] for _, text in _texts(content) for found in PLACEHOLDER.finditer(text)}
    secret = (values.get(name, "") for name in names if SECRET_NAME.search(name))
    return frozenset(value for value in secret if len(value) >= SHORTEST_SECRET)
