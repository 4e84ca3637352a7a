"""Connections to the catalogue's database: SQLite for one machine, PostgreSQL for many.

Reading sees one snapshot from its first to its last query. Writing is one at a time on a catalogue: SQLite by BEGIN
IMMEDIATE, PostgreSQL by locking the chain's head, which every write extends anyway. What leaves here as an error is of
our own tree and names the database, never a statement's parameters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, select
from sqlalchemy.engine import URL, make_url

from miner.catalogue.tables import Chain
from miner.errors import ConfigError, DatabaseError, PermanentError, Reason, StorageError

PATIENCE_SECONDS = 30
"""How long a writer waits for another one to finish its transaction."""


class Database:
    """One database by its SQLAlchemy URL. Connecting happens at first use."""

    def __init__(self, url: str, *, foreign_keys: bool = True) -> None:
        """Raises ConfigError for a URL of another kind of database. ``foreign_keys=False`` is for migrations only."""
        self.url = parse_url(url)
        self.shown = str(self.file or self.url.render_as_string(hide_password=True))
        self._engine = _create_engine(self.url, foreign_keys)
        self._writer = self._engine.execution_options(miner_writes=True)
        snapshot = {"isolation_level": "REPEATABLE READ"} if self.file is None else {}
        self._reader = self._engine.execution_options(**snapshot)

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    def prepare_file(self) -> None:
        """Make an empty SQLite file that only its owner can read, where there is none. Raises StorageError."""
        if self.file is None or self.file.exists():
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            raise StorageError(
                f"The catalogue {self.file} cannot be created ({type(error).__name__}): check owner and mode.",
                Reason.NOT_WRITABLE,
            ) from None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose queries all see one state of the database."""
        with self._translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, lock: bool = True) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back whole on any exception. ``lock=False``: no tables yet."""
        with self._translated(), self._writer.begin() as connection:
            if lock and self.file is None:
                connection.execute(select(Chain.events).with_for_update())
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.IntegrityError:
            raise PermanentError(
                f"The catalogue {self.shown} refused a row that contradicts what it holds; nothing of it was written.",
                Reason.CONTENT_CONFLICT,
            ) from None
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise _storage_or_database_error(error, self.shown) from None


def parse_url(url: str) -> URL:
    """The URL with its driver named. Raises ConfigError where it is neither a SQLite file nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise ConfigError(
            "[storage] catalogue is not a SQLAlchemy URL such as sqlite:///data/catalogue.sqlite."
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite+pysqlite")
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError("[storage] catalogue must be a SQLite file (sqlite:///…) or PostgreSQL (postgresql+psycopg://…).")


def _create_engine(url: URL, foreign_keys: bool) -> Engine:
    if url.get_backend_name() == "postgresql":
        return _create_postgresql(url)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": PATIENCE_SECONDS})
    pragmas = (
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        "PRAGMA journal_mode = WAL",
        f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000}",
        "PRAGMA synchronous = NORMAL",
        "PRAGMA secure_delete = ON",
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # The driver's own transaction control begins too late for a consistent read and cannot say IMMEDIATE.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("miner_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _create_postgresql(url: URL) -> Engine:
    options = f"-c lock_timeout={PATIENCE_SECONDS * 1000} -c timezone=UTC"
    try:
        return create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "options": options},
        )
    except ModuleNotFoundError:
        raise ConfigError(
            "The catalogue is on PostgreSQL, but its driver is not installed: pip install 'bookmark-miner[postgresql]'."
        ) from None


def _storage_or_database_error(error: Exception, shown: str) -> StorageError | DatabaseError:
    """Tell a full or read-only disk from a database that is away, locked or not a database."""
    cause = str(getattr(error, "orig", error)).lower()
    if "disk is full" in cause or "no space left" in cause:
        return StorageError(f"The disk that holds the catalogue {shown} is full: make room, then run again.")
    if "readonly" in cause or "read-only" in cause:
        return StorageError(f"The catalogue {shown} cannot be written: check owner and mode.", Reason.NOT_WRITABLE)
    if "locked" in cause or "lock timeout" in cause:
        return DatabaseError(f"The catalogue {shown} stayed locked for {PATIENCE_SECONDS} s: run again later.")
    if "not a database" in cause or "malformed" in cause:
        return DatabaseError(f"The catalogue {shown} is damaged or not a catalogue: restore a backup.")
    return DatabaseError(f"The catalogue {shown} cannot be used ({type(error).__name__}): check that it is there.")
