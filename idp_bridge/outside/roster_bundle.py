"""Open a OneRoster CSV bundle: files, manifest, columns and rows; never knows what a row means.

Columns and rules: 1EdTech OneRoster CSV Binding 1.1 and 1.2. Every fault names file, line and column; up to
MOST_FAULTS are collected before the bundle is refused as a whole.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from idp_bridge.domain.errors import RosterRefused

MOST_FAULTS = 20
LARGEST_FILE_B = 200 * 1024 * 1024
"""About a million users; more than any district has, and far less than a zip bomb unpacks to."""
VERSIONS = ("1.1", "1.2")
READ = frozenset({"manifest.csv", "orgs.csv", "users.csv", "roles.csv", "demographics.csv"})
"""Other files are never opened: their encoding, size and number do not matter (macOS adds `._users.csv`)."""
NEEDED = {
    "orgs.csv": ("sourcedId", "name", "identifier"),
    "users.csv": ("sourcedId", "givenName", "familyName", "identifier", "agentSourcedIds"),
    "demographics.csv": ("sourcedId", "birthDate"),
}
NEEDED_BY_VERSION: dict[str, dict[str, tuple[str, ...]]] = {
    "1.1": {"users.csv": ("role", "orgSourcedIds")},
    "1.2": {"roles.csv": ("userSourcedId", "role", "orgSourcedId")},
}
LONGEST = {
    "orgs.csv": {
        "sourcedId": 255,
        "identifier": 32,
        "name": 200,
        "metadata.address": 400,
        "metadata.officeHours": 200,
        "metadata.phone": 50,
    },
    "users.csv": {"sourcedId": 255, "givenName": 200, "familyName": 200, "email": 320, "phone": 50},
}
"""File -> column -> characters there is room for; PostgreSQL would refuse more, and not say where."""

Row = Mapping[str, str]


@dataclass
class Bundle:
    """The files of a bundle by name, and the faults found so far."""

    files: dict[str, str]
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Note a fault; raise RosterRefused once there are MOST_FAULTS."""
        if text not in self.faults:  # a file may be walked more than once
            self.faults.append(text)
        if len(self.faults) >= MOST_FAULTS:
            raise RosterRefused((*self.faults, f"… stopped after {MOST_FAULTS} faults"))

    def rows(self, name: str) -> Iterator[tuple[int, Row]]:
        """Yield line number and row of a file; rows to be deleted, and faulty ones, are left out."""
        reader = csv.reader(io.StringIO(self.files[name], newline=""), strict=True)
        try:
            header = [column.strip() for column in next(reader, [])]
            for cells in reader:
                if not cells:
                    continue  # a blank line, often the last
                if len(cells) != len(header):
                    wrong = f"{len(cells)} columns, the header has {len(header)}"
                    self.fault(f"{name} line {reader.line_num}: {wrong}")
                    continue
                row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
                if row.get("status", "").lower() != "tobedeleted" and self._fits(name, reader.line_num, row):
                    yield reader.line_num, row
        except csv.Error as fault:
            self.fault(f"{name} line {reader.line_num}: {fault}")

    def _fits(self, name: str, line: int, row: Row) -> bool:
        """Tell whether a row can be stored as it stands; note what is wrong if not."""
        wrong = [
            f"{column} is longer than {most} characters"
            for column, most in LONGEST.get(name, {}).items()
            if len(row.get(column, "")) > most
        ]
        wrong += [f"{column} holds a NUL character" for column, cell in row.items() if "\0" in cell]
        for text in wrong:
            self.fault(f"{name} line {line}: {text}")
        return not wrong


def open_bundle(source: Path) -> tuple[Bundle, str]:
    """Return the bundle in a folder or zip file, and its OneRoster version; raise RosterRefused."""
    bundle = Bundle(_files(source))
    version = _version(bundle)
    _check_columns(bundle, version)
    stop_on_faults(bundle)
    return bundle, version


