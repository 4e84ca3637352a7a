"""The four migration tests, and what happens to a vault of another version."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from miner.errors import SchemaError
from miner.vault import Identity, Vault, database, schema

ENTRY = Identity("patient", "a1" * 16, {"patient_id": "4711"})


def set_version(url: str, version: str) -> None:
    parsed = database.parse_url(url)
    engine = database.connect(parsed)
    with database.writing(engine).begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{version}'"))
    engine.dispose()


def test_a_single_head() -> None:
    assert len(ScriptDirectory.from_config(schema.configuration()).get_heads()) == 1
    assert schema.newest()


def test_upgrade_makes_this_versions_schema(url: str, key: bytes) -> None:
    Vault.create(url, key).close()
    assert Vault.schema_version(url) == schema.newest()
    assert Vault.upgrade(url) == (schema.newest(), schema.newest())


def test_the_migrations_and_the_tables_agree(url: str, key: bytes) -> None:
    Vault.create(url, key).close()
    engine = database.connect(database.parse_url(url))
    with database.writing(engine).begin() as connection:
        command.check(schema.configuration(connection))
    engine.dispose()


def test_up_down_up(url: str, key: bytes) -> None:
    with Vault.create(url, key) as vault:
        vault.remember([ENTRY])
    engine = database.connect(database.parse_url(url))
    with database.writing(engine).begin() as connection:
        command.downgrade(schema.configuration(connection), "base")
    with engine.begin() as connection:
        assert set(inspect(connection).get_table_names()) <= {schema.VERSION_TABLE}
    engine.dispose()
    with Vault.create(url, key) as vault:
        assert vault.resolve("patient", ENTRY.key) is None
        vault.remember([ENTRY])
        assert vault.resolve("patient", ENTRY.key) == ENTRY


def test_a_failed_upgrade_leaves_nothing_behind(url: str, key: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = schema.upgrade

    def broken(connection: object) -> None:
        upgrade(connection)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    monkeypatch.setattr(schema, "upgrade", broken)
    with pytest.raises(RuntimeError, match="power cut"):
        Vault.create(url, key)
    monkeypatch.undo()
    assert Vault.schema_version(url) == ""
    Vault.create(url, key).close()


def test_a_newer_schema_is_refused_by_everything(url: str, key: bytes) -> None:
    Vault.create(url, key).close()
    set_version(url, "9999")
    for ask in (lambda: Vault.open(url, key), lambda: Vault.create(url, key), lambda: Vault.upgrade(url)):
        with pytest.raises(SchemaError, match="newer version"):
            ask()
    assert Vault.schema_version(url) == "9999"


def test_an_older_schema_is_to_be_upgraded(url: str, key: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    Vault.create(url, key).close()
    monkeypatch.setattr(schema, "newest", lambda: "0002")
    with pytest.raises(SchemaError, match="miner db upgrade"):
        Vault.open(url, key)
