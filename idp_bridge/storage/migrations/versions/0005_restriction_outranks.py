"""Keep which account a restriction stands against, and refuse a verified link under one.

On SQLite a later migration that rebuilds `link`, `restriction` or `restricted` (batch_alter_table) must drop
these triggers first and make them again: SQLite checks every trigger at a rename, and drops a table's own.
"""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TIME = sa.DateTime(timezone=True)
OUTRANKED = "a restriction outranks this link"
_UNDER = (
    "SELECT 1 FROM link JOIN restricted ON restricted.parent = link.parent "
    "JOIN restriction ON restriction.id = restricted.restriction AND restriction.student = link.student "
    "WHERE link.state = 'verified' AND restriction.access AND restriction.lifted_at IS NULL AND "
)
_SQLITE = (
    "CREATE TRIGGER {name} AFTER {when} FOR EACH ROW WHEN {about} "
    f"BEGIN SELECT RAISE(ABORT, '{OUTRANKED}') WHERE EXISTS ({_UNDER}{{which}}); END"
)
_VERIFIED, _OPEN = "NEW.state = 'verified'", "NEW.access AND NEW.lifted_at IS NULL"
_EACH = (
    ("link_not_added_under_one", "INSERT ON link", _VERIFIED, "link.id = NEW.id"),
    ("link_not_changed_under_one", "UPDATE ON link", _VERIFIED, "link.id = NEW.id"),
    ("restricted_not_added_over_link", "INSERT ON restricted", "1", "link.parent = NEW.parent"),
    ("restricted_not_changed_over_link", "UPDATE ON restricted", "1", "link.parent = NEW.parent"),
    ("restriction_not_changed_over_link", "UPDATE ON restriction", _OPEN, "restriction.id = NEW.id"),
)
_FUNCTIONS = (
    # Both sides write the parent's row first. So the later of two transactions waits for the earlier one and
    # sees what it did (or, at a stricter isolation, fails), whichever tables they came from.
    """CREATE FUNCTION restriction_outranks_link() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE parent SET rev = rev WHERE id = NEW.parent;
    IF EXISTS ({under} link.id = NEW.id) THEN
      RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation';
    END IF; RETURN NULL; END $$""",
    """CREATE FUNCTION restricted_outranks_link() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE restriction SET version = version WHERE id = NEW.restriction;
    UPDATE parent SET rev = rev WHERE id = NEW.parent;
    IF EXISTS ({under} link.parent = NEW.parent) THEN
      RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation';
    END IF; RETURN NULL; END $$""",
    """CREATE FUNCTION restriction_again_outranks_link() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE parent SET rev = rev WHERE id IN (SELECT parent FROM restricted WHERE restriction = NEW.id);
    IF EXISTS ({under} restriction.id = NEW.id) THEN
      RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation';
    END IF; RETURN NULL; END $$""",
)
_POSTGRES = (
    *(text.format(under=_UNDER, words=OUTRANKED) for text in _FUNCTIONS),
    "CREATE TRIGGER restriction_outranks AFTER INSERT OR UPDATE ON link FOR EACH ROW "
    "WHEN (NEW.state = 'verified') EXECUTE FUNCTION restriction_outranks_link()",
    "CREATE TRIGGER restriction_outranks AFTER INSERT OR UPDATE ON restricted FOR EACH ROW "
    "EXECUTE FUNCTION restricted_outranks_link()",
    "CREATE TRIGGER restriction_outranks AFTER UPDATE OF access, lifted_at, student, id ON restriction "
    "FOR EACH ROW WHEN (NEW.access AND NEW.lifted_at IS NULL) "
    "EXECUTE FUNCTION restriction_again_outranks_link()",
)
GUARDS: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        _SQLITE.format(name=name, when=when, about=about, which=which) for name, when, about, which in _EACH
    ),
    "postgresql": _POSTGRES,
}
_DROP: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(f"DROP TRIGGER {name}" for name, *_ in _EACH),
    "postgresql": (
        *(f"DROP TRIGGER restriction_outranks ON {name}" for name in ("link", "restricted", "restriction")),
        "DROP FUNCTION restriction_outranks_link",
        "DROP FUNCTION restricted_outranks_link",
        "DROP FUNCTION restriction_again_outranks_link",
    ),
}


def upgrade() -> None:
    """Apply. What stood until now, by the account or the same name, stands on."""
    op.create_table(
        "restricted",
        sa.Column("restriction", sa.String(length=32), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.ForeignKeyConstraint(["restriction"], ["restriction.id"], name="fk_restricted_restriction"),
        sa.ForeignKeyConstraint(["parent"], ["parent.id"], name="fk_restricted_parent"),
        sa.PrimaryKeyConstraint("restriction", "parent", name="pk_restricted"),
    )
    op.create_index("ix_restricted_parent", "restricted", ["parent"])
    _fill()
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Undo."""
    for statement in _DROP[op.get_bind().dialect.name]:
        op.execute(statement)
    op.drop_index("ix_restricted_parent", table_name="restricted")
    op.drop_table("restricted")


def _fill() -> None:
    """Write down whom each restriction stood against by the rule before this migration."""
    database = op.get_bind()
    orders = database.execute(
        sa.text("SELECT id, parent, given_name, family_name FROM restriction WHERE lifted_at IS NULL")
    ).all()
    if not orders:
        return
    accounts = database.execute(sa.text("SELECT id, given_name, family_name FROM parent")).all()
    rows = [
        {"restriction": order.id, "parent": account.id, "since": datetime.now(UTC)}
        for order in orders
        for account in accounts
        if order.parent == account.id or (order.parent is None and _plain(order) == _plain(account))
    ]
    if rows:
        restricted = sa.table("restricted", *(sa.column(name) for name in ("restriction", "parent")),
                              sa.column("since", TIME))  # fmt: skip
        database.execute(sa.insert(restricted), rows)


def _plain(person: Any) -> str:
    decomposed = unicodedata.normalize("NFKD", f"{person.given_name} {person.family_name}".casefold())
    return " ".join("".join(ch for ch in decomposed if not unicodedata.combining(ch)).split())
