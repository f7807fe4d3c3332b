"""Keep since when a student is gone, and find by index what the clock has to do."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NEW_INDEXES = (
    ("ix_student_left_on", "student", ["left_on"]),
    ("ix_link_state_expires_at", "link", ["state", "expires_at"]),
)


def upgrade() -> None:
    """Apply. Who was withdrawn before counts as gone since today: nobody knows better."""
    op.add_column("student", sa.Column("left_on", sa.Date(), nullable=True))
    op.execute("UPDATE student SET left_on = CURRENT_DATE WHERE NOT enrolled")
    for name, table, keys in NEW_INDEXES:
        op.create_index(name, table, keys)


def downgrade() -> None:
    """Undo."""
    for name, table, _keys in NEW_INDEXES:
        op.drop_index(name, table_name=table)
    op.drop_column("student", "left_on")