def digest(source: Path) -> str:
    """Return the SHA-256 (hex) of a bundle's files, the same for a folder and its zip."""
    total = hashlib.sha256()
    for name, text in sorted(_files(source).items()):
        total.update(f"{name}\0{text}\0".encode())
    return total.hexdigest()


def _files(source: Path) -> dict[str, str]:
    if source.is_dir():
        raw = {path.name: _read(path) for path in sorted(source.glob("*.csv")) if path.name in READ}
    elif zipfile.is_zipfile(source):
        raw = _unzipped(source)
    else:
        raise RosterRefused((f"{source} is neither a folder nor a zip file",))
    if not raw:
        raise RosterRefused((f"{source} has no CSV files",))
    return {name: _text(name, content) for name, content in raw.items()}


def _read(path: Path) -> bytes:
    try:
        _small(path.stat().st_size, path.name)
        return path.read_bytes()
    except OSError as fault:
        raise RosterRefused((f"{path.name} cannot be read ({fault.strerror})",)) from fault


def _unzipped(source: Path) -> dict[str, bytes]:
    """Read the CSV files of a zip, at the top or in one folder; nothing is written to disk."""
    try:
        return _entries(source)
    except (zipfile.BadZipFile, zlib.error, EOFError) as fault:
        raise RosterRefused((f"{source.name} is damaged ({fault}); export it again",)) from fault
    except (RuntimeError, NotImplementedError) as fault:
        raise RosterRefused((f"{source.name} is encrypted or packed in an unusual way ({fault})",)) from fault


def _entries(source: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            place = PurePosixPath(entry.filename)
            if entry.is_dir() or place.name not in READ or len(place.parts) > 2:
                continue
            if place.name in found:
                raise RosterRefused((f"{place.name} is in the zip file twice",))
            _small(entry.file_size, place.name)
            with archive.open(entry) as content:
                data = content.read(LARGEST_FILE_B + 1)  # the header's size may lie
            _small(len(data), place.name)
            found[place.name] = data
    return found


def _small(size: int, name: str) -> None:
    if size > LARGEST_FILE_B:
        raise RosterRefused((f"{name} is larger than {LARGEST_FILE_B // 1024 // 1024} MiB",))


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content[: fault.start].count(b"\n") + 1
        raise RosterRefused((f"{name} line {line}: not UTF-8; export it again as UTF-8",)) from fault


def _version(bundle: Bundle) -> str:
    if "manifest.csv" not in bundle.files:
        raise RosterRefused(("manifest.csv is missing: this is not a OneRoster bundle",))
    said = {row.get("propertyName", ""): row.get("value", "") for _, row in bundle.rows("manifest.csv")}
    stop_on_faults(bundle)
    version = said.get("oneroster.version", "")
    if version not in VERSIONS:
        raise RosterRefused((f"manifest.csv: oneroster.version is {version!r}, not 1.1 or 1.2",))
    for file in ("orgs", "users", "demographics", *(["roles"] if version == "1.2" else [])):
        mode = said.get(f"file.{file}", "absent")
        if mode != "bulk":
            bundle.fault(f"manifest.csv: file.{file} is {mode!r}; only 'bulk' can be imported")
        if f"{file}.csv" not in bundle.files:
            bundle.fault(f"{file}.csv is missing")
    stop_on_faults(bundle)
    return version


def _check_columns(bundle: Bundle, version: str) -> None:
    needed: dict[str, tuple[str, ...]] = dict(NEEDED)
    for name, columns in NEEDED_BY_VERSION[version].items():
        needed[name] = needed.get(name, ()) + columns
    for name, columns in needed.items():
        try:
            header = next(csv.reader(io.StringIO(bundle.files[name], newline="")), [])
        except csv.Error as fault:
            bundle.fault(f"{name} line 1: {fault}")
            continue
        have = {column.strip() for column in header}
        for column in columns:
            if column not in have:
                bundle.fault(f"{name} line 1: column {column} is missing (OneRoster {version})")


def stop_on_faults(bundle: Bundle) -> None:
    """Raise RosterRefused if a fault was noted."""
    if bundle.faults:
        raise RosterRefused(tuple(bundle.faults))
