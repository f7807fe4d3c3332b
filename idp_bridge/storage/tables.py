"""Declare the tables and the constraints that hold the rules when code fails; never reads or writes a row."""

from __future__ import annotations

import sqlalchemy as sa

from idp_bridge.domain.link import LIVE, WAITING
from idp_bridge.storage.types import UtcTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _among(column: str, states: frozenset[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(state)) for state in sorted(states))})"


schools = sa.Table(
    "school",
    metadata,
    sa.Column("code", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("address", sa.String(400), nullable=False),
    sa.Column("office_hours", sa.String(200), nullable=False),
    sa.Column("phone", sa.String(50), nullable=False),
)

students = sa.Table(
    "student",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("number", sa.String(32), nullable=False),
    sa.Column("given_name", sa.String(200), nullable=False),
    sa.Column("family_name", sa.String(200), nullable=False),
    sa.Column("birth_date", sa.Date, nullable=False),
    sa.Column("school", sa.ForeignKey("school.code"), nullable=False),
    sa.Column("grade", sa.String(20), nullable=False),
    sa.Column("enrolled", sa.Boolean, nullable=False),
    sa.Column("left_on", sa.Date),
    sa.Index(
        "uq_student_number_enrolled",
        "number",
        unique=True,
        sqlite_where=sa.text("enrolled"),
        postgresql_where=sa.text("enrolled"),
    ),
    sa.Index(None, "school"),
    sa.Index(None, "left_on"),
)

ENROLLED = sa.text("student.enrolled")
"""As the partial index says it. SQLAlchemy's own `enrolled = 1` would keep SQLite from using that index."""

guardian_hints = sa.Table(
    "guardian_hint",
    metadata,
    sa.Column("student", sa.ForeignKey("student.id"), primary_key=True),
    sa.Column("sourced_id", sa.String(255), primary_key=True),
    sa.Column("given_name", sa.String(200), nullable=False),
    sa.Column("family_name", sa.String(200), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("phone", sa.String(50), nullable=False),
)

parents = sa.Table(
    "parent",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("given_name", sa.String(255), nullable=False),
    sa.Column("family_name", sa.String(255), nullable=False),
    sa.Column("locale", sa.String(20), nullable=False),
    sa.Column("first_seen_at", UtcTime, nullable=False),
    sa.Column("rev", sa.Integer, nullable=False, server_default="0"),
    sa.Column("rev_at", UtcTime),
    sa.Column("signed_in_at", UtcTime),
    sa.Column("email_changed_at", UtcTime),
    sa.Column("deleted_at", UtcTime),
    sa.Index(None, "email"),
    sa.Index("ix_parent_email_lower", sa.text("lower(email)")),
)

visits = sa.Table(
    "visit",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("parent", sa.ForeignKey("parent.id"), nullable=False),
    sa.Column("code_fingerprint", sa.String(64), nullable=False, unique=True),
    sa.Column("code_turn", sa.Integer, nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("visit_by", sa.Date, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Index(
        "uq_visit_open",
        "parent",
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
    sa.Index(None, "visit_by"),
)

links = sa.Table(
    "link",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("parent", sa.ForeignKey("parent.id"), nullable=False),
    sa.Column("visit", sa.ForeignKey("visit.id"), nullable=False),
    sa.Column("claimed_number", sa.String(32), nullable=False),
    sa.Column("claimed_birth_date", sa.Date, nullable=False),
    sa.Column("claimed_school", sa.ForeignKey("school.code"), nullable=False),
    sa.Column("relationship", sa.String(40), nullable=False),
    sa.Column("student", sa.ForeignKey("student.id")),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("requested_at", UtcTime, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("reason", sa.String(40)),
    sa.Column("purposes", sa.String(100), nullable=False),
    sa.Column("evidence", sa.String(40)),
    sa.Column("verified_at", UtcTime),
    sa.Column("verified_school", sa.ForeignKey("school.code")),
    sa.Column("expires_at", UtcTime),
    sa.Column("corrected_number", sa.String(32)),
    sa.Column("corrected_birth_date", sa.Date),
    sa.Column("first_staff", sa.String(64)),
    sa.Column("decided_by", sa.String(64)),
    sa.Column("paper_seen_at", UtcTime),
    sa.Column("paper_seen_by", sa.String(64)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.CheckConstraint("state <> 'verified' OR student IS NOT NULL", name="verified_has_student"),
    sa.Index(
        "uq_link_live",
        "parent",
        "student",
        unique=True,
        sqlite_where=sa.text(_among("state", LIVE)),
        postgresql_where=sa.text(_among("state", LIVE)),
    ),
    sa.Index(
        "uq_link_waiting_number",
        "parent",
        "claimed_number",
        unique=True,
        sqlite_where=sa.text(_among("state", WAITING)),
        postgresql_where=sa.text(_among("state", WAITING)),
    ),
    sa.Index(None, "visit"),
    sa.Index(None, "student"),
    sa.Index(None, "claimed_school", "state"),
    sa.Index(None, "decided_by", "changed_at"),
    sa.Index(None, "state", "expires_at"),
    sa.Index(None, "parent"),
    sa.Index(None, "claimed_number"),
    sa.Index(None, "corrected_number"),
)

waiting_places = sa.Table(
    "waiting_place",
    metadata,
    sa.Column("list", sa.String(20), primary_key=True),
    sa.Column("school", sa.ForeignKey("school.code"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("visit", sa.ForeignKey("visit.id"), primary_key=True),
    sa.Column("link", sa.ForeignKey("link.id"), primary_key=True),
    sa.Index(None, "list", "day", "visit"),
    sa.Index(None, "link"),
)
"""Which undecided link stands in which list of which school, in the order of the list. Derived, and kept true
by `storage/waiting.py`: the school is a link's, the day its visit's, and no index spans two tables."""

identity_proofs = sa.Table(
    "identity_proof",
    metadata,
    sa.Column("parent", sa.ForeignKey("parent.id"), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("school", sa.ForeignKey("school.code"), nullable=False),
    sa.Column("staff", sa.String(64), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("birth_date_hash", sa.String(64)),
    sa.Column("entered_by", sa.String(64)),
)

restrictions = sa.Table(
    "restriction",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("student", sa.ForeignKey("student.id"), nullable=False),
    sa.Column("given_name", sa.String(200), nullable=False),
    sa.Column("family_name", sa.String(200), nullable=False),
    sa.Column("birth_date", sa.Date),
    sa.Column("parent", sa.ForeignKey("parent.id")),
    sa.Column("access", sa.Boolean, nullable=False),
    sa.Column("messages", sa.Boolean, nullable=False),
    sa.Column("basis", sa.String(30), nullable=False),
    sa.Column("note", sa.String(2000), nullable=False),
    sa.Column("review_on", sa.Date, nullable=False),
    sa.Column("placed_by", sa.String(64), nullable=False),
    sa.Column("placed_at", UtcTime, nullable=False),
    sa.Column("lift_asked_by", sa.String(64)),
    sa.Column("lifted_by", sa.String(64)),
    sa.Column("lifted_at", UtcTime),
    sa.Column("version", sa.Integer, nullable=False),
    sa.CheckConstraint("lifted_by IS NULL OR lifted_by <> lift_asked_by", name="lifted_by_second_person"),
    sa.Index(None, "student"),
)

namesakes = sa.Table(
    "namesake",
    metadata,
    sa.Column("restriction", sa.ForeignKey("restriction.id"), primary_key=True),
    sa.Column("parent", sa.ForeignKey("parent.id"), primary_key=True),
    sa.Column("cleared_by", sa.String(64), nullable=False),
    sa.Column("cleared_at", UtcTime, nullable=False),
)

restricted = sa.Table(
    "restricted",
    metadata,
    sa.Column("restriction", sa.ForeignKey("restriction.id"), primary_key=True),
    sa.Column("parent", sa.ForeignKey("parent.id"), primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
    sa.Index(None, "parent"),
)
"""Which account a restriction stands against; triggers (migration 0005) refuse a verified link under one."""
