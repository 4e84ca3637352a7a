"""The vault's schema version: which it is, and the way to this version's."""

from __future__ import annotations

import importlib
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from miner.errors import SchemaError

VERSION_TABLE = "vault_version"
"""A name of its own, so that a catalogue in the same PostgreSQL database keeps its own version."""


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the vault's migrations, which lie in the wheel or in the checkout."""
    migrations = importlib.import_module("miner.migrations")
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0]) / "vault").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def version(connection: Connection) -> str:
    """The schema version of a database, empty where it has none."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision() or ""


def newest() -> str:
    """The schema version that this software writes."""
    return ScriptDirectory.from_config(configuration()).get_current_head() or ""


def require(connection: Connection, where: str) -> None:
    """Raise SchemaError unless the database has this software's schema version."""
    found = version(connection)
    refuse_newer(found, where)
    if found != newest():
        raise SchemaError(f"The vault {where} has the schema of an older version: run `miner db upgrade`.")


def refuse_newer(found: str, where: str) -> None:
    """Raise SchemaError for a schema version that this software does not know."""
    known = {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}
    if found and found not in known:
        raise SchemaError(f"The vault {where} was written by a newer version of this software: upgrade the software.")


def upgrade(connection: Connection) -> None:
    """Bring the database to this software's schema version, within the connection's transaction."""
    command.upgrade(configuration(connection), "head")
