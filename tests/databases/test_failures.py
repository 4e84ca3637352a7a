"""What the user is told when a database fails, on both stores: by a real failure where one can be made."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InvalidRequestError, OperationalError, StatementError

from miner.databases import Database, Store
from miner.databases.failures import Failure, kind_of, told_plainly
from miner.errors import DatabaseError, PermanentError, Reason, StorageError
from tests.peers.postgresql import PostgreSQL

KEEP = text("INSERT INTO names VALUES (:name)")


@pytest.fixture
def database(empty_url: str, store: Store) -> Iterator[Database]:
    """A database with a table of names that are unique."""
    with Database(store, empty_url) as made:
        made.make_file()
        with made.writing() as connection:
            connection.execute(text("CREATE TABLE names (name TEXT NOT NULL PRIMARY KEY)"))
        yield made


@pytest.fixture
def sqlite_database(tmp_path: Path, store: Store) -> Iterator[Database]:
    with Database(store, f"sqlite:///{tmp_path}/store.sqlite") as made:
        made.make_file()
        with made.writing() as connection:
            connection.execute(text("CREATE TABLE names (name TEXT NOT NULL PRIMARY KEY)"))
        yield made


def test_a_row_that_contradicts(database: Database, store: Store) -> None:
    with (
        pytest.raises(PermanentError, match=f"The {store.name} .* refused a row") as caught,
        database.writing() as connection,
    ):
        connection.execute(KEEP, {"name": "CANARY"})
        connection.execute(KEEP, {"name": "CANARY"})
    assert caught.value.reason is Reason.CONTENT_CONFLICT
    assert "CANARY" not in str(caught.value)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM names")).scalar_one() == 0


def test_a_table_that_is_not_there(database: Database, store: Store) -> None:
    with (
        pytest.raises(DatabaseError, match=f"The {store.name} .* cannot be used") as caught,
        database.reading() as connection,
    ):
        connection.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "CANARY"})
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
    assert "CANARY" not in str(caught.value)


def test_a_database_that_may_not_be_written(database: Database) -> None:
    # As a standby server answers, and SQLite for a file that others own.
    forbid = "PRAGMA query_only = ON" if database.file else "SET TRANSACTION READ ONLY"
    with (
        pytest.raises(StorageError, match=r"cannot be written \((SQLITE_READONLY|25006)\)") as caught,
        database.writing() as connection,
    ):
        connection.exec_driver_sql(forbid)
        connection.execute(KEEP, {"name": "CANARY"})
    assert caught.value.reason is Reason.NOT_WRITABLE
    assert "CANARY" not in str(caught.value)


def test_a_role_without_rights(postgresql: PostgreSQL, store: Store) -> None:
    with (
        Database(store, postgresql.url(postgresql.new_database())) as database,
        pytest.raises(StorageError, match=r"cannot be written \(42501\)") as caught,
        database.writing() as connection,
    ):
        connection.exec_driver_sql("CREATE TABLE names (name TEXT)")
        connection.exec_driver_sql("SET LOCAL ROLE pg_monitor")
        connection.execute(KEEP, {"name": "CANARY"})
    assert caught.value.reason is Reason.NOT_WRITABLE


def test_a_full_disk(sqlite_database: Database, store: Store) -> None:
    with (
        pytest.raises(StorageError, match=f"The {store.name} .* disk is full") as caught,
        sqlite_database.writing() as connection,
    ):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.execute(KEEP, [{"name": f"CANARY {n}"} for n in range(2_000)])
    assert caught.value.reason is Reason.DISK_FULL
    assert "CANARY" not in str(caught.value)


def test_another_writer(sqlite_database: Database, store: Store) -> None:
    other = sqlite3.connect(sqlite_database.file or "", isolation_level=None)
    with sqlite_database.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match=f"The {store.name} .* is in use by another process"):
        sqlite_database.writing().__enter__()
    other.execute("ROLLBACK")
    other.close()
    with sqlite_database.writing() as connection:
        connection.execute(KEEP, {"name": "after"})


def test_a_file_that_is_no_database(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"CANARY, not a database" * 100)
    with (
        Database(store, f"sqlite:///{path}") as database,
        pytest.raises(DatabaseError, match=f"The {store.name} .* is damaged or not a database") as caught,
    ):
        database.reading().__enter__()
    assert "CANARY" not in str(caught.value)


def test_a_damaged_page(sqlite_database: Database) -> None:
    with sqlite_database.writing() as connection:
        connection.execute(KEEP, [{"name": f"{n:0500d}"} for n in range(200)])
    sqlite_database.close()
    assert sqlite_database.file is not None
    octets = bytearray(sqlite_database.file.read_bytes())
    octets[4096:] = b"\xff" * (len(octets) - 4096)
    sqlite_database.file.write_bytes(octets)
    with (
        pytest.raises(DatabaseError, match=r"is damaged or not a database \(SQLITE_CORRUPT"),
        sqlite_database.reading() as connection,
    ):
        connection.execute(text("SELECT * FROM names")).all()


class SqliteAnswer(sqlite3.Error):
    def __init__(self, code: str) -> None:
        super().__init__("CANARY")
        self.sqlite_errorname = code


class PostgresqlAnswer(Exception):
    def __init__(self, code: str) -> None:
        super().__init__("CANARY")
        self.sqlstate = code


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (SqliteAnswer("SQLITE_FULL"), Failure.DISK_FULL),
        (SqliteAnswer("SQLITE_IOERR_WRITE"), Failure.DISK_FAULT),
        (SqliteAnswer("SQLITE_READONLY_DBMOVED"), Failure.NOT_WRITABLE),
        (SqliteAnswer("SQLITE_CANTOPEN"), Failure.NOT_WRITABLE),
        (SqliteAnswer("SQLITE_CORRUPT_INDEX"), Failure.DAMAGED),
        (SqliteAnswer("SQLITE_NOTADB"), Failure.DAMAGED),
        (SqliteAnswer("SQLITE_BUSY_SNAPSHOT"), Failure.BUSY),
        (SqliteAnswer("SQLITE_LOCKED_SHAREDCACHE"), Failure.BUSY),
        (SqliteAnswer("SQLITE_ERROR"), Failure.OTHER),
        (PostgresqlAnswer("53100"), Failure.DISK_FULL),
        (PostgresqlAnswer("58030"), Failure.DISK_FAULT),
        (PostgresqlAnswer("XX001"), Failure.DAMAGED),
        (PostgresqlAnswer("40P01"), Failure.BUSY),
        (PostgresqlAnswer("57P01"), Failure.OTHER),
        (sqlite3.ProgrammingError("CANARY"), Failure.OTHER),
    ],
    ids=str,
)
def test_the_code_decides(answer: Exception, kind: Failure) -> None:
    error = OperationalError("SELECT 'CANARY'", None, answer)
    assert kind_of(error) is kind
    expected = StorageError if kind in (Failure.DISK_FULL, Failure.DISK_FAULT, Failure.NOT_WRITABLE) else DatabaseError
    with pytest.raises(expected) as caught, told_plainly("vault", "/here"):
        raise error
    assert "CANARY" not in str(caught.value)
    assert str(caught.value).startswith("The vault /here ")


@pytest.mark.parametrize(
    "error", [InvalidRequestError("CANARY"), StatementError("CANARY", "", None, ValueError("CANARY"))]
)
def test_no_error_of_sqlalchemy_gets_out(error: Exception) -> None:
    with pytest.raises(DatabaseError, match=type(error).__name__) as caught, told_plainly("vault", "/here"):
        raise error
    assert "CANARY" not in str(caught.value)


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), told_plainly("vault", "/here"):
        raise ZeroDivisionError
