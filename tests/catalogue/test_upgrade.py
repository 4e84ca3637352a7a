"""Catalogues of earlier schemas: upgraded with all they hold, and every hash in their chain still holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from miner.catalogue import Catalogue, encode
from miner.catalogue.canonical import digest
from miner.catalogue.database import STORE
from miner.catalogue.ledger import BOOKMARK, CATALOGUE, SERIES, WORK
from miner.catalogue.tables import ADDED_TO_BOOKMARK, ADDED_TO_SERIES, ADDED_TO_WORK
from miner.databases import Database, schema
from miner.errors import Reason, SchemaError
from miner.records import Level, MinedStudy, MissingItem, WorkState
from tests.catalogue.conftest import INFO, lay
from tests.catalogue.made_up import a_study, with_bookmark
from tests.catalogue.publishing import publish_all


@pytest.fixture
def old_url(empty_url: str) -> Iterator[str]:
    """A catalogue at schema 0001 with mined and published rows, as that version's software wrote them."""
    lay(empty_url)
    catalogue = Catalogue.open(empty_url)
    run = catalogue.begin_run(INFO)
    catalogue.commit_study(run, a_study("a"))
    publish_all(catalogue)
    catalogue.commit_study(run, a_study("b"))
    catalogue.end_run(run, "done", {})
    catalogue.close()
    with Database(STORE, empty_url, foreign_keys=False) as database, database.writing() as connection:
        command.downgrade(schema.configuration(STORE, connection), "0001")
    yield empty_url


def columns_of(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return set(connection.execute(text("SELECT * FROM bookmark")).keys())
    finally:
        engine.dispose()


def commit(catalogue: Catalogue, mined: MinedStudy) -> None:
    run = catalogue.begin_run(INFO)
    catalogue.commit_study(run, mined)
    catalogue.end_run(run, "done", {})


def test_an_old_catalogue_is_refused_upgraded_and_verifies(old_url: str) -> None:
    assert columns_of(old_url).isdisjoint(ADDED_TO_BOOKMARK)
    with pytest.raises(SchemaError, match="older version: run `miner db upgrade`"):
        Catalogue.open(old_url)
    assert Catalogue.upgrade(old_url) == ("0001", "0004")
    assert columns_of(old_url) >= set(ADDED_TO_BOOKMARK)
    catalogue = Catalogue.open(old_url)
    try:
        assert catalogue.verify_chain() == catalogue.verify_rows() == []
        assert {mark.uid for mark in catalogue.release_content().bookmarks} == {
            mark.uid for name in "ab" for mark in a_study(name).bookmarks
        }
        assert all((mark.state_order, mark.finding_site) == (0, "") for mark in catalogue.release_content().bookmarks)
    finally:
        catalogue.close()


def test_old_rows_take_in_what_they_lacked(old_url: str) -> None:
    Catalogue.upgrade(old_url)
    catalogue = Catalogue.open(old_url)
    try:
        for name in "ab":
            mined = with_bookmark(a_study(name), 0, state_order=5, tracking_key="t" * 32, finding_site="SCT:39607008")
            commit(catalogue, mined)
            assert mined.bookmarks[0] in catalogue.release_content().bookmarks, (
                "published or not: nothing of it is a number"
            )
        assert catalogue.verify_rows() == []
    finally:
        catalogue.close()


def test_an_old_row_s_hash_is_that_of_the_version_that_wrote_it() -> None:
    """It knew none of the columns that came later."""
    written = encode.bookmark_row("site", "s" * 32, a_study("a").bookmarks[0])
    known = {name: value for name, value in written.items() if name not in ADDED_TO_BOOKMARK}
    old = known | ADDED_TO_BOOKMARK
    assert BOOKMARK.digest_of(old) == digest(["bookmark", known])
    assert BOOKMARK.digest_of({**old, "state_order": 1}) == digest(["bookmark", {**known, "state_order": 1}])


@pytest.mark.parametrize("change", ["finding_site = 'SCT:10200004'", "state_order = 9", "history_orders = '[9]'"])
def test_a_new_column_that_was_changed_from_outside_is_found(old_url: str, change: str) -> None:
    Catalogue.upgrade(old_url)
    with Database(STORE, old_url) as database, database.writing() as connection:
        assert connection.exec_driver_sql(f"UPDATE bookmark SET {change}").rowcount == 4
    catalogue = Catalogue.open(old_url)
    try:
        assert len([fault for fault in catalogue.verify_rows() if "changed from outside" in fault]) == 4
    finally:
        catalogue.close()


def test_a_new_column_that_was_emptied_from_outside_is_found(old_url: str) -> None:
    Catalogue.upgrade(old_url)
    catalogue = Catalogue.open(old_url)
    try:
        commit(catalogue, with_bookmark(a_study("b"), 0, state_order=5))
        with Database(STORE, old_url) as database, database.writing() as connection:
            assert connection.exec_driver_sql("UPDATE bookmark SET state_order = 0").rowcount == 4
        assert len(catalogue.verify_rows()) == 1
    finally:
        catalogue.close()


def test_the_added_columns_are_the_migration_s(old_url: str) -> None:
    Catalogue.upgrade(old_url)
    engine = create_engine(old_url)
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(BOOKMARK.table.select())]
    engine.dispose()
    assert all({name: row[name] for name in ADDED_TO_BOOKMARK} == dict(ADDED_TO_BOOKMARK) for row in rows)


