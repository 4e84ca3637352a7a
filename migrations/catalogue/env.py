"""Alembic's environment for the catalogue."""

from __future__ import annotations

from miner.catalogue.database import STORE
from miner.catalogue.tables import Base
from miner.databases import schema

schema.run_migrations(STORE, Base.metadata)
