from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from miner.catalogue import Catalogue, schema, tables
from miner.catalogue.engine import Database
from miner.errors import ExitStatus, SchemaError, UsageError
from tests.catalogue.conftest import lay

SECOND_REVISION = """
import sqlalchemy as sa
from alembic import op
revision = "0002"
down_revision = "0001"
def upgrade():
    with op.batch_alter_table("series") as batch:
        batch.add_column(sa.Column("tilt", sa.Double(), nullable=True))
def downgrade():
    with op.batch_alter_table("series") as batch:
        batch.drop_column("tilt")
"""


@pytest.fixture
def url(empty_url: str) -> str:
    """A database of the test's own: these tests change schemas."""
    return lay(empty_url)


def create(url: str) -> Catalogue:
    return Catalogue.create(url, site="here", patient_index_range=(1, 999))


def table_names(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def test_the_migrations_have_one_head() -> None:
    assert len(ScriptDirectory.from_config(schema.configuration()).get_heads()) == 1


def test_an_empty_database_is_brought_to_the_head(empty_url: str) -> None:
    create(empty_url).close()
    assert set(tables.Base.metadata.tables) | {schema.VERSION_TABLE} == table_names(empty_url)


def test_models_and_migrations_agree(url: str) -> None:
    database = Database(url)
    with database.writing(lock=False) as connection:
        command.check(schema.configuration(connection))
    database.close()


def test_check_constraints_of_models_and_migrations_agree(url: str) -> None:
    """`alembic check` does not look at CHECK constraints."""
    engine = create_engine(url)
    for table in tables.Base.metadata.sorted_tables:
        wanted = {str(c.name): words(str(c.sqltext)) for c in table.constraints if isinstance(c, CheckConstraint)}
        found = {str(c["name"]): words(c["sqltext"]) for c in inspect(engine).get_check_constraints(table.name)}
        assert found == wanted, table.name
    engine.dispose()


def words(condition: str) -> list[str]:
    """What a condition names, whatever the casts and brackets that a database adds."""
    found = re.findall(r"'[^']*'|\b(?!(?:character|varying|text|ARRAY|ANY|IN|IS|NULL)\b)\w+", condition)
    return sorted(found)


def test_up_down_up(empty_url: str) -> None:
    database = Database(empty_url, foreign_keys=False)
    database.prepare_file()
    for _ in range(2):
        with database.writing(lock=False) as connection:
            command.upgrade(schema.configuration(connection), "head")
        assert "event" in table_names(empty_url)
        with database.writing(lock=False) as connection:
            command.downgrade(schema.configuration(connection), "base")
        assert table_names(empty_url) <= {schema.VERSION_TABLE}
    database.close()
    create(empty_url).close()


def test_creating_twice_opens_what_is_there(url: str) -> None:
    first = create(url)
    head = first.chain_head()
    first.close()
    second = create(url)
    assert (second.site, second.patient_index_range, second.chain_head()) == ("here", (1, 999), head)
    second.close()


@pytest.mark.parametrize(("site", "block"), [("there", (1, 999)), ("here", (1, 998)), ("here", (2, 999))])
def test_another_site_or_block_is_refused(url: str, site: str, block: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="another \\[site\\] name or patient_index_range"):
        Catalogue.create(url, site=site, patient_index_range=block)


def test_a_missing_catalogue_names_init(empty_url: str) -> None:
    for action in (Catalogue.open, Catalogue.upgrade):
        with pytest.raises(SchemaError, match="run `miner init`") as caught:
            action(empty_url)
        assert caught.value.exit_status is ExitStatus.UNAVAILABLE
    if empty_url.startswith("sqlite"):
        assert not Path(empty_url.removeprefix("sqlite:///")).exists()


def test_a_newer_schema_is_refused(url: str) -> None:
    execute(url, f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    for action in (Catalogue.open, Catalogue.upgrade, create):
        with pytest.raises(SchemaError, match="newer version: upgrade the software"):
            action(url)


def test_an_older_schema_is_refused_and_upgraded(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "migrations"
    shutil.copytree(schema.location(), tree, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "versions" / "0002_second.py").write_text(SECOND_REVISION, encoding="utf-8")
    monkeypatch.setattr(schema, "location", lambda: tree)
    with pytest.raises(SchemaError, match="older version: run `miner db upgrade`"):
        Catalogue.open(url)
    assert Catalogue.upgrade(url) == ("0001", "0002")
    assert Catalogue.upgrade(url) == ("0002", "0002")
    catalogue = Catalogue.open(url)
    last = list(catalogue.events("catalogue"))[-1]
    assert (last.payload["before"], last.payload["after"]) == ("0001", "0002")
    assert catalogue.verify_chain() == []
    catalogue.close()


def test_events_and_the_head_of_the_chain_are_append_only(url: str) -> None:
    for statement in (
        "UPDATE event SET payload = '{}'",
        "DELETE FROM event",
        "UPDATE chain SET events = events",
        "UPDATE chain SET events = 0",
        "DELETE FROM chain",
    ):
        with pytest.raises(DBAPIError, match=r"append-only|only grows"):
            execute(url, statement)
    catalogue = Catalogue.open(url)
    assert catalogue.chain_head()[0] == 1
    catalogue.close()


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "catalogue.sqlite"
    catalogue = create(f"sqlite:///{path}")
    catalogue.chain_head()
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    catalogue.close()


def test_every_table_names_the_site() -> None:
    for table in tables.Base.metadata.sorted_tables:
        assert not table.columns["site"].nullable, table.name


def test_a_model_shows_only_its_keys() -> None:
    row = tables.Study(study_key="k", patient_key="secret", sex="F", age=61)
    assert repr(row) == "<Study study_key='k'>"
