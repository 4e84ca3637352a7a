"""The vault's engine, and how its failures are told.

A database error of SQLAlchemy or of a driver may quote the row it failed on, so none gets out of this room: each
becomes an error of ours that says what to do and nothing else.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from miner.errors import ConfigError, DatabaseError, Reason, SchemaError, StorageError

_PRAGMAS = (
    "PRAGMA busy_timeout = 30000",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_mode = WAL",
    # FULL, not NORMAL: what the vault says is kept must survive a power cut, as the catalogue's rows lean on it.
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
)
_WRITERS = 0x5641554C54  # any number that nobody else in the database locks by: "VAULT"


def parse_url(text: str) -> URL:
    """The vault's URL. Raises ConfigError; the text is not shown, as it may hold a password."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigError("storage.vault is not an SQLAlchemy URL, such as sqlite:///data/vault.sqlite.") from None
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def connect(url: URL) -> Engine:
    """An engine for the vault. Raises ConfigError where the database's driver is not installed."""
    try:
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise ConfigError(
            f"The vault's URL asks for {url.drivername}, which is not installed: "
            "install bookmark-miner[postgresql], or use SQLite."
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)
    return engine


def writing(engine: Engine) -> Engine:
    """The same engine for transactions that write: one at a time on a vault.

    They read before they write, so what they read must still hold then.
    """
    return engine.execution_options(writes=True)


def make_file(url: URL) -> None:
    """Create an empty SQLite file that only its owner can read, or take the others' rights off one that is there.

    SQLite gives its write-ahead log the mode of the file. Raises StorageError.
    """
    path = sqlite_path(url)
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise StorageError(
            f"The vault {path} cannot be written ({type(error).__name__}).", Reason.NOT_WRITABLE
        ) from None


def must_exist(url: URL) -> None:
    """Raise SchemaError where the SQLite file is absent; connecting would make an empty one."""
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        raise missing(url)


def missing(url: URL) -> SchemaError:
    """What to say where there is no vault."""
    return SchemaError(
        f"No vault at {place(url)}: restore it from its backup, or run `miner init` if the project is new."
    )


def sqlite_path(url: URL) -> Path | None:
    """The file of an SQLite URL, None for another database or one in memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def place(url: URL) -> str:
    """Where the vault is, without a password."""
    return str(sqlite_path(url) or url.render_as_string(hide_password=True))


@contextmanager
def told_plainly(url: URL) -> Iterator[None]:
    """Turn errors of SQLAlchemy and of the driver into ours: DatabaseError, or StorageError for disk and rights."""
    try:
        yield
    except SQLAlchemyError as error:
        name = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
        kind = type(error).__name__
    else:
        return
    if name.startswith("SQLITE_FULL"):
        raise StorageError(
            f"The disk is full: the vault {place(url)} could not be written.", Reason.DISK_FULL
        ) from None
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        raise StorageError(
            f"The vault {place(url)} cannot be written: check its rights.", Reason.NOT_WRITABLE
        ) from None
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        raise DatabaseError(f"The vault {place(url)} is damaged: restore it from its backup.") from None
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        raise DatabaseError(f"The vault {place(url)} is in use by another process: try again later.") from None
    raise DatabaseError(f"The vault {place(url)} cannot be used ({kind}): check that its database answers.") from None


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 would begin transactions by itself, after reads and around DDL
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if _writes(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("writes", False))
