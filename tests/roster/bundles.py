"""Write small OneRoster bundles for tests, good unless a test breaks them; never reads one."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date
from pathlib import Path

TODAY = date(2026, 11, 24)
"""The day on which tests read bundles."""
MANIFEST = "propertyName,value\nmanifest.version,1.0\noneroster.version,{version}\n"
FILES_11 = {
    "manifest.csv": MANIFEST.format(version="1.1")
    + "file.orgs,bulk\nfile.users,bulk\nfile.demographics,bulk\nfile.classes,absent\n",
    "orgs.csv": "sourcedId,status,name,type,identifier\n"
    "o-1,active,Lakeside Elementary,school,0552\n"
    "o-2,active,Heron Middle School,school,0610\n"
    "o-3,active,Reading Department,department,\n",
    "users.csv": "sourcedId,enabledUser,orgSourcedIds,role,givenName,familyName,identifier,email,phone,"
    "agentSourcedIds,grades\n"
    'u-1,true,o-1,student,Iris,Quintero-Bell,46554860,,,"g-1,g-2",4\n'
    "u-2,true,o-2,student,Mateo,Quintero-Bell,46127790,,,g-1,7\n"
    "g-1,true,o-1,parent,Amara,Quintero,,amara@mail.example,(321) 555-0101,,\n"
    "g-2,true,o-1,guardian,Tomás,Bell,,,,,\n"
    "e-1,true,o-1,teacher,Tess,Moore,,tess.moore@district.example,,u-1,\n",
    "demographics.csv": "sourcedId,birthDate\nu-1,2016-03-09\nu-2,2013-05-02\n",
}
FILES_12 = {
    "manifest.csv": FILES_11["manifest.csv"].replace("version,1.1", "version,1.2") + "file.roles,bulk\n",
    "orgs.csv": FILES_11["orgs.csv"],
    "users.csv": "sourcedId,enabledUser,givenName,familyName,identifier,email,phone,agentSourcedIds,grades\n"
    'u-1,true,Iris,Quintero-Bell,46554860,,,"g-1,g-2",4\n'
    "u-2,true,Mateo,Quintero-Bell,46127790,,,g-1,7\n"
    "g-1,true,Amara,Quintero,,amara@mail.example,(321) 555-0101,,\n"
    "g-2,true,Tomás,Bell,,,,,\n"
    "e-1,true,Tess,Moore,,tess.moore@district.example,,u-1,\n",
    "roles.csv": "sourcedId,userSourcedId,roleType,role,orgSourcedId\n"
    "r-1,u-1,secondary,student,o-2\n"
    "r-2,u-1,primary,student,o-1\n"
    "r-3,u-2,primary,student,o-2\n"
    "r-4,g-1,primary,parent,o-1\n"
    "r-5,g-2,primary,guardian,o-1\n"
    "r-6,e-1,primary,teacher,o-1\n",
    "demographics.csv": FILES_11["demographics.csv"],
}
VERSIONS = {"1.1": FILES_11, "1.2": FILES_12}


def write_folder(folder: Path, files: dict[str, str] | dict[str, bytes]) -> Path:
    """Write `files` (name -> text, or bytes as they are) into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def write_zip(file: Path, files: dict[str, str]) -> Path:
    """Write `files` (path in the archive -> text) into the zip `file` and return it."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file


def replaced(files: dict[str, str], name: str, old: str, new: str) -> dict[str, str]:
    """Return `files` with `old`, which must be there, replaced in file `name`."""
    assert old in files[name], f"{old!r} is not in {name}"
    return {**files, name: files[name].replace(old, new)}


def with_cell(files: dict[str, str], name: str, key: str, column: str, value: str) -> dict[str, str]:
    """Return `files` with one cell changed, quoted as CSV needs it; `key` is the row's first cell."""
    rows = list(csv.reader(io.StringIO(files[name], newline="")))
    (row,) = [row for row in rows if row[0] == key]
    row[rows[0].index(column)] = value
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return {**files, name: text.getvalue()}
