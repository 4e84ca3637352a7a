"""Alembic's environment for the vault."""

from __future__ import annotations

from miner.databases import schema
from miner.vault.database import STORE
from miner.vault.tables import metadata

schema.run_migrations(STORE, metadata)
