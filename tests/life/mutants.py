"""Read the faults that the walk must see and walk with each; never changes the tree itself.

`mutants.txt` has them by name, as changes of the product's text. `python -m tests.life.mutants [word ...]`
copies the product, makes one change at a time there, walks as CI does, and prints which rule came upon it and
what objected. Exit 1 where a fault went unseen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from idp_bridge.domain.events import EVENTS
from tests.life.acting import Acting

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).parent / "mutants.txt"


@dataclass(frozen=True)
class Mutant:
    """One fault: in `file`, `old` (found there once) becomes `new`."""

    name: str
    file: str
    old: str
    new: str


def _named() -> Iterator[Mutant]:
    """Yield the faults of the list."""
    for entry in LIST.read_text().strip("\n").split("\n\n"):
        name, file, *lines = entry.split("\n")
        old = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
        new = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        yield Mutant(name, file.removeprefix("@ "), old, new)


_RECORD, _TWICE = "idp_bridge/services/recording.py", "lambda one: [rows.audit.append(one) for _ in (1, 2)]"
_APPENDED = {
    "link:requested": ("idp_bridge/services/linking.py", '(\n        Event(\n            "link:requested"'),
    "link:corrected": ("idp_bridge/services/correcting.py", "(_event(staff, link, done, rows))"),
    "link:moved": ("idp_bridge/services/moving.py", '(\n        Event(\n            "link:moved"'),
    "link:granted": ("idp_bridge/services/granting.py", '(\n        Event("link:granted"'),
}
"""Events of links that are written elsewhere than in `services/recording.py`, and the text after `append`."""


def _events() -> Iterator[Mutant]:
    """Yield for each event of a link that it is forgotten, and that it is written twice."""
    for name in EVENTS:
        if name.startswith("link:"):
            file, then = _APPENDED.get(name, (_RECORD, "(\n        Event(\n            event,"))
            for what, fault in (("is not written down", "str"), ("is written down twice", _TWICE)):
                here = "True" if name in _APPENDED else f'event == "{name}"'
                other = f"(({fault}) if {here} else rows.audit.append)"
                yield Mutant(f"{name} {what}", file, f"rows.audit.append{then}", other + then)


MUTANTS = (*_named(), *_events())


def text_of(mutant: Mutant, root: Path = ROOT) -> str:
    """Return the file with the fault in it; raise ValueError where its place is not found once."""
    before = (root / mutant.file).read_text()
    if before.count(mutant.old) != 1 or mutant.old == mutant.new:
        raise ValueError(f"{mutant.name}: {before.count(mutant.old)} places in {mutant.file}")
    return before.replace(mutant.old, mutant.new)


def walk(mutant: Mutant | None) -> str | None:
    """Walk with the fault; return what saw it, None where nothing did."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        for part in ("idp_bridge", "tests", "tools"):
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", root)
        if mutant:
            (root / mutant.file).write_text(text_of(mutant))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/life/test_state_machine.py", "--tb=short", "-q"],
            cwd=root,
            env={**os.environ, "LIFE_QUICK": "1", "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    return None if done.returncode == 0 else _seen_by(done.stdout)


def _seen_by(output: str) -> str:
    """Return the last rule of the walk and the place in the tests that objected."""
    rules = [name for name in re.findall(r"state\.(\w+)\(", output) if name not in QUIET]
    places = re.findall(r"tests/life/(\w+)\.py:\d+: in (\w+)", output)
    objected = next((f"{file}.{name}" for file, name in reversed(places) if name not in NO_PLACE), "nobody")
    return f"{rules[-1] if rules else 'no rule'} | {objected}"


NO_PLACE = {"test_the_life_of_links", "_once", "<lambda>"}
QUIET = {"teardown", Acting.all_is_as_it_must_be.__name__}
"""Steps that hypothesis shows and that are no rules."""


def main(words: list[str]) -> int:
    """Try every mutant whose name has one of the words; without words all, and first that nothing is seen
    where nothing is wrong."""
    chosen = [one for one in MUTANTS if not words or any(word in one.name for word in words)]
    assert words or walk(None) is None, "the walk fails without a fault"
    unseen = 0
    for mutant in chosen:
        seen = walk(mutant)
        unseen += seen is None
        print(f"{mutant.name} | {seen or 'UNSEEN'}", flush=True)
    print(f"{len(chosen) - unseen} of {len(chosen)} seen")
    return int(unseen > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
