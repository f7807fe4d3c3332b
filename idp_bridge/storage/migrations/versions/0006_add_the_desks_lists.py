"""Add the desk's lists, kept in their order, and what its search looks up."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

COLUMNS = (
    "CASE link.state WHEN 'awaiting_second' THEN 'second' WHEN 'referred' THEN 'referred' ELSE 'visits' END, "
    "{school}, visit.visit_by, visit.id, link.id FROM link JOIN visit ON visit.id = link.visit"
)
WAITS = "(link.state IN ('awaiting_visit', 'requested') AND visit.closed_at IS NULL)"
AFTER = "link.state IN ('awaiting_second', 'referred')"
CLAIMED = f"SELECT {COLUMNS} WHERE {WAITS} OR ({AFTER} AND link.student IS NULL)"
OWN = f"SELECT {COLUMNS} JOIN student ON student.id = link.student WHERE {WAITS} OR {AFTER}"


def upgrade() -> None:
    """Apply, and list what waits now."""
    op.create_table(
        "waiting_place",
        sa.Column("list", sa.String(length=20), nullable=False),
        sa.Column("school", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("visit", sa.String(length=32), nullable=False),
        sa.Column("link", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["school"], ["school.code"], name="fk_waiting_place_school"),
        sa.ForeignKeyConstraint(["visit"], ["visit.id"], name="fk_waiting_place_visit"),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name="fk_waiting_place_link"),
        sa.PrimaryKeyConstraint("list", "school", "day", "visit", "link", name="pk_waiting_place"),
    )
    op.create_index("ix_waiting_place_list_day_visit", "waiting_place", ["list", "day", "visit"])
    op.create_index("ix_waiting_place_link", "waiting_place", ["link"])
    op.create_index("ix_parent_email_lower", "parent", [sa.text("lower(email)")])
    op.create_index("ix_link_parent", "link", ["parent"])
    op.create_index("ix_link_claimed_number", "link", ["claimed_number"])
    op.create_index("ix_link_corrected_number", "link", ["corrected_number"])
    both = f"{CLAIMED.format(school='link.claimed_school')} UNION {OWN.format(school='student.school')}"
    op.execute(f"INSERT INTO waiting_place (list, school, day, visit, link) {both}")


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_link_corrected_number", table_name="link")
    op.drop_index("ix_link_claimed_number", table_name="link")
    op.drop_index("ix_link_parent", table_name="link")
    op.drop_index("ix_parent_email_lower", table_name="parent")
    op.drop_table("waiting_place")
