"""The catalogue's public face: one object per database, one method per thing that is done with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, insert, select
from sqlalchemy.engine import Row

from miner.catalogue import (
    chain,
    copying,
    ownership,
    tables,
    work,
)
from miner.catalogue.database import STORE
from miner.catalogue.face.mining import Mining
from miner.catalogue.face.provenance import Provenance
from miner.catalogue.face.publishing import Publishing
from miner.catalogue.ledger import CATALOGUE, RowDigests
from miner.databases import Database, Piece, opening, schema
from miner.errors import SchemaError, UsageError


class Catalogue(Mining, Publishing, Provenance):
    """What was found, what it gave and what was published: surrogates only.

    One database, SQLite or PostgreSQL. Every method is one transaction. All methods raise DatabaseError where the
    database cannot be used now, and StorageError where its disk is full or read-only. Methods that take a run raise
    DatabaseError(CATALOGUE_BUSY) where that run has ended or was taken over.
    """

    def __init__(self, database: Database, site: str, patient_index_range: tuple[int, int]) -> None:
        """Use :meth:`open` or :meth:`create`."""
        self._database = database
        self.site = site
        self.patient_index_range = patient_index_range

    @classmethod
    def create(cls, url: str, *, site: str, patient_index_range: tuple[int, int]) -> Catalogue:
        """Make the catalogue of a site, or open the one that is there.

        Raises UsageError where it is another site's or has another block of patient indices: identities given from one
        block cannot move to another.
        """
        with _migrating(url) as database:
            database.make_file()
            with database.writing() as connection:
                _upgrade(database, connection, create=True)
                row = _settings(connection)
                if row is None:
                    _lay_settings(connection, site, patient_index_range)
                elif (row.site, row.first_patient_index, row.last_patient_index) != (site, *patient_index_range):
                    raise UsageError(
                        f"The catalogue {database.shown} was created for another [site] name or patient_index_range: "
                        "set them as they were, or create another catalogue."
                    )
        return cls(Database(STORE, url), site, patient_index_range)

    @classmethod
    def open(cls, url: str) -> Catalogue:
        """Open a catalogue. Raises SchemaError where there is none, or where it is older or newer than the software."""
        with opening(STORE, url) as database:
            database.require_file()
            with database.reading() as connection:
                schema.require_newest(database, connection)
                row = _settings(connection)
            if row is None:
                raise SchemaError(f"The catalogue {database.shown} was never finished: run `miner init`.")
        return cls(database, row.site, (row.first_patient_index, row.last_patient_index))

    @staticmethod
    def upgrade(url: str) -> tuple[str, str]:
        """Bring a catalogue to this software's schema; returns the versions before and after.

        Raises SchemaError where there is none, or where it is newer.
        """
        with _migrating(url) as database:
            database.require_file()
            with database.writing() as connection:
                return _upgrade(database, connection)

    def adopt(self, site: str, patient_index_range: tuple[int, int]) -> None:
        """Take the configuration's site and block, as long as no run has begun: `miner init` comes before the editor.

        Raises UsageError afterwards: identities given from one block cannot move to another.
        """
        if (site, patient_index_range) == (self.site, self.patient_index_range):
            return
        with self._database.writing() as connection:
            work.adopt(connection, self.site, site, patient_index_range)
        self.site, self.patient_index_range = site, patient_index_range

    def bind_key(self, check: str) -> None:
        """Bind the catalogue to a key by a keyed constant, at first use. Raises WrongKey where it has another one."""
        with self._database.reading() as connection:
            if ownership.key_check(connection) == check:
                return
        with self._database.writing() as connection:
            ownership.bind_key(connection, self.site, check)

    def key_check(self) -> str | None:
        """The keyed constant that it was bound by, None before its first use."""
        with self._database.reading() as connection:
            return ownership.key_check(connection)

    @staticmethod
    def is_there(url: str) -> bool:
        """Whether the place holds a catalogue, or a file that could be one."""
        return copying.is_there(url)

    @staticmethod
    def restore(url: str, revision: str, rows: Iterable[Piece], head: tuple[int, str]) -> None:
        """Make a catalogue of a backup's rows; a run that was under way when it was copied is closed.

        Args:
            url: a place without a catalogue.
            revision: the schema that the rows are of; they are brought to this software's afterwards.
            rows: all rows, in an order in which foreign keys hold.
            head: number of events, and the hash of the last.

        Raises SchemaError for a newer revision, ChainError where the rows do not fit it or do not agree with
        themselves. Until the last step a failure leaves a part of it, which :meth:`take_back` removes.
        """
        copying.load(url, revision, rows, head)
        Catalogue.upgrade(url)
        copying.close_run(url)

    @staticmethod
    def take_back(url: str) -> None:
        """Remove the catalogue at a place, files and tables, as if it had never been made."""
        copying.take_back(url)

    @contextmanager
    def snapshot(self) -> Iterator[copying.Snapshot]:
        """All rows, and what they must agree with: one state of the database, for a backup."""
        with self._database.reading() as connection:
            yield copying.snapshot(connection)

    def close(self) -> None:
        """Close all connections; the object may not be used any more."""
        self._database.close()


def _migrating(url: str) -> Database:
    # Foreign keys are off while SQLite's tables are rebuilt, which is how Alembic alters them there.
    return Database(STORE, url, foreign_keys=False)


def _upgrade(database: Database, connection: Connection, *, create: bool = False) -> tuple[str, str]:
    """Bring the schema to this software's; the chain tells of it in the same transaction."""
    before, after = schema.upgrade(database, connection, create=create)
    row = _settings(connection)
    if before != after and row is not None:
        payload = {"what": "schema upgraded", "before": before, "after": after}
        chain.append(connection, row.site, chain.Activity.GENERATION, "catalogue", payload)
    return before, after


def _settings(connection: Connection) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(tables.Catalogue.__table__)).one_or_none()


def _lay_settings(connection: Connection, site: str, block: tuple[int, int]) -> None:
    values = {
        "id": 1,
        "site": site,
        "first_patient_index": block[0],
        "last_patient_index": block[1],
        "watermark": None,
        "profile_digest": None,
        "key_check": None,
    }
    connection.execute(insert(tables.Catalogue).values(**values))
    chain.begin(connection, site)
    rows: RowDigests = {CATALOGUE.name_of(values): CATALOGUE.digest_of(values)}
    chain.append(connection, site, chain.Activity.GENERATION, "catalogue", {"what": "catalogue created"}, rows=rows)
