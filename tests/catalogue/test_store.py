"""Making, opening and upgrading a catalogue, and what a transaction on it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from miner.catalogue import Catalogue
from miner.catalogue.database import STORE
from miner.databases import schema
from miner.errors import SchemaError, UsageError
from tests.catalogue.conftest import lay

NEWEST = schema.newest(STORE)
LATER_REVISION = f"""
import sqlalchemy as sa
from alembic import op
revision = "9998"
down_revision = "{NEWEST}"
def upgrade():
    with op.batch_alter_table("series") as batch:
        batch.add_column(sa.Column("tilt", sa.Double(), nullable=True))
def downgrade():
    with op.batch_alter_table("series") as batch:
        batch.drop_column("tilt")
"""


@pytest.fixture
def own_url(empty_url: str) -> str:
    """A catalogue in a database of the test's own: the test changes its schema."""
    return lay(empty_url)


@pytest.fixture
def later_software(own_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """From here on, software that knows one more revision of the schema."""
    tree = tmp_path / "migrations"
    shutil.copytree(schema.location(STORE), tree, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "versions" / "9998_later.py").write_text(LATER_REVISION, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "location", lambda _: tree)
        yield


def create(url: str) -> Catalogue:
    return Catalogue.create(url, site="here", patient_index_range=(1, 999))


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


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


@pytest.mark.usefixtures("later_software")
def test_an_older_schema_is_refused_and_upgraded(own_url: str) -> None:
    with pytest.raises(SchemaError, match="older version: run `miner db upgrade`"):
        Catalogue.open(own_url)
    assert Catalogue.upgrade(own_url) == (NEWEST, "9998")
    assert Catalogue.upgrade(own_url) == ("9998", "9998")
    assert_told(Catalogue.open(own_url))


@pytest.mark.usefixtures("later_software")
def test_creating_over_an_older_one_upgrades_it(own_url: str) -> None:
    assert_told(create(own_url))


@pytest.mark.usefixtures("later_software")
def test_what_creating_refuses_it_does_not_upgrade(own_url: str) -> None:
    with pytest.raises(UsageError):
        Catalogue.create(own_url, site="there", patient_index_range=(1, 999))
    with pytest.raises(SchemaError, match="older version"):
        Catalogue.open(own_url)


def assert_told(catalogue: Catalogue) -> None:
    """The chain tells of the upgrade."""
    last = list(catalogue.events("catalogue"))[-1]
    assert (last.payload["before"], last.payload["after"]) == (NEWEST, "9998")
    assert catalogue.verify_chain() == []
    catalogue.close()


def test_a_catalogue_without_its_settings_was_never_finished(own_url: str) -> None:
    execute(own_url, "DELETE FROM catalogue")
    with pytest.raises(SchemaError, match="never finished: run `miner init`"):
        Catalogue.open(own_url)


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
