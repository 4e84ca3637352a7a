"""Alembic's environment for the vault: runs in the transaction of the connection that it is given."""

from __future__ import annotations

from alembic import context

from miner.vault.schema import VERSION_TABLE
from miner.vault.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter a table in place
)
with context.begin_transaction():
    context.run_migrations()
