"""The schema version of a store's database, and the way to this software's.

Each store has a migration tree in ``migrations/<name>`` (in the wheel inside the package) and a version table of its
own. Migrations run inside a transaction of the caller, so that an upgrade happens whole or not at all.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from miner.databases.engine import Database
from miner.databases.store import Store
from miner.errors import SchemaError, storage_error


def location(store: Store) -> Path:
    """The folder of a store's migration tree."""
    return Path(importlib.import_module("miner.migrations").__path__[0]) / store.name


def configuration(store: Store, connection: Connection | None = None) -> Config:
    """Alembic's configuration, bound to a connection whose transaction the caller owns."""
    config = Config()
    config.set_main_option("script_location", str(location(store)).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def run_migrations(store: Store, metadata: MetaData) -> None:
    """What the ``env.py`` of a migration tree does: run it on the connection of :func:`configuration`."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=store.version_table,
        render_as_batch=True,  # SQLite cannot alter a table in place
        transactional_ddl=True,
    )
    context.run_migrations()


def newest(store: Store) -> str:
    """The schema version that this software writes."""
    return ScriptDirectory.from_config(configuration(store)).get_current_head() or ""


def version(store: Store, connection: Connection) -> str:
    """The schema version of a database, empty where it does not hold the store."""
    found = MigrationContext.configure(connection, opts={"version_table": store.version_table})
    return found.get_current_revision() or ""


def require_newest(database: Database, connection: Connection) -> None:
    """Raise SchemaError unless the database has exactly this software's schema."""
    found = version(database.store, connection)
    if not found:
        raise database.missing()
    _refuse_newer(database, found)
    if found != newest(database.store):
        raise SchemaError(
            f"The {database.store.name} {database.shown} has the schema of an older version: run `miner db upgrade`."
        )


def upgrade(database: Database, connection: Connection, *, create: bool = False) -> tuple[str, str]:
    """Bring the database to this software's schema within the connection's transaction.

    Returns the schema versions before (empty where there was none) and after. Raises SchemaError for a newer schema,
    and where the database does not hold the store unless ``create``.
    """
    before = version(database.store, connection)
    if not before and not create:
        raise database.missing()
    _refuse_newer(database, before)
    command.upgrade(configuration(database.store, connection), "head")
    return before, version(database.store, connection)


def create_at(database: Database, connection: Connection, revision: str) -> None:
    """Lay the schema of ``revision`` into an empty database, within the connection's transaction.

    Raises SchemaError for a revision that this software does not know: a newer version's.
    """
    _refuse_newer(database, revision)
    command.upgrade(configuration(database.store, connection), revision)


def is_there(database: Database) -> bool:
    """Whether a place holds the store, or on SQLite a file of any kind. Raises DatabaseError where it cannot say."""
    if database.file is not None:
        return any(file.exists() for file in database.files())
    with database.reading() as connection:
        return bool(version(database.store, connection))


def take_back(database: Database) -> None:
    """Remove the store from a place, whatever it holds: its tables, on SQLite its files. Raises StorageError."""
    if database.file is not None:
        database.close()
        for file in database.files():
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(error, file) from None
        return
    with database.writing() as connection:
        if version(database.store, connection):
            command.downgrade(configuration(database.store, connection), "base")


def _refuse_newer(database: Database, found: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(configuration(database.store)).walk_revisions()}
    if found and found not in known:
        raise SchemaError(
            f"The {database.store.name} {database.shown} was written by a newer version: upgrade the software."
        )
