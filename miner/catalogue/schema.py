"""The version of a catalogue's schema, and the way to this software's one.

The migration tree lies in ``migrations/catalogue`` (in the wheel inside the package). Its own version table lets a
catalogue share a PostgreSQL database with another store.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from miner.catalogue.engine import Database
from miner.errors import SchemaError

VERSION_TABLE = "catalogue_version"


def location() -> Path:
    """The folder of the catalogue's migration tree."""
    package = importlib.import_module("miner.migrations")
    assert package.__file__ is not None
    return Path(package.__file__).parent / "catalogue"


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration, bound to a connection whose transaction the caller owns."""
    config = Config()
    config.set_main_option("script_location", str(location()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The schema version of this software."""
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    assert revision is not None
    return revision


def version(connection: Connection) -> str:
    """The schema version of a database, empty where it holds no catalogue."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none() or ""


def require_head(connection: Connection, shown: str) -> None:
    """Raise SchemaError unless the database has exactly this software's schema."""
    found = version(connection)
    if not found:
        raise SchemaError(f"There is no catalogue at {shown}: run `miner init`.")
    if found == head():
        return
    _refuse_newer(found, shown)
    raise SchemaError(f"The catalogue {shown} was written by an older version: run `miner db upgrade`.")


def migrate(database: Database, shown: str, *, create: bool) -> tuple[str, str]:
    """Bring a database to this software's schema in one transaction; returns the versions before and after.

    Raises SchemaError for a newer schema, and for a database without a catalogue unless ``create``.
    """
    with database.writing(lock=False) as connection:
        before = version(connection)
        if not before and not create:
            raise SchemaError(f"There is no catalogue at {shown}: run `miner init`.")
        if before:
            _refuse_newer(before, shown)
        command.upgrade(configuration(connection), "head")
        return before, version(connection)


def _refuse_newer(found: str, shown: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}
    if found not in known:
        raise SchemaError(f"The catalogue {shown} was written by a newer version: upgrade the software.")
