"""Connections and transactions: most of it for both stores on both databases."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import text

from miner.databases import Database, Store, opening
from miner.errors import ConfigError, DatabaseError, Reason, SchemaError, StorageError
from tests.databases.conftest import CATALOGUE, VAULT, Kept
from tests.peers.postgresql import PostgreSQL


@pytest.fixture
def database(empty_url: str, store: Store) -> Iterator[Database]:
    """A database with one table, ``counter``, that holds one number: 0."""
    with Database(store, empty_url) as made:
        made.make_file()
        with made.writing() as connection:
            connection.execute(text("CREATE TABLE counter (number INTEGER NOT NULL)"))
            connection.execute(text("INSERT INTO counter VALUES (0)"))
        yield made


@pytest.fixture
def server_url(postgresql: PostgreSQL) -> Callable[[str], str]:
    """URL of one new database on PostgreSQL, with more for its query."""
    name = postgresql.new_database()
    return lambda query: f"{postgresql.url(name)}&{query}"


def number(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT number FROM counter")).scalar_one())


def shown(database: Database, *settings: str) -> list[object]:
    with database.reading() as connection:
        return [connection.exec_driver_sql(f"SHOW {setting}").scalar_one() for setting in settings]


# --------------------------------------------------------------------------------------------------------- transactions


def test_what_is_written_is_there(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE counter SET number = 7"))
    assert number(database) == 7


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="power cut"), database.writing() as connection:
        connection.execute(text("UPDATE counter SET number = 7"))
        connection.execute(text("CREATE TABLE another (number INTEGER)"))
        raise RuntimeError("power cut")
    assert number(database) == 0
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE another (number INTEGER)"))


def test_reading_sees_one_moment(database: Database) -> None:
    query = text("SELECT number FROM counter")
    with database.reading() as connection:
        before = connection.execute(query).scalar_one()
        with database.writing() as writer:
            writer.execute(text("UPDATE counter SET number = 7"))
        assert connection.execute(query).scalar_one() == before
    assert number(database) == 7


def test_writers_take_turns(database: Database) -> None:
    """Each reads and then writes: were two at it at once, a count would be lost."""

    def count() -> None:
        for _ in range(25):
            with database.writing() as connection:
                found = connection.execute(text("SELECT number FROM counter")).scalar_one()
                connection.execute(text(f"UPDATE counter SET number = {found + 1}"))

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert number(database) == 100


def test_two_stores_in_one_database_do_not_wait_for_each_other(server_url: Callable[[str], str]) -> None:
    url = server_url("options=-c lock_timeout=50")
    with Database(CATALOGUE.store, url) as catalogue, Database(VAULT.store, url) as vault, catalogue.writing():
        with vault.writing() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        with pytest.raises(DatabaseError, match=r"The catalogue .* in use by another process \(55P03\)"):
            catalogue.writing().__enter__()


# ---------------------------------------------------------------------------------------------------------- connections


@pytest.mark.parametrize("kept", [CATALOGUE, VAULT], ids=["catalogue", "vault"])
@pytest.mark.parametrize("foreign_keys", [True, False])
def test_pragmas(kept: Kept, foreign_keys: bool, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with Database(kept.store, url, foreign_keys=foreign_keys) as database:
        for transaction in (database.reading, database.writing):
            with transaction() as connection:
                settings = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("foreign_keys", "journal_mode", "busy_timeout", "synchronous", "secure_delete")
                }
            assert settings == {
                "foreign_keys": foreign_keys,
                "journal_mode": "wal",
                "busy_timeout": 30_000,
                "synchronous": 2,
                "secure_delete": 1,
            }


def test_settings_of_postgresql(server_url: Callable[[str], str], store: Store) -> None:
    with Database(store, server_url("application_name=miner")) as database:
        assert shown(database, "lock_timeout", "timezone", "application_name") == ["30s", "UTC", "miner"]


def test_the_url_has_the_last_word(server_url: Callable[[str], str], store: Store) -> None:
    url = server_url("connect_timeout=3&options=-c search_path=elsewhere -c default_transaction_isolation=serializable")
    with Database(store, url) as database:
        assert shown(database, "search_path", "lock_timeout") == ["elsewhere", "30s"]
        # But not in what the stores rest upon.
        assert shown(database, "transaction_isolation") == ["repeatable read"]
        with database.writing() as connection:
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"


def test_a_password_is_not_shown(store: Store) -> None:
    url = "postgresql://miner:CANARY@127.0.0.1:1/d?connect_timeout=2"
    with Database(store, url) as database, pytest.raises(DatabaseError) as caught, database.reading():
        pass
    assert "CANARY" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_driver_that_is_not_installed_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        ConfigError, match=rf"The {store.name} is on PostgreSQL.*bookmark-miner\[postgresql\]"
    ) as caught:
        Database(store, "postgresql://miner:CANARY@h/d")
    assert "CANARY" not in str(caught.value)


def test_opening_closes_only_what_failed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Database] = []
    monkeypatch.setattr(Database, "close", lambda *database: closed.extend(database))
    with opening(store, f"sqlite:///{tmp_path}/store.sqlite") as database:
        pass
    assert closed == []
    with pytest.raises(RuntimeError), opening(store, f"sqlite:///{tmp_path}/store.sqlite") as database:
        raise RuntimeError
    assert closed == [database]


# ------------------------------------------------------------------------------------------------------------- the file


def test_only_its_owner_reads_the_file(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.sqlite"
    with Database(store, f"sqlite:///{path}") as database:
        database.make_file()
        with database.writing() as connection:
            connection.execute(text("CREATE TABLE counter (number INTEGER)"))
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"store.sqlite": 0o600, "store.sqlite-wal": 0o600, "store.sqlite-shm": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_rights_of_others_are_taken_off_a_file_that_is_there(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.touch()
    path.chmod(0o644)
    with Database(store, f"sqlite:///{path}") as database:
        database.make_file()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_in_the_way_of_the_folder(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        Database(store, f"sqlite:///{tmp_path}/file/store.sqlite") as database,
        pytest.raises(StorageError, match=r"store\.sqlite cannot be written") as caught,
    ):
        database.make_file()
    assert caught.value.reason is Reason.NOT_WRITABLE


def test_a_missing_file_is_not_made_by_looking(store: Store, tmp_path: Path) -> None:
    with (
        Database(store, f"sqlite:///{tmp_path}/store.sqlite") as database,
        pytest.raises(SchemaError, match=f"There is no {store.name} at .*store.sqlite: .*`miner init`"),
    ):
        database.require_file()
    assert list(tmp_path.iterdir()) == []
