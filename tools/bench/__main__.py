"""Run every row, print the table and write `var/bench.json`: `python -m tools.bench [WORD …]`.

A WORD keeps the rows whose name holds it. Exit code 1 where an aim is missed.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tools.bench.places import Bench, opened
from tools.bench.rows import ROWS, Figures, Row

MODULES = ("desk", "guessing", "auditing", "signing", "projecting", "revoking")
"""Modules of this package that hold rows, in the order of the table."""
RESULTS = Path("var/bench.json")


def main(words: list[str]) -> int:
    """Measure, print and write; return the exit code."""
    for module in MODULES:
        importlib.import_module(f"tools.bench.{module}")
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="idp-bridge-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's account writes its log beside it
        with opened(Bench(Path(folder))) as bench:
            results = run(bench, (one for one in ROWS if all(word in one.name for word in words)))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if all(result["holds"] for result in results) else 1


def run(bench: Bench, rows: Iterable[Row]) -> list[dict[str, object]]:
    """Measure `rows`, print each as it is known, and return them as the JSON has them."""
    print(f"{'row':60} {'ours':>9} {'against':>9} {'ratio':>6} {'aim':>12}")
    results = []
    for one in rows:
        found = one.measure(bench)
        print(_line(one, found), flush=True)
        results.append(_result(one, found))
    return results


def machine() -> str:
    """Return what the figures were taken on."""
    names = (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name"))
    cpu = next(names, platform.processor() or platform.machine())
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} x {cpu}, {system}, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []


def _line(one: Row, found: Figures) -> str:
    mark = "" if one.aim.holds(found.ratio) else "  MISSED"
    spread = f"  ({found.spread} {found.unit})" if found.spread else ""
    figures = f"{found.ours:9.3f} {found.against:9.3f} {found.ratio:6.2f}"
    return f"{one.name:60} {figures} {one.aim!s:>12}{mark}{spread}"


def _result(one: Row, found: Figures) -> dict[str, object]:
    return {
        "name": one.name,
        "ours": round(found.ours, 4),
        "against": round(found.against, 4),
        "ratio": round(found.ratio, 3),
        "aim": str(one.aim),
        "holds": one.aim.holds(found.ratio),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