@pytest.fixture
def url_at_0002(old_url: str) -> str:
    """The same catalogue as the version after wrote it."""
    with Database(STORE, old_url, foreign_keys=False) as database, database.writing() as connection:
        command.upgrade(schema.configuration(STORE, connection), "0002")
    return old_url


def test_a_catalogue_of_schema_0002_takes_in_what_is_missing(url_at_0002: str) -> None:
    with pytest.raises(SchemaError, match="older version"):
        Catalogue.open(url_at_0002)
    assert Catalogue.upgrade(url_at_0002) == ("0002", "0004")
    catalogue = Catalogue.open(url_at_0002)
    try:
        assert catalogue.verify_chain() == catalogue.verify_rows() == []
        assert catalogue.status().missing == ()
        item = MissingItem(Level.OBJECT, "m" * 32, "image", Reason.NOT_RETRIEVED)
        lacking = replace(a_study("b"), state=WorkState.PARTIAL, reason=Reason.NOT_RETRIEVED, missing=[item])
        traffic = replace(lacking.traffic, looked_octets=7, extra_octets=5)
        commit(catalogue, replace(lacking, traffic=traffic))
        (entry,) = catalogue.status().missing
        assert (entry["key"], entry["kind"], entry["attempts"]) == (item.key, "image", 1)
        assert catalogue.status().traffic["looked_octets"] == 7
        assert catalogue.verify_rows() == []
    finally:
        catalogue.close()


def test_an_old_work_row_s_hash_is_that_of_the_version_that_wrote_it() -> None:
    written = encode.work_row("site", 1, a_study("a"))
    known = {name: value for name, value in written.items() if name not in (*ADDED_TO_WORK, "attempts", "run")}
    old = written | ADDED_TO_WORK
    assert WORK.digest_of(old) == digest(["work", known])
    assert WORK.digest_of({**old, "looked_octets": 1}) == digest(["work", {**known, "looked_octets": 1}])


@pytest.fixture
def url_at_0003(old_url: str) -> str:
    """The same catalogue as the version after that wrote it."""
    with Database(STORE, old_url, foreign_keys=False) as database, database.writing() as connection:
        command.upgrade(schema.configuration(STORE, connection), "0003")
    return old_url


def test_a_catalogue_of_schema_0003_knows_nothing_of_pixels_keys_and_withdrawals(url_at_0003: str) -> None:
    assert Catalogue.upgrade(url_at_0003) == ("0003", "0004")
    with Database(STORE, url_at_0003) as database, database.reading() as connection:
        series = [dict(row._mapping) for row in connection.execute(SERIES.table.select())]
        settings = [dict(row._mapping) for row in connection.execute(CATALOGUE.table.select())]
        assert connection.exec_driver_sql("SELECT count(*) FROM withdrawal").scalar() == 0
    assert series and all({name: row[name] for name in ADDED_TO_SERIES} == dict(ADDED_TO_SERIES) for row in series)
    assert [row["key_check"] for row in settings] == [None]
    catalogue = Catalogue.open(url_at_0003)
    try:
        assert catalogue.verify_chain() == catalogue.verify_rows() == []
    finally:
        catalogue.close()


def test_a_review_that_was_changed_from_outside_is_found(url_at_0003: str) -> None:
    Catalogue.upgrade(url_at_0003)
    with Database(STORE, url_at_0003) as database, database.writing() as connection:
        assert connection.exec_driver_sql("UPDATE series SET pixel_review = 'passed'").rowcount > 0
    catalogue = Catalogue.open(url_at_0003)
    try:
        assert any("table series" in fault for fault in catalogue.verify_rows())
    finally:
        catalogue.close()
