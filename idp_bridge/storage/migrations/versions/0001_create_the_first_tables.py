"""Create the first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

LIVE = sa.text("state IN ('awaiting_visit', 'requested', 'suspended', 'verified')")
WAITING = sa.text("state IN ('awaiting_visit', 'requested')")
_FORBID_SQLITE = (
    "CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit "
    "BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END"
)
_FORBID_POSTGRES = (
    "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
)
AUDIT_GUARDS: dict[str, tuple[str, ...]] = {
    "sqlite": (_FORBID_SQLITE.format(verb="UPDATE"), _FORBID_SQLITE.format(verb="DELETE")),
    "postgresql": _FORBID_POSTGRES,
}
"""SQL per database that makes the audit append-only for everybody but the table's owner's DDL."""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=True),
        sa.Column("student", sa.String(length=255), nullable=True),
        sa.Column("link", sa.String(length=32), nullable=True),
        sa.Column("school", sa.String(length=32), nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_link"), ["link"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_parent"), ["parent"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_student"), ["student"], unique=False)

    op.create_table(
        "logout_token",
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_logout_token")),
    )
    op.create_table(
        "parent",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("given_name", sa.String(length=255), nullable=False),
        sa.Column("family_name", sa.String(length=255), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rev", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rev_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parent")),
    )
    op.create_table(
        "school",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("office_hours", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=50), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_school")),
    )
    op.create_table(
        "session",
        sa.Column("id_hash", sa.String(length=64), nullable=False),
        sa.Column("iss", sa.String(length=255), nullable=True),
        sa.Column("sub", sa.String(length=64), nullable=True),
        sa.Column("sid", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_session")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_iss_sub"), ["iss", "sub"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_sid"), ["sid"], unique=False)

    op.create_table(
        "identity_proof",
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("school", sa.String(length=32), nullable=False),
        sa.Column("staff", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["parent.id"], name=op.f("fk_identity_proof_parent")),
        sa.ForeignKeyConstraint(["school"], ["school.code"], name=op.f("fk_identity_proof_school")),
        sa.PrimaryKeyConstraint("parent", name=op.f("pk_identity_proof")),
    )
    op.create_table(
        "projection",
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("due_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Boolean(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("fence_turn", sa.Integer(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=400), nullable=True),
        sa.Column("done_rev", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["parent"], ["parent.id"], name=op.f("fk_projection_parent")),
        sa.PrimaryKeyConstraint("parent", name=op.f("pk_projection")),
    )
    with op.batch_alter_table("projection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_projection_due_since"), ["due_since"], unique=False)

    op.create_table(
        "student",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("given_name", sa.String(length=200), nullable=False),
        sa.Column("family_name", sa.String(length=200), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("school", sa.String(length=32), nullable=False),
        sa.Column("grade", sa.String(length=20), nullable=False),
        sa.Column("enrolled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["school"], ["school.code"], name=op.f("fk_student_school")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_student")),
    )
    with op.batch_alter_table("student", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_student_school"), ["school"], unique=False)
        batch_op.create_index(
            "uq_student_number_enrolled",
            ["number"],
            unique=True,
            sqlite_where=sa.text("enrolled"),
            postgresql_where=sa.text("enrolled"),
        )

    op.create_table(
        "visit",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("code_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("code_turn", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("visit_by", sa.Date(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["parent"], ["parent.id"], name=op.f("fk_visit_parent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint("code_fingerprint", name=op.f("uq_visit_code_fingerprint")),
    )
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_visit_visit_by"), ["visit_by"], unique=False)
        batch_op.create_index(
            "uq_visit_open",
            ["parent"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "guardian_hint",
        sa.Column("student", sa.String(length=255), nullable=False),
        sa.Column("sourced_id", sa.String(length=255), nullable=False),
        sa.Column("given_name", sa.String(length=200), nullable=False),
        sa.Column("family_name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("phone", sa.String(length=50), nullable=False),
        sa.ForeignKeyConstraint(["student"], ["student.id"], name=op.f("fk_guardian_hint_student")),
        sa.PrimaryKeyConstraint("student", "sourced_id", name=op.f("pk_guardian_hint")),
    )
    op.create_table(
        "link",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("visit", sa.String(length=32), nullable=False),
        sa.Column("claimed_number", sa.String(length=32), nullable=False),
        sa.Column("claimed_birth_date", sa.Date(), nullable=False),
        sa.Column("claimed_school", sa.String(length=32), nullable=False),
        sa.Column("relationship", sa.String(length=40), nullable=False),
        sa.Column("student", sa.String(length=255), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("purposes", sa.String(length=100), nullable=False),
        sa.Column("evidence", sa.String(length=40), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_school", sa.String(length=32), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state <> 'verified' OR student IS NOT NULL", name=op.f("ck_link_verified_has_student")
        ),
        sa.ForeignKeyConstraint(["claimed_school"], ["school.code"], name=op.f("fk_link_claimed_school")),
        sa.ForeignKeyConstraint(["parent"], ["parent.id"], name=op.f("fk_link_parent")),
        sa.ForeignKeyConstraint(["student"], ["student.id"], name=op.f("fk_link_student")),
        sa.ForeignKeyConstraint(["verified_school"], ["school.code"], name=op.f("fk_link_verified_school")),
        sa.ForeignKeyConstraint(["visit"], ["visit.id"], name=op.f("fk_link_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_link_claimed_school_state"), ["claimed_school", "state"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_link_student"), ["student"], unique=False)
        batch_op.create_index(batch_op.f("ix_link_visit"), ["visit"], unique=False)
        batch_op.create_index(
            "uq_link_live",
            ["parent", "student"],
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        )
        batch_op.create_index(
            "uq_link_waiting_number",
            ["parent", "claimed_number"],
            unique=True,
            sqlite_where=WAITING,
            postgresql_where=WAITING,
        )

    for statement in AUDIT_GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_link_waiting_number",
            sqlite_where=WAITING,
            postgresql_where=WAITING,
        )
        batch_op.drop_index(
            "uq_link_live",
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        )
        batch_op.drop_index(batch_op.f("ix_link_visit"))
        batch_op.drop_index(batch_op.f("ix_link_student"))
        batch_op.drop_index(batch_op.f("ix_link_claimed_school_state"))

    op.drop_table("link")
    op.drop_table("guardian_hint")
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_visit_open",
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_visit_visit_by"))

    op.drop_table("visit")
    with op.batch_alter_table("student", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_student_number_enrolled",
            sqlite_where=sa.text("enrolled"),
            postgresql_where=sa.text("enrolled"),
        )
        batch_op.drop_index(batch_op.f("ix_student_school"))

    op.drop_table("student")
    with op.batch_alter_table("projection", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_projection_due_since"))

    op.drop_table("projection")
    op.drop_table("identity_proof")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_sid"))
        batch_op.drop_index(batch_op.f("ix_session_iss_sub"))
        batch_op.drop_index(batch_op.f("ix_session_expires_at"))

    op.drop_table("session")
    op.drop_table("school")
    op.drop_table("parent")
    op.drop_table("logout_token")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_student"))
        batch_op.drop_index(batch_op.f("ix_audit_parent"))
        batch_op.drop_index(batch_op.f("ix_audit_link"))

    op.drop_table("audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_append_only")
