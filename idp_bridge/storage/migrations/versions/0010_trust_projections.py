"""Keep what Keycloak was seen to hold, where a revocation stands, who works, and which events were read."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TIME = sa.DateTime(timezone=True)
COLUMNS = (
    ("seen_rev", sa.Integer()),
    ("seen_hash", sa.String(length=64)),
    ("seen_at", TIME),
    ("check_at", TIME),
    ("stopped_at", TIME),
    ("leased_by", sa.String(length=120)),
)


def upgrade() -> None:
    """Apply."""
    for name, kind in COLUMNS:
        op.add_column("projection", sa.Column(name, kind, nullable=True))
    op.add_column("projection", sa.Column("step", sa.String(length=20), server_default="", nullable=False))
    op.create_index("ix_projection_check_at", "projection", ["check_at"])
    op.create_index("ix_projection_urgent", "projection", ["loss", "due_since"])
    op.create_table(
        "worker",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("beat_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_worker"),
    )
    op.create_table(
        "seen_event",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_seen_event"),
    )
    op.create_index("ix_seen_event_at", "seen_event", ["at"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("seen_event")
    op.drop_table("worker")
    op.drop_index("ix_projection_urgent", table_name="projection")
    op.drop_index("ix_projection_check_at", table_name="projection")
    op.drop_column("projection", "step")
    for name, _kind in COLUMNS:
        op.drop_column("projection", name)
