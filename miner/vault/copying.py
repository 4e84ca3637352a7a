"""The vault as a whole: its sealed rows for a backup, a vault made of a backup's rows, and its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from miner.databases import Database, Loader, Piece, compact, pieces, schema
from miner.errors import DatabaseError, MinerError
from miner.vault.database import STORE
from miner.vault.tables import identity, key_check, metadata

_FETCHED = 500


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the vault: its schema revision, and its rows, sealed. Good while the snapshot is held open."""

    revision: str
    pieces: Iterator[Piece] = field(repr=False)


def snapshot(connection: Connection) -> Snapshot:
    """The state that ``connection`` sees."""
    return Snapshot(schema.version(STORE, connection), pieces(connection, metadata.sorted_tables))


def sealed_rows(connection: Connection) -> Iterator[tuple[str, str, bytes]]:
    """Kind, surrogate and sealed value of every identity, sorted; a few hundred at a time are in memory."""
    query = select(identity.c.kind, identity.c.key, identity.c.sealed).order_by(identity.c.kind, identity.c.key)
    for row in connection.execution_options(yield_per=_FETCHED).execute(query):
        yield row.kind, row.key, bytes(row.sealed)


def load(url: str, revision: str, rows: Iterable[Piece]) -> None:
    """Make a vault of a backup's rows at the backup's schema revision, whole or not at all (one transaction).

    Raises SchemaError for a newer revision, ChainError for rows that do not fit it.
    """
    with Database(STORE, url, foreign_keys=False) as database:
        database.make_file()
        with database.writing() as connection:
            schema.create_at(database, connection, revision)
            loader = Loader(connection, list(metadata.tables))
            for piece in rows:
                loader.load(piece)


def is_there(url: str) -> bool:
    """Whether the place holds a vault, or a file that could be one."""
    with Database(STORE, url) as database:
        return schema.is_there(database)


def take_back(url: str) -> None:
    """Remove the vault at a place, files and tables, as if it had never been made."""
    with Database(STORE, url, foreign_keys=False) as database:
        schema.take_back(database)


def destroy(database: Database) -> None:
    """See :meth:`miner.vault.Vault.destroy`."""
    if database.file is None:
        _empty(database)
        return
    if database.file.exists():
        # Rows first: a process that holds the file open keeps it beyond its name, and must find its key gone.
        with suppress(MinerError):
            _empty(database)
    schema.take_back(database)


def _empty(database: Database) -> None:
    with database.writing() as connection:
        if schema.version(STORE, connection):
            connection.execute(delete(identity))
            connection.execute(delete(key_check))
    with suppress(DatabaseError):
        compact(database, [identity.name, key_check.name])
