"""Keep which alarms somebody has dealt with, and let the audit be searched by time and person."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply. Alarms of before are listed as not seen yet."""
    op.create_table(
        "alarm",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seen_at", TIME, nullable=True),
        sa.Column("seen_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["number"], ["audit.number"], name="fk_alarm_number"),
        sa.PrimaryKeyConstraint("number", name="pk_alarm"),
    )
    op.create_index("ix_alarm_seen_at_number", "alarm", ["seen_at", "number"])
    op.execute(
        "INSERT INTO alarm (number) SELECT number FROM audit "
        "WHERE name >= 'alarm:' AND name < 'alarm;' AND name <> 'alarm:seen'"
    )
    op.drop_index("ix_audit_actor", table_name="audit")
    op.create_index("ix_audit_actor_number", "audit", ["actor", "number"])
    op.create_index("ix_audit_at_number", "audit", ["at", "number"])


def downgrade() -> None:
    """Undo. Who has seen an alarm stays in the audit."""
    op.drop_index("ix_audit_at_number", table_name="audit")
    op.drop_index("ix_audit_actor_number", table_name="audit")
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.drop_table("alarm")
