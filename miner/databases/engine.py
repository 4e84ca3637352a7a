"""Connections to a store's database: SQLite for one machine, PostgreSQL for many.

Reading sees one snapshot from its first to its last query. Writing is one at a time on a store, as it reads before it
writes and what it has read must still hold then: SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock, which works
before there are tables too. What leaves here as an error is of our own tree (:mod:`miner.databases.failures`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from miner.databases.failures import told_plainly
from miner.databases.store import Store
from miner.databases.urls import parse_url, place, sqlite_file
from miner.errors import ConfigError, SchemaError, storage_error

PATIENCE_SECONDS = 30
"""How long a writer waits for another one to finish its transaction."""

_CONNECT_SECONDS = 10


class Database:
    """The database of one store, by its SQLAlchemy URL. Connecting happens at first use; a context manager closes it.

    ``file`` is the SQLite file, None on PostgreSQL; ``shown`` is where the database is, without a password.
    """

    def __init__(self, store: Store, url: str, *, foreign_keys: bool = True) -> None:
        """Raises ConfigError for a URL of another kind of database. ``foreign_keys=False`` is for migrations only."""
        self.store = store
        self.url = parse_url(url, store.name)
        self.file = sqlite_file(self.url)
        self.shown = place(self.url)
        if self.file is None:
            self._engine = _create_postgresql(self.url, store)
            # Named, as a server's default may be another one: above READ COMMITTED, what a writer reads would be what
            # stood before it waited for the lock.
            self._writer = self._engine.execution_options(miner_writes=True, isolation_level="READ COMMITTED")
            self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ")
        else:
            self._engine = _create_sqlite(self.url, foreign_keys)
            self._writer = self._engine.execution_options(miner_writes=True)
            self._reader = self._engine.execution_options(miner_writes=False)

    def make_file(self) -> None:
        """Create an empty SQLite file that only its owner can read, or take the others' rights off one that is there.

        SQLite gives its write-ahead log the mode of the file. Raises StorageError.
        """
        if self.file is None:
            return
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600))
            self.file.chmod(0o600)
        except OSError as error:
            raise storage_error(error, self.file) from None

    def files(self) -> list[Path]:
        """The SQLite file and those that SQLite keeps beside it; empty on PostgreSQL."""
        if self.file is None:
            return []
        return [self.file, *(self.file.with_name(self.file.name + ending) for ending in ("-wal", "-shm", "-journal"))]

    def require_file(self) -> None:
        """Raise SchemaError where the SQLite file is absent: connecting would make an empty one."""
        if self.file is not None and not self.file.is_file():
            raise self.missing()

    def missing(self) -> SchemaError:
        """What to say where the database does not hold the store."""
        return SchemaError(
            f"There is no {self.store.name} at {self.shown}: restore it from its backup, or run `miner init` if the "
            "project is new."
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose queries all see one state of the database."""
        with told_plainly(self.store.name, self.shown), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, alone among writers: committed at the end, rolled back whole on any exception."""
        with told_plainly(self.store.name, self.shown), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def plain(self) -> Iterator[Connection]:
        """A connection outside of any transaction, for VACUUM and its like. Errors leave as SQLAlchemy raised them."""
        # SQLite's driver is out of transactions already, and would come back from the option with its own control on.
        options = {"miner_plain": True} if self.file is not None else {"isolation_level": "AUTOCOMMIT"}
        with self._engine.execution_options(**options).connect() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def opening(store: Store, url: str) -> Iterator[Database]:
    """A database that is closed only where the block fails: for what keeps it afterwards. Raises ConfigError."""
    database = Database(store, url)
    try:
        yield database
    except BaseException:
        database.close()
        raise


def _create_sqlite(url: URL, foreign_keys: bool) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": PATIENCE_SECONDS})
    pragmas = (
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        "PRAGMA journal_mode = WAL",
        # NORMAL may lose the last transactions at a power cut: identities that a release was just given, or the name
        # behind a surrogate that a row already uses.
        "PRAGMA synchronous = FULL",
        "PRAGMA secure_delete = ON",
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transaction control begins too late for a consistent read and cannot say IMMEDIATE.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("miner_plain", False):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")

    return engine


def _create_postgresql(url: URL, store: Store) -> Engine:
    try:
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=_postgresql_arguments(url))
    except ImportError:
        raise ConfigError(
            f"The {store.name} is on PostgreSQL, but its driver is not installed: "
            "pip install 'bookmark-miner[postgresql]', or use SQLite."
        ) from None

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if _writes(connection):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({store.writers})")

    return engine


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    """Arguments of the connection. What the URL says itself, such as a search_path in ``options``, still counts."""
    options = (
        f"-c lock_timeout={PATIENCE_SECONDS * 1000}",
        "-c timezone=UTC",
        *url.normalized_query.get("options", ()),
    )
    arguments: dict[str, Any] = {"options": " ".join(options)}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = _CONNECT_SECONDS
    return arguments


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("miner_writes", False))
