"""Alembic's environment for the catalogue. The connection comes from miner.catalogue.schema, inside its transaction."""

from __future__ import annotations

from alembic import context

from miner.catalogue.schema import VERSION_TABLE
from miner.catalogue.tables import Base

if context.is_offline_mode():
    raise SystemExit("The catalogue's migrations run on a connection only: use `miner db upgrade`.")

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
