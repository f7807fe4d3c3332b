"""Every answer of the table once more, each logger turned up: no log line and no audit row names anybody."""

from __future__ import annotations

import io
import json
import logging
import re
import sqlite3
from contextlib import closing

from tests.journey.private_words import private_words
from tests.protection.conftest import Place
from tests.protection.reading_the_table import rows
from tests.protection.stages import STAGES

OURS = ("idp_bridge", "idp_bridge.web", "authlib", "flask_wtf", "werkzeug", "huey")
"""Loggers of the bridge and of what it serves with; SQLAlchemy's echo of values is off and stays off."""


STAFF_ID = re.compile(r"entry-[a-z.]+")
"""The fake directory's entryUUID, which is made of the name; the real one is not."""


def test_no_log_line_and_no_audit_row_says_who_it_is_about(place: Place) -> None:
    written, log = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    levels = {name: logging.getLogger(name).level for name in OURS}
    log.addHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    faults, audited = [], 0
    try:
        for row in rows():
            known = place.put_back(row.stage)
            for who in row.answers:
                place.answer(who, row.method, row.path, known)
            faults += found_in_audit(place)
            audited += len(audit(place))
    finally:
        log.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    faults += words(place).found_in(written.getvalue())
    assert "refused" in written.getvalue()  # there is something to read
    assert audited > len(STAGES)
    assert faults == []


def words(place: Place):
    """Return everything private the database of this place knows."""
    with closing(sqlite3.connect(place.file)) as database:
        return private_words(database, place.house.rules.code_key)


def audit(place: Place) -> list[str]:
    """Return every audit row as text."""
    with closing(sqlite3.connect(place.file)) as database:
        return [STAFF_ID.sub("entryUUID", json.dumps(row)) for row in database.execute("SELECT * FROM audit")]


def found_in_audit(place: Place) -> list[str]:
    """Return what must not stand in the audit and does."""
    private = words(place)
    return [hit for text in audit(place) for hit in private.found_in(text)]
