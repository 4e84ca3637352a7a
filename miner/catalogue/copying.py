"""The catalogue as a whole: its rows for a backup, and a catalogue made of a backup's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from miner.catalogue import chain, runs, tables
from miner.catalogue.database import STORE
from miner.databases import Database, Loader, Piece, pieces, schema
from miner.errors import ChainError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the catalogue: schema revision, head of its event chain, rows. Good while it is held open."""

    revision: str
    events: int
    head: str
    pieces: Iterator[Piece] = field(repr=False)


def snapshot(connection: Connection) -> Snapshot:
    """The state that ``connection`` sees. Raises ChainError where the chain's head is gone."""
    revision = schema.version(STORE, connection)
    events, head = chain.head(connection)
    return Snapshot(revision, events, head, pieces(connection, tables.Base.metadata.sorted_tables))


def load(url: str, revision: str, rows: Iterable[Piece], head: tuple[int, str]) -> None:
    """Make a catalogue of a backup's rows at the backup's schema revision, whole or not at all (one transaction).

    Raises SchemaError for a newer revision, ChainError for rows that do not fit it, that do not end with ``head`` or
    that do not agree with themselves.
    """
    with Database(STORE, url, foreign_keys=False) as database:
        database.make_file()
        with database.writing() as connection:
            schema.create_at(database, connection, revision)
            loader = Loader(connection, list(tables.Base.metadata.tables))
            for piece in rows:
                loader.load(piece)
            if chain.head(connection) != head:
                raise ChainError("The backup's catalogue does not end where the backup says: it cannot be restored.")


def close_run(url: str) -> None:
    """Hold a restored catalogue against its own books, then close the run that was under way when it was copied.

    Raises ChainError where it does not agree with itself.
    """
    with Database(STORE, url) as database, database.writing() as connection:
        site = connection.execute(select(tables.Catalogue.site)).scalar_one()
        faults = [*chain.verify(connection, site), *chain.verify_rows(connection)]
        if faults:
            raise ChainError(
                f"The backup's catalogue does not agree with itself ({len(faults)} faults, the first: {faults[0]}): "
                "restore an earlier backup."
            )
        # The process that held the lease, if it lives, mines the original: it has no claim on this copy.
        runs.close_copied(connection, site)


def is_there(url: str) -> bool:
    """Whether the place holds a catalogue, or a file that could be one."""
    with Database(STORE, url) as database:
        return schema.is_there(database)


def take_back(url: str) -> None:
    """Remove the catalogue at a place, files and tables, as if it had never been made."""
    with Database(STORE, url, foreign_keys=False) as database:
        schema.take_back(database)
