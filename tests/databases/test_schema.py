"""The migrations of both stores on both databases, and what happens to a store of another version."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_engine, inspect, text

from miner.databases import Database, Store, schema
from miner.errors import ExitStatus, SchemaError
from tests.databases.conftest import CATALOGUE, VAULT, Kept
from tests.peers.postgresql import PostgreSQL

LATER_REVISION = """
import sqlalchemy as sa
from alembic import op
revision = "9998"
down_revision = "{newest}"
def upgrade():
    op.create_table("later", sa.Column("number", sa.Integer(), primary_key=True))
def downgrade():
    op.drop_table("later")
"""


@pytest.fixture
def url(kept: Kept, empty_url: str) -> str:
    """URL of a new store."""
    kept.create(empty_url).close()
    return empty_url


def table_names(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def version(kept: Kept, url: str) -> str:
    with Database(kept.store, url) as database, database.reading() as connection:
        return schema.version(kept.store, connection)


def set_version(kept: Kept, url: str, version: str) -> None:
    with Database(kept.store, url) as database, database.writing() as connection:
        connection.execute(text(f"UPDATE {kept.store.version_table} SET version_num = '{version}'"))


def test_the_migrations_have_one_head(store: Store) -> None:
    assert ScriptDirectory.from_config(schema.configuration(store)).get_heads() == [schema.newest(store)]


def test_a_new_store_has_this_softwares_schema(kept: Kept, url: str) -> None:
    assert table_names(url) == set(kept.metadata.tables) | {kept.store.version_table}
    assert version(kept, url) == schema.newest(kept.store)
    assert kept.upgrade(url) == (schema.newest(kept.store), schema.newest(kept.store))


def test_tables_and_migrations_agree(kept: Kept, url: str) -> None:
    with Database(kept.store, url) as database, database.writing() as connection:
        command.check(schema.configuration(kept.store, connection))


def test_check_constraints_of_tables_and_migrations_agree(kept: Kept, url: str) -> None:
    """`alembic check` does not look at CHECK constraints."""
    engine = create_engine(url)
    for table in kept.metadata.sorted_tables:
        wanted = {str(c.name): words(str(c.sqltext)) for c in table.constraints if isinstance(c, CheckConstraint)}
        found = {str(c["name"]): words(c["sqltext"]) for c in inspect(engine).get_check_constraints(table.name)}
        assert found == wanted, table.name
    engine.dispose()


def words(condition: str) -> list[str]:
    """What a condition names, whatever the casts and brackets that a database adds."""
    found = re.findall(r"'[^']*'|\b(?!(?:character|varying|text|ARRAY|ANY|IN|IS|NULL)\b)\w+", condition)
    return sorted(found)


def test_up_down_up(kept: Kept, empty_url: str) -> None:
    with Database(kept.store, empty_url, foreign_keys=False) as database:
        database.make_file()
        for _ in range(2):
            with database.writing() as connection:
                assert schema.upgrade(database, connection, create=True) == ("", schema.newest(kept.store))
            assert set(kept.metadata.tables) < table_names(empty_url)
            with database.writing() as connection:
                command.downgrade(schema.configuration(kept.store, connection), "base")
            assert table_names(empty_url) == {kept.store.version_table}
    kept.create(empty_url).close()
    kept.open(empty_url).close()


def test_a_failed_upgrade_leaves_nothing_behind(kept: Kept, empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def broken(*arguments: object) -> None:
        upgrade(*arguments)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            kept.create(empty_url)
    assert table_names(empty_url) == set()
    assert version(kept, empty_url) == ""
    kept.create(empty_url).close()


def test_a_missing_store_names_init(kept: Kept, empty_url: str) -> None:
    for action in (kept.open, kept.upgrade):
        with pytest.raises(SchemaError, match=f"There is no {kept.store.name} at .*`miner init`") as caught:
            action(empty_url)
        assert caught.value.exit_status is ExitStatus.UNAVAILABLE
    if empty_url.startswith("sqlite"):
        assert not Path(empty_url.removeprefix("sqlite:///")).exists()


def test_an_empty_file_is_a_missing_store(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").touch()
    for action in (kept.open, kept.upgrade):
        with pytest.raises(SchemaError, match=f"There is no {kept.store.name} at .*`miner init`"):
            action(f"sqlite:///{tmp_path}/store.sqlite")


def test_a_newer_schema_is_refused_by_everything(kept: Kept, url: str) -> None:
    set_version(kept, url, "9999")
    for action in (kept.open, kept.upgrade, kept.create):
        with pytest.raises(SchemaError, match="newer version: upgrade the software"):
            action(url)
    assert version(kept, url) == "9999"


def test_an_older_schema_is_refused_and_upgraded(
    kept: Kept, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "migrations"
    shutil.copytree(schema.location(kept.store), tree, ignore=shutil.ignore_patterns("__pycache__"))
    newest = schema.newest(kept.store)
    (tree / "versions" / "9998_later.py").write_text(LATER_REVISION.format(newest=newest), encoding="utf-8")
    monkeypatch.setattr(schema, "location", lambda _: tree)
    with pytest.raises(SchemaError, match="older version: run `miner db upgrade`"):
        kept.open(url)
    assert kept.upgrade(url) == (newest, "9998")
    assert kept.upgrade(url) == ("9998", "9998")
    assert "later" in table_names(url)
    kept.open(url).close()


def test_both_stores_fit_into_one_database(postgresql: PostgreSQL) -> None:
    url = postgresql.url(postgresql.new_database())
    for kept in (CATALOGUE, VAULT):
        kept.create(url).close()
    set_version(VAULT, url, "9999")
    CATALOGUE.open(url).close()
    with pytest.raises(SchemaError, match=r"The vault .* newer version"):
        VAULT.open(url)


def test_processes_create_at_once(kept: Kept, empty_url: str) -> None:
    code = (
        "import sys; from tests.databases.conftest import CATALOGUE, VAULT\n"
        "next(kept for kept in (CATALOGUE, VAULT) if kept.store.name == sys.argv[1]).create(sys.argv[2]).close()"
    )
    command_line = [sys.executable, "-c", code, kept.store.name, empty_url]
    folder = Path(__file__).parents[2]
    runs = [subprocess.Popen(command_line, stderr=subprocess.PIPE, cwd=folder) for _ in range(3)]
    errors = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], errors
    kept.open(empty_url).close()
