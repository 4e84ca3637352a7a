"""What stays from release to release: numbers and order never depend on when something was mined."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miner.catalogue.rows import Publication, ReleaseRow
from miner.dataset import ReleaseRules, rewrite_csvs
from miner.dataset.compose import Composition, compose
from miner.deid import patient_sequence
from miner.errors import ChainError, UsageError
from miner.records import Kind
from tests.dataset.making import FakeCatalogue, Made, cells_of, make, put

RULES = ReleaseRules()


def everything() -> list[Made]:
    made = []
    for patient in range(1, 7):
        for study in range(1, 1 + patient % 3 + 1):
            for series in range(1, 3):
                made.append(make(patient, study, series, 10 + patient))
                made.append(make(patient, study, series, 40, kind=Kind.ARROW))
        made.append(make(patient, 1, 1, 12 + patient, at=(30.0, 20.0)))
    return made


EVERYTHING = everything()


def release(catalogue: FakeCatalogue) -> Composition:
    """Compose and publish, without files."""
    content = catalogue.release_content()
    composition = compose(content, RULES, catalogue.patient_index_range)
    row = ReleaseRow(len(content.releases) + 1, "", "", "", "", "", composition.counts)
    ids = composition.identities
    catalogue.publish(Publication(row, ids.new_patients, ids.new_studies, ids.new_series, composition.rows))
    return composition


def composed(batches: Sequence[Sequence[Made]], images: Path) -> list[Composition]:
    """One release after each batch."""
    catalogue = FakeCatalogue()
    found = []
    for batch in batches:
        put(catalogue, images, batch)
        found.append(release(catalogue))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), cut=st.integers(5, len(EVERYTHING) - 5))
def test_the_order_of_arrival_has_no_say(images: Path, seed: int, cut: int) -> None:
    """The same content at each of two releases gives the same bytes, whatever came first in between."""
    shuffled = random.Random(seed)
    first, second = EVERYTHING[:cut], EVERYTHING[cut:]
    expected = composed([first, second], images)
    found = composed([shuffled.sample(first, len(first)), shuffled.sample(second, len(second))], images)
    for one, other in zip(expected, found, strict=True):
        assert one.csvs == other.csvs
        assert one.pictures == other.pictures


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(EVERYTHING), cut=st.integers(1, len(EVERYTHING) - 1))
def test_a_published_row_never_moves(images: Path, order: list[Made], cut: int) -> None:
    first, second = composed([order[:cut], order[cut:]], images)
    for name, changeable in (("DL_info.csv", {"Slice_range", "Possibly_noisy"}), ("bookmarks.csv", set())):
        before, after = cells_of(first.csvs[name]), cells_of(second.csvs[name])
        assert len(after) >= len(before)
        for old, new in zip(before, after, strict=False):
            assert {column for column in old if old[column] != new[column]} <= changeable
    assert len(cells_of(second.csvs["bookmarks.csv"])) == len(EVERYTHING)


def test_numbers_count_on_after_the_published_ones(images: Path) -> None:
    later_study_first = [make(1, 2), make(1, 1, 2), make(2, 1)]
    first, second = composed([later_study_first, [make(1, 1, 1), make(1, 3)]], images)
    before = {row["File_name"] for row in cells_of(first.csvs["DL_info.csv"])}
    after = [row["File_name"] for row in cells_of(second.csvs["DL_info.csv"])]
    assert before == set(after[:3])
    patient = next(row["Patient_index"] for row in cells_of(first.csvs["DL_info.csv"]) if row["Study_index"] == "2")
    names = sorted(
        (row["Study_index"], row["Series_ID"])
        for row in cells_of(second.csvs["DL_info.csv"])
        if row["Patient_index"] == patient
    )
    assert names == [("1", "1"), ("1", "2"), ("2", "1"), ("3", "1")]


def test_studies_are_numbered_in_order_of_time_within_one_release(images: Path) -> None:
    (one,) = composed([[make(1, study) for study in (3, 1, 2)]], images)
    by_study = {row["Study_index"]: row for row in cells_of(one.csvs["DL_info.csv"])}
    notes = {row["File_name"]: row["Study_order"] for row in cells_of(one.csvs["lesions.csv"])}
    assert {index: notes[row["File_name"]] for index, row in by_study.items()} == {"1": "1", "2": "2", "3": "3"}


def test_an_arrow_s_series_takes_a_number_too(images: Path) -> None:
    made = [make(1, 1, series, kind=Kind.ARROW if series == 1 else Kind.RECIST) for series in (1, 2, 3)]
    (one,) = composed([made], images)
    assert {row["Series_ID"] for row in cells_of(one.csvs["bookmarks.csv"])} == {"1", "2", "3"}
    assert len({row["Series_ID"] for row in cells_of(one.csvs["DL_info.csv"])}) == 2


def test_every_index_of_a_block_is_given_and_then_it_is_full(images: Path) -> None:
    catalogue = FakeCatalogue(patient_index_range=(501, 505))
    put(catalogue, images, [make(patient) for patient in range(1, 6)])
    assert {row["Patient_index"] for row in cells_of(release(catalogue).csvs["DL_info.csv"])} == {
        str(index) for index in range(501, 506)
    }
    put(catalogue, images, [make(6)])
    with pytest.raises(UsageError, match="patient_index_range"):
        release(catalogue)


def test_in_a_tight_block_patients_choose_in_keyed_order(images: Path) -> None:
    catalogue = FakeCatalogue(patient_index_range=(1, 12))
    put(catalogue, images, [make(patient) for patient in range(1, 13)])
    release(catalogue)
    expected: dict[str, int] = {}
    for name in sorted(catalogue.patients):
        expected[name] = next(i for i in patient_sequence(name, 1, 12) if i not in expected.values())
    assert {name: row.patient_index for name, row in catalogue.patients.items()} == expected


def test_splits_are_by_patient(images: Path) -> None:
    (one,) = composed([EVERYTHING], images)
    splits: dict[str, set[str]] = {}
    for row in cells_of(one.csvs["bookmarks.csv"]):
        splits.setdefault(row["Patient_index"], set()).add(row["Train_Val_Test"])
    assert len(splits) == 6
    assert all(len(found) == 1 and found <= {"1", "2", "3"} for found in splits.values())


def test_the_published_csvs_can_be_made_again_whatever_was_mined_since(images: Path) -> None:
    catalogue = FakeCatalogue()
    put(catalogue, images, EVERYTHING[:20])
    first = release(catalogue)
    put(catalogue, images, EVERYTHING[20:])
    again = rewrite_csvs(catalogue)
    assert again == {name: first.csvs[name] for name in ("DL_info.csv", "bookmarks.csv")}
    second = release(catalogue)
    assert rewrite_csvs(catalogue) == {name: second.csvs[name] for name in again}


def test_a_changed_coordinate_in_the_catalogue_shows_when_they_are_made_again(images: Path) -> None:
    catalogue = FakeCatalogue()
    put(catalogue, images, EVERYTHING[:3])
    first = release(catalogue)
    uid, bookmark = next((uid, entry) for uid, entry in catalogue.bookmarks.items() if entry.kind is Kind.RECIST)
    moved = make(at=(21.0, 15.0)).bookmark.points
    catalogue.bookmarks[uid] = replace(bookmark, points=moved)
    again = rewrite_csvs(catalogue)
    assert again["DL_info.csv"] != first.csvs["DL_info.csv"]
    assert again["bookmarks.csv"] != first.csvs["bookmarks.csv"]


def test_nothing_can_be_made_again_before_the_first_release(catalogue: FakeCatalogue) -> None:
    with pytest.raises(UsageError, match="miner release"):
        rewrite_csvs(catalogue)


def test_a_catalogue_that_lost_a_published_bookmark_is_found_out(images: Path) -> None:
    catalogue = FakeCatalogue()
    put(catalogue, images, EVERYTHING)
    release(catalogue)
    catalogue.bookmarks.popitem()
    with pytest.raises(ChainError, match="no longer holds a bookmark"):
        release(catalogue)
