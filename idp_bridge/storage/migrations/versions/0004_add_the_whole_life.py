"""Add what the whole life of a link needs: second person, corrections, paper, namesakes, limits."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

LIVE_BEFORE = sa.text("state IN ('awaiting_visit', 'requested', 'suspended', 'verified')")
LIVE = sa.text(
    "state IN ('awaiting_second', 'awaiting_visit', 'referred', 'requested', 'suspended', 'verified')"
)
TIME = sa.DateTime(timezone=True)
NEW_COLUMNS = {
    "parent": (
        ("signed_in_at", TIME),
        ("email_changed_at", TIME),
        ("deleted_at", TIME),
    ),
    "link": (
        ("corrected_number", sa.String(length=32)),
        ("corrected_birth_date", sa.Date()),
        ("first_staff", sa.String(length=64)),
        ("decided_by", sa.String(length=64)),
        ("paper_seen_at", TIME),
        ("paper_seen_by", sa.String(length=64)),
    ),
    "identity_proof": (
        ("birth_date_hash", sa.String(length=64)),
        ("entered_by", sa.String(length=64)),
    ),
    "restriction": (("birth_date", sa.Date()),),
}
NEW_INDEXES = (
    ("ix_parent_email", "parent", ["email"]),
    ("ix_link_decided_by_changed_at", "link", ["decided_by", "changed_at"]),
    ("ix_audit_actor", "audit", ["actor"]),
    ("ix_audit_name_number", "audit", ["name", "number"]),
)


def upgrade() -> None:
    """Apply."""
    for table, columns in NEW_COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    for name, table, keys in NEW_INDEXES:
        op.create_index(name, table, keys)
    _live(LIVE)
    op.create_table(
        "namesake",
        sa.Column("restriction", sa.String(length=32), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("cleared_by", sa.String(length=64), nullable=False),
        sa.Column("cleared_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["restriction"], ["restriction.id"], name="fk_namesake_restriction"),
        sa.ForeignKeyConstraint(["parent"], ["parent.id"], name="fk_namesake_parent"),
        sa.PrimaryKeyConstraint("restriction", "parent", name="pk_namesake"),
    )
    op.create_table(
        "limit_counter",
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_limit_counter"),
    )
    op.create_index("ix_limit_counter_expires_at", "limit_counter", ["expires_at"])
    with op.batch_alter_table("notice") as notice:
        notice.add_column(sa.Column("address", sa.String(length=320), server_default="", nullable=False))
        notice.alter_column("link", existing_type=sa.String(length=32), nullable=True)


def downgrade() -> None:
    """Undo. Mails about no link, and links in states the older version does not know, cannot stay."""
    op.execute("DELETE FROM notice WHERE link IS NULL")
    op.execute("UPDATE link SET state = 'awaiting_visit' WHERE state IN ('awaiting_second', 'referred')")
    with op.batch_alter_table("notice") as notice:
        notice.alter_column("link", existing_type=sa.String(length=32), nullable=False)
        notice.drop_column("address")
    op.drop_table("limit_counter")
    op.drop_table("namesake")
    _live(LIVE_BEFORE)
    for name, table, _keys in NEW_INDEXES:
        op.drop_index(name, table_name=table)
    for table, columns in NEW_COLUMNS.items():
        for name, _kind in columns:
            op.drop_column(table, name)


def _live(states: sa.TextClause) -> None:
    op.drop_index("uq_link_live", table_name="link")
    op.create_index(
        "uq_link_live",
        "link",
        ["parent", "student"],
        unique=True,
        sqlite_where=states,
        postgresql_where=states,
    )
