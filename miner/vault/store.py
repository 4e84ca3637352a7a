"""The vault: identities by surrogate, sealed with a key derived from the project's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, Self

from sqlalchemy import Connection, and_, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from miner.databases import Database, opening, schema
from miner.errors import ChainError, ConfigError
from miner.vault.database import STORE
from miner.vault.identity import KINDS, Identity
from miner.vault.seal import Seal
from miner.vault.tables import identity, key_check

_CHECK = {"vault": "bookmark miner"}
_CHECK_PLACE = ("check", "1")
_AT_ONCE = 500
"""Surrogates asked for in one statement; SQLite takes at most 999 parameters in old builds."""


class Vault:
    """Who is who, in a database of its own (SQLite or PostgreSQL).

    Every method raises DatabaseError or StorageError where the database cannot be used.
    """

    def __init__(self, database: Database, seal: Seal) -> None:
        """Use :meth:`open` or :meth:`create`."""
        self._database, self._seal = database, seal

    @classmethod
    def create(cls, url: str, key: bytes) -> Self:
        """Make the vault, or open the one that is there with the same key, at this version's schema.

        Args:
            url: SQLAlchemy URL. A new SQLite file gets mode 0600.
            key: 32 bytes, from :meth:`miner.deid.Surrogates.vault_key`.

        Raises:
            ConfigError: the URL, or a vault of another key.
            SchemaError: a vault of a newer version.
        """
        seal = Seal(key)
        with opening(STORE, url) as database:
            database.make_file()
            with database.writing() as connection:
                schema.upgrade(database, connection, create=True)
                if connection.execute(select(key_check.c.id)).first() is None:
                    connection.execute(insert(key_check).values(id=1, sealed=seal.close(*_CHECK_PLACE, _CHECK)))
                _check_key(connection, seal, database.shown)
        return cls(database, seal)

    @classmethod
    def open(cls, url: str, key: bytes) -> Self:
        """Open an existing vault.

        Raises:
            ConfigError: the URL, or a vault of another key.
            SchemaError: there is none, or one of another version.
        """
        seal = Seal(key)
        with opening(STORE, url) as database:
            database.require_file()
            with database.reading() as connection:
                schema.require_newest(database, connection)
                _check_key(connection, seal, database.shown)
        return cls(database, seal)

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
    def schema_version(url: str) -> str:
        """The schema version of a vault, empty for a database without one; needs no key."""
        with Database(STORE, url) as database:
            database.require_file()
            with database.reading() as connection:
                return schema.version(STORE, connection)

    def remember(self, entries: Iterable[Identity]) -> None:
        """Keep identities, all of them or none (one transaction).

        What is known already is not written again. A new value replaces an old one, an empty value none: an answer
        that leaves out an accession number does not make the vault forget it.

        Raises ValueError for an unknown kind.
        """
        wanted = _merged(entries)
        if not wanted:
            return
        with self._database.writing() as connection:
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

    def close(self) -> None:
        """Give the database connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("the vault does not leave the process")

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


def _check_key(connection: Connection, seal: Seal, shown: str) -> None:
    """Raise ConfigError where the vault was made with another key."""
    sealed = connection.execute(select(key_check.c.sealed)).scalar()
    if sealed is None or seal.open(*_CHECK_PLACE, sealed) != _CHECK:
        raise ConfigError(
            f"The vault {shown} belongs to another key: put back the project's key that it was made with."
        )
