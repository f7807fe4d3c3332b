"""Run Alembic on a connection handed in by `storage/schema.py`; never opens one of its own."""

from alembic import context

from idp_bridge.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
