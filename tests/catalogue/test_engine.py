from __future__ import annotations

from pathlib import Path

import pytest

from miner.catalogue import Catalogue
from miner.catalogue.engine import Database, parse_url
from miner.errors import ConfigError, DatabaseError, Reason, StorageError


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:p@h/d", "oracle://h/d"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="catalogue"):
        parse_url(url)


def test_the_driver_is_ours() -> None:
    assert parse_url("postgresql://u@h/d").drivername == "postgresql+psycopg"
    assert parse_url("sqlite:///x").drivername == "sqlite+pysqlite"


def test_a_password_is_not_shown() -> None:
    database = Database("postgresql://u:secret@127.0.0.1:1/d")
    with pytest.raises(DatabaseError) as caught, database.reading():
        pass
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.__cause__ is None
    database.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(b"this is not a database, but long enough to be looked at " * 40)
    with pytest.raises(DatabaseError, match="damaged or not a catalogue"):
        Catalogue.open(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be created") as caught:
        Catalogue.create(f"sqlite:///{tmp_path}/file/catalogue.sqlite", site="here", patient_index_range=(1, 9))
    assert caught.value.reason is Reason.NOT_WRITABLE


def test_a_write_that_fails_leaves_nothing(catalogue: Catalogue) -> None:
    before = catalogue.chain_head()
    with pytest.raises(RuntimeError), catalogue._database.writing() as connection:
        connection.exec_driver_sql("UPDATE catalogue SET site = 'other'")
        raise RuntimeError
    assert catalogue.chain_head() == before
    assert catalogue.verify_rows() == []


def test_reading_sees_one_moment(catalogue: Catalogue) -> None:
    with catalogue._database.reading() as connection:
        count = "SELECT count(*) FROM event"
        before = connection.exec_driver_sql(count).scalar_one()
        catalogue.record_event("generation", "note", {})
        assert connection.exec_driver_sql(count).scalar_one() == before
    assert catalogue.chain_head()[0] == before + 1
