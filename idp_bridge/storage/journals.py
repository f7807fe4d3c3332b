"""Declare the tables of what was written down and what is to be done; never reads or writes a row."""

from __future__ import annotations

import sqlalchemy as sa

from idp_bridge.storage.tables import metadata
from idp_bridge.storage.types import UtcTime

limit_counters = sa.Table(
    "limit_counter",
    metadata,
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Index(None, "expires_at"),
)

notices = sa.Table(
    "notice",
    metadata,
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("parent", sa.ForeignKey("parent.id"), nullable=False),
    sa.Column("link", sa.ForeignKey("link.id")),
    sa.Column("address", sa.String(320), nullable=False, server_default=""),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("leased_until", UtcTime),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_error", sa.String(200)),
    sa.Column("sent_at", UtcTime),
    sa.Index(None, "sent_at", "due_at"),
)

projections = sa.Table(
    "projection",
    metadata,
    sa.Column("parent", sa.ForeignKey("parent.id"), primary_key=True),
    sa.Column("due_since", UtcTime),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("loss", sa.Boolean, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("fence_turn", sa.Integer, nullable=False),
    sa.Column("leased_until", UtcTime),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try", UtcTime),
    sa.Column("last_error", sa.String(400)),
    sa.Column("done_rev", sa.Integer, nullable=False),
    sa.Column("done_at", UtcTime),
    sa.Column("seen_rev", sa.Integer),
    sa.Column("seen_hash", sa.String(64)),
    sa.Column("seen_at", UtcTime),
    sa.Column("step", sa.String(20), nullable=False, server_default=""),
    sa.Column("check_at", UtcTime),
    sa.Column("stopped_at", UtcTime),
    sa.Column("leased_by", sa.String(120)),
    sa.Index(None, "due_since"),
    sa.Index(None, "check_at"),
    sa.Index("ix_projection_urgent", "loss", "due_since"),
)

workers = sa.Table(
    "worker",
    metadata,
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("beat_at", UtcTime, nullable=False),
)

seen_events = sa.Table(
    "seen_event",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index(None, "at"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("actor_kind", sa.String(20), nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("parent", sa.String(64)),
    sa.Column("student", sa.String(255)),
    sa.Column("link", sa.String(32)),
    sa.Column("school", sa.String(32)),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index(None, "link"),
    sa.Index(None, "parent"),
    sa.Index(None, "student"),
    sa.Index(None, "actor", "number"),
    sa.Index(None, "name", "number"),
    sa.Index(None, "at", "number"),
)

alarms = sa.Table(
    "alarm",
    metadata,
    sa.Column("number", sa.ForeignKey("audit.number"), primary_key=True, autoincrement=False),
    sa.Column("seen_at", UtcTime),
    sa.Column("seen_by", sa.String(64)),
    sa.Index(None, "seen_at", "number"),
)

sessions = sa.Table(
    "session",
    metadata,
    sa.Column("id_hash", sa.String(64), primary_key=True),
    sa.Column("iss", sa.String(255)),
    sa.Column("sub", sa.String(64)),
    sa.Column("sid", sa.String(64)),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Index(None, "iss", "sub"),
    sa.Index(None, "sid"),
    sa.Index(None, "expires_at"),
)

logout_tokens = sa.Table(
    "logout_token",
    metadata,
    sa.Column("jti", sa.String(64), primary_key=True),
    sa.Column("expires_at", UtcTime, nullable=False),
)
