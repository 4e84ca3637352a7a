"""The vault: identities by surrogate, sealed with a key derived from the project's.

Beside them stands one row, ``key_check``: it opens with the vault's key alone, and holds the surrogate root once the
project's key was rotated (:meth:`Vault.rotate`). Whoever writes looks at it in the same transaction, so that a process
that began before a rotation, or before the vault was destroyed, cannot write any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn, Self

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from miner.databases import Database, Piece, compact, opening, schema
from miner.errors import ChainError, DatabaseError, WrongKey
from miner.vault import copying
from miner.vault.database import STORE
from miner.vault.identity import KINDS, Identity
from miner.vault.seal import Seal, check_of, root_in
from miner.vault.tables import identity, key_check

_AT_ONCE = 500
"""Surrogates asked for in one statement; SQLite takes at most 999 parameters in old builds."""

_SEALED_AT_ONCE = 2000
"""Rows that are sealed anew at a time: a few mebibytes."""


class Vault:
    """Who is who, in a database of its own (SQLite or PostgreSQL).

    Every method raises DatabaseError or StorageError where the database cannot be used.
    """

    def __init__(self, database: Database, seal: Seal, root: bytes | None) -> None:
        """Use :meth:`open` or :meth:`create`."""
        self._database, self._seal, self._root = database, seal, root

    @classmethod
    def create(cls, url: str, key: bytes) -> Self:
        """Make the vault, or open the one that is there with the same key, at this version's schema.

        Args:
            url: SQLAlchemy URL. A new SQLite file gets mode 0600.
            key: 32 bytes, from :func:`miner.deid.vault_key`.

        Raises:
            ConfigError: the URL.
            WrongKey: a vault of another key.
            SchemaError: a vault of a newer version.
        """
        seal = Seal(key)
        with opening(STORE, url) as database:
            database.make_file()
            with database.writing() as connection:
                schema.upgrade(database, connection, create=True)
                if connection.execute(select(key_check.c.id)).first() is None:
                    connection.execute(insert(key_check).values(id=1, sealed=check_of(seal, None)))
                root = _check_key(connection, seal, database.shown)
        return cls(database, seal, root)

    @classmethod
    def open(cls, url: str, key: bytes) -> Self:
        """Open an existing vault.

        Raises:
            ConfigError: the URL.
            WrongKey: a vault of another key, or one that was emptied for ever.
            SchemaError: there is none, or one of another version.
        """
        seal = Seal(key)
        with opening(STORE, url) as database:
            database.require_file()
            with database.reading() as connection:
                schema.require_newest(database, connection)
                root = _check_key(connection, seal, database.shown)
        return cls(database, seal, root)

    @staticmethod
    def upgrade(url: str) -> tuple[str, str]:
        """Bring a vault to this version's schema; needs no key. Returns the schema versions before and after.

        Raises SchemaError where there is none, or a newer one.
        """
        with Database(STORE, url) as database:
            database.require_file()
            with database.writing() as connection:
                return schema.upgrade(database, connection)

    @staticmethod
    def is_there(url: str) -> bool:
        """Whether the place holds a vault, or a file that could be one."""
        return copying.is_there(url)

    @staticmethod
    def restore(url: str, revision: str, rows: Iterable[Piece]) -> None:
        """Make a vault of a backup's rows, at a place without one, and bring it to this software's schema.

        Raises SchemaError for a newer revision, ChainError where the rows do not fit it. Until the last step a failure
        leaves a part of it, which :meth:`take_back` removes.
        """
        copying.load(url, revision, rows)
        Vault.upgrade(url)

    @staticmethod
    def take_back(url: str) -> None:
        """Remove the vault at a place, files and tables, as if it had never been made."""
        copying.take_back(url)

    @staticmethod
    def destroy(url: str) -> None:
        """Delete every identity and the key check, and the files of an SQLite vault, for ever; needs no key.

        A vault that is not there, or that cannot be read, is no error on SQLite: its files go. Raises DatabaseError or
        StorageError where the rows of a PostgreSQL vault, or the files, cannot be deleted.
        """
        with Database(STORE, url) as database:
            copying.destroy(database)

    def surrogate_root(self) -> bytes | None:
        """The key that surrogates are derived from where it is not the project's own: None before any rotation."""
        return self._root

    def remember(self, entries: Iterable[Identity]) -> None:
        """Keep identities, all of them or none (one transaction).

        What is known already is not written again. A new value replaces an old one, an empty value none: an answer
        that leaves out an accession number does not make the vault forget it.

        Raises ValueError for an unknown kind, DatabaseError where the vault was given another key since it was opened.
        """
        wanted = _merged(entries)
        if not wanted:
            return
        with self._database.writing() as connection:
            self._require_own(connection)
            known = {(entry.kind, entry.key): entry for entry in self._known(connection, list(wanted))}
            rows = [
                {"kind": kind, "key": key, "sealed": self._seal.close(kind, key, value)}
                for (kind, key), entry in wanted.items()
                if (value := _completed(known.get((kind, key)), entry)) is not None
            ]
            if rows:
                _upsert(connection, rows)

    def resolve(self, kind: str, key: str) -> Identity | None:
        """Who the surrogate ``key`` of a patient, study, series, instance or object stands for, None where unknown.

        Raises ChainError where the row does not open: it was changed or moved by something else than the vault.
        """
        with self._database.reading() as connection:
            return next(iter(self._known(connection, [(kind, key)])), None)

    def forget(self, places: Iterable[tuple[str, str]]) -> int:
        """Delete identities by kind and surrogate; returns how many there were. Their octets leave the files too.

        Raises DatabaseError where the vault was given another key since it was opened.
        """
        gone = 0
        with self._database.writing() as connection:
            self._require_own(connection)
            for kind, key in sorted(set(places)):
                gone += connection.execute(
                    delete(identity).where(identity.c.kind == kind, identity.c.key == key)
                ).rowcount
        if gone:
            self.compact()
        return gone

    def compact(self) -> bool:
        """Take what was deleted or sealed anew off the disk; False where the database's role may not do so."""
        return compact(self._database, [identity.name, key_check.name])

    def count(self) -> int:
        """How many identities it holds."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(identity)).scalar_one())

    @contextmanager
    def identities(self) -> Iterator[tuple[int, Iterator[Identity]]]:
        """How many identities there are, and each, sorted by kind and surrogate: one state of the database.

        Raises ChainError where one does not open, DatabaseError where the vault was given another key meanwhile.
        """
        with self._database.reading() as connection:
            self._require_own(connection)
            count = connection.execute(select(func.count()).select_from(identity)).scalar_one()
            rows = copying.sealed_rows(connection)
            yield int(count), (Identity(kind, key, self._open(kind, key, sealed)) for kind, key, sealed in rows)

    def resolve_many(self, kind: str, keys: Iterable[str]) -> list[Identity]:
        """Who these surrogates of one kind stand for, those that are known. Raises as :meth:`resolve` does."""
        with self._database.reading() as connection:
            return self._known(connection, [(kind, key) for key in keys])

    @contextmanager
    def snapshot(self) -> Iterator[copying.Snapshot]:
        """Its rows as they are, still sealed: one state of the database, for a backup.

        Raises DatabaseError where the vault was given another key since it was opened.
        """
        with self._database.reading() as connection:
            self._require_own(connection)
            yield copying.snapshot(connection)

    def rotate(self, key: bytes, root: bytes) -> int:
        """Seal everything anew under another key, whole or not at all (one transaction); returns how many identities.

        Args:
            key: the new vault key, 32 bytes, from :func:`miner.deid.vault_key`.
            root: what surrogates are derived from, now and for ever: kept in the vault, under the new key.

        Raises:
            ChainError: a row does not open; nothing was changed.
            DatabaseError: the vault was given another key since it was opened.
        """
        seal = Seal(key)
        count = 0
        with self._database.writing() as connection:
            self._require_own(connection)
            last = ("", "")
            while rows := _after(connection, last):
                _upsert(
                    connection,
                    [
                        {"kind": kind, "key": name, "sealed": seal.close(kind, name, self._open(kind, name, sealed))}
                        for kind, name, sealed in rows
                    ],
                )
                count += len(rows)
                last = rows[-1][:2]
            connection.execute(update(key_check).values(sealed=check_of(seal, root)))
        self._seal, self._root = seal, root
        return count

    def close(self) -> None:
        """Give the database connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("the vault does not leave the process")

    def _require_own(self, connection: Connection) -> None:
        try:
            _check_key(connection, self._seal, self._database.shown)
        except WrongKey:
            raise DatabaseError(
                f"The vault {self._database.shown} was given another key, or destroyed, since this command began: "
                "nothing was written. Run it again."
            ) from None

    def _known(self, connection: Connection, places: Sequence[tuple[str, str]]) -> list[Identity]:
        found = []
        for kind in sorted({kind for kind, _ in places}):
            keys = [key for other, key in places if other == kind]
            for start in range(0, len(keys), _AT_ONCE):
                chosen = and_(identity.c.kind == kind, identity.c.key.in_(keys[start : start + _AT_ONCE]))
                for row in connection.execute(select(identity.c.key, identity.c.sealed).where(chosen)):
                    found.append(Identity(kind, row.key, self._open(kind, row.key, row.sealed)))
        return found

    def _open(self, kind: str, key: str, sealed: bytes) -> dict[str, str]:
        value = self._seal.open(kind, key, sealed)
        if value is None:
            raise ChainError(
                f"The vault {self._database.shown} holds an entry that was damaged or changed: "
                "restore the vault from its backup."
            )
        return value


