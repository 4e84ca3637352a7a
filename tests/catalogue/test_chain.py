from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date

import pytest

from miner.catalogue import Catalogue
from miner.catalogue.chain import ORIGIN
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_study, key
from tests.catalogue.publishing import publish_all


@pytest.fixture
def filled(catalogue: Catalogue) -> Catalogue:
    """Every tracked table holds a row."""
    run = catalogue.begin_run(INFO)
    catalogue.store_profile({"get": True})
    for name in "ab":
        catalogue.commit_study(run, a_study(name))
    catalogue.set_watermark(run, date(2026, 1, 31))
    catalogue.end_run(run, "done", {"mined": 2})
    publish_all(catalogue)
    assert catalogue.verify_chain() == catalogue.verify_rows() == []
    return catalogue


def test_a_stranger_can_recompute_the_chain(filled: Catalogue) -> None:
    previous = ORIGIN
    for number, event in enumerate(filled.events(), start=1):
        rest = {name: getattr(event, name) for name in ("number", "time", "activity", "entity", "run", "payload")}
        text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
        assert (event.number, event.previous) == (number, previous)
        assert event.hash == hashlib.sha256((previous + text).encode()).hexdigest()
        previous = event.hash
    assert filled.chain_head() == (number, previous)
    assert filled.hash_of_event(number) == previous
    assert (filled.hash_of_event(0), filled.hash_of_event(number + 1)) == (ORIGIN, None)


def test_the_words_are_those_of_prov(filled: Catalogue) -> None:
    assert {event.activity for event in filled.events()} == {"start", "end", "generation"}


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["UPDATE event SET payload = '{}' WHERE number = 5"], ["event 5: its content was changed"]),
        (["UPDATE event SET time = '2020' WHERE number = 5"], ["event 5: its content was changed"]),
        (["UPDATE event SET entity = 'x' WHERE number = 5"], ["event 5: its content was changed"]),
        (["UPDATE event SET run = NULL WHERE number = 6"], ["event 6: its content was changed"]),
        (["UPDATE event SET site = 'x' WHERE number = 5"], ["event 5: its content was changed"]),
        (["UPDATE event SET payload = 'not json' WHERE number = 5"], ["event 5: its content was changed"]),
        (["DELETE FROM event WHERE number = 5"], ["event 5: missing"]),
        (["DELETE FROM event WHERE number IN (5, 6)"], ["event 5 to 6: missing"]),
        (["DELETE FROM event WHERE number = 1"], ["event 1: missing"]),
        (
            [
                "UPDATE event SET number = 100 WHERE number = 5",
                "UPDATE event SET number = 5 WHERE number = 6",
                "UPDATE event SET number = 6 WHERE number = 100",
            ],
            ["event 5: does not follow", "event 5: its content", "event 6: does not follow", "event 6: its content"],
        ),
        (["DELETE FROM event WHERE number > 6"], ["the chain's head counts", "cut off"]),
        (["DELETE FROM event"], ["the last one found is 0"]),
        (["UPDATE chain SET hash = 'x'"], ["the last event was replaced"]),
        (["UPDATE chain SET events = 3"], ["the chain's head counts 3"]),
        (
            [
                "INSERT INTO event SELECT 100, site, time, activity, entity, run, payload, previous, hash"
                " FROM event WHERE number = 5"
            ],
            ["missing", "event 100: its content was changed", "the chain's head counts"],
        ),
    ],
)
def test_whatever_is_done_to_events_is_seen(
    filled: Catalogue, tamper: Callable[..., None], statements: list[str], words: list[str]
) -> None:
    tamper(*statements)
    faults = "\n".join(filled.verify_chain())
    for word in words:
        assert word in faults


CHANGES = {
    "catalogue": "watermark = '2020-01-01'",
    "pacs_profile": "profile = '{}'",
    "run": "counts = '{}'",
    "work": "state = 'refused'",
    "patient": "split = 4 - split, patient_index = patient_index + 100",
    "study": "age = age + 1",
    "series": "spacing_x = spacing_x + 1e-9",
    "slice": "png_sha256 = 'x'",
    "annotation_object": "content_digest = 'x'",
    "refusal": "count = count + 1",
    "bookmark": "length_mm = length_mm * 1.0000001",
    "release": "counts = '{}'",
    "release_row": "cells = '[]'",
}


@pytest.mark.parametrize("table", CHANGES)
def test_a_changed_row_is_seen(filled: Catalogue, tamper: Callable[..., None], table: str) -> None:
    tamper(f"UPDATE {table} SET {CHANGES[table]}")
    faults = filled.verify_rows()
    assert faults
    assert all(fault.startswith(f"table {table}, key ") and "changed" in fault for fault in faults)


@pytest.mark.parametrize("table", CHANGES)
def test_a_deleted_row_is_seen(filled: Catalogue, tamper: Callable[..., None], table: str) -> None:
    tamper(f"DELETE FROM {table}")
    faults = filled.verify_rows()
    assert faults
    assert all(fault.startswith(f"table {table}, key ") and "gone" in fault for fault in faults)


def test_a_deleted_slice_is_seen(filled: Catalogue, tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM slice WHERE number = 12")
    assert len(filled.verify_rows()) == 2


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("patient", "patient_key"),
        ("study", "study_key"),
        ("bookmark", "uid"),
        ("slice", "series_key"),
        ("work", "study_key"),
    ],
)
def test_an_inserted_row_is_seen(filled: Catalogue, tamper: Callable[..., None], table: str, column: str) -> None:
    with filled._database.reading() as connection:
        names = connection.exec_driver_sql(f"SELECT * FROM {table}").keys()
    fresh = {column: "'new'", "patient_index": "NULL", "split": "NULL", "study_index": "NULL"}
    values = ", ".join(fresh.get(name, name) for name in names)
    where = {"bookmark": "uid", "slice": "number"}.get(table, column)
    tamper(
        f"INSERT INTO {table} SELECT {values} FROM {table} WHERE {where} = (SELECT max({where}) FROM {table})"
        + (f" AND series_key = (SELECT max(series_key) FROM {table})" if table == "slice" else "")
    )
    (fault,) = filled.verify_rows()
    assert "new" in fault
    assert "inserted" in fault


def test_attempts_are_not_vouched_for(filled: Catalogue, tamper: Callable[..., None]) -> None:
    tamper("UPDATE work SET attempts = 100")
    assert filled.verify_rows() == []


def test_events_of_one_entity(filled: Catalogue) -> None:
    mined = a_study("a")
    assert [event.entity for event in filled.events(f"study:{mined.study_key}")] == [f"study:{mined.study_key}"]
    assert list(filled.events("nobody")) == []


def test_the_slices_that_the_image_store_must_hold(filled: Catalogue) -> None:
    known = {(entry.series_key, entry.number): entry for entry in filled.known_slices()}
    assert len(known) == 22
    series_key = key("series", "a")
    assert known[series_key, 12].png_octets == 1012
    orphans = [(series_key, 99), ("gone", 1)]
    assert filled.orphan_slices([*known, *orphans]) == sorted(orphans)
