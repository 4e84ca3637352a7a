from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from miner.catalogue import Catalogue, tables


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


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


def test_every_table_names_the_site() -> None:
    for table in tables.Base.metadata.sorted_tables:
        assert not table.columns["site"].nullable, table.name


def test_a_model_shows_only_its_keys() -> None:
    row = tables.Study(study_key="k", patient_key="secret", sex="F", age=61)
    assert repr(row) == "<Study study_key='k'>"