def _merged(entries: Iterable[Identity]) -> dict[tuple[str, str], Identity]:
    """Entries by kind and key, later ones over earlier ones, sorted: two writers take their row locks in one order."""
    merged: dict[tuple[str, str], Identity] = {}
    for entry in entries:
        if entry.kind not in KINDS:
            raise ValueError(f"an identity is of {', '.join(KINDS)}, not {entry.kind}")
        merged[entry.kind, entry.key] = entry
    return dict(sorted(merged.items()))


def _completed(known: Identity | None, entry: Identity) -> dict[str, str] | None:
    """The value to write: what is known, with what is new laid over it; None where that is nothing new."""
    if known is None:
        return dict(entry.value)
    before, now = known.value.get("patient_id"), entry.value.get("patient_id")
    if before and now and before != now:
        # Moved to another patient: the id of one with the issuer of the other would be a third.
        return dict(entry.value)
    value = {**known.value, **{name: text for name, text in entry.value.items() if text}}
    return value if value != known.value else None


def _upsert(connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(identity)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[identity.c.kind, identity.c.key], set_={"sealed": statement.excluded.sealed}
        ),
        [dict(row) for row in rows],
    )


def _after(connection: Connection, last: tuple[str, str]) -> list[tuple[str, str, bytes]]:
    """The next rows behind a place, sorted by kind and surrogate: a cursor would not outlive the writing between."""
    kind, key = last
    query = (
        select(identity.c.kind, identity.c.key, identity.c.sealed)
        .where(or_(identity.c.kind > kind, and_(identity.c.kind == kind, identity.c.key > key)))
        .order_by(identity.c.kind, identity.c.key)
        .limit(_SEALED_AT_ONCE)
    )
    return [(row.kind, row.key, bytes(row.sealed)) for row in connection.execute(query)]


def _check_key(connection: Connection, seal: Seal, shown: str) -> bytes | None:
    """The surrogate root that the vault holds, if any. Raises WrongKey where the vault was made with another key."""
    sealed = connection.execute(select(key_check.c.sealed)).scalar()
    opened = None if sealed is None else root_in(seal, bytes(sealed))
    if opened is None:
        raise WrongKey(f"The vault {shown} belongs to another key: put back the project's key that it was made with.")
    return opened or None
